//! Connections to servers. A call decodes its request, hands it to the network's threads, and
//! answers at once; the reply is a message `{EctoLibSql.Remote, reference, reply}` to the caller.
//! No scheduler waits.

mod answer;
mod item;
mod listing;
mod open;
mod owner;
mod request;
mod run;
mod running;
mod session;

pub use answer::Addressee;
pub use listing::connection_terms;
pub use open::remote_options;
pub use owner::RemoteWatch;
pub use running::RemoteCall;
pub use session::{RemoteSession, is_open, of as session_of};

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::remote::spawn;
use rustler::{Encoder, Env, ResourceArc, Term};

use crate::atoms;
use crate::error::{reply_ok, reply_unit};
use crate::owner::Pid;
use crate::params::bytes;
use crate::result::{call, id, id_text};

use item::ItemKind;
use request::{Decoded, Request};
use running::Stop;

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
    let decoded = session::of(state).and_then(|session| {
        let decoded = Request::decode(request, session.forms())?;
        Ok((session, decoded))
    });
    let begun = match decoded {
        Ok((_, Decoded::HoldsStructs)) => return atoms::encode_params().encode(env),
        Ok((session, Decoded::Request(request))) => call(timeout).and_then(|limits| {
            let (running, stopped) = RemoteCall::begin(env, &session, request.source())?;
            let number = running.number();
            let addressee = Addressee::new(env, reference);
            let caller = Pid(env.pid());
            let runs = run::to_the_end(
                session.clone(),
                number,
                caller,
                request,
                limits,
                stopped,
                addressee,
            );
            if let Err(error) = spawn(runs) {
                session.over(number);
                return Err(error);
            }
            Ok(running)
        }),
        Err(error) => Err(error),
    };
    reply_ok(env, begun)
}

/// Stops a call whose caller waits no more. Whether it was still under way: then no message comes
/// of it, else there is one, or is about to be.
#[rustler::nif]
fn remote_cancel(call: ResourceArc<RemoteCall>) -> bool {
    call.stop(Stop::Cancelled)
}

/// Closes a connection: what it runs is stopped, and the server is told in the background. Twice
/// is fine.
#[rustler::nif]
fn remote_close<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let closed = match session::of(state) {
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
    let interrupted = session::of(state).and_then(|session| {
        let only = match bytes(statement) {
            None => None,
            Some(_) => {
                let id = id(statement, Error::StatementClosed)?;
                session.check_item(id, ItemKind::Statement)?;
                Some(id)
            }
        };
        session.stop_running(only, Stop::Interrupted);
        Ok(())
    });
    reply_unit(env, interrupted)
}

/// `{:ok, {autocommit, last_insert_rowid, changes, total_changes}}`, as of the last answer.
#[rustler::nif]
fn remote_status<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    reply_ok(env, session::of(state).map(|session| session.status()))
}

/// `{:ok, {columns, parameters}}` of a prepared statement.
#[rustler::nif]
fn remote_statement<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let described = session::of(state).and_then(|session| {
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
    reply_unit(env, forget(state, statement, ItemKind::Statement))
}

/// Closes a cursor. Twice is fine.
#[rustler::nif]
fn remote_deallocate<'a>(env: Env<'a>, state: Term<'a>, cursor: Term<'a>) -> Term<'a> {
    reply_unit(env, forget(state, cursor, ItemKind::Cursor))
}

fn forget(state: Term<'_>, term: Term<'_>, kind: ItemKind) -> Result<()> {
    session::of(state)?.forget(id(term, kind.closed())?, kind)
}

/// The token from now on; nil: without one.
#[rustler::nif]
fn remote_set_token<'a>(env: Env<'a>, state: Term<'a>, token: Option<String>) -> Term<'a> {
    let set = session::of(state).and_then(|session| session.connection().set_token(token));
    reply_unit(env, set)
}
