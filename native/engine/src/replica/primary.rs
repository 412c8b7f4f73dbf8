//! The primary's replication service: libSQL's `wal_log.ReplicationLog`, version 1.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use prost::Message;
use uuid::Uuid;

use super::frame::Frame;
use crate::error::{Error, Result};
use crate::remote::{Failure, GrpcAnswer, GrpcWeb, Refused, RemoteOptions};

const SESSION: HeaderName = HeaderName::from_static("x-session-token");
/// The longest message that is no list of frames; a frame has 4120 bytes and a little around them.
const LIMIT: usize = 64 * 1024;

#[derive(Clone, PartialEq, Message)]
struct HelloRequest {
    #[prost(uint64, optional, tag = "1")]
    handshake_version: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct HelloResponse {
    #[prost(string, tag = "3")]
    log_id: String,
    #[prost(bytes = "bytes", tag = "4")]
    session_token: Bytes,
    #[prost(uint64, optional, tag = "5")]
    current_replication_index: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct LogOffset {
    #[prost(uint64, tag = "1")]
    next_offset: u64,
}

#[derive(Clone, PartialEq, Message)]
struct WireFrame {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

#[derive(Debug)]
pub(super) struct Primary {
    grpc: GrpcWeb,
    session: Mutex<Option<HeaderValue>>,
}

/// What the primary says of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hello {
    pub log: Uuid,
    /// Its last frame; `None`: it has none.
    pub frame: Option<u64>,
}

/// Why there are no frames.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The primary wants to be greeted first: it was restarted, or its configuration has changed.
    NoHello,
    /// The frames are not in its log any more, but in a snapshot.
    NeedSnapshot,
    /// The snapshot is being made.
    SnapshotPending,
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Error(error)
    }
}

impl Primary {
    pub(super) fn new(options: RemoteOptions, silence: Duration) -> Result<Primary> {
        Ok(Primary {
            grpc: GrpcWeb::new(options, silence)?,
            session: Mutex::default(),
        })
    }

    pub(super) fn set_token(&self, token: Option<String>) -> Result<()> {
        self.grpc.set_token(token)
    }

    pub(super) async fn hello(&self) -> Result<Hello> {
        let greeting = HelloRequest {
            handshake_version: Some(1),
        };
        let mut answer = self
            .ask("Hello", &greeting)
            .await
            .map_err(|trouble| self.error(trouble))?;
        let message = answer.message(LIMIT).await.map_err(refused);
        let message = message.map_err(|trouble| self.error(trouble))?;
        let hello = message
            .ok_or_else(|| nonsense("an empty answer to the greeting".to_owned()))
            .and_then(|message| {
                HelloResponse::decode(message).map_err(|it| nonsense(it.to_string()))
            })?;
        let log = Uuid::parse_str(&hello.log_id)
            .map_err(|_| nonsense(format!("the id of its log is {:?}", hello.log_id)))?;
        let session = HeaderValue::from_maybe_shared(hello.session_token)
            .map_err(|_| nonsense("its session token is no header".to_owned()))?;
        *self.session.lock() = Some(session);
        Ok(Hello {
            log,
            frame: hello.current_replication_index,
        })
    }

    /// The frames from a number on, as far as one answer has them: it ends with a transaction.
    pub(super) async fn entries(&self, from: u64) -> Result<Frames, Trouble> {
        let answer = self
            .ask("BatchLogEntries", &LogOffset { next_offset: from })
            .await?;
        Ok(Frames {
            answer,
            of: Kind::Log { next: from },
        })
    }

    /// The newest version of each page that was changed from a frame on, newest first.
    pub(super) async fn snapshot(&self, from: u64) -> Result<Frames, Trouble> {
        let answer = self
            .ask("Snapshot", &LogOffset { next_offset: from })
            .await?;
        Ok(Frames {
            answer,
            of: Kind::Snapshot { from, before: None },
        })
    }

    async fn ask(&self, method: &str, message: &impl Message) -> Result<GrpcAnswer, Trouble> {
        let session = self.session.lock().clone();
        let headers: Vec<_> = session.map(|token| (SESSION, token)).into_iter().collect();
        let method = format!("/wal_log.ReplicationLog/{method}");
        let answer = self.grpc.call(&method, message, &headers);
        answer.await.map_err(refused)
    }

    /// What is left of a trouble where nothing can be done about it.
    pub(super) fn error(&self, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Error(error) => error,
            Trouble::NoHello => Failure::Protocol.error("the primary forgets each handshake"),
            Trouble::NeedSnapshot => nonsense("it wants a snapshot to be asked for".to_owned()),
            Trouble::SnapshotPending => {
                Failure::Overloaded.error("the primary has not made its snapshot yet")
            }
        }
    }
}

#[derive(Debug)]
enum Kind {
    Log { next: u64 },
    Snapshot { from: u64, before: Option<u64> },
}

/// Frames as they come.
#[derive(Debug)]
pub(super) struct Frames {
    answer: GrpcAnswer,
    of: Kind,
}

impl Frames {
    /// The next frame; `None`: the answer is complete.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, Trouble> {
        let message = match &self.of {
            Kind::Log { .. } => self.answer.element(LIMIT).await,
            Kind::Snapshot { .. } => self.answer.message(LIMIT).await,
        };
        let Some(message) = message.map_err(refused)? else {
            return Ok(None);
        };
        let wire = WireFrame::decode(message).map_err(|error| nonsense(error.to_string()))?;
        let frame = Frame::parse(wire.data)?;
        let in_order = match &mut self.of {
            Kind::Log { next } => {
                let in_order = frame.number == *next;
                *next += 1;
                in_order
            }
            Kind::Snapshot { from, before } => {
                let in_order = before.is_none_or(|before| frame.number < before);
                *before = Some(frame.number);
                in_order && frame.number >= *from
            }
        };
        match in_order {
            true => Ok(Some(frame)),
            false => Err(nonsense(format!("frame {} is out of order", frame.number)).into()),
        }
    }
}

fn nonsense(reason: String) -> Error {
    Failure::Protocol.error(format!("the primary's answer makes no sense: {reason}"))
}

/// The codes are those of <https://grpc.io/docs/guides/status-codes/>; the messages sqld's.
fn refused(refused: Refused) -> Trouble {
    let (code, message) = match refused {
        Refused::Error(error) => return Trouble::Error(error),
        Refused::Status(code, message) => (code, message),
    };
    let failure = match (code, message.as_str()) {
        (9, "NO_HELLO") => return Trouble::NoHello,
        (9, "NEED_SNAPSHOT") => return Trouble::NeedSnapshot,
        (14, "snapshot not found") => return Trouble::SnapshotPending,
        (9, "NAMESPACE_DOESNT_EXIST") => Failure::NotFound,
        (16, _) => Failure::Unauthorized,
        (7, _) => Failure::Forbidden,
        (12, _) => Failure::NotFound,
        (4, _) => Failure::Timeout,
        (8 | 14, _) => Failure::Overloaded,
        // What sqld says of a header that is missing or no token.
        (13, message) if message.contains("auth header") => Failure::Unauthorized,
        _ => Failure::Server,
    };
    let message = match message.is_empty() {
        true => format!("the primary refused to replicate (gRPC status {code})"),
        false => format!("the primary refused to replicate: {message} (gRPC status {code})"),
    };
    Trouble::Error(failure.error(message))
}
