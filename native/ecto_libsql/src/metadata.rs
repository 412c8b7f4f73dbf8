//! What a connection knows of itself, and the listing of all of them.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{self, CheckpointMode, Connection as Database};
use ecto_libsql_engine::session::{Item, ItemKind};
use rustler::{Atom, Encoder, Env, Term};

use crate::atoms;
use crate::error::{named_atom, reply, reply_ok, reply_unit};
use crate::owner::{CallContext, Connection, Pid, REGISTRY};
use crate::remote;
use crate::result::{call, id_text};
use crate::terms;

#[rustler::nif]
fn last_insert_rowid<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    ask(env, state, |database| database.last_insert_rowid())
}

#[rustler::nif]
fn changes<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    ask(env, state, |database| database.changes())
}

#[rustler::nif]
fn total_changes<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    ask(env, state, |database| database.total_changes())
}

#[rustler::nif]
fn autocommit<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    ask(env, state, |database| database.autocommit())
}

fn ask<'a, T: Encoder>(
    env: Env<'a>,
    state: Term<'a>,
    question: impl FnOnce(&Database) -> T,
) -> Term<'a> {
    let answer = CallContext::new(env, state)
        .and_then(|context| context.connection.ask(context.caller, question));
    reply_ok(env, answer)
}

#[rustler::nif(schedule = "DirtyIo")]
fn cacheflush<'a>(env: Env<'a>, state: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let flushed =
        call(timeout).and_then(|call| with(env, state, |database| database.cacheflush(&call)));
    reply_unit(env, flushed)
}

#[rustler::nif(schedule = "DirtyIo")]
fn checkpoint<'a>(env: Env<'a>, state: Term<'a>, mode: Atom, timeout: Term<'a>) -> Term<'a> {
    let done = checkpoint_mode(mode).and_then(|mode| {
        let call = call(timeout)?;
        with(env, state, |database| database.checkpoint(mode, &call))
    });
    reply(env, done, |checkpoint| {
        let map = terms::map(
            env,
            &[
                (atoms::log_frames(), checkpoint.log_frames.encode(env)),
                (
                    atoms::checkpointed_frames(),
                    checkpoint.checkpointed_frames.encode(env),
                ),
                (atoms::busy(), checkpoint.busy.encode(env)),
            ],
        );
        (atoms::ok(), map).encode(env)
    })
}

fn checkpoint_mode(mode: Atom) -> Result<CheckpointMode> {
    match mode {
        mode if mode == atoms::passive() => Ok(CheckpointMode::Passive),
        mode if mode == atoms::full() => Ok(CheckpointMode::Full),
        mode if mode == atoms::restart() => Ok(CheckpointMode::Restart),
        mode if mode == atoms::truncate() => Ok(CheckpointMode::Truncate),
        _ => Err(Error::InvalidArgument(
            "a checkpoint's mode is :passive, :full, :restart or :truncate".to_owned(),
        )),
    }
}

fn with<'a, T>(
    env: Env<'a>,
    state: Term<'a>,
    work: impl FnOnce(&mut Database) -> Result<T>,
) -> Result<T> {
    let context = CallContext::new(env, state)?;
    context.connection.call(context.caller, work)
}

/// Chooses, the first time, whether SQLite keeps memory statistics. Answers whether it does.
#[rustler::nif]
fn memory_statistics(keep: bool) -> bool {
    local::memory_statistics(keep)
}

/// Every open connection, those to servers last, with its statements, cursors and ages. Waits for
/// none of them.
#[rustler::nif(schedule = "DirtyCpu")]
fn connections(env: Env<'_>) -> Vec<Term<'_>> {
    let sessions = REGISTRY.sessions();
    let local = sessions
        .iter()
        .map(|connection| connection_term(env, connection));
    local.chain(remote::connection_terms(env)).collect()
}

fn connection_term<'a>(env: Env<'a>, connection: &Connection) -> Term<'a> {
    let items = connection.items();
    let of_kind = |kind| {
        items
            .iter()
            .filter(|item| item.kind == kind)
            .map(|item| item_term(env, item))
            .collect::<Vec<_>>()
    };
    terms::map(
        env,
        &[
            (atoms::id(), id_text(connection.id()).encode(env)),
            (atoms::owner(), connection.owner().encode(env)),
            (atoms::database(), connection.database().encode(env)),
            (atoms::age(), terms::age(connection.opened()).encode(env)),
            (
                atoms::statements(),
                of_kind(ItemKind::Statement).encode(env),
            ),
            (atoms::cursors(), of_kind(ItemKind::Cursor).encode(env)),
            (atoms::blobs(), of_kind(ItemKind::Blob).encode(env)),
            (atoms::sessions(), of_kind(ItemKind::Recording).encode(env)),
            (atoms::transaction(), transaction_term(env, connection)),
            (atoms::running(), running_term(env, connection)),
            (atoms::cache(), cache_term(env, connection)),
        ],
    )
}

fn item_term<'a>(env: Env<'a>, item: &Item<Pid>) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::id(), id_text(item.id).encode(env)),
            (atoms::sql(), item.sql.encode(env)),
            (atoms::owner(), item.owner.encode(env)),
            (atoms::age(), terms::age(item.created).encode(env)),
        ],
    )
}

fn transaction_term<'a>(env: Env<'a>, connection: &Connection) -> Term<'a> {
    let Some(open) = connection.transaction() else {
        return atoms::nil().encode(env);
    };
    let behavior = match open.behavior {
        Some(behavior) => named_atom(env, behavior.name()),
        None => atoms::nil().encode(env),
    };
    terms::map(
        env,
        &[
            (atoms::owner(), open.owner.encode(env)),
            (atoms::behavior(), behavior),
            (atoms::age(), terms::age(open.began).encode(env)),
        ],
    )
}

fn running_term<'a>(env: Env<'a>, connection: &Connection) -> Term<'a> {
    let Some(running) = connection.running() else {
        return atoms::nil().encode(env);
    };
    terms::map(
        env,
        &[
            (atoms::owner(), running.caller.encode(env)),
            (atoms::age(), terms::age(running.since).encode(env)),
        ],
    )
}

fn cache_term<'a>(env: Env<'a>, connection: &Connection) -> Term<'a> {
    let stats = connection.cache_stats();
    terms::map(
        env,
        &[
            (atoms::size(), stats.size().encode(env)),
            (atoms::hits(), stats.hits().encode(env)),
            (atoms::misses(), stats.misses().encode(env)),
            (atoms::evictions(), stats.evictions().encode(env)),
        ],
    )
}
