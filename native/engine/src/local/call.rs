//! What can stop a running call: an interrupt, its deadline, or its caller's death.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::authorizer::Authorizer;
use super::replica_reader::Place;
use super::tracer::Tracer;
use super::whole_table::WholeTable;
use crate::error::Error;

/// The limits of one call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call {
    /// When the call is to be stopped; `None`: never.
    pub deadline: Option<Instant>,
}

impl Call {
    pub fn with_timeout(timeout: Option<Duration>) -> Call {
        Call {
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stop {
    No = 0,
    Interrupted = 1,
    Deadline = 2,
    CallerDead = 3,
}

/// Whether a call is under way, and whether it was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    Idle = 0,
    Running = 1,
    Interrupted = 2,
}

const NO_DEADLINE: u64 = u64::MAX;

/// Shared by a connection, its C callbacks and the interrupt handles that other threads hold.
pub(super) struct Control {
    epoch: Instant,
    phase: AtomicU8,
    shut_down: AtomicBool,
    deadline: AtomicU64,
    stopped: AtomicU8,
    /// Whether SQLite would have waited for a lock, and whether a call ended because of that.
    busy: AtomicBool,
    locked_out: AtomicBool,
    /// Where the statement that is prepared is to run, as the authorizer has found out so far.
    place: AtomicU8,
    pub(super) tracer: Tracer,
    pub(super) whole_table: WholeTable,
    pub(super) authorizer: Authorizer,
    caller_alive: fn() -> bool,
    /// A collation cannot say that it failed: that is noted here, and why.
    comparing_failed: AtomicBool,
    why_comparing_failed: Mutex<Option<String>>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// `caller_alive` is asked on the thread that runs the call whether anybody waits for it.
    pub(super) fn new(caller_alive: fn() -> bool) -> Control {
        Control {
            epoch: Instant::now(),
            phase: AtomicU8::new(Phase::Idle as u8),
            shut_down: AtomicBool::new(false),
            deadline: AtomicU64::new(NO_DEADLINE),
            stopped: AtomicU8::new(Stop::No as u8),
            busy: AtomicBool::new(false),
            locked_out: AtomicBool::new(false),
            place: AtomicU8::new(Place::Here as u8),
            tracer: Tracer::default(),
            whole_table: WholeTable::default(),
            authorizer: Authorizer::default(),
            caller_alive,
            comparing_failed: AtomicBool::new(false),
            why_comparing_failed: Mutex::default(),
        }
    }

    pub(super) fn comparing_failed(&self) -> bool {
        self.comparing_failed.load(Relaxed)
    }

    /// Without a message, because the call has to stop.
    pub(super) fn fail_comparing(&self, message: Option<String>) {
        *self.why_comparing_failed.lock() = message;
        self.comparing_failed.store(true, Relaxed);
    }

    /// Whether it failed since this was last asked, and why.
    pub(super) fn take_comparing_failure(&self) -> Option<Option<String>> {
        let failed = self.comparing_failed.swap(false, Relaxed);
        failed.then(|| self.why_comparing_failed.lock().take())
    }

    /// The busy handler was called: to wait for the lock makes sense.
    pub(super) fn note_busy(&self) {
        self.busy.store(true, Relaxed);
    }

    /// Whether a call that met a lock can be made again, once.
    pub(super) fn take_busy(&self) -> bool {
        let busy = self.busy.swap(false, Relaxed);
        if busy {
            self.locked_out.store(true, Relaxed);
        }
        busy
    }

    pub(super) fn take_locked_out(&self) -> bool {
        self.locked_out.swap(false, Relaxed)
    }

    pub(super) fn note_place(&self, place: Place) {
        self.place.fetch_max(place as u8, Relaxed);
    }

    /// What was noted since it was last asked for.
    pub(super) fn take_place(&self) -> Place {
        Place::from_number(self.place.swap(Place::Here as u8, Relaxed))
    }

    pub(super) fn begin(&self, call: &Call) {
        let deadline = call.deadline.map_or(NO_DEADLINE, |deadline| {
            u64::try_from(deadline.saturating_duration_since(self.epoch).as_nanos())
                .unwrap_or(NO_DEADLINE)
        });
        self.deadline.store(deadline, Relaxed);
        self.stopped.store(Stop::No as u8, Relaxed);
        self.busy.store(false, Relaxed);
        self.locked_out.store(false, Relaxed);
        self.phase.store(Phase::Running as u8, Release);
    }

    pub(super) fn end(&self) {
        self.phase.store(Phase::Idle as u8, Release);
    }

    fn interrupt(&self) {
        // Fails, and does nothing, when no call is under way.
        let _ = self.phase.compare_exchange(
            Phase::Running as u8,
            Phase::Interrupted as u8,
            AcqRel,
            Relaxed,
        );
    }

    fn interrupted(&self) -> bool {
        self.phase.load(Relaxed) == Phase::Interrupted as u8
    }

    /// Whether the running call has to stop. The first reason found is the one reported.
    pub(super) fn must_stop(&self) -> bool {
        let reason = if self.interrupted() || self.shut_down.load(Relaxed) {
            Stop::Interrupted
        } else if self.past_deadline() {
            Stop::Deadline
        } else if !(self.caller_alive)() {
            Stop::CallerDead
        } else {
            return false;
        };
        self.stopped.store(reason as u8, Relaxed);
        true
    }

    fn past_deadline(&self) -> bool {
        let deadline = self.deadline.load(Relaxed);
        deadline != NO_DEADLINE && self.epoch.elapsed().as_nanos() >= u128::from(deadline)
    }

    /// What SQLite reports as an interrupt, by its cause.
    pub(super) fn stop_reason(&self, statement: Option<&str>) -> Option<Error> {
        let statement = statement.map(str::to_owned);
        match self.stopped.load(Relaxed) {
            reason if reason == Stop::No as u8 => None,
            reason if reason == Stop::Deadline as u8 => Some(Error::Timeout { statement }),
            _ => Some(Error::Interrupted { statement }),
        }
    }
}

/// Stops what a connection is running. Any thread may, at any time; it takes no lock that a
/// running query holds.
#[derive(Debug, Clone)]
pub struct Interrupt(pub(super) Arc<Control>);

impl Interrupt {
    /// The running call ends with [`Error::Interrupted`] within some 1,000 steps of SQLite's
    /// virtual machine. Without effect when nothing runs.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }

    /// As [`interrupt`](Interrupt::interrupt), and so does every call that comes after it: the
    /// connection is about to be closed.
    pub fn shut_down(&self) {
        self.0.shut_down.store(true, Relaxed);
    }
}
