//! A database as the bytes of its file: <https://sqlite.org/c3ref/serialize.html>.

use std::ptr::{self, NonNull};
use std::slice;

use libsql::ffi;

use super::call::Call;
use super::connection::Connection;
use crate::error::{Error, Result};

/// Where a file's header says that it is in WAL mode, which a database in memory cannot be.
const VERSIONS: std::ops::Range<usize> = 18..20;
const ROLLBACK_JOURNAL: u8 = 1;

/// Memory that SQLite has made: bytes of a database.
#[derive(Debug)]
pub struct Image {
    bytes: NonNull<u8>,
    length: usize,
}

impl Image {
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: SQLite has written so many bytes there, and nobody else knows of them.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr(), self.length) }
    }

    /// A copy for SQLite to keep.
    fn copy(image: &[u8]) -> Option<Image> {
        // SAFETY: as much memory as is written to.
        let bytes = NonNull::new(unsafe { ffi::sqlite3_malloc64(image.len() as u64) })?.cast();
        // SAFETY: the memory is new, and as long as the image.
        unsafe { ptr::copy_nonoverlapping(image.as_ptr(), bytes.as_ptr(), image.len()) };
        Some(Image {
            bytes,
            length: image.len(),
        })
    }

    fn leave_wal_mode(&mut self) {
        // SAFETY: as in `as_slice`; `&mut self` is the only way to it.
        let bytes = unsafe { slice::from_raw_parts_mut(self.bytes.as_ptr(), self.length) };
        if let Some(versions) = bytes.get_mut(VERSIONS) {
            versions.fill(ROLLBACK_JOURNAL);
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: memory of SQLite's that nobody else frees.
        unsafe { ffi::sqlite3_free(self.bytes.as_ptr().cast()) };
    }
}

impl Connection {
    /// The main database, as of one snapshot.
    pub fn serialize(&mut self, call: &Call) -> Result<Image> {
        self.in_call(call, |connection| {
            let mut length = 0;
            // SAFETY: the database is live, the name ends with NUL, and the length is there to be
            // written.
            let bytes = unsafe {
                ffi::sqlite3_serialize(
                    connection.raw().handle(),
                    c"main".as_ptr(),
                    &raw mut length,
                    0,
                )
            };
            match (NonNull::new(bytes), usize::try_from(length)) {
                (Some(bytes), Ok(length)) => Ok(Image { bytes, length }),
                // An empty database has no bytes.
                (None, Ok(0)) => Image::copy(&[]).ok_or_else(no_memory),
                _ => Err(connection.raw().error(ffi::SQLITE_NOMEM, None)),
            }
        })
    }

    /// Has this connection's main database be one in memory, which holds what `image` does.
    pub fn deserialize(&mut self, image: &[u8], call: &Call) -> Result<()> {
        self.check_transaction()?;
        self.check_replace("main")?;
        if !self.autocommit() {
            return Err(Error::TransactionOpen);
        }
        let mut image = Image::copy(image).ok_or_else(no_memory)?;
        image.leave_wal_mode();
        self.cache.clear();
        self.in_call(call, |connection| {
            let length = i64::try_from(image.length).unwrap_or(i64::MAX);
            let bytes = image.bytes;
            // SQLite frees it, also where it fails.
            std::mem::forget(image);
            // SAFETY: the database is live, the name ends with NUL, and the memory is SQLite's.
            let code = unsafe {
                ffi::sqlite3_deserialize(
                    connection.raw().handle(),
                    c"main".as_ptr(),
                    bytes.as_ptr(),
                    length,
                    length,
                    ffi::SQLITE_DESERIALIZE_FREEONCLOSE as u32
                        | ffi::SQLITE_DESERIALIZE_RESIZEABLE as u32,
                )
            };
            connection.check(code)
        })
    }
}

fn no_memory() -> Error {
    Error::InvalidArgument("there is no memory for the database's image".to_owned())
}
