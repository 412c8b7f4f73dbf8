//! Values, parameters and rows: from the engine's into the protocol's and back.

use super::protocol::{
    Col, Empty, NamedArg, Row, Stmt, StmtResult, WireValue, WireValueKind as Wire,
};
use crate::error::{Error, Result};
use crate::value::Value;

/// The parameters of a remote statement.
#[derive(Debug, Clone, PartialEq)]
pub enum RemoteParams {
    /// By position, from the first one on. They fit named parameters, too, in their order.
    List(Vec<Value>),
    /// By name. A key fits `:key`, `@key` and `$key`, or, written with its sign, just that one.
    Named(Vec<(String, Value)>),
}

impl RemoteParams {
    pub const NONE: RemoteParams = RemoteParams::List(Vec::new());

    pub(super) fn bind(self, stmt: &mut Stmt) -> Result<()> {
        match self {
            RemoteParams::List(values) => {
                stmt.args = values
                    .into_iter()
                    .enumerate()
                    .map(|(index, value)| encode(value, || (index + 1).to_string()))
                    .collect::<Result<_>>()?;
            }
            RemoteParams::Named(values) => {
                stmt.named_args = values
                    .into_iter()
                    .map(|(name, value)| {
                        let value = encode(value, || name.clone())?;
                        Ok(NamedArg { name, value })
                    })
                    .collect::<Result<_>>()?;
            }
        }
        Ok(())
    }
}

/// A result's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteColumn {
    pub name: String,
    /// The declared type, where the column is a table's.
    pub decltype: Option<String>,
}

/// What a statement did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteResult {
    pub columns: Vec<RemoteColumn>,
    pub rows: Vec<Vec<Value>>,
    /// Rows that an INSERT, UPDATE or DELETE changed; 0 for all else.
    pub affected_rows: u64,
    /// After an INSERT.
    pub last_insert_rowid: Option<i64>,
    pub rows_read: u64,
    pub rows_written: u64,
    /// The frame of the primary's log up to which the server had come, where it says so. Not for
    /// statements in a transaction and in batches.
    pub replication_index: Option<u64>,
    /// Whether no transaction is open after it.
    pub autocommit: bool,
}

impl RemoteResult {
    pub(super) fn new(result: StmtResult, autocommit: bool) -> Result<RemoteResult, String> {
        Ok(RemoteResult {
            columns: result.cols.into_iter().map(RemoteColumn::from).collect(),
            rows: result
                .rows
                .into_iter()
                .map(decode_row)
                .collect::<Result<_, _>>()?,
            affected_rows: result.affected_row_count,
            last_insert_rowid: result.last_insert_rowid,
            rows_read: result.rows_read,
            rows_written: result.rows_written,
            replication_index: result.replication_index,
            autocommit,
        })
    }
}

impl From<Col> for RemoteColumn {
    fn from(col: Col) -> RemoteColumn {
        RemoteColumn {
            name: col.name.unwrap_or_default(),
            decltype: col.decltype,
        }
    }
}

pub(super) fn decode_row(row: Row) -> Result<Vec<Value>, String> {
    row.values.into_iter().map(decode).collect()
}

fn decode(value: WireValue) -> Result<Value, String> {
    match value.kind {
        Some(Wire::Null(_)) => Ok(Value::Null),
        Some(Wire::Integer(integer)) => Ok(Value::Integer(integer)),
        Some(Wire::Float(real)) => Ok(Value::Real(real)),
        Some(Wire::Text(text)) => Ok(Value::Text(text.into_bytes())),
        Some(Wire::Blob(blob)) => Ok(Value::Blob(blob)),
        None => Err("a value of a type that Hrana 3 has not".to_owned()),
    }
}

fn encode(value: Value, parameter: impl FnOnce() -> String) -> Result<WireValue> {
    let kind =
        match value {
            Value::Null => Wire::Null(Empty {}),
            Value::Integer(integer) => Wire::Integer(integer),
            Value::Real(real) => Wire::Float(real),
            Value::Text(text) => Wire::Text(String::from_utf8(text).map_err(|error| {
                Error::UnsupportedParameter {
                    parameter: parameter(),
                    reason: format!(
                        "a server takes text in UTF-8 only (first bad byte at offset {}); \
                         give other bytes as a blob",
                        error.utf8_error().valid_up_to()
                    ),
                }
            })?),
            Value::Blob(blob) => Wire::Blob(blob),
        };
    Ok(WireValue { kind: Some(kind) })
}
