//! What happens to a connection when a process dies that has something of it. The callbacks run on
//! schedulers: what takes the network is left to its threads.

use std::sync::Arc;

use ecto_libsql_engine::Id;
use rustler::{Env, LocalPid, Monitor, Resource, ResourceArc};

use super::session::{self, RemoteSession};
use crate::owner::Pid;

/// Monitors the processes of one connection.
pub struct RemoteWatch {
    session: Id,
}

impl Resource for RemoteWatch {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, _env: Env<'a>, pid: LocalPid, _monitor: Monitor) {
        if let Ok(session) = session::get(self.session) {
            session.owner_down(Pid(pid));
        }
    }
}

/// Monitors the process that opened a connection.
pub fn watch_owner(env: Env<'_>, session: &Arc<RemoteSession>) {
    session.attach(ResourceArc::new(RemoteWatch {
        session: session.id(),
    }));
    session.watch(Some(env), session.owner());
}
