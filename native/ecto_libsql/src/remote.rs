//! Connections to servers. A call decodes its request, hands it to the network's threads, and
//! answers at once; the reply is a message `{EctoLibSql.Remote, reference, reply}` to the caller.
//! No scheduler waits.

mod answer;
mod breakers;
mod listing;
mod open;
mod owner;
pub mod request;

pub use answer::Addressee;
pub use breakers::observe;
pub use listing::connection_terms;
pub use open::remote_options;
pub use owner::{REMOTE, Remote, RemoteCall, RemoteWatch};

use std::sync::Arc;

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::session::ItemKind;
use rustler::{Encoder, Env, ResourceArc, Term};

use crate::atoms;
use crate::error::{reply_ok, reply_unit};
use crate::owner::{Pid, state_id};
use crate::params::bytes;
use crate::result::{call, id, id_text};

use request::Decoded;

/// Whether there is such a connection to a server.
pub fn is_open(id: Id) -> bool {
    REMOTE.session(id).is_ok()
}

/// The connection of an `%EctoLibSql.State{}`.
pub fn session_of(state: Term<'_>) -> Result<Arc<Remote>> {
    REMOTE.session(state_id(state)?)
}

/// `options`: the map that `EctoLibSql.Remote.Options` makes of the connect options. Reads the
/// files that they name, and asks nobody.
#[rustler::nif(schedule = "DirtyIo")]
fn remote_open<'a>(env: Env<'a>, options: Term<'a>) -> Term<'a> {
    let opened = open::open(env, options).map(|session| id_text(session.id()));
    reply_ok(env, opened)
}

/// `{:ok, call}`; `:long` where the request is too large to be read here.
#[rustler::nif]
fn remote_call<'a>(
    env: Env<'a>,
    state: Term<'a>,
    reference: Term<'a>,
    request: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    if request::is_small(request) {
        begin_call(env, state, reference, request, timeout)
    } else {
        atoms::long().encode(env)
    }
}

/// As `remote_call`, for a request of any size. Does not wait for the server either.
#[rustler::nif(schedule = "DirtyCpu")]
fn remote_call_long<'a>(
    env: Env<'a>,
    state: Term<'a>,
    reference: Term<'a>,
    request: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    begin_call(env, state, reference, request, timeout)
}

fn begin_call<'a>(
    env: Env<'a>,
    state: Term<'a>,
    reference: Term<'a>,
    request: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let decoded = session_of(state).and_then(|session| {
        let decoded = request::decode(request, session.forms())?;
        Ok((session, decoded))
    });
    let begun = match decoded {
        Ok((_, Decoded::HoldsStructs)) => return atoms::encode_params().encode(env),
        Ok((session, Decoded::Request(request))) => call(timeout).and_then(|limits| {
            let addressee = Addressee::new(env, reference);
            let caller = Pid(env.pid());
            session.call(caller, request, limits, |answer| addressee.send(answer))
        }),
        Err(error) => Err(error),
    };
    reply_ok(env, begun.map(|handle| RemoteCall::of(env, handle)))
}

/// Stops a call whose caller waits no more. Whether it was still under way: then no message comes
/// of it, else there is one, or is about to be.
#[rustler::nif]
fn remote_cancel(call: ResourceArc<RemoteCall>) -> bool {
    call.cancel()
}

/// Closes a connection: what it runs is stopped, and the server is told in the background. Twice
/// is fine.
#[rustler::nif]
fn remote_close<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let closed = match session_of(state) {
        Ok(session) => {
            session.close();
            Ok(())
        }
        Err(Error::ConnectionClosed) => Ok(()),
        Err(error) => Err(error),
    };
    reply_unit(env, closed)
}

/// Stops what the connection runs; with a statement's id, only that statement.
#[rustler::nif]
fn remote_interrupt<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let interrupted = session_of(state).and_then(|session| match bytes(statement) {
        None => {
            session.interrupt();
            Ok(())
        }
        Some(_) => session.interrupt_statement(id(statement, Error::StatementClosed)?),
    });
    reply_unit(env, interrupted)
}

/// `{:ok, {autocommit, last_insert_rowid, changes, total_changes}}`, as of the last answer.
#[rustler::nif]
fn remote_status<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let status = session_of(state).map(|session| {
        let status = session.status();
        (
            status.autocommit,
            status.last_insert_rowid,
            status.changes,
            status.total_changes,
        )
    });
    reply_ok(env, status)
}

/// `{:ok, {columns, parameters}}` of a prepared statement.
#[rustler::nif]
fn remote_statement<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let described = session_of(state).and_then(|session| {
        let id = id(statement, Error::StatementClosed)?;
        session.statement(id)
    });
    reply_ok(
        env,
        described.map(|(_, description)| answer::description_term(env, &description)),
    )
}

/// Forgets a prepared statement. Twice is fine.
#[rustler::nif]
fn remote_finalize<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    reply_unit(
        env,
        forget(
            state,
            id(statement, Error::StatementClosed),
            ItemKind::Statement,
        ),
    )
}

/// Closes a cursor. Twice is fine.
#[rustler::nif]
fn remote_deallocate<'a>(env: Env<'a>, state: Term<'a>, cursor: Term<'a>) -> Term<'a> {
    reply_unit(
        env,
        forget(state, id(cursor, Error::CursorClosed), ItemKind::Cursor),
    )
}

fn forget(state: Term<'_>, id: Result<Id>, kind: ItemKind) -> Result<()> {
    session_of(state)?.forget(id?, kind)
}

/// The breaker of each server that has one; with a state, those of its connection's servers.
#[rustler::nif]
fn remote_breakers<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let statuses = match state.is_atom() {
        true => Ok(ecto_libsql_engine::remote::breakers()),
        false => session_of(state).map(|session| session.breakers()),
    };
    let terms = statuses.map(|statuses| {
        let terms = statuses.iter().map(|status| breakers::term(env, status));
        terms.collect::<Vec<_>>()
    });
    reply_ok(env, terms)
}

/// As `remote_set_token`, for a server of the option `:failover`, by its index.
#[rustler::nif]
fn remote_set_failover_token<'a>(
    env: Env<'a>,
    state: Term<'a>,
    index: usize,
    token: Option<String>,
) -> Term<'a> {
    let set = session_of(state).and_then(|session| session.set_failover_token(index, token));
    reply_unit(env, set)
}

/// The token from now on; nil: without one.
#[rustler::nif]
fn remote_set_token<'a>(env: Env<'a>, state: Term<'a>, token: Option<String>) -> Term<'a> {
    let set = session_of(state).and_then(|session| session.set_token(token));
    reply_unit(env, set)
}
