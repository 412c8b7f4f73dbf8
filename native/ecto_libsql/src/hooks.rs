//! Hooks: channels of events, as processes meet them. Who listens to one is told when there is
//! something to be taken.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use ecto_libsql_engine::Id;
use ecto_libsql_engine::channel::{Change, Channel, Columns, Event, Left, Operation, Place};
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Hook, Told};
use ecto_libsql_engine::value::Value;
use parking_lot::Mutex;
use rustler::{Atom, Encoder, Env, Resource, ResourceArc, Term};

use crate::atoms;
use crate::calling::{Calling, send};
use crate::error::{reply, reply_unit};
use crate::owner::CallContext;
use crate::result::id_text;
use crate::terms;

mod names {
    rustler::atoms! {
        hooks = "Elixir.EctoLibSql.Hooks",
        ready,
        update,
        values,
        raw,
        old,
        new,
        changes,
        insert,
        overflow,
        nothing,
        closed,
    }
}

/// A channel; its connections tell it of nothing more when the last of its handles is gone.
pub struct ChannelHandle(Arc<Channel>);

impl Resource for ChannelHandle {}

/// Channels that are known by a name, which outlast who listens to them.
static FEEDS: LazyLock<Mutex<HashMap<String, Arc<Channel>>>> = LazyLock::new(Mutex::default);

/// A channel that the caller listens to: `{EctoLibSql.Hooks, :ready}` tells that something is there.
#[rustler::nif]
fn hook_channel(env: Env<'_>, bound: usize) -> Term<'_> {
    let channel = Arc::new(Channel::new(bound));
    listen(env, &channel);
    ResourceArc::new(ChannelHandle(channel)).encode(env)
}

fn listen(env: Env<'_>, channel: &Channel) {
    let _calling = Calling::begin(env);
    let pid = env.pid();
    channel.listen(move || send(&pid, (names::hooks(), names::ready())));
}

#[rustler::nif]
fn hook_bound(channel: ResourceArc<ChannelHandle>, bound: usize) -> Atom {
    channel.0.set_bound(bound);
    atoms::ok()
}

/// `:closed` where the channel was closed meanwhile.
#[rustler::nif(schedule = "DirtyIo")]
fn hook_add<'a>(
    env: Env<'a>,
    state: Term<'a>,
    channel: ResourceArc<ChannelHandle>,
    hook: Atom,
) -> Term<'a> {
    let added = CallContext::new(env, state).and_then(|context| {
        let hook = hook_of(hook)?;
        context
            .connection
            .add_hook(context.caller, &channel.0, hook, false)
    });
    reply(env, added, |added| match added {
        true => atoms::ok().encode(env),
        false => names::closed().encode(env),
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn hook_remove<'a>(
    env: Env<'a>,
    state: Term<'a>,
    channel: ResourceArc<ChannelHandle>,
    hook: Atom,
) -> Term<'a> {
    let removed = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .remove_hook(context.caller, &channel.0, hook_of(hook)?)
    });
    reply_unit(env, removed)
}

fn hook_of(hook: Atom) -> Result<Hook> {
    match hook {
        hook if hook == names::update() => Ok(Hook::Update(Told::AfterCommit)),
        hook if hook == names::values() => Ok(Hook::Update(Told::WithValues)),
        hook if hook == names::raw() => Ok(Hook::Update(Told::Raw)),
        hook if hook == atoms::commit() => Ok(Hook::Commit),
        hook if hook == atoms::rollback() => Ok(Hook::Rollback),
        hook if hook == atoms::wal() => Ok(Hook::Wal),
        _ => Err(Error::InvalidArgument(
            "a hook is :update, :values, :raw, :commit, :rollback or :wal".to_owned(),
        )),
    }
}

/// `{messages, :more | :nothing | :closed}`: the oldest ones, of `most` changes or the first one.
#[rustler::nif(schedule = "DirtyCpu")]
fn hook_take(env: Env<'_>, channel: ResourceArc<ChannelHandle>, most: usize) -> Term<'_> {
    let taken = channel.0.take(most);
    let mut terms = Terms::new(env);
    let messages: Vec<Term<'_>> = taken
        .events
        .iter()
        .map(|(from, event)| terms.message(*from, event))
        .collect();
    let left = match taken.left {
        Left::More => atoms::more(),
        Left::Nothing => names::nothing(),
        Left::Closed => names::closed(),
    };
    (messages, left).encode(env)
}

/// The channel of this name, which the caller listens to from now on.
#[rustler::nif]
fn feed_open(env: Env<'_>, name: String, bound: usize) -> Term<'_> {
    let mut feeds = FEEDS.lock();
    let channel = feeds
        .entry(name)
        .or_insert_with(|| Arc::new(Channel::new(bound)));
    channel.set_bound(bound);
    listen(env, channel);
    ResourceArc::new(ChannelHandle(Arc::clone(channel))).encode(env)
}

/// Has a connection tell the channel of this name for as long as it is open.
#[rustler::nif(schedule = "DirtyIo")]
fn feed_attach<'a>(env: Env<'a>, state: Term<'a>, name: String, hook: Atom) -> Term<'a> {
    let attached = CallContext::new(env, state).and_then(|context| {
        let feed = FEEDS.lock().get(&name).cloned();
        let channel = feed
            .filter(|channel| !channel.is_closed())
            .ok_or_else(|| Error::InvalidArgument(format!("no change feed {name} is running")))?;
        context
            .connection
            .add_hook(context.caller, &channel, hook_of(hook)?, true)
            .map(|_open| ())
    });
    reply_unit(env, attached)
}

/// Nobody listens any more, and nothing is kept.
#[rustler::nif]
fn feed_close(channel: ResourceArc<ChannelHandle>) -> Atom {
    channel.0.discard();
    atoms::ok()
}

/// Makes terms of events, and those of a table's names once for its changes in a row.
struct Terms<'a> {
    env: Env<'a>,
    last: Option<(*const Place, Term<'a>, Term<'a>)>,
}

impl<'a> Terms<'a> {
    fn new(env: Env<'a>) -> Terms<'a> {
        Terms { env, last: None }
    }

    /// `{EctoLibSql.Hooks, connection, event}`
    fn message(&mut self, from: Id, event: &Event) -> Term<'a> {
        let event = self.event(event);
        (names::hooks(), id_text(from), event).encode(self.env)
    }

    fn event(&mut self, event: &Event) -> Term<'a> {
        let env = self.env;
        match event {
            Event::Changes(changes) => {
                let changes: Vec<Term<'a>> =
                    changes.iter().map(|change| self.change(change)).collect();
                (names::changes(), changes).encode(env)
            }
            Event::Change(change) => self.change(change),
            Event::Commit(count) => (atoms::commit(), count).encode(env),
            Event::Rollback(count) => (atoms::rollback(), count).encode(env),
            Event::Wal { database, frames } => (atoms::wal(), database, frames).encode(env),
            Event::Overflow(dropped) => (names::overflow(), dropped).encode(env),
        }
    }

    fn change(&mut self, change: &Change) -> Term<'a> {
        let operation = match change.operation {
            Operation::Insert => names::insert(),
            Operation::Update => names::update(),
            Operation::Delete => atoms::delete(),
        };
        let (database, table) = self.place(&change.place);
        let Some(values) = &change.values else {
            return (operation, database, table, change.rowid).encode(self.env);
        };
        let columns = change.place.columns.get();
        let rowid = columns
            .is_none_or(|columns| columns.rowid)
            .then_some(change.rowid);
        let rows = terms::map(
            self.env,
            &[
                (names::old(), self.row(columns, values.old.as_deref())),
                (names::new(), self.row(columns, values.new.as_deref())),
            ],
        );
        (operation, database, table, rowid, rows).encode(self.env)
    }

    /// A map by the columns' names; nil where there is no row.
    fn row(&self, columns: Option<&Columns>, values: Option<&[Value]>) -> Term<'a> {
        let (Some(columns), Some(values)) = (columns, values) else {
            return atoms::nil().encode(self.env);
        };
        let pairs = columns.names.iter().zip(values);
        let (keys, values): (Vec<Term<'a>>, Vec<Term<'a>>) = pairs
            .map(|(name, value)| (name.encode(self.env), terms::value(self.env, value)))
            .unzip();
        Term::map_from_term_arrays(self.env, &keys, &values)
            .unwrap_or_else(|_| atoms::nil().encode(self.env))
    }

    fn place(&mut self, place: &Arc<Place>) -> (Term<'a>, Term<'a>) {
        let at = Arc::as_ptr(place);
        match self.last {
            Some((last, database, table)) if std::ptr::eq(last, at) => (database, table),
            _ => {
                let database = place.database.encode(self.env);
                let table = place.table.encode(self.env);
                self.last = Some((at, database, table));
                (database, table)
            }
        }
    }
}
