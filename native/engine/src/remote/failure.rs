//! What can go wrong between here and a server, each with the name that its error has in Elixir.

use crate::error::Error;

/// The kinds of [`Error::Remote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection to the server: nothing was sent.
    ConnectionRefused,
    /// The server's name has no address: nothing was sent.
    HostNotFound,
    /// The TLS handshake failed, e.g. over the server's certificate: nothing was sent.
    Tls,
    /// No answer, and none can come any more. Whether a write was done is unknown.
    ConnectionLost,
    /// No answer within the call's deadline. Whether a write was done is unknown.
    Timeout,
    /// COMMIT was sent, and its answer never came: whether the transaction was committed is
    /// unknown.
    CommitUnknown,
    /// The token is missing, wrong or expired.
    Unauthorized,
    /// The token does not allow this.
    Forbidden,
    /// The server has no such database, or does not speak Hrana 3.
    NotFound,
    /// The server has too much to do.
    Overloaded,
    /// The server answered with an error of its own. Whether a write was done is unknown.
    Server,
    /// The answer makes no sense. Whether a write was done is unknown.
    Protocol,
    /// The result is larger than the server hands over.
    ResponseTooLarge,
    /// The server's owner has blocked reads or writes.
    Blocked,
    /// The server has not answered for a while, and is not asked: nothing was sent.
    CircuitOpen,
    /// This system cannot make network calls.
    Network,
}

impl Failure {
    pub fn code(self) -> &'static str {
        match self {
            Failure::ConnectionRefused => "connection_refused",
            Failure::HostNotFound => "host_not_found",
            Failure::Tls => "tls",
            Failure::ConnectionLost => "connection_lost",
            Failure::Timeout => "timeout",
            Failure::CommitUnknown => "commit_unknown",
            Failure::Unauthorized => "unauthorized",
            Failure::Forbidden => "forbidden",
            Failure::NotFound => "not_found",
            Failure::Overloaded => "overloaded",
            Failure::Server => "server_error",
            Failure::Protocol => "protocol_error",
            Failure::ResponseTooLarge => "response_too_large",
            Failure::Blocked => "blocked",
            Failure::CircuitOpen => "circuit_open",
            Failure::Network => "network",
        }
    }

    pub(crate) fn error(self, message: impl Into<String>) -> Error {
        Error::Remote {
            failure: self,
            message: message.into(),
            statement: None,
        }
    }
}
