//! Where the result columns of SQL come from.

use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::error::reply;
use crate::owner::CallContext;
use crate::params::sql;
use crate::result::call;

/// `{:ok, [{table, decl_type}]}`, both nil for an expression.
#[rustler::nif(schedule = "DirtyIo")]
fn describe<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let columns = CallContext::new(env, state).and_then(|context| {
        let (statement, call) = (sql(statement)?, call(timeout)?);
        context.connection.call(context.caller, |connection| {
            connection.describe(statement, &call)
        })
    });
    reply(env, columns, |columns| {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| (&column.table, &column.decl_type))
            .collect();
        (atoms::ok(), columns).encode(env)
    })
}
