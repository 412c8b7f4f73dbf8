//! Reads frames of a database's write-ahead log, and inserts frames: libSQL's `libsql_wal_…`.
//!
//! A frame is 24 bytes of header and a page. Of the header, SQLite reads the page's number and,
//! where the frame commits, the database's size in pages after it; the rest it makes anew.

use std::os::raw::{c_int, c_uint};
use std::thread;
use std::time::{Duration, Instant};

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, Source, TransactionState};
use super::raw_connection::RawConnection;
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

impl RawConnection {
    fn wal_frame_count(&self) -> Result<u32, c_int> {
        let mut count: c_uint = 0;
        // SAFETY: self.db is live; the count is there to be written.
        match unsafe { ffi::libsql_wal_frame_count(self.handle(), &raw mut count) } {
            ffi::SQLITE_OK => Ok(count),
            code => Err(code),
        }
    }

    fn wal_get_frame(&self, number: u32, frame: &mut [u8]) -> c_int {
        let length = c_uint::try_from(frame.len()).unwrap_or(0);
        // SAFETY: self.db is live; `length` bytes are there to be written, and SQLite refuses a
        // length that is not that of its frames.
        unsafe {
            ffi::libsql_wal_get_frame(self.handle(), number, frame.as_mut_ptr().cast(), length)
        }
    }

    fn wal_insert_begin(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::libsql_wal_insert_begin(self.handle()) }
    }

    fn wal_insert_end(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::libsql_wal_insert_end(self.handle()) }
    }

    fn wal_disable_checkpoint(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::libsql_wal_disable_checkpoint(self.handle()) }
    }
}

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
            return Err(Error::InvalidArgument(format!(
                "there is no frame {number} in the write-ahead log: it has {count}"
            )));
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
        if self.transaction_state() != TransactionState::None || !self.autocommit() {
            return Err(Error::InvalidArgument(
                "frames cannot be inserted while the connection is in a transaction".to_owned(),
            ));
        }
        if !self.in_wal_mode() {
            return Err(Error::InvalidArgument(
                "frames can be inserted into a database in WAL mode only".to_owned(),
            ));
        }
        let page_size = self.page_size(call)?;
        self.enter("the insertion of frames")?;
        let began = Instant::now();
        loop {
            let code = self.raw().wal_insert_begin();
            if code == ffi::SQLITE_OK {
                return Ok(WalInsertion {
                    page_size,
                    connection: self,
                });
            }
            let error = self.raw().error(code, None);
            // A begin that failed keeps its snapshot.
            self.raw().wal_insert_end();
            if code & 0xff != ffi::SQLITE_BUSY || began.elapsed() >= patience {
                return Err(error);
            }
            thread::sleep(POLL);
        }
    }

    fn number(&mut self, sql: &str, call: &Call) -> Result<i64> {
        let mut rows = Collect::default();
        self.query(Source::Sql(sql), &NoParams, &mut rows, call)?;
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
pub struct WalInsertion<'c> {
    connection: &'c mut Connection,
    page_size: usize,
}

impl WalInsertion<'_> {
    /// Bytes in a page of the database.
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// Appends a frame.
    pub fn insert(&mut self, frame: &[u8]) -> Result<()> {
        self.insert_at(NEXT, frame).map(|_| ())
    }

    /// Appends a frame, or compares its page with that of the frame that has this number already.
    /// `false`: it has another page, and nothing was done.
    pub fn insert_at(&mut self, number: u32, frame: &[u8]) -> Result<bool> {
        check_size(frame, self.page_size)?;
        if number == 0 {
            return Err(Error::InvalidArgument(
                "there is no frame 0: frames are counted from 1".to_owned(),
            ));
        }
        let page = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
        if page == 0 {
            return Err(Error::InvalidArgument(
                "a frame without a page number: pages are counted from 1".to_owned(),
            ));
        }
        let length = c_uint::try_from(frame.len()).unwrap_or(0);
        let mut conflict: c_int = 0;
        let raw = self.connection.raw();
        // SAFETY: the database is live and in an insertion; the frame has a header and a page of
        // the database's size, which SQLite reads and does not write.
        let code = unsafe {
            ffi::libsql_wal_insert_frame(
                raw.handle(),
                number,
                frame.as_ptr().cast_mut().cast(),
                length,
                &raw mut conflict,
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(true),
            _ if conflict != 0 => Ok(false),
            code => Err(raw.error(code, None)),
        }
    }
}

impl Drop for WalInsertion<'_> {
    fn drop(&mut self) {
        let code = self.connection.raw().wal_insert_end();
        if code != ffi::SQLITE_OK {
            tracing::warn!(code, "an insertion of frames was never begun");
        }
    }
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
