//! Owns a `sqlite3_backup*`. Each method is one C call, named as the C function is named.

use std::ffi::CStr;
use std::os::raw::c_int;
use std::ptr::NonNull;
use std::sync::Arc;

use libsql::ffi;

use super::raw_connection::RawConnection;

#[derive(Debug)]
pub(super) struct RawBackup {
    backup: NonNull<ffi::sqlite3_backup>,
    /// Keep both databases open for as long as the backup lives.
    _connections: [Arc<RawConnection>; 2],
}

// SAFETY: as of `RawStatement`: it is used, and dropped, under the locks of both connections.
unsafe impl Send for RawBackup {}

impl RawBackup {
    /// Where it answers none, the error is `target`'s.
    pub(super) fn init(
        target: &Arc<RawConnection>,
        target_schema: &CStr,
        source: &Arc<RawConnection>,
        source_schema: &CStr,
    ) -> Option<RawBackup> {
        // SAFETY: both databases are live and outlive the backup, which keeps them; the names
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
            _connections: [Arc::clone(target), Arc::clone(source)],
        })
    }

    /// Copies so many pages, or all that are left if `pages` is negative.
    pub(super) fn step(&mut self, pages: c_int) -> c_int {
        // SAFETY: self.backup is live.
        unsafe { ffi::sqlite3_backup_step(self.backup.as_ptr(), pages) }
    }

    /// Pages that are still to be copied, and pages in all, as of the last step.
    pub(super) fn progress(&self) -> (u32, u32) {
        // SAFETY: self.backup is live.
        let (remaining, total) = unsafe {
            (
                ffi::sqlite3_backup_remaining(self.backup.as_ptr()),
                ffi::sqlite3_backup_pagecount(self.backup.as_ptr()),
            )
        };
        let pages = |count: c_int| u32::try_from(count).unwrap_or(0);
        (pages(remaining), pages(total))
    }
}

impl Drop for RawBackup {
    fn drop(&mut self) {
        // SAFETY: self.backup is live and finished only here.
        unsafe { ffi::sqlite3_backup_finish(self.backup.as_ptr()) };
    }
}
