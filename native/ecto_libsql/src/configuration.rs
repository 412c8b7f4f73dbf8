//! What is set on a connection: limits, settings, reserved bytes.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Connection, DbSetting, Limit};
use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::error::{reply, reply_ok, reply_unit};
use crate::owner::CallContext;
use crate::result::{call, string};

/// Limits by their names, as the connect options have them.
pub fn limits(pairs: Vec<(String, i32)>) -> Result<Vec<(Limit, i32)>> {
    pairs
        .into_iter()
        .map(|(name, value)| limit(&name).map(|limit| (limit, value)))
        .collect()
}

/// Settings by their names, likewise.
pub fn db_config(pairs: Vec<(String, bool)>) -> Result<Vec<(DbSetting, bool)>> {
    pairs
        .into_iter()
        .map(|(name, on)| setting(&name).map(|setting| (setting, on)))
        .collect()
}

fn limit(name: &str) -> Result<Limit> {
    Limit::named(name)
        .ok_or_else(|| Error::InvalidArgument(format!("there is no limit named {name:?}")))
}

fn setting(name: &str) -> Result<DbSetting> {
    DbSetting::named(name)
        .ok_or_else(|| Error::InvalidArgument(format!("there is no setting named {name:?}")))
}

/// `{:ok, number}`
#[rustler::nif(schedule = "DirtyIo")]
fn limit_get<'a>(env: Env<'a>, state: Term<'a>, name: Term<'a>) -> Term<'a> {
    let value = with(env, state, |connection| {
        Ok(connection.limit(limit(string(name, "the limit's name")?)?))
    });
    reply_ok(env, value)
}

/// `{:ok, previous, effective}`
#[rustler::nif(schedule = "DirtyIo")]
fn limit_set<'a>(env: Env<'a>, state: Term<'a>, name: Term<'a>, value: Term<'a>) -> Term<'a> {
    let set = with(env, state, |connection| {
        let limit = limit(string(name, "the limit's name")?)?;
        let value = value.decode().map_err(|_| {
            Error::InvalidArgument("a limit is to be an integer of 32 bits".to_owned())
        })?;
        connection.set_limit(limit, value)
    });
    reply(env, set, |set| {
        (atoms::ok(), set.previous, set.effective).encode(env)
    })
}

/// `{:ok, boolean}`
#[rustler::nif(schedule = "DirtyIo")]
fn db_config_get<'a>(env: Env<'a>, state: Term<'a>, name: Term<'a>) -> Term<'a> {
    let on = with(env, state, |connection| {
        connection.db_setting(setting(string(name, "the setting's name")?)?)
    });
    reply_ok(env, on)
}

#[rustler::nif(schedule = "DirtyIo")]
fn db_config_set<'a>(env: Env<'a>, state: Term<'a>, name: Term<'a>, on: Term<'a>) -> Term<'a> {
    let set = with(env, state, |connection| {
        let setting = setting(string(name, "the setting's name")?)?;
        let on = on
            .decode()
            .map_err(|_| Error::InvalidArgument("a setting is to be true or false".to_owned()))?;
        connection.set_db_setting(setting, on)
    });
    reply_unit(env, set)
}

#[rustler::nif(schedule = "DirtyIo")]
fn reset_database<'a>(env: Env<'a>, state: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let reset = call(timeout)
        .and_then(|call| with(env, state, |connection| connection.reset_database(&call)));
    reply_unit(env, reset)
}

/// `{:ok, number}`
#[rustler::nif(schedule = "DirtyIo")]
fn reserved_bytes<'a>(env: Env<'a>, state: Term<'a>, schema: Term<'a>) -> Term<'a> {
    let bytes = with(env, state, |connection| {
        connection.reserved_bytes(string(schema, "the database's name")?)
    });
    reply_ok(env, bytes)
}

#[rustler::nif(schedule = "DirtyIo")]
fn set_reserved_bytes<'a>(
    env: Env<'a>,
    state: Term<'a>,
    schema: Term<'a>,
    bytes: Term<'a>,
) -> Term<'a> {
    let set = with(env, state, |connection| {
        let bytes = bytes.decode().map_err(|_| {
            Error::InvalidArgument("reserved bytes are to be an integer from 0 to 255".to_owned())
        })?;
        connection.set_reserved_bytes(string(schema, "the database's name")?, bytes)
    });
    reply_unit(env, set)
}

#[rustler::nif(schedule = "DirtyIo")]
fn release_memory<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    reply_unit(env, with(env, state, Connection::release_memory))
}

fn with<T>(
    env: Env<'_>,
    state: Term<'_>,
    work: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    let context = CallContext::new(env, state)?;
    context.connection.call(context.caller, work)
}
