//! Enforcement of foreign keys.

use rustler::{Env, Term};

use crate::error::reply_unit;
use crate::owner::CallContext;

#[rustler::nif(schedule = "DirtyIo")]
fn enable_foreign_keys<'a>(env: Env<'a>, state: Term<'a>, enable: bool) -> Term<'a> {
    let enabled = CallContext::new(env, state).and_then(|context| {
        context.connection.call(context.caller, |connection| {
            connection.enable_foreign_keys(enable)
        })
    });
    reply_unit(env, enabled)
}
