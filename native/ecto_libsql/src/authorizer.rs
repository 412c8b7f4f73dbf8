//! Policies, as `EctoLibSql.Authorizer` compiles them.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{
    Action, Condition, Denial, Field, Flow, Names, Policy, Rule, Source, Verdict,
};
use rustler::{Atom, Encoder, Env, ListIterator, Term};

use crate::atoms;
use crate::error::{named_atom, reply_unit};
use crate::list::proper;
use crate::owner::CallContext;
use crate::params::{bytes, sql};
use crate::query::with_params;
use crate::result::{call, result_term};
use crate::terms::{self, Limit, RowTerms};

/// `policy`: nil, or `{default, read_only, rules}`.
#[rustler::nif(schedule = "DirtyIo")]
fn do_set_authorizer<'a>(
    env: Env<'a>,
    state: Term<'a>,
    compiled: Term<'a>,
    of_option: bool,
) -> Term<'a> {
    let set = CallContext::new(env, state).and_then(|context| {
        let policy = match compiled == atoms::nil().to_term(env) {
            true => None,
            false => Some(policy(compiled)?),
        };
        context
            .connection
            .set_authorizer(context.caller, policy, of_option)
    });
    reply_unit(env, set)
}

fn policy(compiled: Term<'_>) -> Result<Policy> {
    let (default, read_only, rules): (Atom, bool, Term<'_>) = decoded(compiled)?;
    let rules = list(rules)?.map(rule).collect::<Result<Vec<_>>>()?;
    Ok(Policy::new(rules, verdict(default)?, read_only))
}

/// `{verdict, [action], [{field, kind, [name]}]}`
fn rule(compiled: Term<'_>) -> Result<Rule> {
    let (rule, actions, conditions): (Atom, Term<'_>, Term<'_>) = decoded(compiled)?;
    let actions = list(actions)?.map(action).collect::<Result<Vec<_>>>()?;
    let conditions = list(conditions)?
        .map(condition)
        .collect::<Result<Vec<_>>>()?;
    Ok(Rule::new(verdict(rule)?, &actions, conditions))
}

fn condition(compiled: Term<'_>) -> Result<(Field, Condition)> {
    let (field, kind, names): (Term<'_>, Atom, Term<'_>) = decoded(compiled)?;
    let field = field
        .atom_to_string()
        .ok()
        .and_then(|name| Field::from_name(&name))
        .ok_or_else(no_policy)?;
    let names = list(names)?
        .map(bytes)
        .collect::<Option<Names>>()
        .ok_or_else(no_policy)?;
    let condition = match kind {
        kind if kind == atoms::among() => Condition::Among(names),
        kind if kind == atoms::except() => Condition::Except(names),
        kind if kind == atoms::present() => Condition::Present,
        _ => return Err(no_policy()),
    };
    Ok((field, condition))
}

fn action(name: Term<'_>) -> Result<Action> {
    name.atom_to_string()
        .ok()
        .and_then(|name| Action::from_name(&name))
        .ok_or_else(no_policy)
}

fn verdict(verdict: Atom) -> Result<Verdict> {
    match verdict {
        verdict if verdict == atoms::allow() => Ok(Verdict::Allow),
        verdict if verdict == atoms::deny() => Ok(Verdict::Deny),
        verdict if verdict == atoms::ignore() => Ok(Verdict::Ignore),
        _ => Err(no_policy()),
    }
}

fn decoded<'a, T: rustler::Decoder<'a>>(term: Term<'a>) -> Result<T> {
    term.decode().map_err(|_| no_policy())
}

fn list(term: Term<'_>) -> Result<ListIterator<'_>> {
    proper(term).ok_or_else(no_policy)
}

fn no_policy() -> Error {
    Error::InvalidArgument("this is no compiled policy".to_owned())
}

/// As `query`, whatever the connection's policy: for the driver's own questions.
#[rustler::nif(schedule = "DirtyIo")]
fn query_exempt<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    params: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    with_params(env, params, |params| {
        let context = CallContext::new(env, state)?;
        let statement = Source::Sql(sql(statement)?);
        let call = call(timeout)?;
        let mut rows = RowTerms::new(env, Limit::NONE, Flow::More);
        let outcome = context.connection.call(context.caller, |connection| {
            connection.run_exempt(&call, |connection, call| {
                connection.query(statement, params, &mut rows, call)
            })
        })?;
        Ok((atoms::ok(), result_term(env, &rows, &outcome)).encode(env))
    })
}

pub fn denial_term<'a>(env: Env<'a>, denial: &Denial) -> Term<'a> {
    let object = [&denial.table, &denial.name, &denial.argument]
        .into_iter()
        .find_map(Option::as_ref);
    terms::map(
        env,
        &[
            (atoms::action(), named_atom(env, denial.action)),
            (atoms::object(), object.encode(env)),
            (atoms::table(), denial.table.encode(env)),
            (atoms::column(), denial.column.encode(env)),
            (atoms::name(), denial.name.encode(env)),
            (atoms::argument(), denial.argument.encode(env)),
            (atoms::database(), denial.database.encode(env)),
            (atoms::within(), denial.within.encode(env)),
            (atoms::reason(), denial.reason.encode(env)),
        ],
    )
}
