//! The result columns of SQL that is not run.

use super::call::Call;
use super::connection::Connection;
use super::statement::Column;
use crate::error::Result;

impl Connection {
    /// Takes the statement from the cache or prepares it, as a run would, which makes this cheap
    /// right after one.
    pub fn describe(&mut self, sql: &str, call: &Call) -> Result<Vec<Column>> {
        let statement = self.in_call(call, |connection| connection.take_statement(sql))?;
        let described = self.check_place(&statement).map(|()| statement.columns());
        self.give_back(statement, None);
        described
    }
}
