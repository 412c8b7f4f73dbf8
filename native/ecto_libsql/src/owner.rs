//! Owner processes: the registry of connections by process, and what happens when one dies.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::session::Session;
use parking_lot::Mutex;
use rustler::{Encoder, Env, LocalPid, Monitor, Resource, ResourceArc, Term};

use crate::atoms;
use crate::calling::{Calling, caller, process_env, with_env};
use crate::gate::HOOKS;
use crate::params::bytes;
use crate::remote;

/// A local process, as the engine's owner.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pid(pub LocalPid);

impl std::fmt::Debug for Pid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A raw term has no readable form outside of an environment.
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        write!(f, "Pid({:016x})", hasher.finish())
    }
}

impl Encoder for Pid {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        self.0.encode(env)
    }
}

pub type Connection = Session<Pid>;

pub static REGISTRY: LazyLock<Registry<Pid>> = LazyLock::new(|| Registry::new(HOOKS));

/// The connection's id in an `%EctoLibSql.State{}`.
pub fn state_id(state: Term<'_>) -> Result<Id> {
    state
        .map_get(atoms::conn_id())
        .ok()
        .and_then(|id| Id::try_parse_ascii(bytes(id)?).ok())
        .ok_or_else(|| Error::InvalidArgument("this is no %EctoLibSql.State{}".to_owned()))
}

/// A call in progress: the connection that the state names, and the process that calls.
pub struct CallContext {
    pub connection: Arc<Connection>,
    pub caller: Pid,
    _calling: Calling,
}

impl CallContext {
    /// `state` is an `%EctoLibSql.State{}`.
    pub fn new(env: Env<'_>, state: Term<'_>) -> Result<CallContext> {
        let id = state_id(state)?;
        let connection = REGISTRY.session(id).map_err(|error| match error {
            Error::ConnectionClosed if remote::is_open(id) => Error::Unsupported(
                "the connection is one to a server, and this is for local databases".to_owned(),
            ),
            error => error,
        })?;
        Ok(CallContext {
            connection,
            caller: Pid(caller(env)),
            _calling: Calling::begin(env),
        })
    }

    /// To be called when the caller got something of the connection: a statement, a cursor or a
    /// transaction.
    pub fn watch_caller(&self, env: Env<'_>) {
        if self.connection.must_watch(self.caller) {
            watch(process_env(env), &self.connection, self.caller);
        }
    }
}

/// Monitors the owners of one connection.
pub struct OwnerWatch {
    connection: Id,
}

impl Resource for OwnerWatch {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, env: Env<'a>, pid: LocalPid, _monitor: Monitor) {
        let _calling = Calling::begin_callback(env);
        if let Ok(connection) = REGISTRY.session(self.connection) {
            owner_down(connection, Pid(pid));
        }
    }
}

/// Monitors the process that opened a connection.
pub fn watch_owner(env: Env<'_>, connection: &Arc<Connection>) {
    connection.attach(Box::new(ResourceArc::new(OwnerWatch {
        connection: connection.id(),
    })));
    watch(Some(env), connection, connection.owner());
}

/// Monitors a process that waits for the write gate.
pub fn watch_waiting(connection: &Connection, waiting: Pid) {
    if let Ok(connection) = REGISTRY.session(connection.id()) {
        with_env(|env| watch(env, &connection, waiting));
    }
}

fn watch(env: Option<Env<'_>>, connection: &Arc<Connection>, owner: Pid) {
    let monitor = connection
        .attachment::<ResourceArc<OwnerWatch>>()
        .and_then(|watch| watch.monitor(env, &owner.0));
    if monitor.is_none() {
        // The process is dead already.
        owner_down(Arc::clone(connection), owner);
    }
}

/// Runs on a normal scheduler: interrupts, and hands to the reaper what may wait for the disk.
fn owner_down(connection: Arc<Connection>, owner: Pid) {
    connection.owner_down(owner);
    reap(connection);
}

/// Has a connection cleaned up by the reaper.
pub fn clean_up(connection: &Connection) {
    if let Ok(connection) = REGISTRY.session(connection.id()) {
        reap(connection);
    }
}

fn reap(connection: Arc<Connection>) {
    if let Some(reaper) = &*REAPER.lock() {
        // It receives until it is stopped.
        let _ = reaper.inbox.send(connection);
    }
}

/// Cleans up after dead owners.
struct Reaper {
    inbox: Sender<Arc<Connection>>,
    thread: JoinHandle<()>,
}

static REAPER: Mutex<Option<Reaper>> = Mutex::new(None);

/// Answers whether there is a thread that cleans up. Without one, the library is not to be loaded: to
/// clean up takes the disk, and owners die on schedulers.
pub fn start_reaper() -> bool {
    let mut reaper = REAPER.lock();
    if reaper.is_none() {
        *reaper = Reaper::start();
    }
    reaper.is_some()
}

/// Ends the thread, when it has cleaned up.
pub fn stop_reaper() {
    let reaper = REAPER.lock().take();
    if let Some(Reaper { inbox, thread }) = reaper {
        drop(inbox);
        // That it panicked has been said.
        let _ = thread.join();
    }
}

impl Reaper {
    fn start() -> Option<Reaper> {
        let (inbox, connections) = channel::<Arc<Connection>>();
        let thread = thread::Builder::new()
            .name("ecto_libsql_reaper".to_owned())
            .spawn(move || {
                for connection in connections {
                    connection.run_cleanups();
                }
            });
        let thread = thread.ok()?;
        Some(Reaper { inbox, thread })
    }
}
