//! libSQL's functions for the write-ahead log, `libsql_wal_…`. Each method is one C call, named as the
//! C function is named.

use std::os::raw::{c_int, c_uint};
use std::sync::Arc;

use libsql::ffi;

use super::raw_connection::RawConnection;
use crate::error::Result;

impl RawConnection {
    pub(super) fn wal_frame_count(&self) -> Result<u32, c_int> {
        let mut count: c_uint = 0;
        // SAFETY: self.db is live; the count is there to be written.
        match unsafe { ffi::libsql_wal_frame_count(self.handle(), &raw mut count) } {
            ffi::SQLITE_OK => Ok(count),
            code => Err(code),
        }
    }

    pub(super) fn wal_get_frame(&self, number: u32, frame: &mut [u8]) -> c_int {
        let length = c_uint::try_from(frame.len()).unwrap_or(0);
        // SAFETY: self.db is live; `length` bytes are there to be written, and SQLite refuses a
        // length that is not that of its frames.
        unsafe {
            ffi::libsql_wal_get_frame(self.handle(), number, frame.as_mut_ptr().cast(), length)
        }
    }

    pub(super) fn wal_disable_checkpoint(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::libsql_wal_disable_checkpoint(self.handle()) }
    }

    /// Undoes [`wal_disable_checkpoint`](RawConnection::wal_disable_checkpoint), too.
    pub(super) fn wal_autocheckpoint(&self, frames: c_int) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_wal_autocheckpoint(self.handle(), frames) }
    }

    fn wal_insert_begin(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::libsql_wal_insert_begin(self.handle()) }
    }

    fn wal_insert_end(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::libsql_wal_insert_end(self.handle()) }
    }
}

/// An insertion of frames. It has the writers' lock until it is dropped.
#[derive(Debug)]
pub(super) struct RawInsertion {
    /// Keeps the database open until the insertion is ended.
    connection: Arc<RawConnection>,
}

impl RawInsertion {
    pub(super) fn begin(connection: &Arc<RawConnection>) -> Result<RawInsertion> {
        // A begin that fails keeps its snapshot, so it has to be ended, too.
        let insertion = RawInsertion {
            connection: Arc::clone(connection),
        };
        match connection.wal_insert_begin() {
            ffi::SQLITE_OK => Ok(insertion),
            code => Err(connection.error(code, None)),
        }
    }

    /// Answers whether there is another page under this number already: nothing was done then.
    /// `frame` has a header and a page of the database's size.
    pub(super) fn insert_frame(&mut self, number: u32, frame: &[u8]) -> Result<bool> {
        let length = c_uint::try_from(frame.len()).unwrap_or(0);
        let mut conflict: c_int = 0;
        // SAFETY: the database is live and in an insertion; the frame has a header and a page of
        // the database's size, which SQLite reads and does not write.
        let code = unsafe {
            ffi::libsql_wal_insert_frame(
                self.connection.handle(),
                number,
                frame.as_ptr().cast_mut().cast(),
                length,
                &raw mut conflict,
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(false),
            _ if conflict != 0 => Ok(true),
            code => Err(self.connection.error(code, None)),
        }
    }
}

impl Drop for RawInsertion {
    fn drop(&mut self) {
        let code = self.connection.wal_insert_end();
        if code != ffi::SQLITE_OK {
            tracing::warn!(code, "an insertion of frames was never begun");
        }
    }
}
