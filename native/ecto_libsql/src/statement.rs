//! Prepared statements.

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Column, Statement};
use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::error::{reply, reply_ok, reply_unit};
use crate::owner::CallContext;
use crate::params::sql;
use crate::result::{call, id, id_text};
use crate::terms;

#[rustler::nif(schedule = "DirtyIo")]
fn prepare<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let prepared = CallContext::new(env, state).and_then(|context| {
        let id = context
            .connection
            .prepare(context.caller, sql(statement)?, &call(timeout)?)?;
        context.watch_caller(env);
        Ok(id_text(id))
    });
    reply_ok(env, prepared)
}

#[rustler::nif(schedule = "DirtyIo")]
fn do_reset_statement<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let reset = with_id(env, state, statement, |context, id| {
        context
            .connection
            .with_statement(context.caller, id, |connection| {
                connection.reset_statement(id)
            })
    });
    reply_unit(env, reset)
}

/// A statement's SQL.
#[rustler::nif]
fn statement_sql<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let sql = with_id(env, state, statement, |context, id| {
        let items = context.connection.items();
        let found = items.iter().find(|item| item.id == id);
        found
            .map(|item| item.sql.clone())
            .ok_or(Error::StatementClosed)
    });
    reply_ok(env, sql)
}

/// Returns at once: it takes no lock that a running query holds.
#[rustler::nif]
fn interrupt_statement<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let interrupted = with_id(env, state, statement, |context, id| {
        context.connection.interrupt_statement(id)
    });
    reply_unit(env, interrupted)
}

#[rustler::nif(schedule = "DirtyIo")]
fn do_close_stmt<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let closed = with_id(env, state, statement, |context, id| {
        context.connection.finalize(context.caller, id)
    });
    reply_unit(env, closed)
}

#[rustler::nif(schedule = "DirtyIo")]
fn do_get_stmt_columns<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let columns = look(env, state, statement, |statement| Ok(statement.columns()));
    reply(env, columns, |columns| {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| column_term(env, column))
            .collect();
        (atoms::ok(), columns).encode(env)
    })
}

fn column_term<'a>(env: Env<'a>, column: &Column) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::name(), column.name.encode(env)),
            (atoms::decl_type(), column.decl_type.encode(env)),
            (atoms::origin_name(), column.origin_name.encode(env)),
            (atoms::table(), column.table.encode(env)),
            (atoms::database(), column.database.encode(env)),
        ],
    )
}

#[rustler::nif(schedule = "DirtyIo")]
fn stmt_column_count<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let count = look(env, state, statement, |statement| {
        Ok(statement.column_count())
    });
    reply_ok(env, count)
}

/// Columns count from 0.
#[rustler::nif(schedule = "DirtyIo")]
fn stmt_column_name<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    index: usize,
) -> Term<'a> {
    let name = look(env, state, statement, |statement| {
        let count = statement.column_count();
        if index < count {
            Ok(statement.column_name(index).to_owned())
        } else {
            Err(Error::ColumnIndex { index, count })
        }
    });
    reply_ok(env, name)
}

#[rustler::nif(schedule = "DirtyIo")]
fn stmt_parameter_count<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let count = look(env, state, statement, |statement| {
        Ok(statement.parameter_count())
    });
    reply_ok(env, count)
}

/// Parameters count from 1.
#[rustler::nif(schedule = "DirtyIo")]
fn stmt_parameter_name<'a>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    index: usize,
) -> Term<'a> {
    let name = look(env, state, statement, |statement| {
        let count = statement.parameter_count();
        if (1..=count).contains(&index) {
            Ok(statement.parameter_name(index).map(str::to_owned))
        } else {
            Err(Error::ParameterIndex { index, count })
        }
    });
    reply_ok(env, name)
}

/// 1 for an EXPLAIN, 2 for an EXPLAIN QUERY PLAN, else 0.
#[rustler::nif(schedule = "DirtyIo")]
fn stmt_isexplain<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let kind = look(env, state, statement, |statement| Ok(statement.isexplain()));
    reply_ok(env, kind)
}

#[rustler::nif(schedule = "DirtyIo")]
fn stmt_readonly<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let readonly = look(env, state, statement, |statement| Ok(statement.readonly()));
    reply_ok(env, readonly)
}

#[rustler::nif(schedule = "DirtyIo")]
fn stmt_busy<'a>(env: Env<'a>, state: Term<'a>, statement: Term<'a>) -> Term<'a> {
    let busy = look(env, state, statement, |statement| Ok(statement.busy()));
    reply_ok(env, busy)
}

/// Looks at a prepared statement.
pub fn look<'a, T>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    look: impl FnOnce(&Statement) -> Result<T>,
) -> Result<T> {
    with_id(env, state, statement, |context, id| {
        context
            .connection
            .with_statement(context.caller, id, |connection| {
                look(connection.statement(id)?)
            })
    })
}

fn with_id<'a, T>(
    env: Env<'a>,
    state: Term<'a>,
    statement: Term<'a>,
    work: impl FnOnce(&CallContext, Id) -> Result<T>,
) -> Result<T> {
    let context = CallContext::new(env, state)?;
    work(&context, id(statement, Error::StatementClosed)?)
}
