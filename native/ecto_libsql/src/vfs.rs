//! How files are opened, and the VFSs that fail by scripts.

use std::time::Duration;

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::result_code;
use ecto_libsql_engine::vfs;
use ecto_libsql_engine::vfs::fault::{
    Action, Entry, Faults, FileKind, Lost, Operation, Rule, Script, Status,
};
use rustler::{Atom, Encoder, Env, Term};

use crate::atoms;
use crate::connection::get;
use crate::error::{named_atom, reply, reply_ok, reply_unit};
use crate::owner::CallContext;
use crate::result::string;
use crate::terms;

/// The default's is the first.
#[rustler::nif(schedule = "DirtyIo")]
fn vfs_names() -> Vec<String> {
    vfs::names()
}

/// `{:ok, name}`: that of a connection.
#[rustler::nif(schedule = "DirtyIo")]
fn vfs_of<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let name = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .ask(context.caller, |connection| connection.vfs())?
    });
    reply_ok(env, name)
}

/// `{:ok, name}`
#[rustler::nif(schedule = "DirtyIo")]
fn fault_start<'a>(env: Env<'a>, name: Term<'a>, script: Term<'a>) -> Term<'a> {
    let started = self::script(script).and_then(|script| {
        let name = match name == atoms::nil().to_term(env) {
            true => None,
            false => Some(string(name, "the VFS's name")?),
        };
        Faults::start(name, &script)
    });
    reply_ok(env, started.map(|faults| faults.name().to_owned()))
}

#[rustler::nif(schedule = "DirtyIo")]
fn fault_set<'a>(env: Env<'a>, name: Term<'a>, script: Term<'a>) -> Term<'a> {
    let set = find(name).and_then(|faults| faults.set(&self::script(script)?));
    reply_unit(env, set)
}

#[rustler::nif(schedule = "DirtyIo")]
fn fault_stop<'a>(env: Env<'a>, name: Term<'a>) -> Term<'a> {
    reply_unit(env, find(name).map(|faults| faults.stop()))
}

#[rustler::nif(schedule = "DirtyIo")]
fn fault_status<'a>(env: Env<'a>, name: Term<'a>) -> Term<'a> {
    let status = find(name).map(|faults| faults.status());
    reply(env, status, |status| {
        (atoms::ok(), status_term(env, &status)).encode(env)
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn fault_log<'a>(env: Env<'a>, name: Term<'a>) -> Term<'a> {
    let log = find(name).map(|faults| faults.log());
    reply(env, log, |log| {
        let entries: Vec<Term<'a>> = log.iter().map(|entry| entry_term(env, entry)).collect();
        (atoms::ok(), entries).encode(env)
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn fault_power_loss<'a>(env: Env<'a>, name: Term<'a>) -> Term<'a> {
    let lost = find(name).and_then(|faults| faults.power_loss());
    reply(env, lost, |lost| {
        (atoms::ok(), lost_term(env, lost)).encode(env)
    })
}

fn find(name: Term<'_>) -> Result<std::sync::Arc<Faults>> {
    Faults::find(string(name, "the VFS's name")?)
}

/// Of the map that `EctoLibSql.Vfs.Script` makes.
fn script(term: Term<'_>) -> Result<Script> {
    Ok(Script {
        seed: get(term, atoms::seed())?,
        rules: list(term, atoms::rules(), rule)?,
        space: get(term, atoms::space())?,
        sector_size: get(term, atoms::sector_size())?,
    })
}

fn rule(term: Term<'_>) -> Result<Rule> {
    Ok(Rule {
        on: list(term, atoms::on(), |name| {
            one_of("operation", &Operation::ALL, Operation::name, name)
        })?,
        files: list(term, atoms::files(), |name| {
            one_of("file", &FileKind::ALL, FileKind::name, name)
        })?,
        nth: get(term, atoms::nth())?,
        from: get(term, atoms::from())?,
        every: get(term, atoms::every())?,
        probability: get(term, atoms::probability())?,
        times: get(term, atoms::times())?,
        action: action(get(term, atoms::action())?)?,
    })
}

/// What stands in a list under a key.
fn list<'a, T>(map: Term<'a>, key: Atom, item: impl Fn(Term<'a>) -> Result<T>) -> Result<Vec<T>> {
    let list: Term<'a> = get(map, key)?;
    // Decoding one that is improper would panic.
    match list
        .list_length()
        .and_then(|_| list.decode::<Vec<Term<'a>>>())
    {
        Ok(items) => items.into_iter().map(item).collect(),
        Err(_) => Err(Error::InvalidArgument(format!("{key:?} is to be a list"))),
    }
}

fn one_of<T: Copy>(
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    term: Term<'_>,
) -> Result<T> {
    let wanted = term.atom_to_string().unwrap_or_default();
    let found = all.iter().copied().find(|one| name(*one) == wanted);
    found.ok_or_else(|| Error::InvalidArgument(format!("there is no {what} {term:?}")))
}

/// `{kind, value, flag}`
fn action(term: Term<'_>) -> Result<Action> {
    let unknown = || Error::InvalidArgument(format!("there is no action {term:?}"));
    let (kind, value, silent): (Atom, Term<'_>, bool) = term.decode().map_err(|_| unknown())?;
    let count = || value.decode::<usize>().map_err(|_| unknown());
    match kind {
        kind if kind == atoms::error() => Ok(Action::Fail(failure(value)?)),
        kind if kind == atoms::torn() => Ok(Action::Torn {
            keep: count()?,
            silent,
        }),
        kind if kind == atoms::short() => Ok(Action::Short { keep: count()? }),
        kind if kind == atoms::lie() => Ok(Action::Lie),
        kind if kind == atoms::delay() => {
            let milliseconds = value.decode().map_err(|_| unknown())?;
            Ok(Action::Delay(Duration::from_millis(milliseconds)))
        }
        kind if kind == atoms::power_loss() => Ok(Action::PowerLoss),
        _ => Err(unknown()),
    }
}

/// The code that an atom names; none for nil.
fn failure(term: Term<'_>) -> Result<Option<i32>> {
    if term == atoms::nil().to_term(term.get_env()) {
        return Ok(None);
    }
    let name = term.atom_to_string().unwrap_or_default();
    match result_code::code(&name) {
        Some(code) => Ok(Some(code)),
        None => Err(Error::InvalidArgument(format!(
            "SQLite has no result code of the name {term:?}"
        ))),
    }
}

fn status_term<'a>(env: Env<'a>, status: &Status) -> Term<'a> {
    let by_operation: Vec<Term<'a>> = Operation::ALL
        .iter()
        .zip(status.seen.by_operation)
        .map(|(operation, count)| (named_atom(env, operation.name()), count).encode(env))
        .collect();
    let power = match status.has_power {
        true => atoms::on(),
        false => atoms::off(),
    };
    terms::map(
        env,
        &[
            (atoms::seed(), status.seed.encode(env)),
            (atoms::operations(), status.seen.operations.encode(env)),
            (atoms::by_operation(), by_operation.encode(env)),
            (atoms::faults(), status.seen.faults.encode(env)),
            (atoms::open_files(), status.open_files.encode(env)),
            (atoms::unsynced_bytes(), status.unsynced_bytes.encode(env)),
            (atoms::power(), power.encode(env)),
            (atoms::space(), status.space.encode(env)),
        ],
    )
}

fn entry_term<'a>(env: Env<'a>, entry: &Entry) -> Term<'a> {
    let action = entry.action.map(|action| named_atom(env, action.name()));
    terms::map(
        env,
        &[
            (atoms::number(), entry.number.encode(env)),
            (
                atoms::operation(),
                named_atom(env, entry.place.operation.name()),
            ),
            (atoms::file(), named_atom(env, entry.place.file.name())),
            (atoms::path(), entry.place.path.encode(env)),
            (atoms::offset(), entry.place.offset.encode(env)),
            (atoms::length(), entry.place.length.encode(env)),
            (atoms::action(), action.encode(env)),
            (
                atoms::code(),
                named_atom(env, result_code::name(entry.code)),
            ),
        ],
    )
}

fn lost_term<'a>(env: Env<'a>, lost: Lost) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::unsynced_sectors(), lost.unsynced_sectors.encode(env)),
            (atoms::lost_sectors(), lost.lost_sectors.encode(env)),
            (atoms::files_back(), lost.files_back.encode(env)),
            (atoms::files_gone(), lost.files_gone.encode(env)),
        ],
    )
}
