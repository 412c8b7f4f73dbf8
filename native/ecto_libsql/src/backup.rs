//! Copies of databases, and what tells that one has changed.

use ecto_libsql_engine::error::Error;
use rustler::{Encoder, Env, OwnedBinary, Term};

use crate::atoms;
use crate::connection::open_options;
use crate::error::{reply, reply_ok, reply_unit};
use crate::owner::CallContext;
use crate::params::bytes;
use crate::result::{call, string};

/// `{:ok, version}`: the source's data version as of the copy.
#[rustler::nif(schedule = "DirtyIo")]
fn backup<'a>(
    env: Env<'a>,
    source: Term<'a>,
    source_schema: Term<'a>,
    target: Term<'a>,
    schema: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let copied = CallContext::new(env, source).and_then(|source| {
        let target = CallContext::new(env, target)?;
        target.connection.backup_from(
            target.caller,
            string(schema, "the schema")?,
            &source.connection,
            string(source_schema, "the source's schema")?,
            &call(timeout)?,
        )
    });
    reply_ok(env, copied)
}

/// `source`: the map that `EctoLibSql.Options` makes of the connect options of the database that is
/// copied.
#[rustler::nif(schedule = "DirtyIo")]
fn backup_begin<'a>(
    env: Env<'a>,
    target: Term<'a>,
    source: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let begun = CallContext::new(env, target).and_then(|target| {
        let (source, _scope) = open_options(source)?;
        let call = call(timeout)?;
        target.connection.call(target.caller, |connection| {
            connection.begin_backup(source, &call)
        })?;
        target.watch_caller(env);
        Ok(())
    });
    reply_unit(env, begun)
}

/// `{:ok, {remaining, total}}`
#[rustler::nif(schedule = "DirtyIo")]
fn backup_step<'a>(env: Env<'a>, target: Term<'a>, pages: u16, timeout: Term<'a>) -> Term<'a> {
    let stepped = CallContext::new(env, target).and_then(|target| {
        let call = call(timeout)?;
        target.connection.call(target.caller, |connection| {
            connection.step_backup(pages, &call)
        })
    });
    reply_ok(
        env,
        stepped.map(|progress| (progress.remaining, progress.total)),
    )
}

/// `{:ok, binary}`
#[rustler::nif(schedule = "DirtyIo")]
fn serialize<'a>(env: Env<'a>, state: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let image = CallContext::new(env, state).and_then(|context| {
        let call = call(timeout)?;
        context
            .connection
            .call(context.caller, |connection| connection.serialize(&call))
    });
    reply(env, image, |image| {
        let binary = OwnedBinary::from_slice(image.as_slice());
        (atoms::ok(), binary.release(env)).encode(env)
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn deserialize<'a>(env: Env<'a>, state: Term<'a>, image: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let opened = CallContext::new(env, state).and_then(|context| {
        let call = call(timeout)?;
        let image = bytes(image)
            .ok_or_else(|| Error::InvalidArgument("the image is to be a binary".to_owned()))?;
        context.connection.call(context.caller, |connection| {
            connection.deserialize(image, &call)
        })
    });
    reply_unit(env, opened)
}

/// `{:ok, [{schema, version}]}`
#[rustler::nif(schedule = "DirtyIo")]
fn do_data_versions<'a>(env: Env<'a>, state: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let versions = CallContext::new(env, state).and_then(|context| {
        let call = call(timeout)?;
        context
            .connection
            .call(context.caller, |connection| connection.data_versions(&call))
    });
    reply_ok(env, versions)
}
