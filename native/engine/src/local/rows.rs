//! One run of a statement: bind, step, hand each row to a sink.

use super::statement::{Row, Statement};
use crate::Id;
use crate::error::Result;
use crate::params::{Binder, Params};
use crate::value::Value;

/// What a sink wants after a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next row.
    More,
    /// No more rows for now: the rest stays to be fetched.
    Pause,
    /// No more rows at all.
    Stop,
}

/// Where a run's rows go.
pub trait RowSink {
    /// Called once, after the first step (which may prepare the statement anew, after a change
    /// of schema) and before the first row.
    fn columns(&mut self, statement: &Statement);

    fn row(&mut self, row: Row<'_>) -> Flow;
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the statement has result columns.
    pub has_columns: bool,
    pub readonly: bool,
    /// Rows that the statement itself inserted, updated or deleted, triggers' rows not counted.
    pub changes: i64,
    /// The rowid of the connection's last successful INSERT.
    pub last_insert_rowid: i64,
    /// Whether no transaction is open after the run.
    pub autocommit: bool,
    /// The cursor that holds the rest of the rows, when the sink paused.
    pub rest: Option<Id>,
}

/// How a run ended for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Finished,
    Paused,
}

/// Binds and runs a statement, which is reset afterwards unless the sink paused.
pub(super) fn run<'p, P, S>(statement: &mut Statement, params: &P, sink: &mut S) -> Result<Progress>
where
    P: Params<'p> + ?Sized,
    S: RowSink,
{
    let mut run = Run {
        statement,
        paused: false,
    };
    let can_pause = run.statement.can_pause();
    params.bind(&mut Binder::new(run.statement, can_pause))?;
    let on_row = run.statement.step()?;
    sink.columns(run.statement);
    if on_row && deliver(run.statement, sink, can_pause)? == Progress::Paused {
        run.paused = true;
        return Ok(Progress::Paused);
    }
    Ok(Progress::Finished)
}

/// Goes on with a run that paused after a row.
pub(super) fn resume<S: RowSink>(statement: &mut Statement, sink: &mut S) -> Result<Progress> {
    sink.columns(statement);
    if statement.step()? {
        deliver(statement, sink, true)
    } else {
        Ok(Progress::Finished)
    }
}

/// Hands over the row that the statement stands on and those after it.
fn deliver<S: RowSink>(
    statement: &mut Statement,
    sink: &mut S,
    can_pause: bool,
) -> Result<Progress> {
    loop {
        match sink.row(statement.row()) {
            Flow::Stop => return Ok(Progress::Finished),
            Flow::Pause if can_pause => return Ok(Progress::Paused),
            Flow::More | Flow::Pause => {}
        }
        if !statement.step()? {
            return Ok(Progress::Finished);
        }
    }
}

/// Ends the run when it goes out of scope, also by an error or a panic of the sink: what was
/// bound without a copy must not stay bound.
struct Run<'s> {
    statement: &'s mut Statement,
    paused: bool,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.paused {
            self.statement.reset();
        }
    }
}

/// A sink that keeps every row.
#[derive(Debug, Default)]
pub struct Collect {
    pub names: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

impl RowSink for Collect {
    fn columns(&mut self, statement: &Statement) {
        self.names = (0..statement.column_count())
            .map(|column| statement.column_name(column).to_owned())
            .collect();
    }

    fn row(&mut self, row: Row<'_>) -> Flow {
        let values = (0..self.names.len()).map(|column| row.get(column).into());
        self.rows.push(values.collect());
        Flow::More
    }
}

/// A sink that only counts, and runs the statement to its end.
#[derive(Debug, Default)]
pub struct CountRows(pub u64);

impl RowSink for CountRows {
    fn columns(&mut self, _statement: &Statement) {}

    fn row(&mut self, _row: Row<'_>) -> Flow {
        self.0 += 1;
        Flow::More
    }
}
