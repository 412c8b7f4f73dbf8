//! Owns a `sqlite3_blob*`. Each method is one C call, named as the C function is named.

use std::ffi::CStr;
use std::os::raw::c_int;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use libsql::ffi;

use super::raw_connection::RawConnection;

#[derive(Debug)]
pub(super) struct RawBlob {
    blob: NonNull<ffi::sqlite3_blob>,
    /// Keeps the database open for as long as one of its blobs lives.
    _connection: Arc<RawConnection>,
}

// SAFETY: as of `RawStatement`: a blob is used under its connection's lock only.
unsafe impl Send for RawBlob {}

impl RawBlob {
    pub(super) fn open(
        connection: Arc<RawConnection>,
        schema: &CStr,
        table: &CStr,
        column: &CStr,
        rowid: i64,
        write: bool,
    ) -> Result<RawBlob, c_int> {
        let mut blob = ptr::null_mut();
        // SAFETY: the database is live; the names end with NUL and are read during this call only.
        let code = unsafe {
            ffi::sqlite3_blob_open(
                connection.handle(),
                schema.as_ptr(),
                table.as_ptr(),
                column.as_ptr(),
                rowid,
                c_int::from(write),
                &raw mut blob,
            )
        };
        match NonNull::new(blob) {
            Some(blob) if code == ffi::SQLITE_OK => Ok(RawBlob {
                blob,
                _connection: connection,
            }),
            _ => Err(code),
        }
    }

    pub(super) fn reopen(&mut self, rowid: i64) -> c_int {
        // SAFETY: self.blob is live until drop.
        unsafe { ffi::sqlite3_blob_reopen(self.blob.as_ptr(), rowid) }
    }

    pub(super) fn bytes(&self) -> usize {
        // SAFETY: as in `reopen`.
        let bytes = unsafe { ffi::sqlite3_blob_bytes(self.blob.as_ptr()) };
        usize::try_from(bytes).unwrap_or(0)
    }

    /// SQLite checks the bounds; a length that is no C integer is out of them.
    pub(super) fn read(&mut self, into: &mut [u8], offset: usize) -> c_int {
        let (Ok(length), Ok(offset)) = (c_int::try_from(into.len()), c_int::try_from(offset))
        else {
            return ffi::SQLITE_ERROR;
        };
        // SAFETY: as in `reopen`; there are `length` bytes to be written.
        unsafe {
            ffi::sqlite3_blob_read(self.blob.as_ptr(), into.as_mut_ptr().cast(), length, offset)
        }
    }

    /// As [`read`](RawBlob::read).
    pub(super) fn write(&mut self, data: &[u8], offset: usize) -> c_int {
        let (Ok(length), Ok(offset)) = (c_int::try_from(data.len()), c_int::try_from(offset))
        else {
            return ffi::SQLITE_ERROR;
        };
        // SAFETY: as in `reopen`; there are `length` bytes to be read.
        unsafe { ffi::sqlite3_blob_write(self.blob.as_ptr(), data.as_ptr().cast(), length, offset) }
    }
}

impl Drop for RawBlob {
    fn drop(&mut self) {
        // SAFETY: self.blob is live and closed only here.
        unsafe { ffi::sqlite3_blob_close(self.blob.as_ptr()) };
    }
}
