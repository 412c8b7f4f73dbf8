//! What a replica tells of itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a sync came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Synced {
    /// The primary's frame up to which the copy is complete; `None`: the primary has none.
    pub frame_no: Option<u64>,
    /// Frames that the sync fetched.
    pub frames_synced: u64,
}

/// Something that happened to a replica.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Frames were fetched and are in the copy.
    Synced {
        frame_no: u64,
        frames: u64,
        bytes: u64,
        duration: Duration,
    },
    /// The primary could not be asked, or the copy not be written.
    Failed { code: &'static str, message: String },
    /// The copy is pulled anew from the first frame on.
    Reset(ResetReason),
    /// The primary cannot be reached: the copy is as it was when it last could.
    Stale,
    /// The primary was reached again, and the copy is complete.
    CaughtUp { frame_no: Option<u64> },
}

/// Why a copy is pulled anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// The primary's log is another one: it was created anew, or recovered after a crash.
    LogChanged,
    /// The primary has fewer frames than the copy.
    WentBack,
    /// The copy's file was deleted.
    FileMissing,
    /// The copy's file is damaged.
    FileDamaged,
    /// The file that says how far the copy is, is damaged.
    MetadataDamaged,
}

/// Is called with each event.
pub type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// A replica's figures. Those that count do so since it was opened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplicaStatus {
    /// The primary's frame up to which the copy is complete.
    pub frame_no: Option<u64>,
    /// The primary's last frame, as of the last answer.
    pub primary_frame_no: Option<u64>,
    /// Frames that the primary had more than the copy, as of the last answer.
    pub lag: u64,
    /// The highest frame that a write of this process became.
    pub max_write_index: Option<u64>,
    /// When the copy last was what the primary had.
    pub last_sync: Option<SystemTime>,
    /// Since when the primary cannot be reached.
    pub stale_since: Option<SystemTime>,
    /// The last failure's code and message, until a sync succeeds.
    pub last_error: Option<(&'static str, String)>,
    /// Whether a sync is running.
    pub syncing: bool,
    pub frozen: bool,
    /// Syncs that were made, and how many of them failed.
    pub rounds: u64,
    pub failures: u64,
    pub frames: u64,
    pub bytes: u64,
    pub resets: u64,
    /// The id of the primary's log that the copy follows.
    pub log_id: Option<String>,
}
