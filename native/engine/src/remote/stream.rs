//! A stream as this side knows it: its baton, its stored texts, and whether a transaction is open.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use prost::Message;
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::answer::{self, Failed};
use super::beforehand::Parsed;
use super::cursor::OpenCursor;
use super::failure::Failure;
use super::http::Broken;
use super::protocol::{
    Empty, PipelineRequest, PipelineResponse, Request, RequestKind, StreamResult,
};
use super::run::by_deadline;
use super::runtime::spawn;
use super::server::{PIPELINE, Server};
use super::texts::Texts;
use crate::error::Error;
use crate::local::Call;

/// sqld closes a stream after ten seconds without a request. One that is nearly as old is not
/// worth a request that would only tell that it is gone.
const STALE: Duration = Duration::from_secs(8);

/// How long a stream that was left tries to say so.
const CLOSING: Duration = Duration::from_secs(5);
const CLOSING_AGAIN: Duration = Duration::from_millis(100);

/// The transaction of a stream, as its caller knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transaction {
    None,
    Open {
        read_only: bool,
        /// SAVEPOINT began it, so that RELEASE can commit it.
        by_savepoint: bool,
    },
    /// Rolled back, for this reason, without the caller's doing.
    Lost(String),
}

/// What can be asked of a connection while a call runs on it.
#[derive(Debug, Default)]
pub(super) struct Status {
    in_transaction: AtomicBool,
    lost: AtomicBool,
    /// 0: none yet.
    replication_index: AtomicU64,
}

impl Status {
    /// Not the highest one: a server may be created anew.
    pub(super) fn replication_index(&self) -> Option<u64> {
        match self.replication_index.load(Acquire) {
            0 => None,
            index => Some(index),
        }
    }

    pub(super) fn autocommit(&self) -> bool {
        !self.in_transaction.load(Acquire)
    }

    pub(super) fn lost(&self) -> bool {
        self.lost.load(Acquire)
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    status: Arc<Status>,
    transaction: Transaction,
    baton: Option<String>,
    moved: Option<Address>,
    used: Instant,
    pub texts: Texts,
    pub cursor: OpenCursor,
    pub parsed: Parsed,
}

impl Stream {
    pub(super) fn new(status: Arc<Status>) -> Stream {
        Stream {
            status,
            transaction: Transaction::None,
            baton: None,
            moved: None,
            used: Instant::now(),
            texts: Texts::default(),
            cursor: OpenCursor::default(),
            parsed: Parsed::default(),
        }
    }

    pub(super) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    pub(super) fn set_transaction(&mut self, transaction: Transaction) {
        let is_open = matches!(transaction, Transaction::Open { .. });
        let lost = matches!(transaction, Transaction::Lost(_));
        self.transaction = transaction;
        self.status.in_transaction.store(is_open || lost, Release);
        self.status.lost.store(lost, Release);
    }

    pub(super) fn note_replication_index(&self, index: Option<u64>) {
        if let Some(index) = index {
            self.status.replication_index.store(index, Release);
        }
    }

    /// Whether the server may have something of this stream.
    fn is_open(&self) -> bool {
        self.baton.is_some()
    }

    pub(super) fn baton(&self) -> Option<String> {
        self.baton.clone()
    }

    /// Gives the stream up. What it had open at the server, the server ends.
    pub(super) fn forget(&mut self) {
        self.baton = None;
        self.moved = None;
        self.texts = Texts::default();
        self.cursor = OpenCursor::default();
    }

    /// Ends the stream at the server, too, if it can be reached.
    pub(super) async fn close(&mut self, server: &Arc<Server>, call: &Call) {
        self.set_transaction(Transaction::None);
        self.cursor = OpenCursor::default();
        if self.is_open() {
            let close = vec![RequestKind::Close(Empty {}).into()];
            if let Err(error) = by_deadline(server, call, self.pipeline(server, close, true)).await
            {
                tracing::debug!(?error, "the server was not told that a stream is over");
            }
        }
        self.forget();
    }

    /// As [`forget`](Stream::forget), and lets the server know in the background: it has few
    /// streams, and one in a transaction may hold the lock.
    pub(super) fn leave(&mut self, server: &Arc<Server>) {
        let (baton, moved) = (self.baton.take(), self.moved.take());
        self.forget();
        let Some(baton) = baton else { return };
        let server = server.clone();
        let closing = spawn(async move {
            let told = timeout(CLOSING, tell_it_is_over(&server, baton, moved)).await;
            if told.is_err() {
                tracing::debug!("a stream is left to its server");
            }
        });
        if let Err(error) = closing {
            tracing::debug!(%error, "a stream is left to its server");
        }
    }

    pub(super) fn forget_stale(&mut self) {
        if self.transaction == Transaction::None && self.used.elapsed() > STALE {
            self.forget();
        }
    }

    /// Sends requests and waits for their results. A stream whose answer does not come, also
    /// because this future is dropped, is given up.
    ///
    /// `ends`: the requests can end an open transaction, so that afterwards none is open.
    pub(super) async fn pipeline(
        &mut self,
        server: &Arc<Server>,
        requests: Vec<Request>,
        ends: bool,
    ) -> Result<Vec<StreamResult>, Failed> {
        let count = requests.len();
        let message = PipelineRequest {
            baton: self.baton.clone(),
            requests,
        };
        let (sending, body) = self.send(server, PIPELINE, &message, ends).await?;
        let bytes = answer::read(body).await?;
        let answer = PipelineResponse::decode(bytes).map_err(answer::nonsense)?;
        if answer.results.len() != count {
            return Err(answer::nonsense(format!(
                "{} results for {count} requests",
                answer.results.len()
            )));
        }
        sending.arrived(answer.baton, answer.base_url)?;
        Ok(answer.results)
    }

    /// Sends a request, and hands back the answer's body with what gives the stream up unless the
    /// body's beginning, too, [arrives](Sending::arrived).
    pub(super) async fn send<'s>(
        &'s mut self,
        server: &'s Arc<Server>,
        endpoint: &str,
        message: &impl Message,
        ends: bool,
    ) -> Result<(Sending<'s>, hyper::body::Incoming), Failed> {
        let mut sending = Sending {
            stream: self,
            server,
            ends,
            state: Sent::Unanswered,
        };
        let moved = sending.stream.moved.as_ref();
        let response = match server.post(moved, endpoint, message).await {
            Ok(Ok(response)) => response,
            Ok(Err(broken @ Broken::Cut(_))) => return Err(answer::broken(broken)),
            Ok(Err(broken @ Broken::NotSent(..))) => {
                sending.unsent();
                return Err(answer::broken(broken));
            }
            Err(error) => {
                sending.unsent();
                return Err(Failed::NotRun(error));
            }
        };
        sending.state = Sent::Answered;
        match answer::success(response).await {
            Ok(body) => Ok((sending, body)),
            Err(failed) => {
                if let Failed::NotRun(_) = failed {
                    sending.unsent();
                }
                Err(failed)
            }
        }
    }
}

/// Ends a stream at the server. Where it cannot be reached, that is tried again, so that a network
/// that was gone for a moment does not leave a transaction behind.
async fn tell_it_is_over(server: &Arc<Server>, baton: String, moved: Option<Address>) {
    loop {
        let mut left = Stream {
            baton: Some(baton.clone()),
            moved: moved.clone(),
            ..Stream::new(Arc::default())
        };
        let close = vec![RequestKind::Close(Empty {}).into()];
        // Its breaker has no part in it: it counts what callers ask for.
        match left.pipeline(server, close, true).await {
            Err(Failed::Cut(_)) => {}
            Err(Failed::NotRun(Error::Remote {
                failure: Failure::ConnectionRefused,
                ..
            })) => {}
            _ => return,
        }
        sleep(CLOSING_AGAIN).await;
    }
}

/// A request under way.
pub(super) struct Sending<'s> {
    stream: &'s mut Stream,
    server: &'s Arc<Server>,
    ends: bool,
    state: Sent,
}

#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// The server may not have seen it.
    Unanswered,
    /// The server does not know the baton any more that was sent.
    Answered,
    Done,
}

impl Sending<'_> {
    fn unsent(mut self) {
        self.state = Sent::Done;
        self.stream.texts.give_up();
    }

    pub(super) fn arrived(
        mut self,
        baton: Option<String>,
        base_url: Option<String>,
    ) -> Result<(), Failed> {
        if let Some(base_url) = base_url {
            self.stream.moved = Some(self.server.moved(&base_url).map_err(answer::nonsense)?);
        }
        self.state = Sent::Done;
        self.stream.used = Instant::now();
        if baton.is_none() {
            self.stream.forget();
        }
        self.stream.baton = baton;
        Ok(())
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if self.state == Sent::Done {
            return;
        }
        if !matches!(self.stream.transaction, Transaction::Open { .. }) {
            return self.stream.forget();
        }
        match self.state {
            Sent::Unanswered => self.stream.leave(self.server),
            Sent::Answered | Sent::Done => self.stream.forget(),
        }
        self.stream.set_transaction(match self.ends {
            true => Transaction::None,
            false => Transaction::Lost("a call in it has no answer".to_owned()),
        });
    }
}
