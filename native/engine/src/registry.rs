//! Everything that is open, under ids.
//!
//! A look-up takes one shard's read lock, clones an `Arc` and lets go: no registry lock is held
//! while SQLite runs or a result is encoded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustc_hash::FxBuildHasher;

use crate::Id;
use crate::error::{Error, Result};
use crate::gates::Gates;
use crate::local::{Connection, OpenOptions};
use crate::session::{Hooks, Item, ItemKind, Owner, Scope, Session};

const SHARDS: usize = 16;

type Shard<O> = RwLock<HashMap<Id, Entry<O>, FxBuildHasher>>;

#[derive(Debug)]
enum Entry<O> {
    Connection(Arc<Session<O>>),
    Item(Arc<Item<O>>),
}

#[derive(Debug)]
pub struct Registry<O> {
    shards: Arc<[Shard<O>; SHARDS]>,
    gates: Arc<Gates<O>>,
    hooks: Hooks<O>,
}

/// What a session keeps of the options that its connection was opened with.
pub(crate) struct Opened {
    pub(crate) database: String,
    pub(crate) busy_timeout: Duration,
}

impl<O: Copy> Clone for Registry<O> {
    fn clone(&self) -> Registry<O> {
        Registry {
            shards: Arc::clone(&self.shards),
            gates: Arc::clone(&self.gates),
            hooks: self.hooks,
        }
    }
}

impl<O: Owner> Default for Registry<O> {
    fn default() -> Registry<O> {
        Registry::new(Hooks::default())
    }
}

impl<O: Owner> Registry<O> {
    pub fn new(hooks: Hooks<O>) -> Registry<O> {
        Registry {
            shards: Arc::new(std::array::from_fn(|_| RwLock::default())),
            gates: Arc::new(Gates::new(hooks.wake)),
            hooks,
        }
    }

    pub(crate) fn gates(&self) -> &Gates<O> {
        &self.gates
    }

    pub(crate) fn hooks(&self) -> &Hooks<O> {
        &self.hooks
    }

    fn shard(&self, id: Id) -> &Shard<O> {
        // The ids are random: their low bits are as good as a hash.
        &self.shards[id.as_u128() as usize % SHARDS]
    }

    /// Opens a connection that lives until it is closed or `owner` is gone.
    pub fn open(&self, options: OpenOptions, owner: O, scope: Scope) -> Result<Arc<Session<O>>> {
        let opened = Opened {
            database: options.database.clone(),
            busy_timeout: options.busy_timeout,
        };
        let connection = Connection::open(options)?;
        let session = Arc::new(Session::new(connection, opened, owner, scope, self.clone()));
        self.shard(session.id())
            .write()
            .insert(session.id(), Entry::Connection(Arc::clone(&session)));
        Ok(session)
    }

    pub fn session(&self, id: Id) -> Result<Arc<Session<O>>> {
        match self.shard(id).read().get(&id) {
            Some(Entry::Connection(session)) => Ok(Arc::clone(session)),
            _ => Err(Error::ConnectionClosed),
        }
    }

    /// Why a session does not know an item: it is another's, or nobody's.
    pub(crate) fn explain_missing(&self, id: Id, kind: ItemKind) -> Error {
        match self.shard(id).read().get(&id) {
            Some(Entry::Item(item)) => Error::WrongConnection(item.kind.name()),
            _ => kind.closed(),
        }
    }

    /// Every open connection, the oldest first.
    pub fn sessions(&self) -> Vec<Arc<Session<O>>> {
        let mut sessions = Vec::new();
        for shard in self.shards.iter() {
            sessions.extend(shard.read().values().filter_map(|entry| match entry {
                Entry::Connection(session) => Some(Arc::clone(session)),
                Entry::Item(_) => None,
            }));
        }
        sessions.sort_by_key(|session| session.opened());
        sessions
    }

    pub(crate) fn add_item(&self, item: Arc<Item<O>>) {
        self.shard(item.id)
            .write()
            .insert(item.id, Entry::Item(item));
    }

    pub(crate) fn remove(&self, id: Id) {
        self.shard(id).write().remove(&id);
    }
}
