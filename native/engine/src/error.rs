//! Everything that can go wrong, as one type. The boundary turns it into `EctoLibSql.Error`.

use crate::constraint::{self, Constraint};
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

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.message)]
    Sqlite(Box<SqliteError>),

    #[error("the query ran past its deadline and was stopped")]
    Timeout { statement: Option<String> },

    #[error("the query was interrupted")]
    Interrupted { statement: Option<String> },

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

    #[error("no such statement: it was finalized, or its connection was closed or reset")]
    StatementClosed,

    #[error("no such cursor: it was closed, or its connection was closed or reset")]
    CursorClosed,

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

    #[error("SQLite rolled the transaction back: {reason}; call rollback, then begin anew")]
    TransactionLost { reason: String },

    #[error(
        "a transactional batch is one transaction already: statement {index} ({keyword}) would end it"
    )]
    TransactionInBatch { index: usize, keyword: String },

    #[error("statement {index} of the batch: {source}")]
    Batch { index: usize, source: Box<Error> },

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

    #[error("{0}")]
    Encryption(&'static str),
}

impl Error {
    /// The atom that names the error in Elixir.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Sqlite(error) => result_code::name(error.extended_code),
            Error::Timeout { .. } => "timeout",
            Error::Interrupted { .. } => "interrupted",
            Error::EmptyStatement => "empty_statement",
            Error::MultipleStatements { .. } => "multiple_statements",
            Error::NulInSql { .. } | Error::InvalidSqlText { .. } => "invalid_sql",
            Error::ParameterCount { .. } => "parameter_count",
            Error::ParameterNames { .. } => "parameter_names",
            Error::PositionalParameter { .. } => "positional_parameter",
            Error::UnsupportedParameter { .. } => "unsupported_parameter",
            Error::ConnectionClosed => "connection_closed",
            Error::StatementClosed => "statement_closed",
            Error::CursorClosed => "cursor_closed",
            Error::StatementBusy => "statement_busy",
            Error::WrongConnection(_) => "wrong_connection",
            Error::NotTransactionOwner => "not_transaction_owner",
            Error::NoTransaction => "no_transaction",
            Error::TransactionOpen => "transaction_open",
            Error::TransactionLost { .. } => "transaction_lost",
            Error::TransactionInBatch { .. } => "transaction_in_batch",
            Error::Batch { source, .. } => source.code(),
            Error::ColumnIndex { .. } | Error::ParameterIndex { .. } => "range",
            Error::InvalidArgument(_) => "invalid_argument",
            Error::ExtensionsDisabled => "extensions_disabled",
            Error::LoadExtension { .. } => "load_extension",
            Error::Encryption(_) => "encryption",
        }
    }

    /// SQLite's extended result code, where SQLite gave one.
    pub fn extended_code(&self) -> Option<i32> {
        match self {
            Error::Sqlite(error) => Some(error.extended_code),
            Error::Batch { source, .. } => source.extended_code(),
            _ => None,
        }
    }

    /// The SQL that failed.
    pub fn statement(&self) -> Option<&str> {
        match self {
            Error::Sqlite(error) => error.statement.as_deref(),
            Error::Timeout { statement } | Error::Interrupted { statement } => statement.as_deref(),
            Error::MultipleStatements { statement, .. } => Some(statement),
            Error::Batch { source, .. } => source.statement(),
            _ => None,
        }
    }

    /// Byte offset into [`Error::statement`] of what is wrong there.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Error::Sqlite(error) => error.offset,
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

    /// 0-based index of the batch's statement that failed.
    pub fn index(&self) -> Option<usize> {
        match self {
            Error::Batch { index, .. } | Error::TransactionInBatch { index, .. } => Some(*index),
            _ => None,
        }
    }

    /// Whether SQLite said that somebody else holds a lock.
    pub(crate) fn is_busy(&self) -> bool {
        self.extended_code().is_some_and(|code| code & 0xff == 5)
    }

    /// The error itself, where it was one of a script of a single statement.
    pub(crate) fn without_index(self) -> Error {
        match self {
            Error::Batch { source, .. } => *source,
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
