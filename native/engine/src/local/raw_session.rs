//! Owns a `sqlite3_session*`. Each method is one C call, named as the C function is named.

use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use libsql::ffi;

use super::raw_connection::RawConnection;
use crate::changeset::{Output, SqliteBytes};

#[derive(Debug)]
pub(super) struct RawSession {
    session: NonNull<ffi::sqlite3_session>,
    /// Keeps the database open for as long as one of its sessions lives.
    _connection: Arc<RawConnection>,
}

// SAFETY: as of `RawStatement`: a session is used under its connection's lock only.
unsafe impl Send for RawSession {}

impl RawSession {
    /// No preupdate hook may be registered but that of other sessions: SQLite takes its context for
    /// a session.
    pub(super) fn create(
        connection: Arc<RawConnection>,
        schema: &CStr,
    ) -> Result<RawSession, c_int> {
        let mut session = ptr::null_mut();
        // SAFETY: the database is live; the name ends with NUL, and SQLite copies it.
        let code = unsafe {
            ffi::sqlite3session_create(connection.handle(), schema.as_ptr(), &raw mut session)
        };
        match NonNull::new(session) {
            Some(session) if code == ffi::SQLITE_OK => Ok(RawSession {
                session,
                _connection: connection,
            }),
            _ => Err(code),
        }
    }

    /// Has tables without a primary key recorded by their rowids. Before any table is attached.
    pub(super) fn record_rowids(&mut self) -> c_int {
        let mut on: c_int = 1;
        // SAFETY: self.session is live until drop; this option takes an int, which is written to.
        unsafe {
            ffi::sqlite3session_object_config(
                self.session.as_ptr(),
                ffi::SQLITE_SESSION_OBJCONFIG_ROWID,
                (&raw mut on).cast(),
            )
        }
    }

    /// Without a name, all tables are attached, those that are made later, too.
    pub(super) fn attach(&mut self, table: Option<&CStr>) -> c_int {
        // SAFETY: as in `record_rowids`; the name ends with NUL, and SQLite copies it.
        unsafe {
            ffi::sqlite3session_attach(
                self.session.as_ptr(),
                table.map_or(ptr::null(), CStr::as_ptr),
            )
        }
    }

    pub(super) fn enable(&mut self, on: bool) {
        // SAFETY: as in `record_rowids`.
        unsafe { ffi::sqlite3session_enable(self.session.as_ptr(), c_int::from(on)) };
    }

    pub(super) fn enabled(&self) -> bool {
        // SAFETY: as in `record_rowids`; a negative number asks only.
        unsafe { ffi::sqlite3session_enable(self.session.as_ptr(), -1) != 0 }
    }

    pub(super) fn set_indirect(&mut self, on: bool) {
        // SAFETY: as in `record_rowids`.
        unsafe { ffi::sqlite3session_indirect(self.session.as_ptr(), c_int::from(on)) };
    }

    pub(super) fn indirect(&self) -> bool {
        // SAFETY: as in `enabled`.
        unsafe { ffi::sqlite3session_indirect(self.session.as_ptr(), -1) != 0 }
    }

    pub(super) fn isempty(&self) -> bool {
        // SAFETY: as in `record_rowids`.
        unsafe { ffi::sqlite3session_isempty(self.session.as_ptr()) != 0 }
    }

    pub(super) fn memory_used(&self) -> u64 {
        // SAFETY: as in `record_rowids`.
        let used = unsafe { ffi::sqlite3session_memory_used(self.session.as_ptr()) };
        u64::try_from(used).unwrap_or(0)
    }

    pub(super) fn changeset(&mut self) -> Result<SqliteBytes, c_int> {
        let mut output = Output::new();
        // SAFETY: as in `record_rowids`; the output is there to be written.
        let code = unsafe {
            ffi::sqlite3session_changeset(
                self.session.as_ptr(),
                &raw mut output.length,
                &raw mut output.bytes,
            )
        };
        // SAFETY: the output is as the function left it.
        let bytes = unsafe { output.taken() };
        if code == ffi::SQLITE_OK {
            Ok(bytes)
        } else {
            Err(code)
        }
    }

    pub(super) fn patchset(&mut self) -> Result<SqliteBytes, c_int> {
        let mut output = Output::new();
        // SAFETY: as in `changeset`.
        let code = unsafe {
            ffi::sqlite3session_patchset(
                self.session.as_ptr(),
                &raw mut output.length,
                &raw mut output.bytes,
            )
        };
        // SAFETY: the output is as the function left it.
        let bytes = unsafe { output.taken() };
        if code == ffi::SQLITE_OK {
            Ok(bytes)
        } else {
            Err(code)
        }
    }

    /// The error comes with SQLite's own message, where it has one.
    pub(super) fn diff(
        &mut self,
        from: &CStr,
        table: &CStr,
    ) -> Result<(), (c_int, Option<CString>)> {
        let mut message: *mut c_char = ptr::null_mut();
        // SAFETY: as in `attach`; the message is there to be written.
        let code = unsafe {
            ffi::sqlite3session_diff(
                self.session.as_ptr(),
                from.as_ptr(),
                table.as_ptr(),
                &raw mut message,
            )
        };
        if code == ffi::SQLITE_OK {
            return Ok(());
        }
        if message.is_null() {
            return Err((code, None));
        }
        // SAFETY: SQLite's message ends with NUL; it is copied, and freed once.
        let text = unsafe {
            let text = CStr::from_ptr(message).to_owned();
            ffi::sqlite3_free(message.cast());
            text
        };
        Err((code, Some(text)))
    }
}

impl Drop for RawSession {
    fn drop(&mut self) {
        // SAFETY: self.session is live and deleted only here, before the connection's Arc goes.
        unsafe { ffi::sqlite3session_delete(self.session.as_ptr()) };
    }
}
