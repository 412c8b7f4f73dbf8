//! Batches and scripts: one round trip for many statements.

use super::ask::Ran;
use super::connection::RemoteConnection;
use super::failure::Failure;
use super::split::split;
use super::sql_error::Refused;
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
        let (sqls, params): (Vec<_>, Vec<_>) = statements.into_iter().unzip();
        let statements = sqls.iter().map(String::as_str).zip(params).collect();
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
        if transactional {
            for (index, (sql, _)) in statements.iter().enumerate() {
                refuse_transaction_keyword(sql, index)?;
            }
        }
        let mut stream = self.stream(call).await?;
        for (index, (sql, _)) in statements.iter().enumerate() {
            self.check_may_write(&mut stream, sql, call)
                .await
                .map_err(|error| error.in_batch(index))?;
        }
        let was_open = *stream.transaction() != Transaction::None;
        let (mut work, first) = match transactional {
            true => (all_or_nothing(&stream, statements)?, 1),
            false => (one_by_one(statements)?, 0),
        };
        let mut ran = stream.run(&self.server, &work, call).await?;
        if let Some((step, Refused::Parameters(_))) = ran.failed {
            let fitted = self.fit_all(&mut stream, &mut work, step, call).await;
            fitted.map_err(|(step, error)| error.in_batch(step - first))?;
            if transactional || step == 0 {
                ran = stream.run(&self.server, &work, call).await?;
            }
        }
        let Some((step, refused)) = ran.failed else {
            return results(ran, first, count);
        };
        let error = refused.into_error();
        let mut at = Some(step);
        if ran.results.is_empty() {
            // The server refused the list as a whole, or stopped in the middle of it.
            at = self.unparsed_step(&mut stream, &work, call).await;
            if transactional {
                self.undo(&mut stream, was_open, call).await;
            }
        }
        let error = match at {
            Some(step) => error.with_statement(work.sql(step)),
            None => error,
        };
        let error = self.refined(&mut stream, error, call).await;
        Err(match at.and_then(|step| step.checked_sub(first)) {
            Some(index) if index < count => error.in_batch(index),
            _ => error,
        })
    }

    /// Undoes what a transactional batch left that the server did not bring to its end.
    async fn undo(&self, stream: &mut Stream, was_open: bool, call: &Call) {
        let undone = match (was_open, stream.transaction()) {
            (false, Transaction::Open { .. }) => Work::statement("ROLLBACK", RemoteParams::NONE),
            (true, Transaction::Open { .. }) => undo_savepoint(),
            _ => return,
        };
        let undone = match undone {
            Ok(work) => stream.run(&self.server, &work, call).await,
            Err(error) => Err(error),
        };
        if let Err(error) = undone {
            tracing::debug!(%error, "a batch was not undone; its transaction is lost");
        }
    }
}

fn undo_savepoint() -> Result<Work<'static>> {
    let mut work = Work::empty(true);
    work.push(ROLLBACK_TO, RemoteParams::NONE)?;
    work.push(RELEASE, RemoteParams::NONE)?;
    work.stays_in_transaction();
    Ok(work)
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
            RemoteResult::new(result, ran.autocommit).map_err(super::outcome::nonsense)
        });
    results.collect()
}
