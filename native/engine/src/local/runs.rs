//! One statement's run: where the statement comes from and goes back to, and what its run gives.

use std::time::Instant;

use super::call::Call;
use super::connection::{Connection, Source};
use super::cursor::Cursor;
use super::rows::{self, Outcome, Progress, RowSink};
use super::statement::Statement;
use crate::Id;
use crate::error::{Error, Result};
use crate::params::Params;

impl Connection {
    /// Runs one statement. Its rows go to `sink`; where that pauses, [`Outcome::rest`] names the
    /// cursor that [`fetch`](Connection::fetch) goes on with.
    pub fn query<'p, P, S>(
        &mut self,
        source: Source<'_>,
        params: &P,
        sink: &mut S,
        call: &Call,
    ) -> Result<Outcome>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        self.check_transaction()?;
        let ran = self.in_call(call, |connection| match source {
            Source::Sql(sql) => connection.run_cached(sql, params, sink),
            Source::Prepared(id) => connection.run_prepared(id, params, sink),
        });
        self.note_transaction(&ran);
        ran
    }

    pub(super) fn run_cached<'p, P, S>(
        &mut self,
        sql: &str,
        params: &P,
        sink: &mut S,
    ) -> Result<Outcome>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let mut statement = self.take_statement(sql)?;
        let ran = self.run_noting(&mut statement, params, sink);
        self.keep(statement, None, ran)
    }

    fn run_prepared<'p, P, S>(&mut self, id: Id, params: &P, sink: &mut S) -> Result<Outcome>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let mut statement = self.take_prepared(id)?;
        let ran = self.run_noting(&mut statement, params, sink);
        self.keep(statement, Some(id), ran)
    }

    /// Takes a prepared statement out, to run it.
    pub(super) fn take_prepared(&mut self, id: Id) -> Result<Statement> {
        let slot = self.prepared.get_mut(&id).ok_or(Error::StatementClosed)?;
        let statement = slot.take().ok_or(Error::StatementBusy)?;
        if !statement.is_prepared_anew() {
            return Ok(statement);
        }
        self.prepare_only_statement(statement.sql())
            .inspect_err(|_| self.give_back(statement, Some(id)))
    }

    /// Runs a statement, and notes how long a read took.
    fn run_noting<'p, P, S>(
        &self,
        statement: &mut Statement,
        params: &P,
        sink: &mut S,
    ) -> Result<(Outcome, Progress)>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        if !(self.short_reads && statement.can_pause()) {
            return self.run(statement, params, sink);
        }
        let began = Instant::now();
        let ran = self.run(statement, params, sink);
        if ran.is_ok() {
            statement.history.note(began.elapsed());
        }
        ran
    }

    /// Puts a statement back where it came from, or into a cursor if its run paused.
    fn keep(
        &mut self,
        statement: Statement,
        prepared: Option<Id>,
        ran: Result<(Outcome, Progress)>,
    ) -> Result<Outcome> {
        match ran {
            Ok((mut outcome, Progress::Paused)) => {
                self.control().tracer.paused(&statement);
                outcome.rest = Some(self.add_cursor(Cursor {
                    statement,
                    prepared,
                    started: true,
                }));
                Ok(outcome)
            }
            ran => {
                self.give_back(statement, prepared);
                ran.map(|(outcome, _)| outcome)
            }
        }
    }

    /// Puts a statement that was reset back where it came from.
    pub(super) fn give_back(&mut self, statement: Statement, prepared: Option<Id>) {
        match prepared {
            Some(id) => {
                if let Some(slot) = self.prepared.get_mut(&id) {
                    *slot = Some(statement);
                }
            }
            None if statement.is_prepared_anew() => {}
            None => self.cache.put(statement),
        }
    }

    /// Runs a statement within a call.
    pub(super) fn run<'p, P, S>(
        &self,
        statement: &mut Statement,
        params: &P,
        sink: &mut S,
    ) -> Result<(Outcome, Progress)>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        self.admit(statement)?;
        if self.control().tracer.expands() {
            self.note_expanded(statement, params);
        }
        if self.foreign.compare() {
            return self.run_comparing(statement, params, sink);
        }
        self.run_admitted(statement, params, sink)
    }

    /// A statement that has failed: what it means for those that listen, or another try.
    #[cold]
    #[inline(never)]
    fn after_failure<'p, P, S>(
        &self,
        error: Error,
        statement: &mut Statement,
        params: &P,
        sink: &mut S,
    ) -> Result<(Outcome, Progress)>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let before = self.changes_before(statement);
        let ran = match self.connects_virtual_table(&error) {
            true => rows::run(statement, params, sink),
            false => Err(error),
        };
        if let Some(recorder) = &self.recorder {
            self.settle_hooks(recorder, statement, ran.is_ok());
        }
        Ok((self.outcome(statement, before), ran?))
    }

    #[inline]
    pub(super) fn run_admitted<'p, P, S>(
        &self,
        statement: &mut Statement,
        params: &P,
        sink: &mut S,
    ) -> Result<(Outcome, Progress)>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let before = self.changes_before(statement);
        match rows::run(statement, params, sink) {
            Ok(progress) => {
                if let Some(recorder) = &self.recorder {
                    self.settle_hooks(recorder, statement, true);
                }
                Ok((self.outcome(statement, before), progress))
            }
            Err(error) => self.after_failure(error, statement, params, sink),
        }
    }

    /// What [`outcome`](Connection::outcome) compares with; a reader changes nothing.
    pub(super) fn changes_before(&self, statement: &Statement) -> i64 {
        if statement.readonly() {
            0
        } else {
            self.raw().total_changes()
        }
    }

    pub(super) fn outcome(&self, statement: &Statement, total_changes_before: i64) -> Outcome {
        // `changes` is left over from an earlier statement if this one changed nothing.
        let changed = !statement.readonly() && self.raw().total_changes() != total_changes_before;
        Outcome {
            has_columns: statement.column_count() > 0,
            readonly: statement.readonly(),
            changes: if changed { self.raw().changes() } else { 0 },
            last_insert_rowid: self.raw().last_insert_rowid(),
            autocommit: self.raw().autocommit(),
            rest: None,
        }
    }
}
