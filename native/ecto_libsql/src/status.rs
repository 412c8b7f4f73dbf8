//! What SQLite counts of statements, of connections and of itself; and expanded SQL.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{self, Figures, Flow, Redact};
use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::error::{named_atom, reply};
use crate::list::proper;
use crate::owner::CallContext;
use crate::params::text;
use crate::query::{watch, with_params};
use crate::result::{call, result_term, source};
use crate::statement::look;
use crate::terms::{Limit, RowTerms, map_of};

/// `{:ok, map}`
#[rustler::nif(schedule = "DirtyIo")]
fn stmt_status<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>, reset: bool) -> Term<'a> {
    let status = look(env, state, statement, |statement| {
        Ok(statement.status(reset))
    });
    reply_figures(env, status)
}

/// As `query`, whole, and counted: `{:ok, result, statistics}`.
#[rustler::nif(schedule = "DirtyIo")]
fn query_counting<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    with_params(env, params, |params| {
        let context = CallContext::new(env, state)?;
        let mut rows = RowTerms::new(env, Limit::NONE, Flow::More);
        let (outcome, figures) = context.connection.query_counting(
            context.caller,
            source(statement)?,
            params,
            &mut rows,
            &call(timeout)?,
        )?;
        watch(env, &context, &outcome);
        let result = result_term(env, &rows, &outcome);
        Ok((atoms::ok(), result, figures_term(env, &figures)).encode(env))
    })
}

/// `{:ok, map}`; looks at memory, and waits for nobody.
#[rustler::nif(schedule = "DirtyCpu")]
fn db_status<'a>(env: Env<'a>, state: Term<'a>, reset: bool) -> Term<'a> {
    let status = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .ask(context.caller, |connection| connection.status(reset))
    });
    reply_figures(env, status)
}

/// `{:ok, %{name => {current, highest}}}`
#[rustler::nif(schedule = "DirtyCpu")]
fn library_status(env: Env<'_>, reset: bool) -> Term<'_> {
    reply(env, local::library_status(reset), |figures| {
        let pairs = figures
            .into_iter()
            .map(|(name, figure)| (named_atom(env, name), figure.encode(env)));
        (atoms::ok(), map_of(env, pairs)).encode(env)
    })
}

/// The SQL with the parameters' values. `redact`: `true` for all, or a list of names.
#[rustler::nif(schedule = "DirtyIo")]
fn do_expanded_sql<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
    redact: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    with_params(env, params, |params| {
        let context = CallContext::new(env, state)?;
        let expanded = context.connection.expanded_sql(
            context.caller,
            source(statement)?,
            params,
            &self::redact(redact)?,
            &call(timeout)?,
        )?;
        Ok((atoms::ok(), expanded).encode(env))
    })
}

/// As [`redact`]; nil where nothing is to be expanded at all.
pub fn expanded(term: Term<'_>) -> Result<Option<Redact>> {
    if term == atoms::nil().to_term(term.get_env()) {
        return Ok(None);
    }
    redact(term).map(Some)
}

/// What is to be hidden.
fn redact(term: Term<'_>) -> Result<Redact> {
    if let Ok(everything) = term.decode::<bool>() {
        return Ok(match everything {
            true => Redact::Everything,
            false => Redact::Nothing,
        });
    }
    let names =
        proper(term).and_then(|names| names.map(|name| Some(text(name)?.to_owned())).collect());
    names.map(Redact::Parameters).ok_or_else(|| {
        Error::InvalidArgument("redact takes true, false or a list of parameters".to_owned())
    })
}

fn reply_figures<'a>(env: Env<'a>, figures: Result<Figures>) -> Term<'a> {
    reply(env, figures, |figures| {
        (atoms::ok(), figures_term(env, &figures)).encode(env)
    })
}

/// A map of names and integers.
pub fn figures_term<'a>(env: Env<'a>, figures: &Figures) -> Term<'a> {
    let pairs = figures
        .iter()
        .map(|(name, figure)| (named_atom(env, name), figure.encode(env)));
    map_of(env, pairs)
}
