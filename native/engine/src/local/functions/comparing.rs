//! Runs of statements on a connection whose collations somebody else evaluates. A collation cannot
//! tell SQLite that it failed: the statement is undone and fails after its run.

use libsql::ffi;

use super::FUNCTION_FAILED;
use crate::error::{Error, Result, SqliteError};
use crate::keyword::{first_word, skip_blank};
use crate::local::connection::Connection;
use crate::local::rows::{CountRows, Outcome, Progress, RowSink};
use crate::local::statement::Statement;
use crate::params::{NoParams, Params};

impl Connection {
    // Apart from `run`, which most connections are to have small.
    #[cold]
    #[inline(never)]
    pub(in crate::local) fn run_comparing<'p, P, S>(
        &self,
        statement: &mut Statement,
        params: &P,
        sink: &mut S,
    ) -> Result<(Outcome, Progress)>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let (mut outcome, progress) = self.comparing(statement, |statement| {
            self.run_admitted(statement, params, sink)
        })?;
        outcome.autocommit = self.autocommit();
        Ok((outcome, progress))
    }

    /// Runs a statement with such collations.
    pub(in crate::local) fn comparing<T>(
        &self,
        statement: &mut Statement,
        run: impl FnOnce(&mut Statement) -> Result<T>,
    ) -> Result<T> {
        // One that was left by preparing a statement is not this one's.
        self.control().take_comparing_failure();
        let undoable = can_be_undone(statement);
        if undoable {
            self.step_alone("SAVEPOINT ecto_libsql_comparing")?;
        }
        let mut ran = run(statement);
        if let Some(error) = self.comparing_error(statement.sql())
            && ran.is_ok()
        {
            statement.reset();
            ran = Err(error);
        }
        if !undoable {
            return ran;
        }
        let left = match &ran {
            Ok(_) => self.step_alone("RELEASE ecto_libsql_comparing"),
            Err(_) => Ok(()),
        };
        let ran = left.and(ran);
        if ran.is_err() {
            self.undo();
        }
        ran
    }

    /// The failure of a collation since this was last asked, as the statement's error.
    fn comparing_error(&self, statement: &str) -> Option<Error> {
        let error = |extended_code, message: String| SqliteError {
            extended_code,
            message,
            statement: Some(statement.to_owned()),
            offset: None,
        };
        Some(match self.control().take_comparing_failure()? {
            Some(message) => Error::Function(Box::new(error(FUNCTION_FAILED, message))),
            None => self
                .control()
                .stop_reason(Some(statement))
                .unwrap_or_else(|| {
                    let message = "the query was interrupted".to_owned();
                    Error::Sqlite(Box::new(error(ffi::SQLITE_INTERRUPT, message)))
                }),
        })
    }

    /// SQLite may have rolled all of it back already: then there is nothing to be undone.
    fn undo(&self) {
        let _ = self.step_alone("ROLLBACK TO ecto_libsql_comparing");
        let _ = self.step_alone("RELEASE ecto_libsql_comparing");
    }

    fn step_alone(&self, sql: &str) -> Result<()> {
        match self.exempt(|| self.prepare_first(sql, 0))? {
            (Some(mut statement), _) => {
                let ran = self.run_admitted(&mut statement, &NoParams, &mut CountRows::default());
                ran.map(drop)
            }
            (None, _) => Ok(()),
        }
    }
}

/// Statements that write rows or indexes, and may stand in a transaction: not VACUUM, not those that
/// begin and end one.
fn can_be_undone(statement: &Statement) -> bool {
    const WORDS: [&str; 9] = [
        "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "DROP", "REINDEX",
    ];
    let word = first_word(skip_blank(statement.sql()));
    !statement.readonly() && WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}
