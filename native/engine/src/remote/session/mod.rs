//! A connection to a server as the registry knows it: under an id, owned by a process, with what
//! its processes have of it.
//!
//! Calls are made on the network's threads, one after the other. Nothing here waits for the server, so
//! all of it may be called on a scheduler.

mod calls;
mod death;
mod items;
mod perform;
mod registry;
mod request;

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use parking_lot::Mutex;

pub use calls::{CallHandle, Stop};
pub use items::{Content, RemoteItem};
pub use registry::RemoteRegistry;
pub use request::{Answer, Request, Statement};

use super::breaker::BreakerStatus;
use super::connection::RemoteConnection;
use super::value::RemoteResult;
use crate::Id;
use crate::error::{Error, Result};
use crate::form::Forms;
use crate::local::Behavior;
use crate::session::{OpenTransaction, Owner, Running, Scope};
use death::Watch;

/// What SQLite would count, as far as a server tells it.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    last_insert_rowid: i64,
    changes: u64,
    total_changes: u64,
}

/// What a connection has said of itself with its last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteStatus {
    pub autocommit: bool,
    pub last_insert_rowid: i64,
    pub changes: u64,
    pub total_changes: u64,
}

#[derive(Debug)]
struct Held<O> {
    transaction: Option<OpenTransaction<O>>,
    items: HashMap<Id, RemoteItem<O>>,
    under_way: HashMap<u64, calls::UnderWay<O>>,
    calls: u64,
    watched: HashSet<O>,
    counts: Counts,
}

#[derive(Debug)]
pub struct RemoteSession<O> {
    id: Id,
    database: String,
    owner: O,
    scope: Scope,
    forms: Forms,
    opened: Instant,
    registry: RemoteRegistry<O>,
    connection: RemoteConnection,
    /// Held by the call that is made: who waits for it comes in turn, after the transaction that
    /// an earlier call has begun.
    turn: tokio::sync::Mutex<()>,
    closed: AtomicBool,
    held: Mutex<Held<O>>,
    watch: OnceLock<Watch<O>>,
}

impl<O: Owner> RemoteSession<O> {
    fn new(
        connection: RemoteConnection,
        database: String,
        forms: Forms,
        owner: O,
        scope: Scope,
        registry: RemoteRegistry<O>,
    ) -> RemoteSession<O> {
        RemoteSession {
            id: Id::new_v4(),
            database,
            owner,
            scope,
            forms,
            opened: Instant::now(),
            registry,
            connection,
            turn: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
            held: Mutex::new(Held {
                transaction: None,
                items: HashMap::new(),
                under_way: HashMap::new(),
                calls: 0,
                watched: HashSet::new(),
                counts: Counts::default(),
            }),
            watch: OnceLock::new(),
        }
    }

    pub fn id(&self) -> Id {
        self.id
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    pub fn owner(&self) -> O {
        self.owner
    }

    /// How values without a type of SQLite's are written.
    pub fn forms(&self) -> Forms {
        self.forms
    }

    pub fn opened(&self) -> Instant {
        self.opened
    }

    pub fn connection(&self) -> &RemoteConnection {
        &self.connection
    }

    /// The token for the calls from now on; `None`: without one.
    ///
    /// # Failure
    /// As [`RemoteConnection::set_token`].
    pub fn set_token(&self, token: Option<String>) -> Result<()> {
        self.connection.set_token(token)
    }

    /// # Failure
    /// As [`RemoteConnection::set_failover_token`].
    pub fn set_failover_token(&self, index: usize, token: Option<String>) -> Result<()> {
        self.connection.set_failover_token(index, token)
    }

    /// The breakers of its servers, the first one's first.
    pub fn breakers(&self) -> Vec<BreakerStatus> {
        self.connection.breakers()
    }

    pub fn status(&self) -> RemoteStatus {
        let counts = self.held.lock().counts;
        RemoteStatus {
            autocommit: self.connection.autocommit(),
            last_insert_rowid: counts.last_insert_rowid,
            changes: counts.changes,
            total_changes: counts.total_changes,
        }
    }

    pub fn transaction(&self) -> Option<OpenTransaction<O>> {
        // A call that was stopped may have ended what was noted.
        match self.connection.autocommit() {
            true => None,
            false => self.held.lock().transaction,
        }
    }

    /// The call that is under way for the longest time.
    pub fn running(&self) -> Option<Running<O>> {
        let held = self.held.lock();
        let calls = held.under_way.values().map(|call| call.running);
        calls.min_by_key(|running| running.since)
    }

    /// Fails for a process that must not use the connection now.
    fn check_may_use(&self, caller: O) -> Result<()> {
        if self.closed.load(SeqCst) {
            return Err(Error::ConnectionClosed);
        }
        match (self.scope, self.transaction()) {
            (Scope::Process, Some(open)) if open.owner != caller => Err(Error::NotTransactionOwner),
            _ => Ok(()),
        }
    }

    fn count(&self, result: &RemoteResult, writes: bool) {
        let mut held = self.held.lock();
        let counts = &mut held.counts;
        if let Some(rowid) = result.last_insert_rowid {
            counts.last_insert_rowid = rowid;
        }
        if writes || result.affected_rows > 0 {
            counts.changes = result.affected_rows;
            counts.total_changes += result.affected_rows;
        }
    }

    /// Brings all that is counted and kept back to the beginning.
    fn forget_all(&self) {
        let mut held = self.held.lock();
        held.items.clear();
        held.transaction = None;
        held.counts = Counts::default();
    }

    /// By who has the turn, before it is given up: whether its call has begun or ended a
    /// transaction.
    fn note_transaction(&self, caller: O, was_open: bool, behavior: Option<Behavior>) {
        let is_open = !self.connection.autocommit();
        if is_open == was_open {
            return;
        }
        self.held.lock().transaction = is_open.then(|| OpenTransaction {
            owner: caller,
            behavior,
            began: Instant::now(),
        });
        if is_open {
            self.watch(caller);
        }
    }
}
