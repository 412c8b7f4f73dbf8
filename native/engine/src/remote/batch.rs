//! Batches and scripts: one round trip for many statements.

use super::connection::RemoteConnection;
use super::failure::Failure;
use super::run::Ran;
use super::split::split;
use super::stream::{Stream, Transaction};
use super::value::{RemoteParams, RemoteResult};
use super::work::{Work, and, is_autocommit, not, ok};
use crate::error::{Error, Result};
use crate::local::{Call, refuse_transaction_keyword};

const SAVEPOINT: &str = "SAVEPOINT ecto_libsql_batch";
const ROLLBACK_TO: &str = "ROLLBACK TO ecto_libsql_batch";
const RELEASE: &str = "RELEASE ecto_libsql_batch";

impl RemoteConnection {
    /// Runs each statement with its parameters. A statement that fails ends the batch; what ran
    /// before it stays done. With `transactional`, all of them are run or none.
    ///
    /// # Failure
    /// [`Error::Batch`] has the index of the statement that failed.
    pub async fn batch(
        &self,
        statements: Vec<(String, RemoteParams)>,
        transactional: bool,
        call: &Call,
    ) -> Result<Vec<RemoteResult>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        if transactional {
            for (index, (sql, _)) in statements.iter().enumerate() {
                refuse_transaction_keyword(sql, index)?;
            }
        }
        let statements = statements
            .iter()
            .map(|(sql, params)| (sql.as_str(), params.clone()))
            .collect();
        self.run_batch(statements, transactional, call).await
    }

    /// Runs every statement of `sql`, as [`batch`](RemoteConnection::batch) does.
    pub async fn script(
        &self,
        sql: &str,
        transactional: bool,
        call: &Call,
    ) -> Result<Vec<RemoteResult>> {
        let statements = split(sql);
        if statements.is_empty() {
            return Err(Error::EmptyStatement);
        }
        if transactional {
            for (index, sql) in statements.iter().enumerate() {
                refuse_transaction_keyword(sql, index)?;
            }
        }
        let statements = statements
            .into_iter()
            .map(|sql| (sql, RemoteParams::NONE))
            .collect();
        self.run_batch(statements, transactional, call).await
    }

    async fn run_batch(
        &self,
        statements: Vec<(&str, RemoteParams)>,
        transactional: bool,
        call: &Call,
    ) -> Result<Vec<RemoteResult>> {
        let count = statements.len();
        let mut stream = self.stream(call).await?;
        for (index, (sql, _)) in statements.iter().enumerate() {
            self.check_may_write(&mut stream, sql, call)
                .await
                .map_err(|error| error.in_batch(index))?;
        }
        let (work, first) = match transactional {
            true => (all_or_nothing(&stream, statements)?, 1),
            false => (one_by_one(statements)?, 0),
        };
        let ran = stream.run(&self.server, &work, call).await?;
        results(ran, first, count)
    }
}

fn one_by_one<'w>(statements: Vec<(&'w str, RemoteParams)>) -> Result<Work<'w>> {
    let mut work = Work::empty(true);
    push_all(&mut work, statements)?;
    Ok(work)
}

/// The statements in a transaction of their own, or, inside an open one, in a savepoint.
fn all_or_nothing<'w>(
    stream: &Stream,
    statements: Vec<(&'w str, RemoteParams)>,
) -> Result<Work<'w>> {
    let mut work = Work::empty(true);
    let last = statements.len();
    let after = last + 1;
    match stream.transaction() {
        Transaction::None => {
            work.push("BEGIN IMMEDIATE", RemoteParams::NONE)?;
            push_all(&mut work, statements)?;
            work.push("COMMIT", RemoteParams::NONE)?;
            let undo = and(vec![ok(0), not(ok(after)), not(is_autocommit())]);
            work.push_if("ROLLBACK", RemoteParams::NONE, Some(undo))?;
        }
        _ => {
            work.push(SAVEPOINT, RemoteParams::NONE)?;
            push_all(&mut work, statements)?;
            let undo = and(vec![ok(0), not(ok(last)), not(is_autocommit())]);
            work.push_if(ROLLBACK_TO, RemoteParams::NONE, Some(undo))?;
            let release = and(vec![ok(0), not(is_autocommit())]);
            work.push_if(RELEASE, RemoteParams::NONE, Some(release))?;
            work.stays_in_transaction();
        }
    }
    Ok(work)
}

fn push_all<'w>(work: &mut Work<'w>, statements: Vec<(&'w str, RemoteParams)>) -> Result<()> {
    for (index, (sql, params)) in statements.into_iter().enumerate() {
        work.push(sql, params)
            .map_err(|error| error.in_batch(index))?;
    }
    Ok(())
}

/// The results of `count` steps from `first` on.
fn results(ran: Ran, first: usize, count: usize) -> Result<Vec<RemoteResult>> {
    if let Some((step, stopped)) = ran.failed {
        let error = stopped.into_error();
        return Err(match step.checked_sub(first) {
            Some(index) if index < count => error.in_batch(index),
            _ => error,
        });
    }
    let results = ran
        .results
        .into_iter()
        .skip(first)
        .take(count)
        .map(|result| {
            let mut result = result.ok_or_else(|| {
                Failure::Protocol.error("the server skipped a statement without an error")
            })?;
            result.replication_index = result.replication_index.or(ran.replication_index);
            RemoteResult::new(result, ran.autocommit).map_err(super::run::nonsense)
        });
    results.collect()
}
