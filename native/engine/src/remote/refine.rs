//! Errors of which the server says less than SQLite knows: what is missing is asked for.

use super::connection::RemoteConnection;
use super::sql_error::{PRIMARY_KEY, ROWID, UNIQUE};
use super::stream::{Stream, Transaction};
use super::value::{RemoteParams, RemoteResult};
use super::work::{Work, never};
use crate::error::{Error, Result};
use crate::local::Call;
use crate::value::Value;

const PRIMARY_KEY_COLUMNS: &str = "SELECT name FROM pragma_table_info(?) WHERE pk > 0";

impl RemoteConnection {
    /// Tells a primary key's violation from a unique index's, which have the same message and, from
    /// a server, the same code.
    pub(super) async fn refined(&self, stream: &mut Stream, error: Error, call: &Call) -> Error {
        if error.extended_code() != Some(UNIQUE)
            || matches!(stream.transaction(), Transaction::Lost(_))
        {
            return error;
        }
        let Some((table, columns)) = error
            .constraint()
            .and_then(|it| Some((it.table?, it.columns)))
        else {
            return error;
        };
        let keys = self.primary_key(stream, &table, call).await;
        let code = match keys {
            Ok(keys) if keys.is_empty() && columns == ["rowid"] => ROWID,
            Ok(keys) if same(&keys, &columns) => PRIMARY_KEY,
            _ => return error,
        };
        with_code(error, code)
    }

    async fn primary_key(
        &self,
        stream: &mut Stream,
        table: &str,
        call: &Call,
    ) -> Result<Vec<String>> {
        let params = RemoteParams::List(vec![Value::from(table)]);
        let work = Work::statement(PRIMARY_KEY_COLUMNS, params)?;
        let ran = stream.run(&self.server, &work, call).await?;
        let result = ran.results.into_iter().flatten().next().unwrap_or_default();
        let result = RemoteResult::new(result, ran.autocommit).map_err(super::outcome::nonsense)?;
        let names = result
            .rows
            .into_iter()
            .flatten()
            .filter_map(|name| match name {
                Value::Text(name) => String::from_utf8(name).ok(),
                _ => None,
            });
        Ok(names.collect())
    }

    /// The index of the statement that the server does not take, where it has refused a list of
    /// them as a whole: each is sent by itself, with a condition that keeps it from being run.
    pub(super) async fn unparsed_step(
        &self,
        stream: &mut Stream,
        work: &Work<'_>,
        call: &Call,
    ) -> Option<usize> {
        stream
            .first_refused(&self.server, work.each_if(never()), call)
            .await
    }
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn with_code(error: Error, code: i32) -> Error {
    match error {
        Error::Sqlite(mut error) => {
            error.extended_code = code;
            Error::Sqlite(error)
        }
        error => error,
    }
}
