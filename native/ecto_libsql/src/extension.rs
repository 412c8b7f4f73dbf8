//! Loadable extensions.

use rustler::{Env, Term};

use crate::atoms;
use crate::error::reply_unit;
use crate::owner::CallContext;
use crate::result::string;

#[rustler::nif(schedule = "DirtyIo")]
fn enable_extensions<'a>(env: Env<'a>, state: Term<'a>, enable: bool) -> Term<'a> {
    let enabled = CallContext::new(env, state).and_then(|context| {
        context.connection.call(context.caller, |connection| {
            connection.enable_extensions(enable)
        })
    });
    reply_unit(env, enabled)
}

/// `entry_point` may be nil.
#[rustler::nif(schedule = "DirtyIo")]
fn load_ext<'a>(env: Env<'a>, state: Term<'a>, path: Term<'a>, entry_point: Term<'a>) -> Term<'a> {
    let loaded = CallContext::new(env, state).and_then(|context| {
        let path = string(path, "the extension's path")?;
        let entry_point = if entry_point == atoms::nil().to_term(env) {
            None
        } else {
            Some(string(entry_point, "the entry point")?)
        };
        context.connection.call(context.caller, |connection| {
            connection.load_extension(path, entry_point)
        })
    });
    reply_unit(env, loaded)
}
