//! A connection as the registry knows it: shared by threads, owned by a process.
//!
//! One lock per connection is held while it works. What must happen to a connection that is at
//! work (its owner died) is queued, and done by whoever lets go of the lock, so nobody waits for
//! a lock to clean up.

mod authorizer;
mod blobs;
mod death;
mod hooks;
mod items;
mod own_thread;
mod recordings;
mod status;
mod stop;

pub use own_thread::on_own_thread;

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use crate::Id;
use crate::error::{Error, Result};
use crate::gate::Wake;
use crate::local::{Behavior, CacheStats, Call, Connection, Interrupt, Outcome, RowSink, Source};
use crate::offline::Syncer;
use crate::params::Params;
use crate::registry::{Opened, Registry};
use crate::writer::Writer;

/// What owns connections: a process of the BEAM; in tests, a number.
pub trait Owner: Copy + Eq + Hash + Debug + Send + Sync + 'static {}

impl<T: Copy + Eq + Hash + Debug + Send + Sync + 'static> Owner for T {}

/// Who may use a connection while a transaction is open on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The process that began the transaction. Its death rolls back.
    Process,
    /// Whoever has the connection: for pools, which see to it that one process at a time has it.
    Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    Statement,
    Cursor,
    Blob,
    /// What SQLite calls a session.
    Recording,
}

impl ItemKind {
    pub fn name(self) -> &'static str {
        match self {
            ItemKind::Statement => "statement",
            ItemKind::Cursor => "cursor",
            ItemKind::Blob => "blob",
            ItemKind::Recording => "session",
        }
    }

    fn close(self, connection: &mut Connection, id: Id) {
        match self {
            ItemKind::Statement => connection.finalize(id),
            ItemKind::Cursor => connection.close_cursor(id),
            ItemKind::Blob => connection.close_blob(id),
            ItemKind::Recording => connection.close_recording(id),
        }
    }

    /// The error of one that nobody has any more.
    pub(crate) fn closed(self) -> Error {
        match self {
            ItemKind::Statement => Error::StatementClosed,
            ItemKind::Cursor => Error::CursorClosed,
            ItemKind::Blob => Error::BlobClosed,
            ItemKind::Recording => Error::SessionClosed,
        }
    }
}

/// A prepared statement, a cursor, a blob or a recording.
#[derive(Debug)]
pub struct Item<O> {
    pub id: Id,
    pub kind: ItemKind,
    pub sql: String,
    pub owner: O,
    pub created: Instant,
}

/// The transaction that is open on a connection, for the listing.
#[derive(Debug, Clone, Copy)]
pub struct OpenTransaction<O> {
    pub owner: O,
    /// `None` when a statement of the caller's own began it.
    pub behavior: Option<Behavior>,
    pub began: Instant,
}

/// The call that is under way on a connection.
#[derive(Debug, Clone, Copy)]
pub struct Running<O> {
    pub caller: O,
    /// The prepared statement that it runs, if it is one.
    pub statement: Option<Id>,
    pub since: Instant,
}

/// Who has the call that is under way, if one is.
#[derive(Debug)]
pub(crate) struct Caller<O>(Mutex<Option<Running<O>>>);

impl<O: Owner> Caller<O> {
    pub(crate) fn get(&self) -> Option<O> {
        self.0.lock().map(|running| running.caller)
    }
}

/// How the processes that own connections are reached.
#[derive(Debug, Clone, Copy)]
pub struct Hooks<O> {
    pub wake: Wake<O>,
    /// To tell the session of the process's death.
    pub watch: fn(&Session<O>, O),
    /// To have [`Session::run_cleanups`] called on a thread that may wait.
    pub clean_up: fn(&Session<O>),
}

/// Nobody is reached: for programs whose owners do not die and do not wait.
impl<O> Default for Hooks<O> {
    fn default() -> Hooks<O> {
        Hooks {
            wake: |_, _, _| {},
            watch: |_, _| {},
            clean_up: |_| {},
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cleanup<O> {
    Close,
    ForgetOwner(O),
    /// Who is told of statements has changed.
    Trace,
}

#[derive(Debug)]
pub struct Session<O> {
    id: Id,
    owner: O,
    scope: Scope,
    database: String,
    opened: Instant,
    registry: Registry<O>,
    interrupt: Interrupt,
    cache_stats: Arc<CacheStats>,
    /// `None` once the connection is closed.
    connection: Mutex<Option<Connection>>,
    closing: AtomicBool,
    running: Arc<Caller<O>>,
    /// Whether there was a syncer at the opening, so that others need not look.
    is_offline: bool,
    /// Until the connection is closed, and no earlier.
    offline: Mutex<Option<Arc<Syncer>>>,
    /// None where nobody else can write the database, or this connection cannot.
    writer: Option<Arc<Writer<O>>>,
    busy_timeout: AtomicU32,
    opened_with_busy_timeout: u32,
    interrupts: AtomicU64,
    transaction: Mutex<Option<OpenTransaction<O>>>,
    items: Mutex<HashMap<Id, Arc<Item<O>>, FxBuildHasher>>,
    watched: Mutex<HashSet<O>>,
    cleanups: Mutex<Vec<Cleanup<O>>>,
    attachment: OnceLock<Box<dyn Any + Send + Sync>>,
    /// The thread of its own that its calls run on, where processes evaluate its functions.
    own_thread: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl<O: Owner> Session<O> {
    pub(crate) fn new(
        mut connection: Connection,
        options: Opened,
        owner: O,
        scope: Scope,
        registry: Registry<O>,
    ) -> Session<O> {
        let Opened {
            database,
            busy_timeout,
            offline,
        } = options;
        let id = Id::new_v4();
        let running = Arc::new(Caller(Mutex::default()));
        let gate = registry.gates().gate_of(&connection, &database);
        let writer = gate.map(|gate| Arc::new(Writer::new(gate, id, Arc::clone(&running))));
        if let Some(writer) = &writer {
            connection.set_entrance(Box::new(Arc::clone(writer)));
        }
        connection.known_as(id);
        let busy_timeout = u32::try_from(busy_timeout.as_millis()).unwrap_or(u32::MAX);
        Session {
            id,
            owner,
            scope,
            database,
            opened: Instant::now(),
            registry,
            interrupt: connection.interrupt_handle(),
            cache_stats: connection.cache_stats(),
            connection: Mutex::new(Some(connection)),
            closing: AtomicBool::new(false),
            running,
            is_offline: offline.is_some(),
            offline: Mutex::new(offline),
            writer,
            busy_timeout: AtomicU32::new(busy_timeout),
            opened_with_busy_timeout: busy_timeout,
            interrupts: AtomicU64::new(0),
            transaction: Mutex::default(),
            items: Mutex::default(),
            watched: Mutex::default(),
            cleanups: Mutex::default(),
            attachment: OnceLock::new(),
            own_thread: OnceLock::new(),
        }
    }

    /// Keeps what the boundary needs for as long as the connection is there.
    pub fn attach(&self, attachment: Box<dyn Any + Send + Sync>) {
        // A second one would be the boundary's mistake; the first is the one that counts.
        let _ = self.attachment.set(attachment);
    }

    pub fn attachment<T: 'static>(&self) -> Option<&T> {
        self.attachment.get()?.downcast_ref()
    }

    pub fn id(&self) -> Id {
        self.id
    }

    pub fn owner(&self) -> O {
        self.owner
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// What syncs the database, where it is a copy that is written offline.
    pub fn offline(&self) -> Option<Arc<Syncer>> {
        self.offline.lock().clone()
    }

    pub fn opened(&self) -> Instant {
        self.opened
    }

    pub fn cache_stats(&self) -> &CacheStats {
        &self.cache_stats
    }

    pub fn transaction(&self) -> Option<OpenTransaction<O>> {
        *self.transaction.lock()
    }

    pub fn running(&self) -> Option<Running<O>> {
        *self.running.0.lock()
    }

    /// The prepared statements, cursors, blobs and recordings, the oldest first.
    pub fn items(&self) -> Vec<Arc<Item<O>>> {
        let mut items = self.items.lock().values().cloned().collect::<Vec<_>>();
        items.sort_by_key(|item| item.created);
        items
    }

    /// Works with the connection on behalf of `caller`, for which it waits if another process's
    /// call is under way.
    pub fn call<T>(&self, caller: O, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        self.call_statement(caller, None, work)
    }

    fn call_statement<T>(
        &self,
        caller: O,
        statement: Option<Id>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let (worked, waits) = self.locked_call(caller, statement, work);
        if waits && caller != self.owner && self.watched.lock().insert(caller) {
            (self.registry.hooks().watch)(self, caller);
        }
        self.run_cleanups();
        worked
    }

    fn locked_call<T>(
        &self,
        caller: O,
        statement: Option<Id>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> (Result<T>, bool) {
        let mut slot = match self.lock(caller) {
            Ok(slot) => slot,
            Err(error) => return (Err(error), false),
        };
        let connection = match self.usable(slot.as_mut(), caller) {
            Ok(connection) => connection,
            Err(error) => return (Err(error), false),
        };
        let running = NotRunning::begin(&self.running, caller, statement);
        let worked = work(connection);
        drop(running);
        self.note_transaction(connection, caller);
        let waits = match &self.writer {
            Some(writer) => writer.after_call(connection, worked.is_ok()),
            None => false,
        };
        if self.is_offline
            && let Some(offline) = self.offline()
        {
            offline.written(connection);
        }
        (worked, waits)
    }

    fn usable<'c>(
        &self,
        connection: Option<&'c mut Connection>,
        caller: O,
    ) -> Result<&'c mut Connection> {
        if self.closing.load(SeqCst) {
            return Err(Error::ConnectionClosed);
        }
        self.check_transaction_owner(caller)?;
        connection.ok_or(Error::ConnectionClosed)
    }

    /// [`Connection::query_short`], on a thread that must not wait: for no lock either.
    pub fn query_short<'p, P, S>(
        &self,
        caller: O,
        source: Source<'_>,
        params: &P,
        sink: &mut S,
    ) -> Result<Option<Outcome>>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let Some(mut slot) = self.connection.try_lock() else {
            return Ok(None);
        };
        let Ok(connection) = self.usable(slot.as_mut(), caller) else {
            return Ok(None);
        };
        let running = NotRunning::begin(&self.running, caller, prepared(source));
        let outcome = connection.query_short(source, params, sink);
        drop(running);
        if let Some(writer) = &self.writer {
            writer.after_call(connection, outcome.is_ok());
        }
        drop(slot);
        self.have_cleaned_up();
        outcome
    }

    /// [`call`](Session::call) for what is not worth waiting for, and looks at memory only: fails
    /// while another process's call is under way.
    pub fn ask<T>(&self, caller: O, question: impl FnOnce(&Connection) -> T) -> Result<T> {
        let Some(mut slot) = self.connection.try_lock() else {
            return Err(Error::InUse {
                since: self.running().map(|running| running.since),
            });
        };
        let answer = self
            .usable(slot.as_mut(), caller)
            .map(|connection| question(connection));
        drop(slot);
        self.have_cleaned_up();
        answer
    }

    /// Notes which prepared statement the call that is under way runs, where only the connection
    /// knew.
    fn note_statement(&self, statement: Option<Id>) {
        if let (Some(_), Some(running)) = (statement, self.running.0.lock().as_mut()) {
            running.statement = statement;
        }
    }

    fn check_transaction_owner(&self, caller: O) -> Result<()> {
        match *self.transaction.lock() {
            Some(open) if self.scope == Scope::Process && open.owner != caller => {
                tracing::warn!(connection = %self.id, ?caller, owner = ?open.owner,
                    "a process used another one's transaction");
                Err(Error::NotTransactionOwner)
            }
            _ => Ok(()),
        }
    }

    fn note_transaction(&self, connection: &Connection, caller: O) {
        let mut noted = self.transaction.lock();
        match (connection.transaction(), noted.is_some()) {
            (Some(open), false) => {
                *noted = Some(OpenTransaction {
                    owner: caller,
                    behavior: open.behavior,
                    began: open.began,
                });
            }
            (None, true) => *noted = None,
            _ => {}
        }
    }

    /// Runs one statement; where the sink pauses, the rest is a cursor of the caller's.
    pub fn query<'p, P, S>(
        &self,
        caller: O,
        source: Source<'_>,
        params: &P,
        sink: &mut S,
        call: &Call,
    ) -> Result<Outcome>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let outcome = self.call_statement(caller, prepared(source), |connection| {
            connection.query(source, params, sink, call)
        });
        let outcome = self.explain(outcome, source)?;
        if let Some(cursor) = outcome.rest {
            self.add_item(cursor, ItemKind::Cursor, self.sql_of(source), caller);
        }
        Ok(outcome)
    }
}

fn prepared(source: Source<'_>) -> Option<Id> {
    match source {
        Source::Sql(_) => None,
        Source::Prepared(id) => Some(id),
    }
}

struct NotRunning<'s, O>(&'s Caller<O>);

impl<'s, O> NotRunning<'s, O> {
    fn begin(running: &'s Caller<O>, caller: O, statement: Option<Id>) -> NotRunning<'s, O> {
        *running.0.lock() = Some(Running {
            caller,
            statement,
            since: Instant::now(),
        });
        NotRunning(running)
    }
}

impl<O> Drop for NotRunning<'_, O> {
    fn drop(&mut self) {
        *self.0.0.lock() = None;
    }
}
