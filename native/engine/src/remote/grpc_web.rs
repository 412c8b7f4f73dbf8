//! gRPC-web over HTTP/1.1: how a server's replication service is asked.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use prost::Message;
use prost::encoding::decode_varint;
use tokio::time::timeout;

use super::RemoteOptions;
use super::address::percent_decoded;
use super::answer::{self, Failed};
use super::failure::Failure;
use super::http::innermost;
use super::outcome::nonsense;
use super::server::Server;
use crate::error::{Error, Result};

const KIND: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");
const GRPC_WEB: HeaderName = HeaderName::from_static("x-grpc-web");
/// What libSQL's server reads a token from in this protocol.
const TOKEN: HeaderName = HeaderName::from_static("x-authorization");
const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-libsql-client-version"),
    HeaderValue::from_static(concat!("ecto-libsql-", env!("CARGO_PKG_VERSION"))),
);

const ENVELOPE: usize = 5;
const COMPRESSED: u8 = 0x01;
const TRAILERS: u8 = 0x80;
/// The longest list of trailers that is read.
const MAX_TRAILERS: usize = 64 * 1024;

/// A server's gRPC services.
#[derive(Debug)]
pub(crate) struct GrpcWeb {
    server: Server,
    /// How long the server may take for an answer's beginning, and for each part of it.
    silence: Duration,
}

/// Why there is no answer, or not all of it.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The service's own word: a code of gRPC and a message.
    Status(u32, String),
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Error(error)
    }
}

impl GrpcWeb {
    pub(crate) fn new(options: RemoteOptions, silence: Duration) -> Result<GrpcWeb> {
        Ok(GrpcWeb {
            server: Server::new(options)?,
            silence,
        })
    }

    pub(crate) fn set_token(&self, token: Option<String>) -> Result<()> {
        self.server.set_token(token)
    }

    /// Calls a method, e.g. `/package.Service/Method`, with these headers besides the usual ones.
    pub(crate) async fn call(
        &self,
        method: &str,
        message: &impl Message,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<GrpcAnswer, Refused> {
        let length = u32::try_from(message.encoded_len()).unwrap_or(u32::MAX);
        let mut body = BytesMut::with_capacity(ENVELOPE + message.encoded_len());
        body.put_u8(0);
        body.put_u32(length);
        body.put_slice(&message.encode_to_vec());
        let namespace = self.server.namespace_header()?;
        let all = |all: &mut HeaderMap| {
            all.insert(CONTENT_TYPE, KIND);
            all.insert(ACCEPT, KIND);
            all.insert(GRPC_WEB, HeaderValue::from_static("1"));
            all.insert(VERSION.0, VERSION.1);
            if let Some(token) = all.get(AUTHORIZATION).cloned() {
                all.insert(TOKEN, token);
            }
            all.insert(namespace.0, namespace.1);
            all.extend(headers.iter().cloned());
        };
        let body = body.freeze();
        let begun = timeout(self.silence, self.begin(method, all, body));
        let begun = async { begun.await.unwrap_or(Err(Failed::Late)) };
        let response = match self.server.guarded(begun).await {
            Ok(response) => response,
            Err(Failed::Late) => return Err(silent(self.silence).into()),
            Err(error) => return Err(failed(error).into()),
        };
        if let Some(status) = status(response.headers()) {
            status?;
        }
        match answered(response, self.silence).await? {
            Some(body) => Ok(GrpcAnswer {
                body,
                buffer: BytesMut::new(),
                left: 0,
                silence: self.silence,
            }),
            None => Err(nonsense("it is no answer of gRPC-web".to_owned()).into()),
        }
    }
}

impl GrpcWeb {
    /// The beginning of an answer; an error where it says that the server is not there.
    async fn begin(
        &self,
        method: &str,
        headers: impl FnOnce(&mut HeaderMap),
        body: Bytes,
    ) -> Result<Response<Incoming>, Failed> {
        let sent = self.server.post_with(method, headers, body).await;
        let response = sent.map_err(Failed::NotRun)?.map_err(answer::broken)?;
        if response.status().is_server_error() {
            drop(answer::success(response).await?);
            return Err(answer::nonsense("an error that is none"));
        }
        Ok(response)
    }
}

/// The body of a successful answer, which may be of another protocol.
async fn answered(
    response: Response<Incoming>,
    silence: Duration,
) -> Result<Option<Incoming>, Refused> {
    let kind = response.headers().get(CONTENT_TYPE).cloned();
    if response.status() != StatusCode::OK {
        let error = timeout(silence, answer::success(response)).await;
        return match error {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(error)) => Err(failed(error).into()),
            Err(_) => Err(silent(silence).into()),
        };
    }
    let known = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc-web"));
    Ok(known.then(|| response.into_body()))
}

/// An answer that is read as it comes.
#[derive(Debug)]
pub(crate) struct GrpcAnswer {
    body: Incoming,
    buffer: BytesMut,
    /// Bytes of the message whose elements are being read.
    left: usize,
    silence: Duration,
}

impl GrpcAnswer {
    /// The next message of the answer, of no more than `limit` bytes; `None`: there is none, and
    /// the answer is complete.
    pub(crate) async fn message(&mut self, limit: usize) -> Result<Option<Bytes>, Refused> {
        let Some(length) = self.envelope().await? else {
            return Ok(None);
        };
        if length > limit {
            return Err(too_long(length, limit).into());
        }
        self.take(length).await.map(Some)
    }

    /// The next element of the answer's one message, which is a list of messages in its field 1;
    /// each of no more than `limit` bytes. `None`: there is none, and the answer is complete.
    pub(crate) async fn element(&mut self, limit: usize) -> Result<Option<Bytes>, Refused> {
        while self.left == 0 {
            match self.envelope().await? {
                Some(length) => self.left = length,
                None => return Ok(None),
            }
        }
        // A tag of one byte, and a length of no more than five.
        let begin = self.left.min(6);
        self.fill(begin).await?;
        let mut head = &self.buffer[..begin];
        if head.get_u8() != 0x0a {
            return Err(nonsense("a list with an unknown field".to_owned()).into());
        }
        let length = decode_varint(&mut head)
            .ok()
            .and_then(|length| usize::try_from(length).ok())
            .ok_or_else(|| nonsense("a list whose element has no length".to_owned()))?;
        let prefix = begin - head.len();
        if length > limit {
            return Err(too_long(length, limit).into());
        }
        if prefix + length > self.left {
            return Err(nonsense("an element longer than its list".to_owned()).into());
        }
        self.buffer.advance(prefix);
        let element = self.take(length).await?;
        self.left -= prefix + length;
        Ok(Some(element))
    }

    /// The length of the next message; `None` at the end of an answer that is complete.
    async fn envelope(&mut self) -> Result<Option<usize>, Refused> {
        let mut envelope = self.take(ENVELOPE).await?;
        let flags = envelope.get_u8();
        let length = envelope.get_u32() as usize;
        if flags & COMPRESSED != 0 {
            return Err(nonsense("it is compressed, for which nobody asked".to_owned()).into());
        }
        if flags & TRAILERS == 0 {
            return Ok(Some(length));
        }
        if length > MAX_TRAILERS {
            return Err(too_long(length, MAX_TRAILERS).into());
        }
        let trailers = self.take(length).await?;
        match status(&headers(&trailers)) {
            Some(status) => status.map(|()| None),
            None => Err(nonsense("it ends without a status".to_owned()).into()),
        }
    }

    async fn take(&mut self, length: usize) -> Result<Bytes, Refused> {
        self.fill(length).await?;
        Ok(self.buffer.split_to(length).freeze())
    }

    /// Reads until there are so many bytes.
    async fn fill(&mut self, length: usize) -> Result<()> {
        while self.buffer.len() < length {
            let part = timeout(self.silence, self.body.frame())
                .await
                .map_err(|_| silent(self.silence))?;
            match part {
                Some(Ok(part)) => {
                    if let Ok(data) = part.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(cut(&innermost(&error).to_string())),
                None => return Err(cut("it ended too early")),
            }
        }
        Ok(())
    }
}

/// What the headers or trailers say of the call; `None`: nothing.
fn status(headers: &HeaderMap) -> Option<Result<(), Refused>> {
    let code = headers.get("grpc-status")?.to_str().ok()?;
    let message = headers
        .get("grpc-message")
        .map(|message| percent_decoded(&String::from_utf8_lossy(message.as_bytes())));
    Some(match code.trim().parse() {
        Ok(0) => Ok(()),
        Ok(code) => Err(Refused::Status(code, message.unwrap_or_default())),
        Err(_) => Err(nonsense(format!("grpc-status {code:?}")).into()),
    })
}

fn headers(trailers: &[u8]) -> HeaderMap {
    let lines = trailers.split(|byte| *byte == b'\n');
    let pairs = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii()).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        Some((name, value))
    });
    pairs.collect()
}

fn failed(failed: Failed) -> Error {
    match failed {
        Failed::NotRun(error) | Failed::Refused(error) | Failed::Cut(error) => error,
        Failed::StreamGone(reason) => Failure::Server.error(reason),
        Failed::Unparsed(error) => Failure::Server.error(error.message),
        Failed::Late => Failure::Timeout.error("the server did not answer in time"),
    }
}

fn silent(silence: Duration) -> Error {
    Failure::Timeout.error(format!(
        "the server has sent nothing for {} ms",
        silence.as_millis()
    ))
}

fn cut(reason: &str) -> Error {
    Failure::ConnectionLost.error(format!(
        "the connection was lost in the middle of an answer: {reason}"
    ))
}

fn too_long(length: usize, limit: usize) -> Error {
    nonsense(format!(
        "a message of {length} bytes, where {limit} is much"
    ))
}
