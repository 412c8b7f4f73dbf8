//! Owns a `sqlite3_backup*`. Each method is one C call, named as the C function is named.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::c_int;
use std::ptr::NonNull;

use libsql::ffi;

use super::raw_connection::RawConnection;

#[derive(Debug)]
pub(super) struct RawBackup<'c> {
    backup: NonNull<ffi::sqlite3_backup>,
    _connections: PhantomData<&'c RawConnection>,
}

impl<'c> RawBackup<'c> {
    /// Where it answers none, the error is `target`'s.
    pub(super) fn init(
        target: &'c RawConnection,
        target_schema: &CStr,
        source: &'c RawConnection,
        source_schema: &CStr,
    ) -> Option<RawBackup<'c>> {
        // SAFETY: both databases are live and outlive the backup, which borrows them; the names
        // end with NUL and are read during this call only.
        let backup = unsafe {
            ffi::sqlite3_backup_init(
                target.handle(),
                target_schema.as_ptr(),
                source.handle(),
                source_schema.as_ptr(),
            )
        };
        NonNull::new(backup).map(|backup| RawBackup {
            backup,
            _connections: PhantomData,
        })
    }

    /// Copies so many pages, or all that are left if `pages` is negative.
    pub(super) fn step(&mut self, pages: c_int) -> c_int {
        // SAFETY: self.backup is live.
        unsafe { ffi::sqlite3_backup_step(self.backup.as_ptr(), pages) }
    }
}

impl Drop for RawBackup<'_> {
    fn drop(&mut self) {
        // SAFETY: self.backup is live and finished only here.
        unsafe { ffi::sqlite3_backup_finish(self.backup.as_ptr()) };
    }
}
