//! Cursors.

use ecto_libsql_engine::error::Error;
use ecto_libsql_engine::local::{Fetched, Flow};
use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::error::{reply, reply_unit};
use crate::owner::CallContext;
use crate::query::with_params;
use crate::result::{call, id, id_text, result_term, source};
use crate::terms::{Limit, RowTerms};

#[rustler::nif(schedule = "DirtyIo")]
fn declare<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    with_params(env, params, |params| {
        let context = CallContext::new(env, state)?;
        let cursor = context.connection.declare(
            context.caller,
            source(statement)?,
            params,
            &call(timeout)?,
        )?;
        context.watch_caller(env);
        Ok((atoms::ok(), id_text(cursor)).encode(env))
    })
}

/// `{:more, columns, rows, num_rows}`, or `{:done, result}` when the cursor has closed itself.
/// At most `max_rows` rows, and fewer where they are large.
#[rustler::nif(schedule = "DirtyIo")]
fn fetch<'a>(
    env: Env<'a>,
    state: Term<'a>,
    cursor: Term<'a>,
    max_rows: usize,
    timeout: Term<'a>,
) -> Term<'a> {
    let limit = Limit {
        rows: max_rows.clamp(1, Limit::CALL.rows),
        ..Limit::CALL
    };
    let fetched = CallContext::new(env, state).and_then(|context| {
        let mut rows = RowTerms::new(env, limit, Flow::Pause);
        let cursor = id(cursor, Error::CursorClosed)?;
        let fetched =
            context
                .connection
                .fetch(context.caller, cursor, &mut rows, &call(timeout)?)?;
        Ok((rows, fetched))
    });
    reply(env, fetched, |(rows, fetched)| match fetched {
        Fetched::More => (atoms::more(), rows.columns(), rows.rows(), rows.count()).encode(env),
        Fetched::All(outcome) => (atoms::done(), result_term(env, &rows, &outcome)).encode(env),
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn deallocate<'a>(env: Env<'a>, state: Term<'a>, cursor: Term<'a>) -> Term<'a> {
    let closed = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .close_cursor(context.caller, id(cursor, Error::CursorClosed)?)
    });
    reply_unit(env, closed)
}
