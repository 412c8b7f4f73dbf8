//! Blobs that are read and written in parts.

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{BlobPlace, Call, Connection};
use rustler::{Encoder, Env, OwnedBinary, Term};

use crate::atoms;
use crate::error::{reply, reply_ok, reply_unit};
use crate::owner::CallContext;
use crate::params::bytes;
use crate::result::{call, id, id_text, string};

/// `{:ok, id, size}`
#[rustler::nif(schedule = "DirtyIo")]
fn blob_open<'a>(
    env: Env<'a>,
    state: Term<'a>,
    place: (Term<'a>, Term<'a>, Term<'a>, Term<'a>),
    writes: bool,
    timeout: Term<'a>,
) -> Term<'a> {
    let (schema, table, column, rowid) = place;
    let opened = CallContext::new(env, state).and_then(|context| {
        let place = BlobPlace {
            schema: string(schema, "the schema")?,
            table: string(table, "the table")?,
            column: string(column, "the column")?,
            rowid: row(rowid)?,
        };
        let opened =
            context
                .connection
                .open_blob(context.caller, place, writes, &call(timeout)?)?;
        context.watch_caller(env);
        Ok(opened)
    });
    reply(env, opened, |(blob, size)| {
        (atoms::ok(), id_text(blob), size).encode(env)
    })
}

/// `{:ok, binary}`
#[rustler::nif(schedule = "DirtyIo")]
fn blob_read<'a>(
    env: Env<'a>,
    state: Term<'a>,
    blob: Term<'a>,
    offset: Term<'a>,
    length: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let read = number(offset, "the offset").and_then(|offset| {
        let length = number(length, "the length")?;
        with_blob(env, state, blob, timeout, |connection, blob, call| {
            connection.check_blob_bounds(blob, offset, length)?;
            let mut read = OwnedBinary::new(length);
            connection.read_blob(blob, offset, read.as_mut_slice(), call)?;
            Ok(read)
        })
    });
    reply(env, read, |read| {
        (atoms::ok(), read.release(env)).encode(env)
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn blob_write<'a>(
    env: Env<'a>,
    state: Term<'a>,
    blob: Term<'a>,
    offset: Term<'a>,
    data: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let written = number(offset, "the offset").and_then(|offset| {
        let data = bytes(data)
            .ok_or_else(|| Error::InvalidArgument("the data is to be a binary".to_owned()))?;
        with_blob(env, state, blob, timeout, |connection, blob, call| {
            connection.write_blob(blob, offset, data, call)
        })
    });
    reply_unit(env, written)
}

/// `{:ok, size}`
#[rustler::nif(schedule = "DirtyIo")]
fn blob_reopen<'a>(
    env: Env<'a>,
    state: Term<'a>,
    blob: Term<'a>,
    rowid: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let reopened = row(rowid).and_then(|rowid| {
        with_blob(env, state, blob, timeout, |connection, blob, call| {
            connection.reopen_blob(blob, rowid, call)
        })
    });
    reply_ok(env, reopened)
}

#[rustler::nif(schedule = "DirtyIo")]
fn blob_close<'a>(env: Env<'a>, state: Term<'a>, blob: Term<'a>) -> Term<'a> {
    let closed = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .close_blob(context.caller, id(blob, Error::BlobClosed)?)
    });
    reply_unit(env, closed)
}

fn with_blob<T>(
    env: Env<'_>,
    state: Term<'_>,
    blob: Term<'_>,
    timeout: Term<'_>,
    work: impl FnOnce(&mut Connection, Id, &Call) -> Result<T>,
) -> Result<T> {
    let context = CallContext::new(env, state)?;
    let blob = id(blob, Error::BlobClosed)?;
    let call = call(timeout)?;
    context
        .connection
        .with_blob(context.caller, blob, |connection| {
            work(connection, blob, &call)
        })
}

fn row(rowid: Term<'_>) -> Result<i64> {
    rowid
        .decode()
        .map_err(|_| Error::InvalidArgument("the rowid is to be an integer of 64 bits".to_owned()))
}

fn number(term: Term<'_>, what: &str) -> Result<usize> {
    term.decode()
        .map_err(|_| Error::InvalidArgument(format!("{what} is to be an integer from 0 on")))
}
