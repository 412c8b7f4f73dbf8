//! The write gate, as processes meet it: they are told their turn by a message, and may give up.

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::Result;
use ecto_libsql_engine::gate::{Gate, Left, Notice};
use ecto_libsql_engine::session::Hooks;
use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::calling::send;
use crate::error::{reply, reply_ok};
use crate::owner::{CallContext, Pid, clean_up, watch_waiting};
use crate::result::id_text;
use crate::terms;

pub const HOOKS: Hooks<Pid> = Hooks {
    wake,
    watch: watch_waiting,
    clean_up,
};

/// `{:ecto_libsql_gate, connection, :turn | :turn_later | :interrupted}`
fn wake(caller: Pid, connection: Id, notice: Notice) {
    let notice = match notice {
        Notice::Turn => atoms::turn(),
        Notice::TurnLater => atoms::turn_later(),
        Notice::Interrupted => atoms::interrupted(),
    };
    send(
        &caller.0,
        (atoms::ecto_libsql_gate(), id_text(connection), notice),
    );
}

/// `{:ok, {busy_timeout, interrupts}}`: for how many milliseconds a call may wait, and a count that
/// moves when the connection is interrupted. Waits for nothing.
#[rustler::nif]
fn patience<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let patience = CallContext::new(env, state).map(|context| {
        (
            context.connection.busy_timeout(),
            context.connection.interrupts(),
        )
    });
    reply_ok(env, patience)
}

/// Ends the caller's waiting: `:granted` if it waited for its turn, and that has just come; else
/// `{:behind, nil | {pid, milliseconds}}`, who has the gate and for how long.
#[rustler::nif]
fn give_up<'a>(env: Env<'a>, state: Term<'a>, turn: bool) -> Term<'a> {
    let left: Result<_> = CallContext::new(env, state)
        .map(|context| context.connection.give_up(context.caller, turn));
    reply(env, left, |left| match left {
        Left::Granted => atoms::granted().encode(env),
        Left::Behind(holder) => {
            let holder = holder.map(|(caller, since)| (caller, terms::age(since)));
            (atoms::behind(), holder).encode(env)
        }
    })
}

/// Who writes, who waits, and what the gate has seen. Waits for nothing.
#[rustler::nif]
fn write_gate<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let figures = CallContext::new(env, state)
        .map(|context| context.connection.gate().map(|gate| gate_term(env, gate)));
    reply_ok(env, figures)
}

fn gate_term<'a>(env: Env<'a>, gate: &Gate<Pid>) -> Term<'a> {
    let figures = gate.figures();
    let holder = gate.holder().map(|holder| {
        terms::map(
            env,
            &[
                (atoms::pid(), holder.caller.encode(env)),
                (atoms::connection(), id_text(holder.connection).encode(env)),
                (atoms::held(), terms::age(holder.since).encode(env)),
            ],
        )
    });
    terms::map(
        env,
        &[
            (atoms::holder(), holder.encode(env)),
            (atoms::queue(), gate.queue_length().encode(env)),
            (atoms::grants(), figures.grants.encode(env)),
            (atoms::waits(), figures.waits.encode(env)),
            (atoms::waited(), microseconds(figures.waited).encode(env)),
            (
                atoms::longest_wait(),
                microseconds(figures.longest_wait).encode(env),
            ),
        ],
    )
}

fn microseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
