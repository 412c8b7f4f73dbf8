//! Stopping what a connection runs, and what waits to run: interrupts, giving up, reset, close.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use parking_lot::MutexGuard;

use super::{ItemKind, Owner, Session};
use crate::Id;
use crate::error::{Error, Result};
use crate::gate::{Gate, Left};
use crate::local::Connection;

impl<O: Owner> Session<O> {
    /// How long a call waits for others that write, in milliseconds.
    pub fn busy_timeout(&self) -> u32 {
        self.busy_timeout.load(Relaxed)
    }

    pub fn set_busy_timeout(&self, milliseconds: u32) {
        self.busy_timeout.store(milliseconds, Relaxed);
    }

    /// How often the connection was interrupted: a process that waits between two calls sees by
    /// it that it was meant.
    pub fn interrupts(&self) -> u64 {
        self.interrupts.load(Relaxed)
    }

    /// The database's write gate.
    pub fn gate(&self) -> Option<&Gate<O>> {
        self.writer.as_deref().map(|writer| &*writer.gate)
    }

    /// A process that waits gives up; with `turn`, it waited for its turn.
    pub fn give_up(&self, caller: O, turn: bool) -> Left<O> {
        match self.gate() {
            Some(gate) => gate.give_up(self.id, caller, turn),
            None => Left::Behind(None),
        }
    }

    /// [`Connection::reset`]: statements and cursors are gone afterwards. Any process may.
    pub fn reset(&self) -> Result<()> {
        let reset = {
            let mut slot = self.lock_interrupting();
            let connection = slot.as_mut().ok_or(Error::ConnectionClosed)?;
            let reset = connection.reset();
            if connection.transaction().is_none() {
                *self.transaction.lock() = None;
                if let Some(writer) = &self.writer {
                    writer.close();
                }
            }
            self.set_busy_timeout(self.opened_with_busy_timeout);
            reset
        };
        self.remove_all_items();
        self.run_cleanups();
        reset
    }

    /// Stops what runs, over and over: a call that is about to run does not notice the first time.
    fn lock_interrupting(&self) -> MutexGuard<'_, Option<Connection>> {
        const PATIENCE: Duration = Duration::from_millis(1);
        loop {
            self.interrupt.interrupt();
            if let Some(slot) = self.connection.try_lock_for(PATIENCE) {
                return slot;
            }
        }
    }

    /// Stops what runs, and who waits to run. Takes no lock that a running call holds.
    pub fn interrupt(&self) {
        self.interrupts.fetch_add(1, Relaxed);
        self.interrupt.interrupt();
        if let Some(gate) = self.gate() {
            gate.interrupt(self.id);
        }
    }

    /// Stops what runs if it is this statement.
    pub fn interrupt_statement(&self, id: Id) -> Result<()> {
        if !self.has(id) {
            return Err(self.registry.explain_missing(id, ItemKind::Statement));
        }
        let running = self.running.0.lock();
        if running
            .as_ref()
            .is_some_and(|run| run.statement == Some(id))
        {
            self.interrupt.interrupt();
        }
        Ok(())
    }

    /// Interrupts what runs, rolls back, and closes. Closing twice is fine.
    pub fn close(&self) {
        self.closing.store(true, SeqCst);
        self.interrupt.shut_down();
        let connection = self.connection.lock().take();
        if connection.is_some() {
            tracing::debug!(connection = %self.id, "closed");
        }
        drop(connection);
        self.unregister();
    }

    pub(super) fn unregister(&self) {
        drop(self.offline.lock().take());
        self.remove_all_items();
        *self.transaction.lock() = None;
        if let Some(writer) = &self.writer {
            writer.close();
        }
        self.registry.remove(self.id);
    }
}
