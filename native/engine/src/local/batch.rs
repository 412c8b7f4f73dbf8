//! Batches: a list of statements with their parameters, run in one call.

use super::call::Call;
use super::connection::Connection;
use super::rows::{Outcome, RowSink};
use super::statement::Statement;
use super::transaction::Behavior;
use crate::error::{Error, Result};
use crate::keyword::{Kind, first_word, kind, skip_blank};
use crate::params::Params;

/// What a batch or a script did.
#[derive(Debug)]
pub struct Ran<S> {
    pub results: Vec<(S, Outcome)>,
    /// Where it had to stop because somebody else writes: it is to go on there later. What ran
    /// before stays done.
    pub stopped: Option<Stopped>,
    /// The index of the first statement: not 0 where it is the rest of a batch.
    first: usize,
}

#[derive(Debug)]
pub struct Stopped {
    /// The index of a batch's statement, the byte offset of a script's.
    pub at: usize,
    /// [`must_wait`](Error::must_wait) is true of it.
    pub error: Error,
}

impl<S> Ran<S> {
    pub(super) fn new(first: usize) -> Ran<S> {
        Ran {
            results: Vec::new(),
            stopped: None,
            first,
        }
    }

    /// The index of the statement after those that have run.
    pub(super) fn next_index(&self) -> usize {
        self.first + self.results.len()
    }

    /// Ends a run with an error of the next statement. A transactional one is undone, so it does
    /// not stop but begins anew.
    pub(super) fn ended(self, error: Error, at: usize, transactional: bool) -> Result<Ran<S>> {
        match error {
            error if !error.must_wait() => Err(error.in_batch(self.next_index())),
            error if transactional => Err(error),
            error => Ok(Ran {
                stopped: Some(Stopped { at, error }),
                ..self
            }),
        }
    }
}

const SAVEPOINT: &str = "ecto_libsql_batch";

impl Connection {
    /// Runs each statement with its parameters. What ran before one that fails stays done. `first`
    /// is the index of the first one, where these are the rest of a batch.
    pub fn batch<'p, P, S>(
        &mut self,
        statements: &[(&str, P)],
        first: usize,
        new_sink: impl FnMut() -> S,
        call: &Call,
    ) -> Result<Ran<S>>
    where
        P: Params<'p>,
        S: RowSink,
    {
        self.check_transaction()?;
        let ran = self.in_call(call, |connection| {
            connection.check_list_runs_here(statements.iter().map(|(sql, _)| *sql))?;
            connection.run_batch(statements, first, new_sink, false)
        });
        self.note_transaction(&ran);
        ran
    }

    /// Runs all of the statements or none.
    pub fn transactional_batch<'p, P, S>(
        &mut self,
        statements: &[(&str, P)],
        new_sink: impl FnMut() -> S,
        call: &Call,
    ) -> Result<Ran<S>>
    where
        P: Params<'p>,
        S: RowSink,
    {
        self.check_transaction()?;
        let ran = self.all_or_nothing(call, |connection| {
            connection.in_call(call, |connection| {
                connection.run_batch(statements, 0, new_sink, true)
            })
        });
        self.note_transaction(&ran);
        ran
    }

    fn run_batch<'p, P, S>(
        &mut self,
        statements: &[(&str, P)],
        first: usize,
        mut new_sink: impl FnMut() -> S,
        transactional: bool,
    ) -> Result<Ran<S>>
    where
        P: Params<'p>,
        S: RowSink,
    {
        self.forget_snapshot();
        let mut all = Ran::new(first);
        for (index, (sql, params)) in statements.iter().enumerate() {
            let mut statement = match self.take_statement(sql) {
                Ok(statement) => statement,
                Err(error) => return all.ended(error, index, transactional),
            };
            if transactional {
                refuse_transaction_control(&statement, index)?;
            }
            let mut sink = new_sink();
            let ran = self.run(
                &mut statement,
                params,
                &mut super::script::NeverPause(&mut sink),
            );
            self.give_back(statement, None);
            match ran {
                Ok((outcome, _)) => all.results.push((sink, outcome)),
                Err(error) => return all.ended(error, index, transactional),
            }
        }
        Ok(all)
    }

    /// Runs `work` in an IMMEDIATE transaction of its own, or, inside an open one, in a savepoint.
    pub(super) fn all_or_nothing<T>(
        &mut self,
        call: &Call,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        // Undoing has no deadline: it has to happen.
        let undo = Call::default();
        if self.autocommit() {
            self.check_may_take_write_lock()?;
            self.begin(Behavior::Immediate, call)?;
            let done = work(self).and_then(|value| self.commit(call).map(|()| value));
            if done.is_err() && !self.autocommit() {
                self.rollback(&undo)?;
            }
            self.transaction = None;
            done
        } else {
            self.savepoint(SAVEPOINT, call)?;
            let done = work(self);
            if self.autocommit() {
                // SQLite rolled back the whole transaction: there is no savepoint to go back to.
                return done;
            }
            if done.is_err() {
                self.rollback_to_savepoint(SAVEPOINT, &undo)?;
            }
            self.release_savepoint(SAVEPOINT, &undo)?;
            done
        }
    }
}

/// A statement that begins or ends a transaction would break a transactional batch in two. Of the
/// statements that return nothing and write nothing, SQL's grammar tells these by their first
/// word.
pub(super) fn refuse_transaction_control(statement: &Statement, index: usize) -> Result<()> {
    if !statement.readonly() || statement.column_count() > 0 {
        return Ok(());
    }
    refuse_transaction_keyword(statement.sql(), index)
}

pub(crate) fn refuse_transaction_keyword(sql: &str, index: usize) -> Result<()> {
    match kind(sql) {
        Kind::Begin | Kind::Commit | Kind::Rollback => Err(Error::TransactionInBatch {
            index,
            keyword: first_word(skip_blank(sql)).to_ascii_uppercase(),
        }),
        _ => Ok(()),
    }
}
