//! Transactions and savepoints.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Behavior, Connection};
use rustler::{Atom, Env, Term};

use crate::atoms;
use crate::error::reply_unit;
use crate::owner::CallContext;
use crate::result::{call, string};

#[rustler::nif(schedule = "DirtyIo")]
fn begin<'a>(env: Env<'a>, state: Term<'a>, behavior: Atom, timeout: Term<'a>) -> Term<'a> {
    let begun = CallContext::new(env, state).and_then(|context| {
        let (behavior, call) = (behavior_of(behavior)?, call(timeout)?);
        context.connection.call(context.caller, |connection| {
            connection.begin(behavior, &call)
        })?;
        context.watch_caller(env);
        Ok(())
    });
    reply_unit(env, begun)
}

pub fn behavior_of(behavior: Atom) -> Result<Behavior> {
    match behavior {
        behavior if behavior == atoms::deferred() => Ok(Behavior::Deferred),
        behavior if behavior == atoms::immediate() => Ok(Behavior::Immediate),
        behavior if behavior == atoms::exclusive() => Ok(Behavior::Exclusive),
        behavior if behavior == atoms::read_only() => Ok(Behavior::ReadOnly),
        _ => Err(Error::InvalidArgument(
            "a transaction's behavior is :deferred, :immediate, :exclusive or :read_only"
                .to_owned(),
        )),
    }
}

#[rustler::nif(schedule = "DirtyIo")]
fn commit<'a>(env: Env<'a>, state: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    reply_unit(
        env,
        call(timeout).and_then(|call| with(env, state, |connection| connection.commit(&call))),
    )
}

#[rustler::nif(schedule = "DirtyIo")]
fn rollback<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    reply_unit(
        env,
        with(env, state, |connection| {
            connection.rollback(&Default::default())
        }),
    )
}

#[rustler::nif(schedule = "DirtyIo")]
fn savepoint<'a>(env: Env<'a>, state: Term<'a>, name: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let set = string(name, "a savepoint's name").and_then(|name| {
        let call = call(timeout)?;
        let context = CallContext::new(env, state)?;
        context.connection.call(context.caller, |connection| {
            connection.savepoint(name, &call)
        })?;
        // Outside of a transaction, a savepoint begins one.
        context.watch_caller(env);
        Ok(())
    });
    reply_unit(env, set)
}

#[rustler::nif(schedule = "DirtyIo")]
fn release_savepoint<'a>(
    env: Env<'a>,
    state: Term<'a>,
    name: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let released = string(name, "a savepoint's name").and_then(|name| {
        let call = call(timeout)?;
        with(env, state, |connection| {
            connection.release_savepoint(name, &call)
        })
    });
    reply_unit(env, released)
}

#[rustler::nif(schedule = "DirtyIo")]
fn rollback_to_savepoint<'a>(
    env: Env<'a>,
    state: Term<'a>,
    name: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let rolled_back = string(name, "a savepoint's name").and_then(|name| {
        let call = call(timeout)?;
        with(env, state, |connection| {
            connection.rollback_to_savepoint(name, &call)
        })
    });
    reply_unit(env, rolled_back)
}

fn with<'a>(
    env: Env<'a>,
    state: Term<'a>,
    work: impl FnOnce(&mut Connection) -> Result<()>,
) -> Result<()> {
    let context = CallContext::new(env, state)?;
    context.connection.call(context.caller, work)
}
