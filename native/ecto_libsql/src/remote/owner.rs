//! The monitors of processes that have something of a connection, or wait for a call's answer. Their
//! callbacks run on schedulers: what takes the network is left to its threads.

use std::sync::{Arc, LazyLock};

use ecto_libsql_engine::Id;
use ecto_libsql_engine::remote::{CallHandle, RemoteRegistry, RemoteSession, Stop};
use rustler::{Env, LocalPid, Monitor, Resource, ResourceArc};

use crate::owner::Pid;

pub type Remote = RemoteSession<Pid>;

pub static REMOTE: LazyLock<RemoteRegistry<Pid>> = LazyLock::new(RemoteRegistry::default);

/// Monitors the processes of one connection.
pub struct RemoteWatch {
    session: Id,
}

impl Resource for RemoteWatch {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, _env: Env<'a>, pid: LocalPid, _monitor: Monitor) {
        if let Ok(session) = REMOTE.session(self.session) {
            session.owner_down(Pid(pid));
        }
    }
}

/// Monitors the process that opened a connection, and from now on those that get something of it.
pub fn watch_owner(env: Env<'_>, session: &Arc<Remote>) {
    let watch = ResourceArc::new(RemoteWatch {
        session: session.id(),
    });
    let alive = watch.monitor(Some(env), &session.owner().0).is_some();
    session.watch_by(move |process| watch.monitor(None, &process.0).is_some());
    if !alive {
        session.owner_down(session.owner());
    }
}

/// A call as its caller has it. Ends with the caller.
pub struct RemoteCall(CallHandle<Pid>);

impl Resource for RemoteCall {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, _env: Env<'a>, _pid: LocalPid, _monitor: Monitor) {
        self.0.stop(Stop::Cancelled);
    }
}

impl RemoteCall {
    pub fn of(env: Env<'_>, handle: CallHandle<Pid>) -> ResourceArc<RemoteCall> {
        let call = ResourceArc::new(RemoteCall(handle));
        if call.monitor(Some(env), &env.pid()).is_none() {
            call.cancel();
        }
        call
    }

    /// Whether it was still under way.
    pub fn cancel(&self) -> bool {
        self.0.stop(Stop::Cancelled)
    }
}
