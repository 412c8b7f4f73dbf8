//! A call that is under way.

use std::sync::{Arc, Weak};
use std::time::Instant;

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::Result;
use rustler::{Env, LocalPid, Monitor, Resource, ResourceArc};
use tokio::sync::oneshot::{Receiver, Sender, channel};

use super::session::RemoteSession;
use crate::owner::Pid;

/// Why a call is not awaited to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nobody wants the answer any more.
    Cancelled,
    Interrupted,
    Closed,
}

/// A call as its connection knows it.
#[derive(Debug)]
pub struct Running {
    pub caller: Pid,
    pub since: Instant,
    /// Where it runs a prepared statement.
    pub statement: Option<Id>,
    pub stop: Sender<Stop>,
}

/// A call as its caller knows it. Ends with the caller.
pub struct RemoteCall {
    session: Weak<RemoteSession>,
    number: u64,
}

impl Resource for RemoteCall {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, _env: Env<'a>, _pid: LocalPid, _monitor: Monitor) {
        self.stop(Stop::Cancelled);
    }
}

impl RemoteCall {
    pub fn begin(
        env: Env<'_>,
        session: &Arc<RemoteSession>,
        statement: Option<Id>,
    ) -> Result<(ResourceArc<RemoteCall>, Receiver<Stop>)> {
        let (stop, stopped) = channel();
        let caller = Pid(env.pid());
        let number = session.begin_call(Running {
            caller,
            since: Instant::now(),
            statement,
            stop,
        })?;
        let call = ResourceArc::new(RemoteCall {
            session: Arc::downgrade(session),
            number,
        });
        if call.monitor(Some(env), &caller.0).is_none() {
            call.stop(Stop::Cancelled);
        }
        Ok((call, stopped))
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether it was still under way.
    pub fn stop(&self, stop: Stop) -> bool {
        let session = self.session.upgrade();
        session.is_some_and(|session| session.stop_call(self.number, stop))
    }
}
