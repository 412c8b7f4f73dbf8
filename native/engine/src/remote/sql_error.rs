//! The one place that reads a server's error codes and messages.
//!
//! sqld (`libsql-server/src/hrana/stmt.rs`) sends the name of SQLite's primary code and a message
//! with a prefix of its own. The extended code of a constraint follows from SQLite's message.

use libsql::ffi;

use super::failure::Failure;
use super::protocol::ServerError;
use crate::error::{Error, SqliteError};

pub(super) const UNIQUE: i32 = ffi::SQLITE_CONSTRAINT_UNIQUE;
pub(super) const PRIMARY_KEY: i32 = ffi::SQLITE_CONSTRAINT_PRIMARYKEY;
pub(super) const ROWID: i32 = ffi::SQLITE_CONSTRAINT_ROWID;

/// What a server's error of a statement means here.
#[derive(Debug)]
pub(super) enum Refused {
    /// An error of the statement.
    Error(Error),
    /// The parameters do not fit: which, a description of the statement says better.
    Parameters(Error),
    /// The server has rolled the transaction back, e.g. because it took too long.
    RolledBack(String),
}

impl Refused {
    pub(super) fn into_error(self) -> Error {
        match self {
            Refused::Error(error) | Refused::Parameters(error) => error,
            Refused::RolledBack(reason) => Error::TransactionLost { reason },
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Error(error) | Refused::Parameters(error) => error.fmt(f),
            Refused::RolledBack(reason) => reason.fmt(f),
        }
    }
}

/// The functions of [`crate::local`] that queries call by themselves, e.g. for exact decimals.
fn only_local(name: &str) -> Error {
    Error::Unsupported(format!(
        "{name} is a function of this library: a server cannot call it, only a local database can"
    ))
}

/// What sqld's parser lets no client do, and what to do instead.
fn not_at_a_server(statement: &str) -> String {
    let first = statement.split_whitespace().next().unwrap_or_default();
    let why = match first.to_ascii_uppercase().as_str() {
        "VACUUM" | "ANALYZE" => "that is its operator's",
        "ATTACH" | "DETACH" => {
            "it has no other files; a namespace is attached as ATTACH \"name\" AS x"
        }
        "CREATE" => "its connections are not one client's, and have no temporary tables",
        "PRAGMA" => {
            "of the pragmas, clients may set foreign_keys, defer_foreign_keys and user_version"
        }
        _ => "only a local database does",
    };
    format!("unsupported statement: {statement}: a server does not run this ({why})")
}

pub(super) fn read(error: ServerError, sql: &str) -> Refused {
    let message = error.message;
    let sqlite = |extended_code, message: &str, offset| {
        Error::Sqlite(Box::new(SqliteError {
            extended_code,
            message: message.to_owned(),
            statement: Some(sql.to_owned()),
            offset,
        }))
    };
    let failed = |failure| Error::Remote {
        failure,
        message: message.clone(),
        statement: Some(sql.to_owned()),
    };
    Refused::Error(match error.code.as_str() {
        "SQL_INPUT_ERROR" => {
            let (message, offset) = input_error(&message);
            match message.strip_prefix("no such function: ") {
                Some(name) if name.starts_with("ecto_") => only_local(name),
                _ => sqlite(ffi::SQLITE_ERROR, message, offset),
            }
        }
        "SQL_PARSE_ERROR" => {
            let message = message
                .strip_prefix("SQL string could not be parsed: ")
                .unwrap_or(&message);
            match message.strip_prefix("unsupported statement: ") {
                Some(statement) => Error::Unsupported(not_at_a_server(statement)),
                None => sqlite(ffi::SQLITE_ERROR, message, None),
            }
        }
        "SQL_NO_STATEMENT" => Error::EmptyStatement,
        "SQL_MANY_STATEMENTS" => Error::MultipleStatements {
            statement: sql.to_owned(),
            offset: super::split::first_end(sql),
        },
        "ARGS_INVALID" => {
            return Refused::Parameters(sqlite(ffi::SQLITE_RANGE, &message, None));
        }
        "TRANSACTION_TIMEOUT" => return Refused::RolledBack(message),
        "TRANSACTION_BUSY" => sqlite(ffi::SQLITE_BUSY, &message, None),
        "RESPONSE_TOO_LARGE" => failed(Failure::ResponseTooLarge),
        "BLOCKED" => failed(Failure::Blocked),
        // A replica hands its primary's message on, without a code.
        "PROXY_ERROR" => {
            let message = message
                .strip_prefix("error executing a request on the primary: ")
                .unwrap_or(&message);
            match extended_code(ffi::SQLITE_CONSTRAINT, message) {
                ffi::SQLITE_CONSTRAINT_TRIGGER => failed(Failure::Server),
                code => sqlite(code, message, None),
            }
        }
        code => match primary_code(code) {
            Some(primary) => {
                let message = message.strip_prefix("SQLite error: ").unwrap_or(&message);
                sqlite(extended_code(primary, message), message, None)
            }
            None => failed(Failure::Server),
        },
    })
}

/// `SQL input error: MESSAGE (at offset N)`; N is -1 where SQLite names no token.
fn input_error(message: &str) -> (&str, Option<usize>) {
    let message = message.strip_prefix("SQL input error: ").unwrap_or(message);
    message
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" (at offset "))
        .map_or((message, None), |(message, offset)| {
            (message, offset.parse().ok())
        })
}

fn primary_code(name: &str) -> Option<i32> {
    Some(match name {
        "SQLITE_INTERNAL" => ffi::SQLITE_INTERNAL,
        "SQLITE_PERM" => ffi::SQLITE_PERM,
        "SQLITE_ABORT" => ffi::SQLITE_ABORT,
        "SQLITE_BUSY" => ffi::SQLITE_BUSY,
        "SQLITE_LOCKED" => ffi::SQLITE_LOCKED,
        "SQLITE_NOMEM" => ffi::SQLITE_NOMEM,
        "SQLITE_READONLY" => ffi::SQLITE_READONLY,
        "SQLITE_INTERRUPT" => ffi::SQLITE_INTERRUPT,
        "SQLITE_IOERR" => ffi::SQLITE_IOERR,
        "SQLITE_CORRUPT" => ffi::SQLITE_CORRUPT,
        "SQLITE_NOTFOUND" => ffi::SQLITE_NOTFOUND,
        "SQLITE_FULL" => ffi::SQLITE_FULL,
        "SQLITE_CANTOPEN" => ffi::SQLITE_CANTOPEN,
        "SQLITE_PROTOCOL" => ffi::SQLITE_PROTOCOL,
        "SQLITE_SCHEMA" => ffi::SQLITE_SCHEMA,
        "SQLITE_TOOBIG" => ffi::SQLITE_TOOBIG,
        "SQLITE_CONSTRAINT" => ffi::SQLITE_CONSTRAINT,
        "SQLITE_MISMATCH" => ffi::SQLITE_MISMATCH,
        "SQLITE_MISUSE" => ffi::SQLITE_MISUSE,
        "SQLITE_NOLFS" => ffi::SQLITE_NOLFS,
        "SQLITE_AUTH" => ffi::SQLITE_AUTH,
        "SQLITE_RANGE" => ffi::SQLITE_RANGE,
        "SQLITE_NOTADB" => ffi::SQLITE_NOTADB,
        "SQLITE_UNKNOWN" => ffi::SQLITE_ERROR,
        _ => return None,
    })
}

/// SQLite gives a primary key's violation the message of a unique index's: `refine.rs` tells them
/// apart.
fn extended_code(primary: i32, message: &str) -> i32 {
    if primary != ffi::SQLITE_CONSTRAINT {
        return primary;
    }
    let is = |start: &str| message.starts_with(start);
    if is("UNIQUE constraint failed") {
        ffi::SQLITE_CONSTRAINT_UNIQUE
    } else if is("NOT NULL constraint failed") {
        ffi::SQLITE_CONSTRAINT_NOTNULL
    } else if is("CHECK constraint failed") {
        ffi::SQLITE_CONSTRAINT_CHECK
    } else if is("FOREIGN KEY constraint failed") {
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY
    } else if is("cannot store ") {
        ffi::SQLITE_CONSTRAINT_DATATYPE
    } else if is("constraint failed") {
        ffi::SQLITE_CONSTRAINT
    } else {
        // A text of the user's own is RAISE's.
        ffi::SQLITE_CONSTRAINT_TRIGGER
    }
}
