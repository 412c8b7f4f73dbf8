//! The rows of a cursor's answer, as they come over the network.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;

use super::answer::{self, Failed};
use super::cursor::CursorEnd;
use super::failure::Failure;
use super::http::innermost;
use super::protocol::{CursorEntry, CursorEntryKind, StepError};
use super::sql_error::{self, Refused};
use super::value::{RemoteColumn, decode_row};
use crate::error::Error;
use crate::value::Value;

#[derive(Debug)]
pub(super) struct Rows {
    pub sql: String,
    pub body: Option<Incoming>,
    pub buffer: BytesMut,
    pub columns: Option<Vec<RemoteColumn>>,
    pub rows: VecDeque<Vec<Value>>,
    pub end: Option<Result<CursorEnd, Refused>>,
    pub closed: bool,
}

impl Rows {
    pub(super) fn new(sql: &str, body: Incoming) -> Rows {
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

    /// Reads up to the first row, or to what the statement fails with before: the server tells of the
    /// columns before it looks at the parameters.
    pub(super) async fn begin(&mut self) -> Result<Result<(), Refused>, Failed> {
        while self.rows.is_empty() && self.end.is_none() {
            self.more().await?;
        }
        Ok(match self.end.take() {
            Some(Err(refused)) => Err(refused),
            end => {
                self.end = end;
                Ok(())
            }
        })
    }

    /// Takes in one more message.
    pub(super) async fn more(&mut self) -> Result<(), Failed> {
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
    pub(super) async fn message<M: Message + Default>(&mut self) -> Result<Option<M>, Failed> {
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

    /// Ends the rows where the answer broke off.
    pub(super) fn fail(&mut self, failed: Failed) {
        self.body = None;
        let error = match failed {
            Failed::NotRun(error) | Failed::Refused(error) | Failed::Cut(error) => error,
            Failed::StreamGone(reason) => Error::TransactionLost { reason },
            Failed::Unparsed(error) => sql_error::read(error, &self.sql).into_error(),
            Failed::Late => {
                Failure::Timeout.error("the server did not send rows within the deadline")
            }
        };
        self.end = Some(Err(Refused::Error(error)));
    }

    pub(super) fn take_error(&mut self) -> Error {
        match self.end.replace(Err(Refused::Error(Error::CursorClosed))) {
            Some(Err(refused)) => refused.into_error(),
            _ => Error::CursorClosed,
        }
    }

    pub(super) fn close(&mut self) {
        self.body = None;
        self.closed = true;
    }
}
