//! What is asked of a connection, and what it answers.

use crate::Id;
use crate::keyword::{Kind, kind};
use crate::local::Behavior;
use crate::remote::{CursorEnd, Description, FailedOver, RemoteColumn, RemoteParams, RemoteResult};
use crate::value::Value;

/// SQL, or a prepared statement's id.
#[derive(Debug)]
pub enum Statement {
    Sql(String),
    Prepared(Id),
}

#[derive(Debug)]
pub enum Request {
    Query(Statement, RemoteParams),
    Declare(Statement, RemoteParams),
    Fetch {
        cursor: Id,
        most: usize,
    },
    Batch {
        statements: Vec<(String, RemoteParams)>,
        transactional: bool,
    },
    Script {
        sql: String,
        transactional: bool,
    },
    Prepare(String),
    Describe(String),
    Begin(Behavior),
    Commit,
    Rollback,
    Reset,
    Ping,
}

impl Request {
    /// The prepared statement that it runs.
    pub(super) fn prepared(&self) -> Option<Id> {
        match self {
            Request::Query(Statement::Prepared(id), _)
            | Request::Declare(Statement::Prepared(id), _) => Some(*id),
            _ => None,
        }
    }

    /// Whether it commits the open transaction, if one is.
    pub(super) fn may_commit(&self) -> bool {
        match self {
            Request::Commit => true,
            Request::Query(Statement::Sql(sql), _) => {
                matches!(kind(sql), Kind::Commit | Kind::Release)
            }
            _ => false,
        }
    }
}

#[derive(Debug)]
pub enum Answer {
    Done,
    /// Of a statement that was prepared, or a cursor that was declared.
    Id(Id),
    Result {
        result: RemoteResult,
        last_insert_rowid: Option<i64>,
    },
    Results(Vec<RemoteResult>),
    Fetched {
        columns: Vec<RemoteColumn>,
        rows: Vec<Vec<Value>>,
        end: Option<CursorEnd>,
    },
    Description(Description),
    /// What another server than the first one has answered.
    Elsewhere(Box<Answer>, FailedOver),
}
