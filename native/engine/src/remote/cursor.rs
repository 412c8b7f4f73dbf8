//! Cursors: a statement's rows as they come, of which the server keeps none but the next.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;
use tokio::sync::Mutex;

use super::answer::{self, Failed};
use super::connection::RemoteConnection;
use super::failure::Failure;
use super::http::innermost;
use super::protocol::{CursorEntry, CursorEntryKind, CursorRequest, CursorResponse, StepError};
use super::run::{self, by_deadline, until};
use super::server::Server;
use super::sql_error::{self, Refused};
use super::stream::{Stream, Transaction};
use super::value::{RemoteColumn, RemoteParams, decode_row};
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

#[derive(Debug)]
pub(super) struct Rows {
    sql: String,
    body: Option<Incoming>,
    buffer: BytesMut,
    columns: Option<Vec<RemoteColumn>>,
    rows: VecDeque<Vec<Value>>,
    end: Option<Result<CursorEnd, Refused>>,
    closed: bool,
}

impl RemoteConnection {
    /// Runs a statement whose rows are fetched bit by bit.
    pub async fn cursor(
        &self,
        sql: &str,
        params: RemoteParams,
        call: &Call,
    ) -> Result<RemoteCursor> {
        let given = params.clone();
        let mut work = Work::statement(sql, params)?;
        if work.kind() == Kind::Begin || work.ends_transaction() {
            return Err(Error::InvalidArgument(
                "a transaction is not begun or ended through a cursor".to_owned(),
            ));
        }
        let mut stream = self.stream(call).await?;
        self.check_may_write(&mut stream, sql, call).await?;
        let mut fitted = false;
        loop {
            let mut rows = stream.declare(&self.server, &work, call).await?;
            match rows.begin(call).await {
                Ok(()) => {
                    let columns = rows.columns.clone().unwrap_or_default();
                    let rows = Arc::new(Mutex::new(rows));
                    stream.cursor = OpenCursor(Some(rows.clone()));
                    return Ok(RemoteCursor { columns, rows });
                }
                Err(Refused::Parameters(_)) if !fitted => {
                    let params = self.fit(&mut stream, sql, given.clone(), call).await?;
                    work = Work::statement(sql, params)?;
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
            match by_deadline(call, rows.more()).await {
                Ok(()) => {}
                // The rest can still come.
                Err(Failed::Late) => return Err(late()),
                Err(failed) => rows.fail(failed),
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
    pub(super) async fn settle_cursor(&mut self, call: &Call) -> Result<()> {
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
            self.forget();
        }
        Ok(())
    }

    async fn declare(&mut self, server: &Server, work: &Work<'_>, call: &Call) -> Result<Rows> {
        match self.transaction().clone() {
            Transaction::Lost(reason) => Err(Error::TransactionLost { reason }),
            Transaction::Open { .. } => by_deadline(call, self.declare_once(server, work, true))
                .await
                .map_err(|failed| self.failed_in_transaction(failed, work)),
            Transaction::None => {
                let mut sent_again = false;
                loop {
                    self.forget_stale();
                    match by_deadline(call, self.declare_once(server, work, false)).await {
                        Ok(rows) => return Ok(rows),
                        Err(failed) if sent_again || !failed.again(work) => {
                            return Err(run::in_autocommit(failed, work));
                        }
                        Err(_) => sent_again = true,
                    }
                }
            }
        }
    }

    async fn declare_once(
        &mut self,
        server: &Server,
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
        sending.arrived(server, head.baton, head.base_url)?;
        Ok(rows)
    }
}

impl Rows {
    fn new(sql: &str, body: Incoming) -> Rows {
        Rows {
            sql: sql.to_owned(),
            body: Some(body),
            buffer: BytesMut::new(),
            columns: None,
            rows: VecDeque::new(),
            end: None,
            closed: false,
        }
    }

    /// Reads up to the columns, or to what the statement fails with before it has any.
    async fn begin(&mut self, call: &Call) -> Result<(), Refused> {
        while self.columns.is_none() && self.end.is_none() {
            if let Err(failed) = by_deadline(call, self.more()).await {
                self.fail(failed);
            }
        }
        match self.end.take() {
            Some(Err(refused)) => Err(refused),
            end => {
                self.end = end;
                Ok(())
            }
        }
    }

    /// Takes in one more message.
    async fn more(&mut self) -> Result<(), Failed> {
        let Some(entry) = self.message::<CursorEntry>().await? else {
            let skipped = "the server is not in it any more".to_owned();
            self.end.get_or_insert(Err(Refused::RolledBack(skipped)));
            return Ok(());
        };
        match entry.kind {
            Some(CursorEntryKind::StepBegin(begin)) => {
                self.columns = Some(begin.cols.into_iter().map(RemoteColumn::from).collect());
            }
            Some(CursorEntryKind::Row(row)) => {
                self.rows
                    .push_back(decode_row(row).map_err(answer::nonsense)?);
            }
            Some(CursorEntryKind::StepEnd(end)) => {
                self.end = Some(Ok(CursorEnd {
                    affected_rows: end.affected_row_count,
                    last_insert_rowid: end.last_insert_rowid,
                }));
            }
            Some(CursorEntryKind::StepError(StepError { error, .. }))
            | Some(CursorEntryKind::Error(error)) => {
                self.end = Some(Err(sql_error::read(error, &self.sql)));
            }
            // The replication index, and what later servers may add.
            None => {}
        }
        if self.end.is_some() {
            self.drain().await;
        }
        Ok(())
    }

    /// Reads what comes after the end, so that the connection can be used again.
    async fn drain(&mut self) {
        while let Ok(Some(_)) = self.message::<CursorEntry>().await {}
        self.body = None;
    }

    /// The next message with its length before it; `None`: there is none.
    async fn message<M: Message + Default>(&mut self) -> Result<Option<M>, Failed> {
        loop {
            if let Some(length) = self.complete()? {
                let bytes = self.buffer.split_to(length);
                return M::decode_length_delimited(bytes)
                    .map(Some)
                    .map_err(answer::nonsense);
            }
            let Some(body) = &mut self.body else {
                return Ok(None);
            };
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(answer::cut(&innermost(&error).to_string())),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(answer::cut("it ends in the middle of a message")),
            }
        }
    }

    /// The length of the first message with its length, if all of it is there.
    fn complete(&self) -> Result<Option<usize>, Failed> {
        let mut ahead = &self.buffer[..];
        let prefix = &self.buffer[..self.buffer.len().min(10)];
        if prefix.len() < 10 && prefix.iter().all(|byte| byte & 0x80 != 0) {
            return Ok(None);
        }
        let length = prost::decode_length_delimiter(&mut ahead).map_err(answer::nonsense)?;
        let whole = (self.buffer.len() - ahead.remaining()).saturating_add(length);
        Ok((whole <= self.buffer.len()).then_some(whole))
    }

    /// Ends the rows where the answer broke off. The statement's error is the connection's.
    fn fail(&mut self, failed: Failed) {
        self.body = None;
        let error = match failed {
            Failed::NotRun(error) | Failed::Refused(error) | Failed::Cut(error) => error,
            Failed::StreamGone(reason) => Error::TransactionLost { reason },
            Failed::Late => {
                Failure::Timeout.error("the server did not send rows within the deadline")
            }
        };
        self.end = Some(Err(Refused::Error(error)));
    }

    fn take_error(&mut self) -> Error {
        match self.end.replace(Err(Refused::Error(Error::CursorClosed))) {
            Some(Err(Refused::Error(error) | Refused::Parameters(error))) => error,
            Some(Err(Refused::RolledBack(reason))) => Error::TransactionLost { reason },
            _ => Error::CursorClosed,
        }
    }

    fn close(&mut self) {
        self.body = None;
        self.closed = true;
    }
}
