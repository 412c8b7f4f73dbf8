//! A connection to a server, as the boundary knows it: under an id, owned by a process, with what
//! its processes have of it.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::form::Forms;
use ecto_libsql_engine::local::{Behavior, Call};
use ecto_libsql_engine::remote::{
    Description, RemoteConnection, RemoteCursor, RemoteResult, spawn,
};
use ecto_libsql_engine::session::Scope;
use parking_lot::{Mutex, RwLock};
use rustler::{Env, Monitor, ResourceArc, Term};
use uuid::Uuid;

use super::item::{Content, ItemKind, RemoteItem};
use super::owner::RemoteWatch;
use super::running::{Running, Stop};
use crate::atoms;
use crate::owner::Pid;
use crate::params::bytes;

/// How long the server is given to hear that a connection is over. It finds out by itself after
/// ten seconds.
const CLOSING: Duration = Duration::from_secs(5);

static SESSIONS: LazyLock<RwLock<HashMap<Id, Arc<RemoteSession>>>> = LazyLock::new(RwLock::default);

pub fn add(session: &Arc<RemoteSession>) {
    SESSIONS.write().insert(session.id, Arc::clone(session));
}

pub fn get(id: Id) -> Result<Arc<RemoteSession>> {
    SESSIONS
        .read()
        .get(&id)
        .cloned()
        .ok_or(Error::ConnectionClosed)
}

/// Whether there is such a connection to a server.
pub fn is_open(id: Id) -> bool {
    SESSIONS.read().contains_key(&id)
}

/// Of an `%EctoLibSql.State{}`.
pub fn of(state: Term<'_>) -> Result<Arc<RemoteSession>> {
    let id = state
        .map_get(atoms::conn_id())
        .ok()
        .and_then(|id| Id::try_parse_ascii(bytes(id)?).ok())
        .ok_or_else(|| Error::InvalidArgument("this is no %EctoLibSql.State{}".to_owned()))?;
    get(id)
}

/// All that are open.
pub fn sessions() -> Vec<Arc<RemoteSession>> {
    SESSIONS.read().values().cloned().collect()
}

#[derive(Debug, Clone, Copy)]
pub struct OpenTransaction {
    pub owner: Pid,
    /// `None`: a statement of the caller's own began it.
    pub behavior: Option<Behavior>,
    pub began: Instant,
}

/// What SQLite would count, as far as a server tells it.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    last_insert_rowid: i64,
    changes: u64,
    total_changes: u64,
}

#[derive(Default)]
struct Held {
    transaction: Option<OpenTransaction>,
    items: HashMap<Id, RemoteItem>,
    running: HashMap<u64, Running>,
    calls: u64,
    watched: HashMap<Pid, Monitor>,
    counts: Counts,
}

pub struct RemoteSession {
    id: Id,
    database: String,
    owner: Pid,
    scope: Scope,
    forms: Forms,
    opened: Instant,
    connection: RemoteConnection,
    /// Held by the call that is made: who waits for it comes in turn, after the transaction that
    /// an earlier call has begun.
    turn: tokio::sync::Mutex<()>,
    closed: AtomicBool,
    held: Mutex<Held>,
    watch: OnceLock<ResourceArc<RemoteWatch>>,
}

impl RemoteSession {
    pub fn new(
        connection: RemoteConnection,
        database: String,
        owner: Pid,
        scope: Scope,
        forms: Forms,
    ) -> RemoteSession {
        RemoteSession {
            id: Uuid::new_v4(),
            database,
            owner,
            scope,
            forms,
            opened: Instant::now(),
            connection,
            turn: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
            held: Mutex::default(),
            watch: OnceLock::new(),
        }
    }

    pub fn id(&self) -> Id {
        self.id
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    pub fn owner(&self) -> Pid {
        self.owner
    }

    pub fn forms(&self) -> Forms {
        self.forms
    }

    pub fn opened(&self) -> Instant {
        self.opened
    }

    pub fn connection(&self) -> &RemoteConnection {
        &self.connection
    }

    pub fn turn(&self) -> &tokio::sync::Mutex<()> {
        &self.turn
    }

    /// `(autocommit, last_insert_rowid, changes, total_changes)`
    pub fn status(&self) -> (bool, i64, u64, u64) {
        let counts = self.held.lock().counts;
        (
            self.connection.autocommit(),
            counts.last_insert_rowid,
            counts.changes,
            counts.total_changes,
        )
    }

    /// A call that was stopped may have ended what was noted.
    pub fn transaction(&self) -> Option<OpenTransaction> {
        match self.connection.autocommit() {
            true => None,
            false => self.held.lock().transaction,
        }
    }

    /// The call that is under way for the longest time: who makes it, and since when.
    pub fn running(&self) -> Option<(Pid, Instant)> {
        let held = self.held.lock();
        let calls = held.running.values().map(|call| (call.caller, call.since));
        calls.min_by_key(|(_, since)| *since)
    }

    pub fn items(&self) -> Vec<(Id, RemoteItem)> {
        let held = self.held.lock();
        held.items
            .iter()
            .map(|(id, item)| (*id, item.clone()))
            .collect()
    }

    /// Fails for a process that must not use the connection now.
    pub fn check_may_use(&self, caller: Pid) -> Result<()> {
        if self.closed.load(SeqCst) {
            return Err(Error::ConnectionClosed);
        }
        match (self.scope, self.transaction()) {
            (Scope::Process, Some(open)) if open.owner != caller => Err(Error::NotTransactionOwner),
            _ => Ok(()),
        }
    }

    pub fn count(&self, result: &RemoteResult, writes: bool) {
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

    pub fn last_insert_rowid(&self) -> i64 {
        self.held.lock().counts.last_insert_rowid
    }

    /// Brings all that is counted and kept back to the beginning.
    pub fn reset(&self) {
        let mut held = self.held.lock();
        held.items.clear();
        held.transaction = None;
        held.counts = Counts::default();
    }

    pub fn keep(&self, caller: Pid, sql: &str, content: Content) -> Id {
        let id = Uuid::new_v4();
        let item = RemoteItem {
            sql: sql.into(),
            owner: caller,
            created: Instant::now(),
            content,
        };
        self.held.lock().items.insert(id, item);
        self.watch(None, caller);
        id
    }

    /// A prepared statement's SQL, and what the server has said of it.
    pub fn statement(&self, id: Id) -> Result<(Arc<str>, Arc<Description>)> {
        match self.item(id) {
            Some(RemoteItem {
                sql,
                content: Content::Statement(description),
                ..
            }) => Ok((sql, description)),
            _ => Err(missing(id, ItemKind::Statement)),
        }
    }

    pub fn cursor(&self, id: Id) -> Result<Arc<RemoteCursor>> {
        match self.item(id).map(|item| item.content) {
            Some(Content::Cursor(cursor)) => Ok(cursor),
            _ => Err(missing(id, ItemKind::Cursor)),
        }
    }

    fn item(&self, id: Id) -> Option<RemoteItem> {
        self.held.lock().items.get(&id).cloned()
    }

    pub fn check_item(&self, id: Id, kind: ItemKind) -> Result<()> {
        if self.has_item(id, kind) {
            Ok(())
        } else {
            Err(missing(id, kind))
        }
    }

    fn has_item(&self, id: Id, kind: ItemKind) -> bool {
        self.item(id).is_some_and(|item| item.kind() == kind)
    }

    /// Fails only for what is another connection's.
    pub fn forget(&self, id: Id, kind: ItemKind) -> Result<()> {
        if self.held.lock().items.remove(&id).is_some() {
            return Ok(());
        }
        match missing(id, kind) {
            error @ Error::WrongConnection(_) => Err(error),
            _ => Ok(()),
        }
    }

    pub fn begin_call(&self, running: Running) -> Result<u64> {
        if self.closed.load(SeqCst) {
            return Err(Error::ConnectionClosed);
        }
        let mut held = self.held.lock();
        held.calls += 1;
        let number = held.calls;
        held.running.insert(number, running);
        Ok(number)
    }

    pub fn over(&self, number: u64) {
        let mut held = self.held.lock();
        held.running.remove(&number);
        if self.connection.autocommit() {
            held.transaction = None;
        }
    }

    /// After a call that was stopped: a transaction that it has begun, and nobody has noted, ends.
    pub fn end_unnoted_transaction(&self) {
        if self.connection.autocommit() {
            return;
        }
        self.end_transaction_if(|noted| noted.is_none());
    }

    /// By who has the turn, before it is given up: whether its call has begun or ended a
    /// transaction.
    pub fn note_transaction(&self, caller: Pid, was_open: bool, behavior: Option<Behavior>) {
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
            self.watch(None, caller);
        }
    }

    /// Whether the call was still under way.
    pub fn stop_call(&self, number: u64, stop: Stop) -> bool {
        let mut held = self.held.lock();
        held.running
            .remove(&number)
            .is_some_and(|running| running.stop.send(stop).is_ok())
    }

    /// Stops all calls; with a statement, those that run it.
    pub fn stop_running(&self, only: Option<Id>, stop: Stop) {
        let mut held = self.held.lock();
        let stopped = held
            .running
            .iter()
            .filter(|(_, running)| only.is_none() || running.statement == only)
            .map(|(number, _)| *number)
            .collect::<Vec<_>>();
        for number in stopped {
            if let Some(running) = held.running.remove(&number) {
                let _ = running.stop.send(stop);
            }
        }
    }

    pub fn attach(&self, watch: ResourceArc<RemoteWatch>) {
        let _ = self.watch.set(watch);
    }

    /// Has the process's death noticed.
    pub fn watch(&self, env: Option<Env<'_>>, process: Pid) {
        let Some(watch) = self.watch.get() else {
            return;
        };
        if self.held.lock().watched.contains_key(&process) {
            return;
        }
        match watch.monitor(env, &process.0) {
            Some(monitor) => {
                self.held.lock().watched.insert(process, monitor);
            }
            None => self.owner_down(process),
        }
    }

    pub fn owner_down(&self, process: Pid) {
        if process == self.owner {
            return self.close();
        }
        let mut held = self.held.lock();
        held.watched.remove(&process);
        held.items.retain(|_, item| item.owner != process);
        let in_transaction = held
            .transaction
            .is_some_and(|transaction| transaction.owner == process);
        drop(held);
        if in_transaction {
            self.end_transaction_if(move |noted| noted.is_some_and(|open| open.owner == process));
        }
    }

    /// In the background, when its turn has come.
    fn end_transaction_if(
        &self,
        condition: impl FnOnce(Option<OpenTransaction>) -> bool + Send + 'static,
    ) {
        let Ok(session) = get(self.id) else {
            return;
        };
        in_background(async move {
            let _turn = session.turn.lock().await;
            if !session.connection.autocommit() && condition(session.transaction()) {
                session.close_stream().await;
                session.held.lock().transaction = None;
            }
        });
    }

    async fn close_stream(&self) {
        self.connection
            .close(&Call::with_timeout(Some(CLOSING)))
            .await;
    }

    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        let Some(session) = SESSIONS.write().remove(&self.id) else {
            return;
        };
        session.stop_running(None, Stop::Closed);
        session.held.lock().items.clear();
        in_background(async move {
            let _turn = session.turn.lock().await;
            session.close_stream().await;
        });
    }
}

fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    // Without a runtime there was never a stream.
    let _ = spawn(work);
}

/// Why a connection does not know an item: it is another's, or nobody's.
fn missing(id: Id, kind: ItemKind) -> Error {
    let elsewhere = sessions().iter().any(|session| session.has_item(id, kind));
    if elsewhere {
        Error::WrongConnection(kind.name())
    } else {
        kind.closed()
    }
}
