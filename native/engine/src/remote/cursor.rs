//! Cursors: a statement's rows as they come, of which the server keeps none but the next.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::answer::{self, Failed};
use super::connection::RemoteConnection;
use super::failover::Read;
use super::failure::Failure;
use super::outcome;
use super::protocol::{CursorRequest, CursorResponse};
use super::rows::Rows;
use super::run::{by_deadline, until};
use super::server::Server;
use super::sql_error::Refused;
use super::stream::{Stream, Transaction};
use super::value::{RemoteColumn, RemoteParams, RemoteResult};
use super::work::Work;
use crate::error::{Error, Result};
use crate::keyword::Kind;
use crate::local::Call;
use crate::value::Value;

const CURSOR: &str = "/v3-protobuf/cursor";

/// The rows of a statement that runs at the server while they are fetched.
///
/// Dropping it ends the statement. Another call on its connection first reads what is left into
/// memory.
#[derive(Debug)]
pub struct RemoteCursor {
    columns: Vec<RemoteColumn>,
    rows: Arc<Mutex<Rows>>,
}

/// Some of a cursor's rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fetched {
    pub rows: Vec<Vec<Value>>,
    /// With the last rows: what the statement did.
    pub end: Option<CursorEnd>,
}

/// What a statement did whose rows came through a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorEnd {
    pub affected_rows: u64,
    pub last_insert_rowid: Option<i64>,
}

/// The cursor that is open on a stream.
#[derive(Debug, Default)]
pub(super) struct OpenCursor(Option<Arc<Mutex<Rows>>>);

struct Cursor(RemoteParams);

impl Read for Cursor {
    type Answer = RemoteCursor;

    async fn ask(&self, server: &RemoteConnection, sql: &str, call: &Call) -> Result<RemoteCursor> {
        server.cursor_here(sql, self.0.clone(), call).await
    }
}

impl RemoteConnection {
    /// Runs a statement whose rows are fetched bit by bit.
    pub async fn cursor(
        &self,
        sql: &str,
        params: RemoteParams,
        call: &Call,
    ) -> Result<RemoteCursor> {
        if !self.may_fail_over(sql) {
            return self.cursor_here(sql, params, call).await;
        }
        self.read(sql, &Cursor(params), call).await
    }

    async fn cursor_here(
        &self,
        sql: &str,
        params: RemoteParams,
        call: &Call,
    ) -> Result<RemoteCursor> {
        let mut work = Work::statement(sql, params)?;
        if !matches!(work.kind(), Kind::Read | Kind::Other) {
            return Err(Error::InvalidArgument(
                "a transaction is not begun or ended through a cursor".to_owned(),
            ));
        }
        let mut stream = self.stream(call).await?;
        self.check_may_write(&mut stream, sql, call).await?;
        self.check_parses(&mut stream, &work, call).await?;
        let mut fitted = false;
        loop {
            let mut rows = stream.declare(&self.server, &work, call).await?;
            let begun = by_deadline(&self.server, call, rows.begin())
                .await
                .map_err(|failed| outcome::in_autocommit(failed, &work))?;
            match begun {
                Ok(()) => {
                    let columns = rows.columns.clone().unwrap_or_default();
                    let rows = Arc::new(Mutex::new(rows));
                    stream.cursor = OpenCursor(Some(rows.clone()));
                    return Ok(RemoteCursor { columns, rows });
                }
                Err(Refused::Parameters(_)) if !fitted => {
                    self.fit(&mut stream, &mut work, 0, call).await?;
                    fitted = true;
                }
                Err(Refused::Parameters(error) | Refused::Error(error)) => return Err(error),
                Err(Refused::RolledBack(reason)) => {
                    if let Transaction::Open { .. } = stream.transaction() {
                        stream.set_transaction(Transaction::Lost(reason.clone()));
                    }
                    return Err(Error::TransactionLost { reason });
                }
            }
        }
    }
}

impl RemoteCursor {
    pub fn columns(&self) -> &[RemoteColumn] {
        &self.columns
    }

    /// The next rows, `most` of them unless the end comes first.
    pub async fn fetch(&self, most: usize, call: &Call) -> Result<Fetched> {
        let late = || Failure::Timeout.error("the server did not send rows within the deadline");
        let mut rows = until(call.deadline, self.rows.lock())
            .await
            .ok_or_else(late)?;
        while rows.rows.len() < most && rows.end.is_none() {
            // After the deadline, the rest can still come.
            let more = until(call.deadline, rows.more()).await.ok_or_else(late)?;
            if let Err(failed) = more {
                rows.fail(failed);
            }
        }
        let count = most.min(rows.rows.len());
        let fetched = rows.rows.drain(..count).collect();
        let end = match (&rows.end, rows.rows.is_empty()) {
            (Some(Ok(end)), true) => Some(*end),
            (Some(Err(_)), true) if count == 0 => return Err(rows.take_error()),
            _ => None,
        };
        Ok(Fetched { rows: fetched, end })
    }
}

impl Drop for RemoteCursor {
    fn drop(&mut self) {
        // Where another call reads the rest, it finds out that nobody wants it.
        if let Ok(mut rows) = self.rows.try_lock() {
            rows.close();
        }
    }
}

impl Stream {
    /// Makes the stream free for a call. A cursor in use is read to its end. One that was closed
    /// before may still run at the server; outside of a transaction it is left behind with the
    /// stream, in one the server ends it when it sees that nobody reads.
    pub(super) async fn settle_cursor(&mut self, server: &Arc<Server>, call: &Call) -> Result<()> {
        let Some(rows) = self.cursor.0.clone() else {
            return Ok(());
        };
        let read = until(call.deadline, async {
            let mut rows = rows.lock().await;
            while rows.end.is_none() && !rows.closed {
                if let Err(failed) = rows.more().await {
                    rows.fail(failed);
                }
            }
            rows.closed && rows.end.is_none()
        });
        let Some(unfinished) = read.await else {
            return Err(Failure::Timeout
                .error("a cursor on the connection was still being read at the deadline"));
        };
        self.cursor = OpenCursor::default();
        if unfinished && *self.transaction() == Transaction::None {
            self.leave(server);
        }
        Ok(())
    }

    /// All rows of a statement that only reads, however many.
    pub(super) async fn read_all(
        &mut self,
        server: &Arc<Server>,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<RemoteResult> {
        let mut rows = self.declare(server, work, call).await?;
        let read = by_deadline(server, call, async {
            while rows.end.is_none() {
                rows.more().await?;
            }
            Ok(())
        });
        read.await
            .map_err(|failed| outcome::in_autocommit(failed, work))?;
        if let Some(Err(refused)) = rows.end {
            return Err(refused.into_error());
        }
        Ok(RemoteResult {
            columns: rows.columns.unwrap_or_default(),
            rows: rows.rows.into(),
            autocommit: *self.transaction() == Transaction::None,
            ..RemoteResult::default()
        })
    }

    async fn declare(
        &mut self,
        server: &Arc<Server>,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<Rows> {
        match self.transaction().clone() {
            Transaction::Lost(reason) => Err(Error::TransactionLost { reason }),
            Transaction::Open { .. } => {
                by_deadline(server, call, self.declare_once(server, work, true))
                    .await
                    .map_err(|failed| self.failed_in_transaction(server, failed, work, false))
            }
            Transaction::None => {
                let mut sent_again = false;
                loop {
                    self.forget_stale();
                    match by_deadline(server, call, self.declare_once(server, work, false)).await {
                        Ok(rows) => return Ok(rows),
                        Err(failed) if sent_again || !failed.again(work) => {
                            return Err(outcome::in_autocommit(failed, work));
                        }
                        Err(_) => sent_again = true,
                    }
                }
            }
        }
    }

    async fn declare_once(
        &mut self,
        server: &Arc<Server>,
        work: &Work<'_>,
        in_transaction: bool,
    ) -> Result<Rows, Failed> {
        let message = CursorRequest {
            baton: self.baton(),
            batch: work.cursor(in_transaction),
        };
        let (sending, body) = self.send(server, CURSOR, &message, false).await?;
        let mut rows = Rows::new(work.sql(0), body);
        let head: CursorResponse = rows
            .message()
            .await?
            .ok_or_else(|| answer::cut("the answer is empty"))?;
        sending.arrived(head.baton, head.base_url)?;
        Ok(rows)
    }
}
