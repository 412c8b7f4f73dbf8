//! Keeps the copy's write-ahead log from growing for ever. No reader waits for any of it.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::local::{Call, CheckpointMode, Connection};

/// Frames after which the log is written into the file, as SQLite does by itself.
const CHECKPOINT_AT: u32 = 1000;
/// Frames after which readers who still need the log are waited for, so that it can be begun anew:
/// 64 MB. Those who come meanwhile read the file, and do not need it.
const BEGIN_ANEW_AT: u32 = 16 * 1024;
const PATIENCE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);

const NOW: Call = Call { deadline: None };

#[derive(Debug)]
pub(super) struct LogSize {
    checkpoint_at: u32,
    begin_anew_at: u32,
}

impl Default for LogSize {
    fn default() -> LogSize {
        LogSize {
            checkpoint_at: CHECKPOINT_AT,
            begin_anew_at: BEGIN_ANEW_AT,
        }
    }
}

impl LogSize {
    /// To be called after a commit.
    pub(super) fn keep(&mut self, connection: &mut Connection) -> Result<()> {
        let frames = connection.wal_frame_count(&NOW)?;
        if frames < self.checkpoint_at {
            return Ok(());
        }
        let done = connection.checkpoint(CheckpointMode::Passive, &NOW)?;
        // A reader that is in a transaction keeps what is newer in the log: as long as it is, to try
        // each time would be of no use.
        let all = done.checkpointed_frames == done.log_frames;
        self.checkpoint_at = if all { 0 } else { frames } + CHECKPOINT_AT;
        if frames < self.begin_anew_at {
            return Ok(());
        }
        self.begin_anew_at = match begin_anew(connection)? {
            true => BEGIN_ANEW_AT,
            false => frames.saturating_mul(2),
        };
        Ok(())
    }
}

fn begin_anew(connection: &mut Connection) -> Result<bool> {
    let give_up = Instant::now() + PATIENCE;
    while connection.checkpoint(CheckpointMode::Restart, &NOW)?.busy {
        if Instant::now() >= give_up {
            return Ok(false);
        }
        thread::sleep(POLL);
    }
    Ok(true)
}
