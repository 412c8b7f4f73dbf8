//! Opening, closing and steering connections.

use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::form::{Form, Forms};
use ecto_libsql_engine::local::{FunctionGroup, JournalMode, OpenMode, OpenOptions};
use ecto_libsql_engine::offline::Syncer;
use ecto_libsql_engine::session::Scope;
use rustler::{Atom, Decoder, Env, ResourceArc, Term, TermType};

use crate::atoms;
use crate::calling::caller_alive;
use crate::configuration;
use crate::error::{reply_ok, reply_unit};
use crate::lifecycle::opening;
use crate::offline::OfflineHandle;
use crate::owner::{CallContext, Pid, REGISTRY, watch_owner};
use crate::params::bytes;
use crate::result::{id_text, string};
use crate::trace::slow_queries;

/// `options`: the map that `EctoLibSql.Options` makes of the connect options.
#[rustler::nif(schedule = "DirtyIo")]
fn open<'a>(env: Env<'a>, options: Term<'a>) -> Term<'a> {
    let opened = open_options(options).and_then(|(options, scope)| open_owned(env, options, scope));
    reply_ok(env, opened)
}

/// Opens a connection that is the calling process's, and answers its id.
pub fn open_owned(env: Env<'_>, options: OpenOptions, scope: Scope) -> Result<String> {
    let _opening = opening()?;
    let connection = REGISTRY.open(options, Pid(env.pid()), scope)?;
    watch_owner(env, &connection);
    Ok(id_text(connection.id()))
}

pub fn open_options(options: Term<'_>) -> Result<(OpenOptions, Scope)> {
    let key: Option<Term<'_>> = get(options, atoms::encryption_key())?;
    let timeout = Duration::from_millis(get(options, atoms::busy_timeout())?);
    let journal: Option<(Atom, bool)> = get(options, atoms::journal_mode())?;
    let scope: Atom = get(options, atoms::transaction_scope())?;
    let database = string(get(options, atoms::database())?, "the database's path")?;
    let open_options = OpenOptions {
        database: database.to_owned(),
        mode: open_mode(get(options, atoms::mode())?)?,
        vfs: get(options, atoms::vfs())?,
        shared_cache: get(options, atoms::shared_cache())?,
        busy_timeout: timeout,
        statement_cache_size: get(options, atoms::statement_cache_size())?,
        foreign_keys: get(options, atoms::foreign_keys())?,
        trusted_schema: get(options, atoms::trusted_schema())?,
        double_quoted_strings: get(options, atoms::double_quoted_strings())?,
        journal_mode: journal
            .map(|(mode, required)| journal_mode(mode).map(|mode| (mode, required)))
            .transpose()?,
        file_pragmas: get(options, atoms::file_pragmas())?,
        pragmas: get(options, atoms::pragmas())?,
        encryption_key: key.and_then(bytes).map(<[u8]>::to_vec),
        replica: get(options, atoms::replica())?,
        offline: offline(options)?,
        db_config: configuration::db_config(get(options, atoms::db_config())?)?,
        limits: configuration::limits(get(options, atoms::limits())?)?,
        allowed_extensions: get(options, atoms::allowed_extensions())?,
        nofollow: get(options, atoms::nofollow())?,
        functions: function_groups(get(options, atoms::functions())?)?,
        checkpoints: true,
        slow_queries: slow_queries(get(options, atoms::slow_query())?, database)?,
        forms: Forms {
            uuid: form(options, atoms::uuid_type())?,
            map: form(options, atoms::map_type())?,
            array: form(options, atoms::array_type())?,
        },
        caller_alive,
    };
    Ok((open_options, self::scope(scope)))
}

fn function_groups(names: Vec<&str>) -> Result<Vec<FunctionGroup>> {
    names
        .into_iter()
        .map(|name| {
            FunctionGroup::named(name)
                .ok_or_else(|| Error::InvalidArgument(format!("functions: {name}")))
        })
        .collect()
}

/// The copy's handle is of use once.
fn offline(options: Term<'_>) -> Result<Option<Arc<Syncer>>> {
    let handle: Option<ResourceArc<OfflineHandle>> = get(options, atoms::offline())?;
    match handle.map(|handle| handle.take()) {
        Some(None) => Err(Error::ConnectionClosed),
        taken => Ok(taken.flatten()),
    }
}

pub fn scope(scope: Atom) -> Scope {
    if scope == atoms::connection() {
        Scope::Connection
    } else {
        Scope::Process
    }
}

pub fn get<'a, T: Decoder<'a>>(options: Term<'a>, key: Atom) -> Result<T> {
    options
        .map_get(key)
        .and_then(|value| match value.get_type() {
            // To decode a list that ends with something else would panic.
            TermType::List if value.list_length().is_err() => Err(rustler::Error::BadArg),
            _ => value.decode(),
        })
        .map_err(|_| Error::InvalidArgument(format!("the option {key:?} cannot be read")))
}

pub fn form(options: Term<'_>, key: Atom) -> Result<Form> {
    match get::<Atom>(options, key)? {
        form if form == atoms::string() => Ok(Form::Text),
        form if form == atoms::binary() => Ok(Form::Binary),
        form => Err(Error::InvalidArgument(format!("{key:?}: {form:?}"))),
    }
}

fn open_mode(mode: Atom) -> Result<OpenMode> {
    match mode {
        mode if mode == atoms::read_only() => Ok(OpenMode::ReadOnly),
        mode if mode == atoms::read_write() => Ok(OpenMode::ReadWrite),
        mode if mode == atoms::create() => Ok(OpenMode::Create),
        mode => Err(Error::InvalidArgument(format!("mode: {mode:?}"))),
    }
}

fn journal_mode(mode: Atom) -> Result<JournalMode> {
    match mode {
        mode if mode == atoms::delete() => Ok(JournalMode::Delete),
        mode if mode == atoms::truncate() => Ok(JournalMode::Truncate),
        mode if mode == atoms::persist() => Ok(JournalMode::Persist),
        mode if mode == atoms::memory() => Ok(JournalMode::Memory),
        mode if mode == atoms::wal() => Ok(JournalMode::Wal),
        mode if mode == atoms::off() => Ok(JournalMode::Off),
        mode => Err(Error::InvalidArgument(format!("journal_mode: {mode:?}"))),
    }
}

/// Interrupts, rolls back and closes. Twice is fine.
#[rustler::nif(schedule = "DirtyIo")]
fn close<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let closed = match CallContext::new(env, state) {
        Ok(context) => {
            context.connection.close();
            Ok(())
        }
        Err(Error::ConnectionClosed) => Ok(()),
        Err(error) => Err(error),
    };
    reply_unit(env, closed)
}

#[rustler::nif]
fn ping<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let pinged = CallContext::new(env, state)
        .and_then(|context| context.connection.ask(context.caller, |_| ()));
    reply_unit(env, pinged)
}

/// Stops what runs and who waits. Returns at once: it takes no lock that a running query holds.
#[rustler::nif]
fn do_interrupt<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let interrupted = CallContext::new(env, state).map(|context| context.connection.interrupt());
    reply_unit(env, interrupted)
}

#[rustler::nif(schedule = "DirtyIo")]
fn do_reset<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let reset = CallContext::new(env, state).and_then(|context| context.connection.reset());
    reply_unit(env, reset)
}

/// In milliseconds.
#[rustler::nif]
fn busy_timeout<'a>(env: Env<'a>, state: Term<'a>, milliseconds: u32) -> Term<'a> {
    let set = CallContext::new(env, state)
        .map(|context| context.connection.set_busy_timeout(milliseconds));
    reply_unit(env, set)
}
