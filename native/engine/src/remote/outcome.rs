//! Errors of requests without an answer: each says what is known of the outcome.

use super::answer::Failed;
use super::failure::Failure;
use super::protocol::ServerError;
use super::sql_error;
use super::work::Work;
use crate::error::Error;
use crate::keyword::Kind;

pub(super) fn in_autocommit(failed: Failed, work: &Work<'_>) -> Error {
    let reads = work.kind() == Kind::Read;
    match failed {
        Failed::NotRun(error) => about(error, work),
        Failed::Refused(error) | Failed::Cut(error) if !reads => about(unknown(error), work),
        Failed::Refused(error) | Failed::Cut(error) => about(error, work),
        Failed::StreamGone(reason) => about(
            Failure::Server.error(format!("the server closes each stream at once: {reason}")),
            work,
        ),
        Failed::Unparsed(error) => unparsed(error, work),
        Failed::Late if reads => late(work),
        Failed::Late => unknown(late(work)),
    }
}

pub(super) fn late(work: &Work<'_>) -> Error {
    about(
        Failure::Timeout.error("the server did not answer within the deadline"),
        work,
    )
}

fn unknown(error: Error) -> Error {
    match error {
        Error::Remote {
            failure,
            message,
            statement,
        } => Error::Remote {
            failure,
            message: format!("{message}; whether the statement was run is unknown"),
            statement,
        },
        error => error,
    }
}

pub(super) fn unknown_end(error: &Error, work: &Work<'_>) -> Error {
    about(commit_unknown(error), work)
}

pub(super) fn commit_unknown(error: &Error) -> Error {
    Failure::CommitUnknown.error(format!(
        "whether the transaction was committed is unknown: {error}"
    ))
}

pub(super) fn unparsed(error: ServerError, work: &Work<'_>) -> Error {
    sql_error::read(error, work.sql(0)).into_error()
}

/// The error with the SQL that it is about.
pub(super) fn about(error: Error, work: &Work<'_>) -> Error {
    error.with_statement(work.sql(0))
}

/// The error of an answer that makes no sense.
pub(super) fn nonsense(reason: String) -> Error {
    Failure::Protocol.error(format!("the server's answer makes no sense: {reason}"))
}
