//! Copies of databases, and what tells that one has changed.

use rustler::{Env, Term};

use crate::error::reply_ok;
use crate::owner::CallContext;
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
