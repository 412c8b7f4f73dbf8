//! What a replica's parts tell each other, and readers ask: mostly numbers.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::status::{Event, Listener, ReplicaStatus, ResetReason, Synced};
use crate::error::{Error, Result};

/// A frame number or none, as one atomic: 0 is none, all else one more than the frame.
#[derive(Debug, Default)]
struct Frame(AtomicU64);

impl Frame {
    fn get(&self) -> Option<u64> {
        self.0.load(SeqCst).checked_sub(1)
    }

    fn set(&self, frame: Option<u64>) {
        self.0.store(encoded(frame), SeqCst);
    }

    /// Answers what it was before.
    fn raise(&self, frame: u64) -> Option<u64> {
        self.0
            .fetch_max(encoded(Some(frame)), SeqCst)
            .checked_sub(1)
    }
}

fn encoded(frame: Option<u64>) -> u64 {
    frame.map_or(0, |frame| frame.saturating_add(1))
}

#[derive(Default)]
pub(super) struct Shared {
    name: String,
    frame: Frame,
    max_write: Frame,
    /// The copy is of another log than the primary's, or not whole, until it has been pulled anew.
    resetting: AtomicBool,
    /// The file is a new one, and not whole yet.
    incomplete: AtomicBool,
    frozen: AtomicBool,
    damaged: AtomicBool,
    generation: AtomicU64,
    /// How many rounds have begun, and the last one that succeeded, counted from 1.
    begun: AtomicU64,
    succeeded: AtomicU64,
    /// The first round whose success tells that the copy has what was written so far.
    needed: AtomicU64,
    figures: Mutex<ReplicaStatus>,
    listener: Option<Listener>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .field("frame", &self.frame.get())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(name: String, listener: Option<Listener>) -> Shared {
        Shared {
            name,
            listener,
            ..Shared::default()
        }
    }

    pub(super) fn frame(&self) -> Option<u64> {
        match self.resetting.load(SeqCst) {
            true => None,
            false => self.frame.get(),
        }
    }

    pub(super) fn set_frame(&self, frame: Option<u64>) {
        self.frame.set(frame);
    }

    pub(super) fn max_write(&self) -> Option<u64> {
        self.max_write.get()
    }

    /// A write became this frame. One that is not newer than all that is known may be of another
    /// log than the copy's, if the primary was created anew: only a round tells.
    pub(super) fn wrote(&self, frame: u64) {
        let known = self.frame.get().max(self.max_write.raise(frame));
        if known.is_some_and(|known| frame <= known) {
            self.needed.fetch_max(self.begun.load(SeqCst) + 1, SeqCst);
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        !self.resetting.load(SeqCst)
            && self.frame.get() >= self.max_write.get()
            && self.succeeded.load(SeqCst) >= self.needed.load(SeqCst)
    }

    pub(super) fn is_readable(&self) -> bool {
        !self.incomplete.load(SeqCst)
    }

    pub(super) fn check_frozen(&self) -> Result<()> {
        match self.is_frozen() {
            true => Err(Error::Frozen(self.name.clone())),
            false => Ok(()),
        }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.load(SeqCst)
    }

    pub(super) fn freeze(&self) {
        self.frozen.store(true, SeqCst);
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    /// There is another file under the path from here on.
    pub(super) fn file_replaced(&self) {
        self.frame.set(None);
        self.incomplete.store(true, SeqCst);
        self.damaged.store(false, SeqCst);
        self.generation.fetch_add(1, SeqCst);
    }

    /// Somebody found the file of this generation damaged.
    pub(super) fn note_damage(&self, generation: u64) {
        if generation == self.generation() {
            self.damaged.store(true, SeqCst);
        }
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(SeqCst)
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(SeqCst)
    }

    /// A round begins. Answers its number.
    pub(super) fn round_begins(&self) -> u64 {
        self.figures.lock().syncing = true;
        self.begun.fetch_add(1, SeqCst) + 1
    }

    /// The copy is to be pulled anew. What was written before is part of what the primary says
    /// next. One that failed, and begins again, is told of once.
    pub(super) fn reset_begins(&self, reason: ResetReason) {
        let again = self.resetting.swap(true, SeqCst);
        self.max_write.set(None);
        if again {
            return;
        }
        self.figures.lock().resets += 1;
        tracing::warn!(replica = self.name, ?reason, "the copy is pulled anew");
        self.tell(&Event::Reset(reason));
    }

    /// The copy is whole, and of the primary's log.
    pub(super) fn is_whole(&self) {
        self.resetting.store(false, SeqCst);
        self.incomplete.store(false, SeqCst);
    }

    pub(super) fn primary_says(&self, log: String, frame: Option<u64>) {
        let mut figures = self.figures.lock();
        figures.primary_frame_no = frame;
        figures.log_id = Some(log);
    }

    pub(super) fn moved(&self, frames: u64, bytes: u64) {
        let mut figures = self.figures.lock();
        figures.frames += frames;
        figures.bytes += bytes;
    }

    pub(super) fn round_ended(&self, number: u64, ended: &Result<Synced>) {
        let now = SystemTime::now();
        let mut figures = self.figures.lock();
        figures.rounds += 1;
        figures.syncing = false;
        match ended {
            Ok(synced) => {
                self.succeeded.fetch_max(number, SeqCst);
                figures.last_sync = Some(now);
                figures.last_error = None;
                let was_stale = figures.stale_since.take().is_some();
                drop(figures);
                if was_stale {
                    tracing::info!(replica = self.name, "the primary is back");
                    let frame_no = synced.frame_no;
                    self.tell(&Event::CaughtUp { frame_no });
                }
            }
            Err(error) => {
                let (code, message) = (error.code(), error.to_string());
                figures.failures += 1;
                figures.last_error = Some((code, message.clone()));
                let goes_stale = figures.stale_since.is_none();
                figures.stale_since.get_or_insert(now);
                drop(figures);
                tracing::debug!(replica = self.name, code, message, "a sync failed");
                self.tell(&Event::Failed { code, message });
                if goes_stale {
                    tracing::warn!(replica = self.name, %error, "the copy is stale from now on");
                    self.tell(&Event::Stale);
                }
            }
        }
    }

    /// A round was given up in its middle.
    pub(super) fn round_dropped(&self) {
        self.figures.lock().syncing = false;
    }

    pub(super) fn tell(&self, event: &Event) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }

    pub(super) fn status(&self) -> ReplicaStatus {
        let mut status = self.figures.lock().clone();
        status.frame_no = self.frame();
        status.max_write_index = self.max_write();
        status.frozen = self.is_frozen();
        status.lag = encoded(status.primary_frame_no).saturating_sub(encoded(status.frame_no));
        status
    }
}
