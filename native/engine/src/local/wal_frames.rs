//! Reads frames of a database's write-ahead log, and inserts frames, within a call: for replicas and
//! offline copies. What stays open between calls is in `wal.rs`.
//!
//! A frame is 24 bytes of header and a page. Of the header, SQLite reads the page's number and,
//! where the frame commits, the database's size in pages after it; the rest it makes anew.

use std::marker::PhantomData;
use std::thread;
use std::time::{Duration, Instant};

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, Source, TransactionState};
use super::raw_wal::RawInsertion;
use super::rows::Collect;
use crate::error::{Error, Result};
use crate::params::NoParams;
use crate::value::Value;

/// Bytes before the page in a frame.
pub const WAL_FRAME_HEADER: usize = 24;

/// How often a lock is tried that is waited for.
const POLL: Duration = Duration::from_millis(5);
/// A number that no frame has: what is inserted under it is appended.
const NEXT: u32 = u32::MAX;

impl Connection {
    /// Frames in the write-ahead log, as this connection sees it: within a transaction, as of its
    /// snapshot. Fails with `busy` while another connection writes.
    pub fn wal_frame_count(&mut self, call: &Call) -> Result<u32> {
        // The log is looked at when a read transaction begins.
        self.number("PRAGMA data_version", call)?;
        self.raw()
            .wal_frame_count()
            .map_err(|code| self.raw().error(code, None))
    }

    /// Copies the frame `number`, counted from 1, header and page. To be called within a
    /// transaction that reads, so that the log is not begun anew meanwhile.
    pub fn wal_frame(&mut self, number: u32, frame: &mut [u8], call: &Call) -> Result<()> {
        let count = self.wal_frame_count(call)?;
        if number == 0 || number > count {
            return Err(no_frame(number, count));
        }
        check_size(frame, self.page_size(call)?)?;
        self.check(self.raw().wal_get_frame(number, frame))
    }

    /// Bytes in a page of this database.
    pub fn page_size(&mut self, call: &Call) -> Result<usize> {
        let size = self.number("PRAGMA page_size", call)?;
        Ok(usize::try_from(size).unwrap_or(0))
    }

    /// The database's size in pages.
    pub fn page_count(&mut self, call: &Call) -> Result<u32> {
        let count = self.number("PRAGMA page_count", call)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Keeps this connection from checkpoints, also from the one at its end.
    pub fn wal_disable_checkpoint(&mut self) -> Result<()> {
        self.check(self.raw().wal_disable_checkpoint())
    }

    /// Takes the writers' lock to insert frames. The file has to be in WAL mode, and no
    /// transaction or cursor of this connection may be open. Fails with `busy` while another
    /// connection writes.
    pub fn wal_insert(&mut self, call: &Call) -> Result<WalInsertion<'_>> {
        self.wal_insert_within(Duration::ZERO, call)
    }

    /// As [`wal_insert`](Connection::wal_insert), and waits for so long while another connection
    /// has the lock: on this thread, which must be one that may sleep.
    pub fn wal_insert_within(
        &mut self,
        patience: Duration,
        call: &Call,
    ) -> Result<WalInsertion<'_>> {
        let began = Instant::now();
        loop {
            match self.begin_insertion(call) {
                Ok(insertion) => {
                    return Ok(WalInsertion {
                        insertion,
                        connection: PhantomData,
                    });
                }
                Err(error) if !is_busy(&error) || began.elapsed() >= patience => return Err(error),
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    /// An insertion that the caller keeps from being used beside other statements.
    pub(super) fn begin_insertion(&mut self, call: &Call) -> Result<Insertion> {
        if self.transaction_state() != TransactionState::None || !self.autocommit() {
            return Err(Error::InvalidArgument(
                "frames cannot be inserted while the connection is in a transaction".to_owned(),
            ));
        }
        self.check_wal_mode()?;
        // Reads the file's header, and so its page size.
        self.number("PRAGMA schema_version", call)?;
        let page_size = self.page_size(call)?;
        self.enter("the insertion of frames")?;
        Ok(Insertion {
            raw: RawInsertion::begin(self.shared_raw())?,
            page_size,
        })
    }

    pub(super) fn check_wal_mode(&self) -> Result<()> {
        if self.in_wal_mode() {
            return Ok(());
        }
        Err(Error::InvalidArgument(
            "this database is not in WAL mode: it has no write-ahead log, whose frames are read and \
             inserted"
                .to_owned(),
        ))
    }

    pub(super) fn number(&mut self, sql: &str, call: &Call) -> Result<i64> {
        let mut rows = Collect::default();
        self.run_exempt(call, |connection, call| {
            connection.query(Source::Sql(sql), &NoParams, &mut rows, call)
        })?;
        match rows.rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(number)) => Ok(*number),
            _ => Ok(0),
        }
    }
}

/// Frames being inserted; it holds the writers' lock until it is dropped. Frames after the last
/// one that commits are forgotten then. A page that is inserted twice within a transaction is
/// written over its first frame.
#[derive(Debug)]
pub(super) struct Insertion {
    raw: RawInsertion,
    page_size: usize,
}

impl Insertion {
    /// Appends a frame.
    pub(super) fn insert(&mut self, frame: &[u8]) -> Result<()> {
        self.insert_at(NEXT, frame).map(|_| ())
    }

    fn insert_at(&mut self, number: u32, frame: &[u8]) -> Result<bool> {
        check_size(frame, self.page_size)?;
        if number == 0 {
            return Err(Error::InvalidArgument(
                "there is no frame 0: frames are counted from 1".to_owned(),
            ));
        }
        if frame_page(frame) == 0 {
            return Err(Error::InvalidArgument(
                "a frame without a page number: pages are counted from 1".to_owned(),
            ));
        }
        let conflict = self.raw.insert_frame(number, frame)?;
        Ok(!conflict)
    }
}

/// An [`Insertion`] that has the connection for itself.
#[derive(Debug)]
pub struct WalInsertion<'c> {
    insertion: Insertion,
    connection: PhantomData<&'c mut Connection>,
}

impl WalInsertion<'_> {
    /// Bytes in a page of the database.
    pub fn page_size(&self) -> usize {
        self.insertion.page_size
    }

    /// Appends a frame.
    pub fn insert(&mut self, frame: &[u8]) -> Result<()> {
        self.insertion.insert(frame)
    }

    /// Appends a frame, or compares its page with that of the frame that has this number already.
    /// `false`: it has another page, and nothing was done.
    pub fn insert_at(&mut self, number: u32, frame: &[u8]) -> Result<bool> {
        self.insertion.insert_at(number, frame)
    }
}

/// Somebody writes, or has just done so.
fn is_busy(error: &Error) -> bool {
    error
        .extended_code()
        .is_some_and(|code| code & 0xff == ffi::SQLITE_BUSY)
}

/// The page that a frame holds.
fn frame_page(frame: &[u8]) -> u32 {
    frame
        .first_chunk()
        .map_or(0, |page| u32::from_be_bytes(*page))
}

pub(super) fn no_frame(number: u32, count: u32) -> Error {
    Error::InvalidArgument(format!(
        "there is no frame {number} in the write-ahead log: it has {count}"
    ))
}

fn check_size(frame: &[u8], page_size: usize) -> Result<()> {
    let expected = WAL_FRAME_HEADER + page_size;
    if frame.len() == expected {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "a frame of {} bytes: this database's have {expected}, {WAL_FRAME_HEADER} of them before \
         the page",
        frame.len()
    )))
}

#[cfg(test)]
#[path = "wal_frames/tests.rs"]
mod tests;
