//! What happens to a connection when a process that owns something of it dies.

use std::sync::atomic::Ordering::SeqCst;

use super::{Cleanup, Owner, Scope, Session};
use crate::local::{Call, Connection};

impl<O: Owner> Session<O> {
    /// As [`run_cleanups`](Session::run_cleanups), from a thread that must not wait.
    pub(super) fn have_cleaned_up(&self) {
        if !self.cleanups.lock().is_empty() {
            (self.registry.hooks().clean_up)(self);
        }
    }

    /// Whether `owner`, which is about to get something of this connection, has to be watched.
    pub fn must_watch(&self, owner: O) -> bool {
        self.scope == Scope::Process && owner != self.owner && self.watched.lock().insert(owner)
    }

    /// Notes an owner's death. Quick: the rest is for [`run_cleanups`](Session::run_cleanups), on
    /// a thread that may wait for the disk.
    pub fn owner_down(&self, owner: O) {
        let cleanup = if owner == self.owner {
            self.closing.store(true, SeqCst);
            self.interrupt.shut_down();
            Cleanup::Close
        } else {
            if let Some(gate) = self.gate() {
                gate.forget(self.id, owner);
            }
            let running = self.running.0.lock();
            if running.as_ref().is_some_and(|run| run.caller == owner) {
                self.interrupt.interrupt();
            }
            Cleanup::ForgetOwner(owner)
        };
        self.cleanups.lock().push(cleanup);
    }

    /// Does what is queued, unless a call is under way: that one does it when it ends.
    pub fn run_cleanups(&self) {
        loop {
            if self.cleanups.lock().is_empty() {
                return;
            }
            let Some(mut slot) = self.connection.try_lock() else {
                return;
            };
            let Some(cleanup) = self.cleanups.lock().pop() else {
                return;
            };
            match cleanup {
                Cleanup::Close => {
                    drop(slot.take());
                    drop(slot);
                    self.unregister();
                }
                Cleanup::ForgetOwner(owner) => {
                    if let Some(connection) = slot.as_mut() {
                        self.forget_owner(owner, connection);
                    }
                }
                Cleanup::Trace => {
                    if let Some(connection) = slot.as_ref() {
                        connection.trace_what_is_wanted();
                    }
                }
            }
        }
    }

    fn forget_owner(&self, owner: O, connection: &mut Connection) {
        self.watched.lock().remove(&owner);
        for item in self.items() {
            if item.owner == owner {
                item.kind.close(connection, item.id);
                self.remove_item(item.id);
            }
        }
        if self.transaction().is_some_and(|open| open.owner == owner) {
            if let Err(error) = connection.rollback(&Call::default()) {
                tracing::error!(connection = %self.id, %error, "rolling back a dead process's transaction");
            }
            *self.transaction.lock() = None;
        }
        if let Some(writer) = &self.writer {
            writer.after_call(connection, false);
        }
    }
}
