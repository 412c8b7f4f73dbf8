//! Functions and collations that processes evaluate.

use std::sync::Arc;

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::form::Forms;
use ecto_libsql_engine::local::{Evaluated, FunctionDefinition, FunctionKind};
use ecto_libsql_engine::value::{Value, ValueRef};
use rustler::{Atom, Encoder, Env, ResourceArc, Term};

use crate::atoms;
use crate::error::{reply, reply_unit};
use crate::evaluation::{ElixirFunction, FunctionCall};
use crate::list::{Elements, proper};
use crate::own_thread;
use crate::owner::CallContext;
use crate::params::value;
use crate::remote::request::is_small;
use crate::result::string;

/// `function`: `{kind, name, arguments, deterministic, direct_only, innocuous}`.
#[rustler::nif(schedule = "DirtyIo")]
fn function_create<'a>(
    env: Env<'a>,
    state: Term<'a>,
    function: (Atom, Term<'a>, i32, bool, bool, bool),
    definition: Term<'a>,
) -> Term<'a> {
    let (kind, name, arguments, deterministic, direct_only, innocuous) = function;
    let created = CallContext::new(env, state).and_then(|context| {
        let definition = FunctionDefinition {
            name: string(name, "the function's name")?.to_owned(),
            kind: kind_of(kind)?,
            arguments,
            deterministic,
            direct_only,
            innocuous,
            evaluator: Arc::new(ElixirFunction::new(definition)),
        };
        own_thread::start(&context.connection)?;
        context.connection.call(context.caller, |connection| {
            connection.create_function(definition)
        })
    });
    reply_unit(env, created)
}

/// `arguments`: nil for a collation.
#[rustler::nif(schedule = "DirtyIo")]
fn function_remove<'a>(
    env: Env<'a>,
    state: Term<'a>,
    name: Term<'a>,
    arguments: Option<i32>,
) -> Term<'a> {
    let removed = CallContext::new(env, state).and_then(|context| {
        let name = string(name, "the function's name")?;
        context.connection.call(context.caller, |connection| {
            connection.remove_function(name, arguments)
        })
    });
    reply_unit(env, removed)
}

/// What is there now is there after a reset.
#[rustler::nif(schedule = "DirtyIo")]
fn function_keep<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let kept = CallContext::new(env, state).and_then(|context| {
        context.connection.call(context.caller, |connection| {
            connection.keep_functions();
            Ok(())
        })
    });
    reply_unit(env, kept)
}

fn kind_of(kind: Atom) -> Result<FunctionKind> {
    match kind {
        kind if kind == atoms::scalar() => Ok(FunctionKind::Scalar),
        kind if kind == atoms::aggregate() => Ok(FunctionKind::Aggregate),
        kind if kind == atoms::window() => Ok(FunctionKind::Window),
        kind if kind == atoms::collation() => Ok(FunctionKind::Collation),
        _ => Err(Error::InvalidArgument(format!(
            "no kind of function: {kind:?}"
        ))),
    }
}

/// Makes a call of another NIF on the connection's own thread: `{:ok, call}`, `:long` where its
/// arguments are too large to be copied here.
#[rustler::nif]
fn function_call<'a>(
    env: Env<'a>,
    state: Term<'a>,
    name: Term<'a>,
    arguments: Term<'a>,
) -> Term<'a> {
    if Elements::of(arguments).all(is_small) {
        begin(env, state, name, arguments)
    } else {
        atoms::long().encode(env)
    }
}

/// As `function_call`, for arguments of any size. Does not wait either.
#[rustler::nif(schedule = "DirtyCpu")]
fn function_call_long<'a>(
    env: Env<'a>,
    state: Term<'a>,
    name: Term<'a>,
    arguments: Term<'a>,
) -> Term<'a> {
    begin(env, state, name, arguments)
}

fn begin<'a>(env: Env<'a>, state: Term<'a>, name: Term<'a>, arguments: Term<'a>) -> Term<'a> {
    let begun = CallContext::new(env, state).and_then(|context| {
        if context.connection.is_inside(context.caller) {
            return Err(Error::InsideFunction);
        }
        let name = string(name, "the call's name")?;
        let arguments = proper(arguments).ok_or_else(|| {
            Error::InvalidArgument("the call's arguments are to be a list".to_owned())
        })?;
        own_thread::call(
            env,
            &context.connection,
            name,
            &arguments.collect::<Vec<_>>(),
        )
    });
    reply(env, begun, |call| (atoms::ok(), call).encode(env))
}

/// Takes a call back that has not begun. False: its reply comes, or has come.
#[rustler::nif]
fn function_cancel(call: ResourceArc<FunctionCall>) -> bool {
    call.cancel()
}

/// Answers a question with a value: `:ok`; `:over` where nobody waits for it; `:long` where it is too
/// large to be copied here; `{:error, reason}` where SQLite has no such value, with the question still
/// open.
#[rustler::nif]
fn function_answer<'a>(
    env: Env<'a>,
    call: ResourceArc<FunctionCall>,
    number: u64,
    answer: Term<'a>,
) -> Term<'a> {
    if is_small(answer) {
        answer_with(env, &call, number, answer)
    } else {
        atoms::long().encode(env)
    }
}

#[rustler::nif(schedule = "DirtyCpu")]
fn function_answer_long<'a>(
    env: Env<'a>,
    call: ResourceArc<FunctionCall>,
    number: u64,
    answer: Term<'a>,
) -> Term<'a> {
    answer_with(env, &call, number, answer)
}

fn answer_with<'a>(env: Env<'a>, call: &FunctionCall, number: u64, answer: Term<'a>) -> Term<'a> {
    match storable(answer) {
        Ok(value) => answered(env, call.answer(number, Evaluated::Value(value))),
        Err(reason) => (atoms::error(), reason).encode(env),
    }
}

fn storable(answer: Term<'_>) -> Result<Value, String> {
    match value(answer, Forms::default()) {
        Ok(ValueRef::Text(text)) if std::str::from_utf8(text).is_err() => {
            Err("text is to be UTF-8; {:blob, binary} is for other bytes".to_owned())
        }
        Ok(value) => Ok(value.into()),
        Err(Error::UnsupportedParameter { reason, .. }) => Err(reason),
        Err(error) => Err(error.to_string()),
    }
}

/// Answers a question with the error that its statement is to end with.
#[rustler::nif]
fn function_fail<'a>(
    env: Env<'a>,
    call: ResourceArc<FunctionCall>,
    number: u64,
    message: &str,
) -> Term<'a> {
    answered(
        env,
        call.answer(number, Evaluated::Failed(message.to_owned())),
    )
}

fn answered(env: Env<'_>, waits: bool) -> Term<'_> {
    if waits { atoms::ok() } else { atoms::over() }.encode(env)
}
