//! A replica as one connection has it: beside its handle on the file and its connection to the
//! primary.

use std::sync::{Arc, OnceLock, Weak};

use ecto_libsql_engine::error::Result;
use parking_lot::{Mutex, RwLock};
use rustler::{Atom, Env, LocalPid, Monitor, Resource, ResourceArc};

use super::shared::{Shared, let_go};
use crate::atoms;
use crate::lifecycle::opening;
use crate::owner::{Connection, Pid};
use crate::remote::Remote;

/// `None` once the connection is closed.
type Slot = RwLock<Option<Arc<Shared>>>;

/// Those of all handles.
static SLOTS: Mutex<Vec<Weak<Slot>>> = Mutex::new(Vec::new());

/// Closes all handles, on a thread that may wait.
pub fn close_all() {
    let slots = std::mem::take(&mut *SLOTS.lock());
    for slot in slots.iter().filter_map(Weak::upgrade) {
        drop(slot.write().take());
    }
}

pub struct ReplicaHandle {
    shared: Arc<Slot>,
    connections: OnceLock<Connections>,
}

struct Connections {
    primary: Arc<Remote>,
    local: Arc<Connection>,
    /// Of the file that `local` has open.
    generation: u64,
    read_your_writes: bool,
}

impl Resource for ReplicaHandle {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, _env: Env<'a>, _pid: LocalPid, _monitor: Monitor) {
        self.close();
    }
}

impl Drop for ReplicaHandle {
    fn drop(&mut self) {
        self.close();
    }
}

impl ReplicaHandle {
    pub fn new(shared: Arc<Shared>) -> Result<ReplicaHandle> {
        let _opening = opening()?;
        let shared = Arc::new(RwLock::new(Some(shared)));
        let mut slots = SLOTS.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&shared));
        Ok(ReplicaHandle {
            shared,
            connections: OnceLock::new(),
        })
    }

    /// From now on it ends with its owner, the calling process.
    pub fn connect(
        handle: &ResourceArc<ReplicaHandle>,
        env: Env<'_>,
        primary: Arc<Remote>,
        local: Arc<Connection>,
        read_your_writes: bool,
    ) {
        let generation = handle.with(|shared| shared.replica().generation());
        let _ = handle.connections.set(Connections {
            primary,
            local,
            generation: generation.unwrap_or_default(),
            read_your_writes,
        });
        if handle.monitor(Some(env), &Pid(env.pid()).0).is_none() {
            handle.close();
        }
    }

    /// Twice is fine.
    pub fn close(&self) {
        if let Some(shared) = self.shared.write().take() {
            let_go(shared);
        }
    }

    pub fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.read().clone()
    }

    pub fn with<T>(&self, look: impl FnOnce(&Shared) -> T) -> Option<T> {
        self.shared.read().as_deref().map(look)
    }

    /// Whether a read is made here, for all that can be told without a lock that somebody holds.
    pub fn reads_here(&self) -> bool {
        let (Some(shared), Some(connections)) = (&*self.shared.read(), self.connections.get())
        else {
            return false;
        };
        connections.primary.connection().autocommit()
            && !shared.frozen()
            && connections.has_the_file(shared)
            && (!connections.read_your_writes || shared.fresh())
    }

    /// Where calls are made now:
    ///
    /// - `:primary`: in a transaction there,
    /// - `:snapshot`: in a read-only transaction here,
    /// - `:fresh`, `:behind`: reads here; whether the copy has what was written,
    /// - `:outdated`: at the primary, for the file is another one than was opened,
    /// - `:frozen`, `:connection_closed`: nowhere any more.
    pub fn place(&self) -> Atom {
        let (Some(shared), Some(connections)) = (&*self.shared.read(), self.connections.get())
        else {
            return atoms::connection_closed();
        };
        if shared.frozen() {
            atoms::frozen()
        } else if !connections.primary.connection().autocommit() {
            atoms::primary()
        } else if connections.local.transaction().is_some() {
            atoms::snapshot()
        } else if !connections.has_the_file(shared) {
            atoms::outdated()
        } else if connections.read_your_writes && !shared.fresh() {
            atoms::behind()
        } else {
            atoms::fresh()
        }
    }

    /// After a call at the primary: the frame that its writes are in, if it has made any that are to
    /// be waited for. One that the copy has already may be of another log, that of a primary which was
    /// created anew; so the copy is to be brought up to date in any case.
    pub fn written(&self) -> Option<u64> {
        let shared = self.shared.read();
        let (shared, connections) = (shared.as_ref()?, self.connections.get()?);
        let primary = connections.primary.connection();
        if !primary.autocommit() {
            return None;
        }
        let index = primary.replication_index()?;
        shared.replica().wrote(index);
        connections.read_your_writes.then_some(index)
    }

    /// The file was found damaged: by a read, or when it was to be opened.
    pub fn report_damage(&self) {
        let opened = self.connections.get().map(|opened| opened.generation);
        self.with(|shared| {
            let replica = shared.replica();
            replica.report_damage(opened.unwrap_or_else(|| replica.generation()));
        });
    }
}

impl Connections {
    fn has_the_file(&self, shared: &Shared) -> bool {
        self.generation == shared.replica().generation() && shared.replica().is_readable()
    }
}
