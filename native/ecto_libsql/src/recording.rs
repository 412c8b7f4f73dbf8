//! Sessions: what SQLite calls the recording of changes. The engine calls them recordings.

use ecto_libsql_engine::Id;
use ecto_libsql_engine::changeset::Kind;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Connection, Recorded, Tables};
use rustler::{Encoder, Env, OwnedBinary, Term};

use crate::atoms;
use crate::error::{reply, reply_unit};
use crate::list::proper;
use crate::owner::CallContext;
use crate::result::{call, id, id_text, string};
use crate::terms;

/// `{:ok, id}`. `tables` is `:all` or a list of names.
#[rustler::nif(schedule = "DirtyIo")]
fn session_create<'a>(
    env: Env<'a>,
    state: Term<'a>,
    schema: Term<'a>,
    tables: Term<'a>,
    indirect: bool,
    rowids: bool,
    timeout: Term<'a>,
) -> Term<'a> {
    let created = CallContext::new(env, state).and_then(|context| {
        let names = table_names(tables)?;
        let recorded = Recorded {
            schema: string(schema, "the database's name")?,
            tables: wanted(names.as_deref()),
            indirect,
            rowids,
        };
        let id = context
            .connection
            .record(context.caller, recorded, &call(timeout)?)?;
        context.watch_caller(env);
        Ok(id)
    });
    reply(env, created, |id| (atoms::ok(), id_text(id)).encode(env))
}

#[rustler::nif(schedule = "DirtyIo")]
fn session_attach<'a>(
    env: Env<'a>,
    state: Term<'a>,
    session: Term<'a>,
    tables: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let attached = call(timeout).and_then(|call| {
        let names = table_names(tables)?;
        with_recording(env, state, session, |connection, id| {
            connection.attach_to_recording(id, wanted(names.as_deref()), &call)
        })
    });
    reply_unit(env, attached)
}

#[rustler::nif(schedule = "DirtyIo")]
fn session_enable<'a>(env: Env<'a>, state: Term<'a>, session: Term<'a>, on: bool) -> Term<'a> {
    let enabled = with_recording(env, state, session, |connection, id| {
        connection.enable_recording(id, on)
    });
    reply_unit(env, enabled)
}

#[rustler::nif(schedule = "DirtyIo")]
fn session_indirect<'a>(env: Env<'a>, state: Term<'a>, session: Term<'a>, on: bool) -> Term<'a> {
    let set = with_recording(env, state, session, |connection, id| {
        connection.set_recording_indirect(id, on)
    });
    reply_unit(env, set)
}

/// `{:ok, %{enabled: …, indirect: …, empty: …, memory: bytes}}`
#[rustler::nif(schedule = "DirtyIo")]
fn session_status<'a>(env: Env<'a>, state: Term<'a>, session: Term<'a>) -> Term<'a> {
    let status = with_recording(env, state, session, |connection, id| {
        connection.recording_status(id)
    });
    reply(env, status, |status| {
        let map = terms::map(
            env,
            &[
                (atoms::enabled(), status.enabled.encode(env)),
                (atoms::indirect(), status.indirect.encode(env)),
                (atoms::empty(), status.empty.encode(env)),
                (atoms::memory(), status.memory.encode(env)),
            ],
        );
        (atoms::ok(), map).encode(env)
    })
}

/// `{:ok, binary}`
#[rustler::nif(schedule = "DirtyIo")]
fn session_changeset<'a>(
    env: Env<'a>,
    state: Term<'a>,
    session: Term<'a>,
    patchset: bool,
    timeout: Term<'a>,
) -> Term<'a> {
    let kind = if patchset {
        Kind::Patchset
    } else {
        Kind::Changeset
    };
    let changes = call(timeout).and_then(|call| {
        with_recording(env, state, session, |connection, id| {
            connection.recorded_changes(id, kind, &call)
        })
    });
    reply(env, changes, |changes| {
        let binary = OwnedBinary::from_slice(changes.as_slice());
        (atoms::ok(), binary.release(env)).encode(env)
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn session_diff<'a>(
    env: Env<'a>,
    state: Term<'a>,
    session: Term<'a>,
    from: Term<'a>,
    table: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let recorded = call(timeout).and_then(|call| {
        let from = string(from, "the other database's name")?;
        let table = string(table, "the table")?;
        with_recording(env, state, session, |connection, id| {
            connection.record_difference(id, from, table, &call)
        })
    });
    reply_unit(env, recorded)
}

#[rustler::nif(schedule = "DirtyIo")]
fn session_close<'a>(env: Env<'a>, state: Term<'a>, session: Term<'a>) -> Term<'a> {
    let closed = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .close_recording(context.caller, id(session, Error::SessionClosed)?)
    });
    reply_unit(env, closed)
}

fn with_recording<T>(
    env: Env<'_>,
    state: Term<'_>,
    session: Term<'_>,
    work: impl FnOnce(&mut Connection, Id) -> Result<T>,
) -> Result<T> {
    let context = CallContext::new(env, state)?;
    let id = id(session, Error::SessionClosed)?;
    context
        .connection
        .with_recording(context.caller, id, |connection| work(connection, id))
}

/// None for `:all`.
pub fn table_names<'a>(tables: Term<'a>) -> Result<Option<Vec<&'a str>>> {
    if tables == atoms::all().to_term(tables.get_env()) {
        return Ok(None);
    }
    let names = proper(tables).ok_or_else(|| {
        Error::InvalidArgument("the tables are to be :all, or a list of names".to_owned())
    })?;
    names
        .map(|name| string(name, "a table's name"))
        .collect::<Result<Vec<_>>>()
        .map(Some)
}

fn wanted<'a>(names: Option<&'a [&'a str]>) -> Tables<'a> {
    names.map_or(Tables::All, Tables::These)
}
