//! A connection at its database's write gate: when it enters, and when it leaves.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU64};

use crate::Id;
use crate::error::{Error, Result};
use crate::gate::{Entered, Gate};
use crate::local::{Connection, Entrance, TransactionState};
use crate::session::{Caller, Owner};

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Place {
    Outside = 0,
    Queued = 1,
    Inside = 2,
}

const NO_SNAPSHOT: u64 = u64::MAX;

/// Shared by a session and its connection, which asks it before a statement writes.
#[derive(Debug)]
pub(crate) struct Writer<O> {
    pub(crate) gate: Arc<Gate<O>>,
    id: Id,
    caller: Arc<Caller<O>>,
    place: AtomicU8,
    /// The gate's latest holder when the open transaction had read for the first time.
    snapshot: AtomicU64,
    pages_before: AtomicU64,
}

impl<O: Owner> Writer<O> {
    pub(crate) fn new(gate: Arc<Gate<O>>, id: Id, caller: Arc<Caller<O>>) -> Writer<O> {
        Writer {
            gate,
            id,
            caller,
            place: AtomicU8::new(Place::Outside as u8),
            snapshot: AtomicU64::new(NO_SNAPSHOT),
            pages_before: AtomicU64::new(0),
        }
    }

    fn at(&self, place: Place) -> bool {
        self.place.load(Acquire) == place as u8
    }

    fn go(&self, place: Place) {
        self.place.store(place as u8, Release);
    }

    /// After each call, under the connection's lock: who has no write transaction open leaves.
    /// Answers whether the caller now waits.
    pub(crate) fn after_call(&self, connection: &Connection, succeeded: bool) -> bool {
        let locked_out = connection.take_locked_out();
        if self.at(Place::Outside) {
            self.note_snapshot(connection);
            return false;
        }
        let waits = self.at(Place::Queued);
        if self.at(Place::Inside) {
            if connection.transaction_state() == TransactionState::Write {
                return false;
            }
            if locked_out {
                // Another program has the lock: whoever is next would meet it, too.
                self.gate.reserve(self.id);
                self.go(Place::Outside);
                return true;
            }
            let before = self.pages_before.load(Relaxed);
            self.gate
                .leave(self.id, succeeded && connection.pages_written() != before);
        }
        self.go(Place::Outside);
        self.note_snapshot(connection);
        waits
    }

    fn note_snapshot(&self, connection: &Connection) {
        if connection.transaction_state() == TransactionState::None {
            self.snapshot.store(NO_SNAPSHOT, Relaxed);
        } else if self.snapshot.load(Relaxed) == NO_SNAPSHOT {
            self.snapshot.store(self.gate.latest(), Relaxed);
        }
    }

    /// The connection was closed, or brought back to how it was opened.
    pub(crate) fn close(&self) {
        self.gate.close(self.id);
        self.go(Place::Outside);
        self.snapshot.store(NO_SNAPSHOT, Relaxed);
    }
}

impl<O: Owner> Entrance for Arc<Writer<O>> {
    fn enter(&self, connection: &Connection, statement: &str) -> Result<()> {
        if self.at(Place::Inside) {
            return Ok(());
        }
        let Some(caller) = self.caller.get() else {
            return Ok(());
        };
        if !self.gate.try_enter(self.id, caller) {
            if connection.transaction_state() == TransactionState::Read {
                self.check_may_wait(connection, statement)?;
            }
            if self.gate.enter(self.id, caller) == Entered::Queued {
                self.go(Place::Queued);
                return Err(Error::GateTaken);
            }
        }
        self.pages_before.store(connection.pages_written(), Relaxed);
        self.go(Place::Inside);
        Ok(())
    }

    fn forget_snapshot(&self) {
        self.snapshot.store(NO_SNAPSHOT, Relaxed);
    }
}

impl<O: Owner> Writer<O> {
    /// A transaction that has read holds a snapshot: waiting for the gate does not help it if
    /// somebody wrote since, and outside of WAL mode the holder's commit would wait for it.
    fn check_may_wait(&self, connection: &Connection, statement: &str) -> Result<()> {
        let snapshot = self.snapshot.load(Relaxed);
        if snapshot != NO_SNAPSHOT && self.gate.written_since(snapshot) {
            Err(Error::stale_snapshot(Some(statement)))
        } else if connection.in_wal_mode() {
            Ok(())
        } else {
            Err(Error::reader_among_writers(statement))
        }
    }
}
