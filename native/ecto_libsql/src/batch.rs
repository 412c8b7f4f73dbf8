//! Scripts and lists of statements.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Call, Flow, Ran};
use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::error::{reply, waits_term};
use crate::list::proper;
use crate::owner::CallContext;
use crate::params::{TermParams, sql};
use crate::result::{call, result_term};
use crate::terms::{Limit, RowTerms};

#[rustler::nif(schedule = "DirtyIo")]
fn execute_script<'a>(
    env: Env<'a>,
    state: Term<'a>,
    script: Term<'a>,
    transactional: bool,
    first: usize,
    timeout: Term<'a>,
) -> Term<'a> {
    let ran = call(timeout)
        .and_then(|call| run_script(env, state, script, (transactional, first), &call));
    reply(env, ran, |ran| ran_term(env, &ran))
}

fn run_script<'a>(
    env: Env<'a>,
    state: Term<'a>,
    script: Term<'a>,
    (transactional, first): (bool, usize),
    call: &Call,
) -> Result<Ran<RowTerms<'a>>> {
    let context = CallContext::new(env, state)?;
    let script = sql(script)?;
    let new_sink = || RowTerms::new(env, Limit::NONE, Flow::More);
    let ran = context.connection.call(context.caller, |connection| {
        if transactional {
            connection.execute_transactional_script(script, new_sink, call)
        } else {
            connection.execute_script(script, first, new_sink, call)
        }
    });
    watch_transaction(env, &context);
    ran
}

/// `statements`: a list of `{sql, params}`.
#[rustler::nif(schedule = "DirtyIo")]
fn execute_list<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statements: Term<'a>,
    transactional: bool,
    first: usize,
    timeout: Term<'a>,
) -> Term<'a> {
    let list = match decode_list(statements) {
        Ok(list) => list,
        Err(error) => return reply(env, Err(error), |term| term),
    };
    // Found out before anything runs: a statement must not run twice.
    if list.iter().any(|(_, params)| params.hold_structs()) {
        return atoms::encode_params().encode(env);
    }
    let ran =
        call(timeout).and_then(|call| run_list(env, state, &list, (transactional, first), &call));
    reply(env, ran, |ran| ran_term(env, &ran))
}

pub fn decode_list<'a>(statements: Term<'a>) -> Result<Vec<(&'a str, TermParams<'a>)>> {
    let not_a_batch =
        || Error::InvalidArgument("a batch is a list of {sql, params} tuples".to_owned());
    proper(statements)
        .ok_or_else(not_a_batch)?
        .map(|element| {
            let (statement, params) = element
                .decode::<(Term<'a>, Term<'a>)>()
                .map_err(|_| not_a_batch())?;
            Ok((sql(statement)?, TermParams::new(params)))
        })
        .collect()
}

fn run_list<'a>(
    env: Env<'a>,
    state: Term<'a>,
    list: &[(&'a str, TermParams<'a>)],
    (transactional, first): (bool, usize),
    call: &Call,
) -> Result<Ran<RowTerms<'a>>> {
    let context = CallContext::new(env, state)?;
    let new_sink = || RowTerms::new(env, Limit::NONE, Flow::More);
    let ran = context.connection.call(context.caller, |connection| {
        if transactional {
            connection.transactional_batch(list, new_sink, call)
        } else {
            connection.batch(list, first, new_sink, call)
        }
    });
    watch_transaction(env, &context);
    ran
}

/// A script may have begun a transaction, also one that failed later.
fn watch_transaction(env: Env<'_>, context: &CallContext) {
    if context.connection.transaction().is_some() {
        context.watch_caller(env);
    }
}

/// `{:ok, results}`, or `{:stopped, results, at, waits}` where the rest has to wait.
fn ran_term<'a>(env: Env<'a>, ran: &Ran<RowTerms<'a>>) -> Term<'a> {
    let results: Vec<_> = ran
        .results
        .iter()
        .map(|(rows, outcome)| result_term(env, rows, outcome))
        .collect();
    match &ran.stopped {
        None => (atoms::ok(), results).encode(env),
        Some(stopped) => {
            let waits = waits_term(env, &stopped.error);
            (atoms::stopped(), results, stopped.at, waits).encode(env)
        }
    }
}
