//! Running one statement.

use std::time::Instant;

use ecto_libsql_engine::error::Result;
use ecto_libsql_engine::local::{CountRows, Flow, Outcome};
use rustler::{Encoder, Env, Term, schedule};

use crate::atoms;
use crate::error::reply;
use crate::owner::CallContext;
use crate::params::{TermParams, bytes};
use crate::result::{call, partial_term, result_term, source};
use crate::terms::{Limit, RowTerms};

/// Cache look-up, bind, step and encode, in one call.
#[rustler::nif(schedule = "DirtyIo")]
fn query<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    with_params(env, params, |params| {
        let context = CallContext::new(env, state)?;
        let mut rows = RowTerms::new(env, Limit::CALL, Flow::Pause);
        let outcome = context.connection.query(
            context.caller,
            source(statement)?,
            params,
            &mut rows,
            &call(timeout)?,
        )?;
        watch(env, &context, &outcome);
        Ok(match outcome.rest {
            Some(cursor) => partial_term(env, cursor, &rows),
            None => (atoms::ok(), result_term(env, &rows, &outcome)).encode(env),
        })
    })
}

/// As `query`, on the scheduler that calls, for a statement that was quick before: `:long` where it
/// is none, or turns out not to be.
#[rustler::nif]
fn query_short<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
) -> Term<'a> {
    if bytes(statement).is_some_and(|sql| sql.len() > Limit::SHORT.bytes) {
        return atoms::long().encode(env);
    }
    let began = Instant::now();
    let params = TermParams::short(params);
    let answer = short(env, state, statement, &params);
    make_way(env, began);
    if answer.is_err() && params.cannot_be_bound() {
        atoms::long().encode(env)
    } else {
        reply(env, answer, |answer| answer)
    }
}

fn short<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: &TermParams<'a>,
) -> Result<Term<'a>> {
    let context = CallContext::new(env, state)?;
    let mut rows = RowTerms::new(env, Limit::SHORT, Flow::Pause);
    let source = source(statement)?;
    let outcome = context
        .connection
        .query_short(context.caller, source, params, &mut rows)?;
    Ok(match outcome {
        Some(outcome) => (atoms::ok(), result_term(env, &rows, &outcome)).encode(env),
        None => atoms::long().encode(env),
    })
}

/// Counts what was taken of the scheduler's time, in percents of the millisecond that a process has:
/// one that reads and reads is to make way for others.
fn make_way(env: Env<'_>, began: Instant) {
    let percents = (began.elapsed().as_micros() / 10).clamp(1, 100);
    schedule::consume_timeslice(env, percents as i32);
}

/// `{:ok, row}`, `{:error, :no_rows}` or `{:error, :multiple_rows}`; stops after the second row.
#[rustler::nif(schedule = "DirtyIo")]
fn do_query_row<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    const TWO_ROWS: Limit = Limit {
        rows: 2,
        ..Limit::NONE
    };
    with_params(env, params, |params| {
        let context = CallContext::new(env, state)?;
        let mut rows = RowTerms::new(env, TWO_ROWS, Flow::Stop);
        let source = source(statement)?;
        let outcome =
            context
                .connection
                .query(context.caller, source, params, &mut rows, &call(timeout)?)?;
        watch(env, &context, &outcome);
        Ok(match (rows.first_row(), rows.count()) {
            (None, _) => (atoms::error(), atoms::no_rows()).encode(env),
            (Some(row), 1) => (atoms::ok(), row).encode(env),
            _ => (atoms::error(), atoms::multiple_rows()).encode(env),
        })
    })
}

/// Runs any statement to its end; answers `:ok`.
#[rustler::nif(schedule = "DirtyIo")]
fn run<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    with_params(env, params, |params| {
        let context = CallContext::new(env, state)?;
        let source = source(statement)?;
        let outcome = context.connection.query(
            context.caller,
            source,
            params,
            &mut CountRows::default(),
            &call(timeout)?,
        )?;
        watch(env, &context, &outcome);
        Ok(atoms::ok().encode(env))
    })
}

/// A caller that now has a cursor or an open transaction is watched.
pub fn watch(env: Env<'_>, context: &CallContext, outcome: &Outcome) {
    if outcome.rest.is_some() || !outcome.autocommit {
        context.watch_caller(env);
    }
}

/// Answers `:encode_params`, nothing having run, where Elixir has to encode a parameter first.
pub fn with_params<'a>(
    env: Env<'a>,
    params: Term<'a>,
    work: impl FnOnce(&TermParams<'a>) -> Result<Term<'a>>,
) -> Term<'a> {
    let params = TermParams::new(params);
    let worked = work(&params);
    if worked.is_err() && params.cannot_be_bound() {
        atoms::encode_params().encode(env)
    } else {
        reply(env, worked, |term| term)
    }
}
