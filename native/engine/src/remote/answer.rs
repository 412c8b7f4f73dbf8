//! What a server answered, or why there is no answer.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use prost::Message;

use super::failure::Failure;
use super::http::{Broken, innermost};
use super::protocol::ServerError;
use crate::error::Error;

/// A request without an answer to go by, with what became of it.
#[derive(Debug)]
pub(super) enum Failed {
    /// It never came to the stream, which is as it was.
    NotRun(Error),
    /// The server does not know the stream: nothing was run.
    StreamGone(String),
    /// The SQL of a cursor does not parse, at which sqld gives up the stream.
    Unparsed(ServerError),
    /// The server's answer is an error. The stream is gone, too.
    Refused(Error),
    /// The answer was lost on the way.
    Cut(Error),
    /// The deadline passed while the answer was waited for.
    Late,
}

pub(super) fn broken(broken: Broken) -> Failed {
    match broken {
        Broken::NotSent(failure, reason) => Failed::NotRun(failure.error(match failure {
            Failure::HostNotFound => format!("the server's name was not found: {reason}"),
            Failure::Tls => format!("no secure connection to the server: {reason}"),
            _ => format!("no connection to the server: {reason}"),
        })),
        Broken::Cut(reason) => cut(&reason),
    }
}

pub(super) fn cut(reason: &str) -> Failed {
    Failed::Cut(Failure::ConnectionLost.error(format!(
        "the connection was lost before the answer came: {reason}"
    )))
}

pub(super) fn nonsense(reason: impl std::fmt::Display) -> Failed {
    Failed::Refused(super::outcome::nonsense(reason.to_string()))
}

/// The answer's body, not yet read, of a request that succeeded.
pub(super) async fn success(response: Response<Incoming>) -> Result<Incoming, Failed> {
    let status = response.status();
    let protobuf = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == b"application/x-protobuf");
    if status == StatusCode::OK {
        return Ok(response.into_body());
    }
    // What came with an error is worth reading, not waiting for.
    let body = read(response.into_body()).await.unwrap_or_default();
    Err(refused(status, protobuf, &body))
}

pub(super) async fn read(body: Incoming) -> Result<Bytes, Failed> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(cut(&innermost(&error).to_string())),
    }
}

fn refused(status: StatusCode, protobuf: bool, body: &[u8]) -> Failed {
    let error = match protobuf {
        true => ServerError::decode(body).unwrap_or_default(),
        false => ServerError {
            message: plain(&String::from_utf8_lossy(body)),
            code: String::new(),
        },
    };
    let message = error.message;
    if status == StatusCode::BAD_REQUEST
        && (error.code == "STREAM_EXPIRED" || UNKNOWN_STREAM.contains(&message.as_str()))
    {
        return Failed::StreamGone(message);
    }
    if let Some(error) = unparsed(&message) {
        return Failed::Unparsed(error);
    }
    let failure = match status.as_u16() {
        401 => Failure::Unauthorized,
        403 => Failure::Forbidden,
        404 => Failure::NotFound,
        429 => Failure::Overloaded,
        400..500 => Failure::Protocol,
        500..600 => Failure::Server,
        _ => return nonsense(format!("status {status}")),
    };
    let error = failure.error(match message.is_empty() {
        true => format!("the server refused the request: {status}"),
        false => format!("the server refused the request: {message} ({status})"),
    });
    match status.as_u16() {
        401 | 403 | 404 | 429 => Failed::NotRun(error),
        _ => Failed::Refused(error),
    }
}

/// What sqld says (`hrana/mod.rs`, `ProtocolError`) when it looks the stream up, which it does
/// before it runs anything.
const UNKNOWN_STREAM: [&str; 2] = [
    "Received an invalid baton",
    "Received a baton that has already been used",
];

/// The error of a statement that comes as one of the server.
fn unparsed(message: &str) -> Option<ServerError> {
    let message = message
        .strip_prefix("Internal Error: `")?
        .strip_suffix('`')?;
    let code = UNPARSED
        .iter()
        .find(|(start, _)| message.starts_with(start))
        .map(|(_, code)| (*code).to_owned())?;
    let message = message.to_owned();
    Some(ServerError { message, code })
}

const UNPARSED: [(&str, &str); 3] = [
    ("SQL string could not be parsed: ", "SQL_PARSE_ERROR"),
    (
        "SQL string does not contain any statement",
        "SQL_NO_STATEMENT",
    ),
    (
        "SQL string contains more than one statement",
        "SQL_MANY_STATEMENTS",
    ),
];

/// The text of an error that comes as `{"error":"…"}`, or as it is.
fn plain(body: &str) -> String {
    let body = body.trim();
    body.strip_prefix("{\"error\":\"")
        .and_then(|rest| rest.strip_suffix("\"}"))
        .map_or_else(|| body.to_owned(), |text| text.replace("\\\"", "\""))
        .chars()
        .take(500)
        .collect()
}
