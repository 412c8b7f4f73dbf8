//! A connection whose functions processes evaluate: its calls run on a thread of its own, so that no
//! thread of the BEAM waits for the process that is to answer.

use std::any::Any;
use std::cell::Cell;

use parking_lot::MutexGuard;

use super::{Owner, Session};
use crate::error::{Error, Result};
use crate::local::Connection;

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// To be called once on such a thread: it may wait for any connection.
pub fn on_own_thread() {
    OWN.set(true);
}

impl<O: Owner> Session<O> {
    /// Keeps what ends the thread when it is dropped; a connection has one, the first.
    pub fn set_own_thread(&self, thread: Box<dyn Any + Send + Sync>) {
        let _ = self.own_thread.set(thread);
    }

    pub fn own_thread<T: 'static>(&self) -> Option<&T> {
        self.own_thread.get()?.downcast_ref()
    }

    /// Whether the process is in the middle of a call, and evaluates a function for it.
    pub fn is_inside(&self, caller: O) -> bool {
        self.own_thread.get().is_some() && self.running.get() == Some(caller)
    }

    /// The connection's lock. It is waited for, but not by threads of the BEAM where a process may be
    /// evaluating a function meanwhile: that could need just these threads.
    pub(super) fn lock(&self, caller: O) -> Result<MutexGuard<'_, Option<Connection>>> {
        match self.connection.try_lock() {
            Some(slot) => Ok(slot),
            None if self.own_thread.get().is_none() || OWN.get() => Ok(self.connection.lock()),
            None if self.is_inside(caller) => Err(Error::InsideFunction),
            None => Err(Error::InUse {
                since: self.running().map(|running| running.since),
            }),
        }
    }
}
