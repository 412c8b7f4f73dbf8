//! Everything that can go wrong, as one type. The boundary turns it into `EctoLibSql.Error`.

use std::time::Instant;

use libsql::ffi;

use crate::constraint::{self, Constraint};
use crate::local::Denial;
use crate::offline::Trouble;
use crate::remote::Failure;
use crate::result_code;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that SQLite reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteError {
    pub extended_code: i32,
    pub message: String,
    /// The SQL that failed.
    pub statement: Option<String>,
    /// Byte offset of the offending token in `statement`, where SQLite gives one.
    pub offset: Option<usize>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.message)]
    Sqlite(Box<SqliteError>),

    /// SQLite would have waited for a lock. Nothing was done: the call can be made again.
    #[error("{}", .0.message)]
    Locked(Box<SqliteError>),

    /// Another connection writes, and the caller has a place in the write gate's queue. Nothing
    /// was done: the call is to be made again when its turn has come.
    #[error("another connection is writing")]
    GateTaken,

    #[error("the query ran past its deadline and was stopped")]
    Timeout { statement: Option<String> },

    #[error("the query was interrupted")]
    Interrupted { statement: Option<String> },

    /// A function that somebody else evaluates failed; the message is theirs.
    #[error("{}", .0.message)]
    Function(Box<SqliteError>),

    #[error("the SQL holds no statement")]
    EmptyStatement,

    #[error(
        "the SQL holds more than one statement: the second one begins at byte {offset}; \
         use execute_batch for scripts"
    )]
    MultipleStatements { statement: String, offset: usize },

    #[error("the SQL holds a NUL byte at offset {offset}, where SQLite would stop reading")]
    NulInSql { offset: usize },

    #[error("the SQL is not valid UTF-8 (first bad byte at offset {offset})")]
    InvalidSqlText { offset: usize },

    #[error("the statement takes {expected} parameter(s), {given} were given")]
    ParameterCount { expected: usize, given: usize },

    #[error("{}", parameter_names(.missing, .unknown))]
    ParameterNames {
        missing: Vec<String>,
        unknown: Vec<String>,
    },

    #[error(
        "parameter {index} is positional (`?`): a statement that has one takes its parameters as a list"
    )]
    PositionalParameter { index: usize },

    #[error("parameter {parameter}: {reason}")]
    UnsupportedParameter { parameter: String, reason: String },

    #[error("the connection is closed")]
    ConnectionClosed,

    /// All connections were closed, and none is opened.
    #[error(
        "the application :ecto_libsql was stopped: no connection is opened until it is started"
    )]
    Stopped,

    #[error("{}", in_use(*.since))]
    InUse { since: Option<Instant> },

    #[error(
        "the connection is in the middle of a call, which waits for the function that this process \
         evaluates: use another connection there"
    )]
    InsideFunction,

    #[error("no such statement: it was finalized, or its connection was closed or reset")]
    StatementClosed,

    #[error("no such cursor: it was closed, or its connection was closed or reset")]
    CursorClosed,

    #[error("no such blob: it was closed, or its transaction or connection has ended")]
    BlobClosed,

    #[error(
        "the blob's row was changed or deleted since it was opened: close it, and open it anew"
    )]
    BlobExpired,

    #[error("no such session: it was closed, or its connection was closed or reset")]
    SessionClosed,

    #[error("the changeset is malformed at byte {offset}: {reason}")]
    InvalidChangeset { offset: usize, reason: String },

    /// Nothing of the changeset was kept.
    #[error("the changeset was not applied: {0}")]
    ChangesetConflict(String),

    /// As [`Error::ChangesetConflict`].
    #[error("the changeset was not applied: {0}")]
    ChangesetSchema(String),

    #[error("the statement is in the middle of a run; finish, reset or interrupt that first")]
    StatementBusy,

    #[error("the {0} belongs to another connection")]
    WrongConnection(&'static str),

    #[error("the connection is in a transaction that another process began")]
    NotTransactionOwner,

    #[error("no transaction is open")]
    NoTransaction,

    #[error("a transaction is already open; use a savepoint to nest")]
    TransactionOpen,

    #[error("{0} needs a connection on which no transaction and no cursor is open")]
    NotInTransaction(&'static str),

    #[error("the database rolled the transaction back: {reason}; call rollback, then begin anew")]
    TransactionLost { reason: String },

    #[error(
        "a transactional batch is one transaction already: statement {index} ({keyword}) would end it"
    )]
    TransactionInBatch { index: usize, keyword: String },

    #[error("statement {index} of the batch: {source}")]
    Batch { index: usize, source: Box<Error> },

    #[error(
        "frames are being inserted into the write-ahead log on this connection: that is to be ended \
         before it does anything else"
    )]
    WalInsertion,

    #[error(
        "a backup is being copied over this connection's database: that is to be ended before it does \
         anything else"
    )]
    Backup,

    #[error("no insertion of frames is under way on this connection: it has to be begun first")]
    NoWalInsertion,

    #[error(
        "the write-ahead log was begun anew since its frames were counted: they have other numbers now"
    )]
    WalRestarted,

    #[error("there is no column {index}: the statement has {count}")]
    ColumnIndex { index: usize, count: usize },

    #[error("there is no parameter {index}: the statement has {count}, counted from 1")]
    ParameterIndex { index: usize, count: usize },

    #[error("{0}")]
    InvalidArgument(String),

    #[error("extensions cannot be loaded: the connection does not allow it (enable_extensions)")]
    ExtensionsDisabled,

    #[error("the extension {path} could not be loaded: {reason}")]
    LoadExtension { path: String, reason: String },

    // Boxed: a larger variant makes every result larger, and each of its moves longer.
    #[error("{}", not_allowed(.0))]
    ExtensionNotAllowed(Box<NotAllowed>),

    /// The connection's policy does not allow it.
    #[error("{0}")]
    Denied(Box<Denial>),

    #[error("{0}")]
    Encryption(&'static str),

    /// What this kind of database cannot do.
    #[error("{0}")]
    Unsupported(String),

    /// An offline copy and its server do not go together, or the copy is not as it was left.
    #[error("{message}")]
    Offline { trouble: Trouble, message: String },

    /// Nothing was done: it is the primary's to do. Never a caller's error.
    #[error("a replica's file is for reading; this is for its primary")]
    AtPrimary,

    /// The replica is an ordinary database now.
    #[error(
        "the replica was frozen: {0} is a database of its own now; open it with the option database \
         alone"
    )]
    Frozen(String),

    /// Another process, or something else in this one, has the replica's file.
    #[error("{0}")]
    FileInUse(String),

    /// The system would not read or write one of a replica's files.
    #[error("{path}: {reason}")]
    File { path: String, reason: String },

    /// A server could not be asked, or did not answer as it should.
    #[error("{message}")]
    Remote {
        failure: Failure,
        message: String,
        statement: Option<String>,
    },
}

impl Error {
    /// The atom that names the error in Elixir.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Sqlite(error) | Error::Locked(error) => result_code::name(error.extended_code),
            Error::GateTaken | Error::InUse { .. } | Error::FileInUse(_) => "busy",
            Error::Timeout { .. } => "timeout",
            Error::Interrupted { .. } => "interrupted",
            Error::Function(_) => "function",
            Error::InsideFunction => "inside_function",
            Error::EmptyStatement => "empty_statement",
            Error::MultipleStatements { .. } => "multiple_statements",
            Error::NulInSql { .. } | Error::InvalidSqlText { .. } => "invalid_sql",
            Error::ParameterCount { .. } => "parameter_count",
            Error::ParameterNames { .. } => "parameter_names",
            Error::PositionalParameter { .. } => "positional_parameter",
            Error::UnsupportedParameter { .. } => "unsupported_parameter",
            Error::ConnectionClosed => "connection_closed",
            Error::Stopped => "stopped",
            Error::StatementClosed => "statement_closed",
            Error::CursorClosed => "cursor_closed",
            Error::BlobClosed => "blob_closed",
            Error::BlobExpired => "blob_expired",
            Error::SessionClosed => "session_closed",
            Error::InvalidChangeset { .. } => "invalid_changeset",
            Error::ChangesetConflict(_) => "changeset_conflict",
            Error::ChangesetSchema(_) => "changeset_schema",
            Error::StatementBusy => "statement_busy",
            Error::WrongConnection(_) => "wrong_connection",
            Error::NotTransactionOwner => "not_transaction_owner",
            Error::NoTransaction => "no_transaction",
            Error::TransactionOpen | Error::NotInTransaction(_) => "transaction_open",
            Error::TransactionLost { .. } => "transaction_lost",
            Error::TransactionInBatch { .. } => "transaction_in_batch",
            Error::Batch { source, .. } => source.code(),
            Error::WalInsertion => "wal_insertion",
            Error::Backup => "backup",
            Error::NoWalInsertion => "no_wal_insertion",
            Error::WalRestarted => "wal_restarted",
            Error::ColumnIndex { .. } | Error::ParameterIndex { .. } => "range",
            Error::InvalidArgument(_) => "invalid_argument",
            Error::ExtensionsDisabled => "extensions_disabled",
            Error::LoadExtension { .. } => "load_extension",
            Error::ExtensionNotAllowed(_) => "extension_not_allowed",
            Error::Denied(_) => "auth",
            Error::Encryption(_) => "encryption",
            Error::Unsupported(_) | Error::AtPrimary => "unsupported",
            Error::Offline { trouble, .. } => trouble.code(),
            Error::Frozen(_) => "frozen",
            Error::File { .. } => "ioerr",
            Error::Remote { failure, .. } => failure.code(),
        }
    }

    /// SQLite's extended result code, where SQLite gave one.
    pub fn extended_code(&self) -> Option<i32> {
        match self {
            Error::Sqlite(error) | Error::Locked(error) => Some(error.extended_code),
            Error::GateTaken => Some(ffi::SQLITE_BUSY),
            Error::Denied(_) => Some(ffi::SQLITE_AUTH),
            Error::Batch { source, .. } => source.extended_code(),
            _ => None,
        }
    }

    /// The SQL that failed.
    pub fn statement(&self) -> Option<&str> {
        match self {
            Error::Sqlite(error) | Error::Locked(error) | Error::Function(error) => {
                error.statement.as_deref()
            }
            Error::Timeout { statement }
            | Error::Interrupted { statement }
            | Error::Remote { statement, .. } => statement.as_deref(),
            Error::MultipleStatements { statement, .. } => Some(statement),
            Error::Denied(denial) => denial.statement.as_deref(),
            Error::Batch { source, .. } => source.statement(),
            _ => None,
        }
    }

    /// Byte offset into [`Error::statement`] of what is wrong there.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Error::Sqlite(error) | Error::Locked(error) => error.offset,
            Error::MultipleStatements { offset, .. }
            | Error::NulInSql { offset }
            | Error::InvalidSqlText { offset } => Some(*offset),
            Error::Batch { source, .. } => source.offset(),
            _ => None,
        }
    }

    /// The constraint that was violated.
    pub fn constraint(&self) -> Option<Constraint> {
        match self {
            Error::Sqlite(error) => constraint::parse(error.extended_code, &error.message),
            Error::Batch { source, .. } => source.constraint(),
            _ => None,
        }
    }

    /// What the connection's policy has refused.
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Error::Denied(denial) => Some(denial),
            Error::Batch { source, .. } => source.denial(),
            _ => None,
        }
    }

    /// 0-based index of the batch's statement that failed.
    pub fn index(&self) -> Option<usize> {
        match self {
            Error::Batch { index, .. } | Error::TransactionInBatch { index, .. } => Some(*index),
            _ => None,
        }
    }

    /// Whether nothing was done and the call is to be made again: somebody else writes.
    pub fn must_wait(&self) -> bool {
        matches!(self, Error::Locked(_) | Error::GateTaken)
    }

    /// Switching a file to WAL needs it for oneself for a moment, and SQLite calls no handler for
    /// that: connections that open a new file together have to try again.
    pub(crate) fn worth_waiting(self) -> Error {
        match self {
            Error::Sqlite(error) if error.extended_code & 0xff == ffi::SQLITE_BUSY => {
                Error::Locked(error)
            }
            error => error,
        }
    }

    /// The same error where the call cannot be made again.
    pub(crate) fn final_now(self) -> Error {
        match self {
            Error::Locked(error) => Error::Sqlite(error),
            error => error,
        }
    }

    /// A transaction wants to write whose snapshot is not the latest any more.
    pub(crate) fn stale_snapshot(statement: Option<&str>) -> Error {
        Error::Sqlite(Box::new(SqliteError {
            extended_code: ffi::SQLITE_BUSY_SNAPSHOT,
            message: "the database has changed since this transaction first read it, so it cannot \
                      write: roll back and run it again, or begin it IMMEDIATE"
                .to_owned(),
            statement: statement.map(str::to_owned),
            offset: None,
        }))
    }

    /// A statement that writes, in a transaction that must not.
    pub(crate) fn read_only_transaction(statement: &str) -> Error {
        Error::Sqlite(Box::new(SqliteError {
            extended_code: ffi::SQLITE_READONLY,
            message: "attempt to write in a read-only transaction".to_owned(),
            statement: Some(statement.to_owned()),
            offset: None,
        }))
    }

    /// What writes, on a connection that only reads.
    pub(crate) fn read_only_database(statement: &str) -> Error {
        Error::Sqlite(Box::new(SqliteError {
            extended_code: ffi::SQLITE_READONLY,
            message: "attempt to write a readonly database".to_owned(),
            statement: Some(statement.to_owned()),
            offset: None,
        }))
    }

    /// Outside of WAL mode, a reader that waited for a writer would keep it from its commit.
    pub(crate) fn reader_among_writers(statement: &str) -> Error {
        Error::Sqlite(Box::new(SqliteError {
            extended_code: ffi::SQLITE_BUSY,
            message: "another connection is writing, and its commit waits for this transaction, \
                      which has read: roll back and run it again, or begin it IMMEDIATE"
                .to_owned(),
            statement: Some(statement.to_owned()),
            offset: None,
        }))
    }

    /// The error itself, where it was one of a script of a single statement.
    pub(crate) fn without_index(self) -> Error {
        match self {
            Error::Batch { source, .. } => *source,
            error => error,
        }
    }

    /// The error with the SQL that it is about.
    pub(crate) fn with_statement(self, sql: &str) -> Error {
        let sql = Some(sql.to_owned());
        match self {
            Error::Sqlite(mut error) => {
                error.statement = sql;
                Error::Sqlite(error)
            }
            Error::Remote {
                failure, message, ..
            } => Error::Remote {
                failure,
                message,
                statement: sql,
            },
            error => error,
        }
    }

    pub(crate) fn in_batch(self, index: usize) -> Error {
        Error::Batch {
            index,
            source: Box::new(self),
        }
    }
}

fn in_use(since: Option<Instant>) -> String {
    let running = since.map_or(String::new(), |since| {
        format!(", for {} ms so far", since.elapsed().as_millis())
    });
    format!("the connection is at work for another process{running}")
}

/// An extension that may not be loaded.
#[derive(Debug, Clone)]
pub struct NotAllowed {
    pub path: String,
    pub resolved: String,
    pub allowed: Vec<String>,
}

fn not_allowed(extension: &NotAllowed) -> String {
    let NotAllowed {
        path,
        resolved,
        allowed,
    } = extension;
    let file = if path == resolved {
        path.to_owned()
    } else {
        format!("{path} ({resolved})")
    };
    let list = match &allowed[..] {
        [] => "nothing".to_owned(),
        allowed => allowed.join(", "),
    };
    format!("the extension {file} is not among those that allowed_extensions allows: {list}")
}

fn parameter_names(missing: &[String], unknown: &[String]) -> String {
    let mut parts = Vec::with_capacity(2);
    if !missing.is_empty() {
        parts.push(format!("no value for {}", missing.join(", ")));
    }
    if !unknown.is_empty() {
        parts.push(format!("the statement has no {}", unknown.join(", ")));
    }
    format!("named parameters: {}", parts.join("; "))
}
