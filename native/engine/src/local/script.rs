//! Scripts: SQL of several statements, run one after the other.

use super::batch::{Ran, refuse_transaction_control};
use super::call::Call;
use super::connection::Connection;
use super::rows::RowSink;
use crate::error::{Error, Result};
use crate::params::NoParams;

impl Connection {
    /// Runs every statement of `sql`; `new_sink` makes the sink of each. What ran before a
    /// statement that fails stays done. `first` is the index of the first one, where this is the
    /// rest of a script.
    pub fn execute_script<S: RowSink>(
        &mut self,
        sql: &str,
        first: usize,
        new_sink: impl FnMut() -> S,
        call: &Call,
    ) -> Result<Ran<S>> {
        self.check_transaction()?;
        let ran = self.in_call(call, |connection| {
            connection.check_script_runs_here(sql)?;
            connection.run_script(sql, first, new_sink, false)
        });
        self.note_transaction(&ran);
        ran
    }

    /// Runs every statement of `sql` or none.
    pub fn execute_transactional_script<S: RowSink>(
        &mut self,
        sql: &str,
        new_sink: impl FnMut() -> S,
        call: &Call,
    ) -> Result<Ran<S>> {
        self.check_transaction()?;
        let ran = self.all_or_nothing(call, |connection| {
            connection.in_call(call, |connection| {
                connection.run_script(sql, 0, new_sink, true)
            })
        });
        self.note_transaction(&ran);
        ran
    }

    fn run_script<S: RowSink>(
        &mut self,
        sql: &str,
        first: usize,
        mut new_sink: impl FnMut() -> S,
        transactional: bool,
    ) -> Result<Ran<S>> {
        self.forget_snapshot();
        let mut all = Ran::new(first);
        let mut offset = 0;
        while offset < sql.len() {
            let (statement, read) = match self.prepare_first(&sql[offset..], 0) {
                Ok(prepared) => prepared,
                Err(error) => return all.ended(error, offset, transactional),
            };
            let Some(mut statement) = statement else {
                if read == 0 {
                    break;
                }
                offset += read;
                continue;
            };
            if transactional {
                refuse_transaction_control(&statement, all.next_index())?;
            }
            let mut sink = new_sink();
            match self.run(&mut statement, &NoParams, &mut NeverPause(&mut sink)) {
                Ok((outcome, _)) => all.results.push((sink, outcome)),
                Err(error) => return all.ended(error, offset, transactional),
            }
            offset += read;
        }
        if all.results.is_empty() {
            return Err(Error::EmptyStatement);
        }
        Ok(all)
    }
}

/// A script's results are handed over whole.
pub(super) struct NeverPause<'s, S>(pub(super) &'s mut S);

impl<S: RowSink> RowSink for NeverPause<'_, S> {
    fn columns(&mut self, statement: &super::statement::Statement) {
        self.0.columns(statement);
    }

    fn row(&mut self, row: super::statement::Row<'_>) -> super::rows::Flow {
        match self.0.row(row) {
            super::rows::Flow::Pause => super::rows::Flow::More,
            flow => flow,
        }
    }
}
