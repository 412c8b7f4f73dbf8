//! A run's answer: `{:ok | :more, …}`, which `EctoLibSql` makes its `%Result{}` of.

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Call, Outcome, Source};
use rustler::{Encoder, Env, Term};
use std::time::Duration;

use crate::atoms;
use crate::calling::called_at;
use crate::params::{bytes, sql, text};
use crate::terms::RowTerms;

/// `{columns, rows, num_rows, changes, last_insert_rowid, autocommit}`
pub fn result_term<'a>(env: Env<'a>, rows: &RowTerms<'a>, outcome: &Outcome) -> Term<'a> {
    let num_rows = if outcome.has_columns {
        i64::try_from(rows.count()).unwrap_or(i64::MAX)
    } else {
        outcome.changes
    };
    let last_insert_rowid = (!outcome.readonly).then_some(outcome.last_insert_rowid);
    (
        rows.columns(),
        rows.rows(),
        num_rows,
        outcome.changes,
        last_insert_rowid,
        outcome.autocommit,
    )
        .encode(env)
}

/// `{:more, cursor, columns, rows, num_rows}`
pub fn partial_term<'a>(env: Env<'a>, cursor: Id, rows: &RowTerms<'a>) -> Term<'a> {
    (
        atoms::more(),
        id_text(cursor),
        rows.columns(),
        rows.rows(),
        rows.count(),
    )
        .encode(env)
}

pub fn id_text(id: Id) -> String {
    id.hyphenated().to_string()
}

/// SQL, or the id of a prepared statement: no SQL looks like a UUID.
pub fn source<'a>(term: Term<'a>) -> Result<Source<'a>> {
    let text = sql(term)?;
    match as_id(text.as_bytes()) {
        Some(id) => Ok(Source::Prepared(id)),
        None => Ok(Source::Sql(text)),
    }
}

fn as_id(text: &[u8]) -> Option<Id> {
    if text.len() == 36 {
        Id::try_parse_ascii(text).ok()
    } else {
        None
    }
}

/// The id of a statement or cursor.
pub fn id(term: Term<'_>, closed: Error) -> Result<Id> {
    bytes(term).and_then(as_id).ok_or(closed)
}

/// A call's deadline: milliseconds from now, or `:infinity`.
pub fn call(timeout: Term<'_>) -> Result<Call> {
    if let Ok(milliseconds) = timeout.decode::<u64>() {
        Ok(Call {
            deadline: called_at().checked_add(Duration::from_millis(milliseconds)),
        })
    } else if timeout == atoms::infinity().to_term(timeout.get_env()) {
        Ok(Call::default())
    } else {
        Err(Error::InvalidArgument(
            "timeout takes milliseconds or :infinity".to_owned(),
        ))
    }
}

/// A string argument that is named in its error.
pub fn string<'a>(term: Term<'a>, what: &str) -> Result<&'a str> {
    text(term).ok_or_else(|| match bytes(term) {
        Some(_) => Error::InvalidArgument(format!("{what} is not valid UTF-8")),
        None => Error::InvalidArgument(format!("{what} is to be a string")),
    })
}
