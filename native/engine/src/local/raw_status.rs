//! SQLite's figures of a connection and of the process: two C calls.

use std::os::raw::c_int;

use libsql::ffi;

use super::raw_connection::RawConnection;

impl RawConnection {
    /// A figure and its highest value: <https://sqlite.org/c3ref/db_status.html>. SQLite knows all
    /// that are asked for here. What is more than a C integer holds comes as a negative one.
    pub(super) fn db_status(&self, number: c_int, reset: bool) -> (i64, i64) {
        let (mut current, mut highest) = (0, 0);
        // SAFETY: the database is live; both figures are there to be written.
        unsafe {
            ffi::sqlite3_db_status(
                self.handle(),
                number,
                &raw mut current,
                &raw mut highest,
                c_int::from(reset),
            );
        }
        (
            i64::from(current.cast_unsigned()),
            i64::from(highest.cast_unsigned()),
        )
    }
}

/// <https://sqlite.org/c3ref/status.html>
pub(super) fn status(number: c_int, reset: bool) -> (i64, i64) {
    let (mut current, mut highest) = (0, 0);
    // SAFETY: both figures are there to be written; SQLite has a lock of its own for them.
    unsafe {
        ffi::sqlite3_status64(
            number,
            &raw mut current,
            &raw mut highest,
            c_int::from(reset),
        );
    }
    (current, highest)
}
