//! Errors as Elixir sees them: `{:error, %EctoLibSql.Error{}}`.

use ecto_libsql_engine::constraint::Constraint;
use ecto_libsql_engine::error::{Error, Result};
use rustler::{Atom, Encoder, Env, Term};

use crate::atoms;
use crate::authorizer::denial_term;
use crate::terms;

/// `value` encoded by `ok`, or the error tuple, or what has to be waited for.
pub fn reply<'a, T>(env: Env<'a>, result: Result<T>, ok: impl FnOnce(T) -> Term<'a>) -> Term<'a> {
    match result {
        Ok(value) => ok(value),
        Err(Error::AtPrimary) => atoms::at_primary().encode(env),
        Err(error) if error.must_wait() => waits_term(env, &error),
        Err(error) => (atoms::error(), struct_term(env, &error)).encode(env),
    }
}

/// What a process has to wait for before it makes its call again: `:gate_taken`, its turn, or
/// `{:locked, error}`, another program's lock.
pub fn waits_term<'a>(env: Env<'a>, error: &Error) -> Term<'a> {
    match error {
        Error::GateTaken => atoms::gate_taken().encode(env),
        error => (atoms::locked(), struct_term(env, error)).encode(env),
    }
}

/// `{:ok, value}` or the error tuple.
pub fn reply_ok<'a, T: Encoder>(env: Env<'a>, result: Result<T>) -> Term<'a> {
    reply(env, result, |value| (atoms::ok(), value).encode(env))
}

/// `:ok` or the error tuple.
pub fn reply_unit<'a>(env: Env<'a>, result: Result<()>) -> Term<'a> {
    reply(env, result, |()| atoms::ok().encode(env))
}

fn struct_term<'a>(env: Env<'a>, error: &Error) -> Term<'a> {
    let constraint = error
        .constraint()
        .map(|constraint| constraint_term(env, &constraint));
    let denied = error.denial().map(|denial| denial_term(env, denial));
    terms::map(
        env,
        &[
            (atoms::__struct__(), atoms::error_struct().encode(env)),
            (atoms::__exception__(), true.encode(env)),
            (atoms::code(), named_atom(env, error.code())),
            (atoms::extended_code(), error.extended_code().encode(env)),
            (atoms::message(), error.to_string().encode(env)),
            (atoms::statement(), error.statement().encode(env)),
            (atoms::offset(), error.offset().encode(env)),
            (atoms::constraint(), constraint.encode(env)),
            (atoms::index(), error.index().encode(env)),
            (atoms::wait(), atoms::nil().encode(env)),
            (atoms::denied(), denied.encode(env)),
        ],
    )
}

fn constraint_term<'a>(env: Env<'a>, constraint: &Constraint) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::kind(), named_atom(env, constraint.kind.name())),
            (atoms::table(), constraint.table.encode(env)),
            (atoms::columns(), constraint.columns.encode(env)),
            (atoms::name(), constraint.name.encode(env)),
        ],
    )
}

/// An atom out of the engine's fixed sets of names.
pub fn named_atom<'a>(env: Env<'a>, name: &'static str) -> Term<'a> {
    match Atom::from_str(env, name) {
        Ok(atom) => atom.encode(env),
        Err(_) => atoms::error().encode(env),
    }
}
