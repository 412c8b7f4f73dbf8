//! The write-ahead log for users of a connection: its frames, an insertion that stays open between
//! calls, and automatic checkpoints.
//!
//! While an insertion is open, the connection does nothing else: SQLite's pager would end its lock
//! with the next statement. For others it is a transaction that writes.

use std::time::Instant;

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, TransactionState};
use super::transaction::Transaction;
use super::wal_frames::{WAL_FRAME_HEADER, no_frame};
use crate::error::{Error, Result};

/// Frames after which SQLite makes a checkpoint where nobody has said otherwise.
const AUTOCHECKPOINT: i32 = 1000;

impl Connection {
    /// [`wal_frame_count`](Connection::wal_frame_count) for a caller who waits while others write.
    pub fn wal_count_frames(&mut self, call: &Call) -> Result<u32> {
        self.check_transaction()?;
        self.check_wal_mode()?;
        if self.transaction_state() == TransactionState::None {
            // Counting takes the writers' lock for a moment.
            self.enter("counting the frames of the write-ahead log")?;
        }
        self.wal_frame_count(call).map_err(Error::worth_waiting)
    }

    /// How many frames are about so many bytes: one at least.
    pub fn wal_frames_in(&mut self, bytes: usize, call: &Call) -> Result<u32> {
        let frame = WAL_FRAME_HEADER + self.page_size(call)?;
        Ok(u32::try_from(bytes / frame).unwrap_or(u32::MAX).max(1))
    }

    /// Hands over the frames from `first` on, `most` at most, all of one log: header and page of
    /// each.
    pub fn wal_read_frames(
        &mut self,
        first: u32,
        most: u32,
        mut take: impl FnMut(&[u8]),
        call: &Call,
    ) -> Result<()> {
        if self.encrypted {
            // The log has them encrypted, and what is inserted is encrypted again.
            return Err(Error::Unsupported(
                "frames of an encrypted database are not read".to_owned(),
            ));
        }
        self.wal_count_frames(call)?;
        // As long as it is read, the log is begun anew only if all of it is in the database file.
        let (mut reading, _) = self.prepare_first("PRAGMA schema_version", 0)?;
        if let Some(reading) = &mut reading {
            self.in_call(call, |_| reading.step())?;
        }
        let count = self.wal_count_frames(call)?;
        if first == 0 || first > count {
            return Err(no_frame(first, count));
        }
        let size = WAL_FRAME_HEADER + self.page_size(call)?;
        let last = first.saturating_add(most.saturating_sub(1)).min(count);
        let (mut frame, mut salt) = (vec![0; size], None);
        for number in first..=last {
            self.copy_frame(number, &mut frame)?;
            let of_this = salt_of(&frame);
            if *salt.get_or_insert(of_this) != of_this {
                return Err(Error::WalRestarted);
            }
            take(&frame);
        }
        // Who begins the log anew writes its first frame first.
        self.copy_frame(1, &mut frame)?;
        match salt {
            Some(salt) if salt != salt_of(&frame) => Err(Error::WalRestarted),
            _ => Ok(()),
        }
    }

    fn copy_frame(&self, number: u32, frame: &mut [u8]) -> Result<()> {
        match self.raw().wal_get_frame(number, frame) {
            ffi::SQLITE_OK => Ok(()),
            // The file has become shorter.
            ffi::SQLITE_IOERR_SHORT_READ => Err(Error::WalRestarted),
            code => Err(self.raw().error(code, None)),
        }
    }

    /// Begins to insert frames: to be ended by [`wal_insert_end`](Connection::wal_insert_end), or a
    /// rollback. Fails for what [`wal_insert`](Connection::wal_insert) fails for.
    pub fn wal_insert_begin(&mut self, call: &Call) -> Result<()> {
        self.check_replace("main")?;
        self.check_transaction()?;
        // SQLite would insert: nobody asks it whether the file may be written.
        if self.readonly() || self.number("PRAGMA query_only", call)? != 0 {
            return Err(Error::read_only_database("the insertion of frames"));
        }
        let insertion = self.begin_insertion(call).map_err(Error::worth_waiting)?;
        self.insertion = Some(insertion);
        self.transaction = Some(Transaction {
            behavior: None,
            began: Instant::now(),
            lost: None,
        });
        Ok(())
    }

    /// Appends a frame to the log. One that commits makes it, and those since the last one that did,
    /// visible to everybody.
    pub fn wal_insert_frame(&mut self, frame: &[u8]) -> Result<()> {
        self.insertion
            .as_mut()
            .ok_or(Error::NoWalInsertion)?
            .insert(frame)
    }

    /// Ends the insertion. What was inserted after the last frame that commits is forgotten.
    pub fn wal_insert_end(&mut self) -> Result<()> {
        self.insertion.take().ok_or(Error::NoWalInsertion)?;
        self.transaction = None;
        Ok(())
    }

    /// Fails while an insertion is open, and during a backup in steps over this database.
    pub(super) fn check_unoccupied(&self) -> Result<()> {
        if self.insertion.is_some() {
            return Err(Error::WalInsertion);
        }
        match self.backup {
            None => Ok(()),
            Some(_) => Err(Error::Backup),
        }
    }

    /// Whether this connection makes checkpoints by itself: after so many frames, and when it is
    /// closed.
    pub fn wal_checkpoints(&mut self, on: bool) -> Result<()> {
        if self.options.offline.is_some() || !self.options.checkpoints {
            return Err(Error::Unsupported(
                "checkpoints of an offline copy are its syncer's: its log is what is pushed"
                    .to_owned(),
            ));
        }
        self.check_transaction()?;
        if !on && self.has_wal_hook() {
            return Err(Error::Unsupported(
                "checkpoints cannot be turned off while there is a WAL hook: SQLite's turns them on"
                    .to_owned(),
            ));
        }
        self.checkpoints_off = !on;
        if on {
            self.check(self.raw().wal_autocheckpoint(AUTOCHECKPOINT))?;
            if self.has_wal_hook() {
                self.take_wal_hook();
            }
            Ok(())
        } else {
            self.wal_disable_checkpoint()
        }
    }
}

/// Two random numbers in a frame's header, which are others when the log is begun anew.
fn salt_of(frame: &[u8]) -> Option<[u8; 8]> {
    frame.get(8..16)?.try_into().ok()
}

#[cfg(test)]
#[path = "wal/tests.rs"]
mod tests;
