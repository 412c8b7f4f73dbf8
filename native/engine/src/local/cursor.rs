//! Cursors: runs that stand still between two fetches. SQLite computes a row when it is asked
//! for, so a cursor over a million rows holds one.

use super::call::Call;
use super::connection::{Connection, Source};
use super::rows::{self, Flow, Outcome, Progress, RowSink};
use super::statement::{Row, Statement};
use crate::Id;
use crate::error::{Error, Result};
use crate::params::{Binder, Params};

#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) statement: Statement,
    /// The prepared statement that the run borrowed; `None`: it goes back to the cache.
    pub(super) prepared: Option<Id>,
    /// Whether it has stepped.
    pub(super) started: bool,
}

/// What a fetch left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// There may be more rows.
    More,
    /// That was all: the cursor is closed.
    All(Outcome),
}

impl Connection {
    /// Opens a cursor and binds its parameters; it steps for the first time in
    /// [`fetch`](Connection::fetch). A statement that writes runs to its end then.
    pub fn declare<'p, P>(&mut self, source: Source<'_>, params: &P, call: &Call) -> Result<Id>
    where
        P: Params<'p> + ?Sized,
    {
        self.check_transaction()?;
        let (mut statement, prepared) = match source {
            Source::Sql(sql) => {
                let statement = self.in_call(call, |connection| connection.take_statement(sql))?;
                (statement, None)
            }
            Source::Prepared(id) => {
                let slot = self.prepared.get_mut(&id).ok_or(Error::StatementClosed)?;
                (slot.take().ok_or(Error::StatementBusy)?, Some(id))
            }
        };
        let bound = check_can_wait(&statement)
            .and_then(|()| self.check_place(&statement))
            .and_then(|()| self.check_may_write(&statement))
            .and_then(|()| params.bind(&mut Binder::new(&mut statement, true)));
        if self.control().tracer.expands() {
            self.note_expanded(&statement, params);
        }
        match bound {
            Ok(()) => Ok(self.add_cursor(Cursor {
                statement,
                prepared,
                started: false,
            })),
            Err(error) => {
                statement.reset();
                self.give_back(statement, prepared);
                Err(error)
            }
        }
    }

    pub(super) fn add_cursor(&mut self, cursor: Cursor) -> Id {
        let id = Id::new_v4();
        self.cursors.insert(id, cursor);
        id
    }

    /// Steps on, until the sink pauses or stops or no row is left. A cursor is closed by its last
    /// row, by `Flow::Stop` and by an error.
    pub fn fetch<S: RowSink>(&mut self, id: Id, sink: &mut S, call: &Call) -> Result<Fetched> {
        self.check_transaction()?;
        let mut cursor = self.cursors.remove(&id).ok_or(Error::CursorClosed)?;
        let before = self.changes_before(&cursor.statement);
        let fetched = self.in_call(call, |connection| {
            connection.admit(&cursor.statement)?;
            connection.control().tracer.resumed(&cursor.statement);
            if connection.foreign.compare() {
                connection.comparing(&mut cursor.statement, |statement| resume(statement, sink))
            } else {
                resume(&mut cursor.statement, sink)
            }
        });
        self.note_transaction(&fetched);
        match fetched {
            Err(error) if error.must_wait() && !cursor.started => {
                // Its parameters stay bound.
                cursor.statement.restart();
                self.cursors.insert(id, cursor);
                Err(error)
            }
            Ok(Progress::Paused) => {
                self.control().tracer.paused(&cursor.statement);
                cursor.started = true;
                self.cursors.insert(id, cursor);
                Ok(Fetched::More)
            }
            Ok(Progress::Finished) => {
                cursor.statement.reset();
                self.settle_cursor(&cursor, true);
                let outcome = self.outcome(&cursor.statement, before);
                self.note_transaction(&Ok(()));
                self.give_back(cursor.statement, cursor.prepared);
                Ok(Fetched::All(outcome))
            }
            Err(error) => {
                cursor.statement.reset();
                self.settle_cursor(&cursor, false);
                self.give_back(cursor.statement, cursor.prepared);
                // Rows have been handed over: the call cannot be made again.
                Err(error.final_now())
            }
        }
    }

    /// The prepared statement that a cursor runs, if it is one.
    pub fn prepared_of(&self, cursor: Id) -> Option<Id> {
        self.cursors.get(&cursor)?.prepared
    }

    fn settle_cursor(&self, cursor: &Cursor, succeeded: bool) {
        if let Some(recorder) = &self.recorder {
            self.settle_hooks(recorder, &cursor.statement, succeeded);
        }
    }

    /// Closes a cursor. Closing it twice is fine.
    pub fn close_cursor(&mut self, id: Id) {
        if let Some(mut cursor) = self.cursors.remove(&id) {
            cursor.statement.reset();
            self.give_back(cursor.statement, cursor.prepared);
        }
    }

    pub(super) fn close_cursors_of(&mut self, prepared: Id) {
        let ids = self
            .cursors
            .iter()
            .filter(|(_, cursor)| cursor.prepared == Some(prepared))
            .map(|(id, _)| *id)
            .collect::<Vec<_>>();
        for id in ids {
            self.close_cursor(id);
        }
    }
}

/// An EXPLAIN must not wait between being prepared and being run.
fn check_can_wait(statement: &Statement) -> Result<()> {
    if statement.is_explain() {
        Err(Error::InvalidArgument(
            "an EXPLAIN cannot be read through a cursor; query it".to_owned(),
        ))
    } else {
        Ok(())
    }
}

fn resume<S: RowSink>(statement: &mut Statement, sink: &mut S) -> Result<Progress> {
    if statement.readonly() {
        rows::resume(statement, sink)
    } else {
        rows::resume(statement, &mut ToTheEnd(sink))
    }
}

/// Keeps a writer going: it commits and lets go of its locks only when it is done.
struct ToTheEnd<'s, S>(&'s mut S);

impl<S: RowSink> RowSink for ToTheEnd<'_, S> {
    fn columns(&mut self, statement: &Statement) {
        self.0.columns(statement);
    }

    fn row(&mut self, row: Row<'_>) -> Flow {
        match self.0.row(row) {
            Flow::Pause => Flow::More,
            flow => flow,
        }
    }
}
