//! Scripts: SQL of several statements, run one after the other.

use super::batch::refuse_transaction_control;
use super::call::Call;
use super::connection::Connection;
use super::rows::{Outcome, RowSink};
use crate::error::{Error, Result};
use crate::params::NoParams;

impl Connection {
    /// Runs every statement of `sql`; `new_sink` makes the sink of each. What ran before a
    /// statement that fails stays done.
    pub fn execute_script<S: RowSink>(
        &mut self,
        sql: &str,
        new_sink: impl FnMut() -> S,
        call: &Call,
    ) -> Result<Vec<(S, Outcome)>> {
        self.check_transaction()?;
        let ran = self.in_call(call, |connection| {
            connection.run_script(sql, new_sink, false)
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
    ) -> Result<Vec<(S, Outcome)>> {
        self.check_transaction()?;
        let ran = self.all_or_nothing(call, |connection| {
            connection.in_call(call, |connection| {
                connection.run_script(sql, new_sink, true)
            })
        });
        self.note_transaction(&ran);
        ran
    }

    fn run_script<S: RowSink>(
        &mut self,
        sql: &str,
        mut new_sink: impl FnMut() -> S,
        transactional: bool,
    ) -> Result<Vec<(S, Outcome)>> {
        let mut results = Vec::new();
        let mut offset = 0;
        while offset < sql.len() {
            let index = results.len();
            let (statement, read) = self
                .prepare_first(&sql[offset..], 0)
                .map_err(|error| error.in_batch(index))?;
            offset += read;
            let Some(mut statement) = statement else {
                if read == 0 {
                    break;
                }
                continue;
            };
            if transactional {
                refuse_transaction_control(&statement, index)?;
            }
            let mut sink = new_sink();
            let (outcome, _) = self
                .run_within_call(&mut statement, &NoParams, &mut NeverPause(&mut sink))
                .map_err(|error| error.in_batch(index))?;
            results.push((sink, outcome));
        }
        if results.is_empty() {
            return Err(Error::EmptyStatement);
        }
        Ok(results)
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
