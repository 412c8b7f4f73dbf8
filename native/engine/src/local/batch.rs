//! Batches: a list of statements with their parameters, run in one call.

use super::call::Call;
use super::connection::Connection;
use super::rows::{Outcome, RowSink};
use super::statement::Statement;
use super::transaction::Behavior;
use crate::error::{Error, Result};
use crate::params::Params;

const SAVEPOINT: &str = "ecto_libsql_batch";

impl Connection {
    /// Runs each statement with its parameters. What ran before one that fails stays done.
    pub fn batch<'p, P, S>(
        &mut self,
        statements: &[(&str, P)],
        new_sink: impl FnMut() -> S,
        call: &Call,
    ) -> Result<Vec<(S, Outcome)>>
    where
        P: Params<'p>,
        S: RowSink,
    {
        self.check_transaction()?;
        let ran = self.in_call(call, |connection| {
            connection.run_batch(statements, new_sink, false)
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
    ) -> Result<Vec<(S, Outcome)>>
    where
        P: Params<'p>,
        S: RowSink,
    {
        self.check_transaction()?;
        let ran = self.all_or_nothing(call, |connection| {
            connection.in_call(call, |connection| {
                connection.run_batch(statements, new_sink, true)
            })
        });
        self.note_transaction(&ran);
        ran
    }

    fn run_batch<'p, P, S>(
        &mut self,
        statements: &[(&str, P)],
        mut new_sink: impl FnMut() -> S,
        transactional: bool,
    ) -> Result<Vec<(S, Outcome)>>
    where
        P: Params<'p>,
        S: RowSink,
    {
        let mut results = Vec::with_capacity(statements.len());
        for (index, (sql, params)) in statements.iter().enumerate() {
            let mut statement = self
                .take_statement(sql)
                .map_err(|error| error.in_batch(index))?;
            if transactional {
                refuse_transaction_control(&statement, index)?;
            }
            let mut sink = new_sink();
            let ran = self.run_within_call(
                &mut statement,
                params,
                &mut super::script::NeverPause(&mut sink),
            );
            self.give_back(statement, None);
            let (outcome, _) = ran.map_err(|error| error.in_batch(index))?;
            results.push((sink, outcome));
        }
        Ok(results)
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
    let rest = skip_blank(statement.sql());
    let word = first_word(rest);
    let ends = match word.to_ascii_uppercase().as_str() {
        "BEGIN" | "COMMIT" | "END" => true,
        // ROLLBACK TO goes back to a savepoint; the transaction stays open.
        "ROLLBACK" => !rest
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|word| word.eq_ignore_ascii_case("to")),
        _ => false,
    };
    if ends {
        Err(Error::TransactionInBatch {
            index,
            keyword: word.to_ascii_uppercase(),
        })
    } else {
        Ok(())
    }
}

fn first_word(sql: &str) -> &str {
    let end = sql
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(sql.len());
    &sql[..end]
}

/// Skips white space, semicolons and both kinds of comment.
fn skip_blank(mut sql: &str) -> &str {
    loop {
        let rest = sql.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ';');
        sql = if let Some(comment) = rest.strip_prefix("--") {
            comment.find('\n').map_or("", |end| &comment[end..])
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or("", |end| &comment[end + 2..])
        } else {
            return rest;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_comments() {
        for (sql, word) in [
            ("COMMIT", "COMMIT"),
            (" ; -- BEGIN\n/* END */ rollback;", "rollback"),
            ("/* open", ""),
            ("-- only", ""),
        ] {
            assert_eq!(first_word(skip_blank(sql)), word, "{sql}");
        }
    }
}
