//! SQLite's update, commit, rollback and WAL hooks: their registration and their C callbacks.
//!
//! A callback gets a pointer to the connection's [`Recorder`], and does no more than note.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use libsql::ffi;

use super::raw_connection::RawConnection;
use super::recorder::Recorder;
use crate::channel::Operation;

impl RawConnection {
    /// The recorder that the hooks tell: one for as long as the database is open.
    pub(super) fn recorder(&self) -> &Arc<Recorder> {
        self.recorder.get_or_init(Arc::default)
    }

    /// What the callbacks get: self owns it until the database is closed.
    pub(super) fn recorder_pointer(&self) -> *mut c_void {
        Arc::as_ptr(self.recorder()).cast_mut().cast()
    }

    pub(super) fn update_hook(&self, on: bool) {
        let callback = on.then_some(updated as _);
        // SAFETY: self.db is live; the pointer outlives the database.
        unsafe { ffi::sqlite3_update_hook(self.handle(), callback, self.recorder_pointer()) };
    }

    pub(super) fn commit_hook(&self, on: bool) {
        let callback = on.then_some(committing as _);
        // SAFETY: as in `update_hook`.
        unsafe { ffi::sqlite3_commit_hook(self.handle(), callback, self.recorder_pointer()) };
    }

    pub(super) fn rollback_hook(&self, on: bool) {
        let callback = on.then_some(rolled_back as _);
        // SAFETY: as in `update_hook`.
        unsafe { ffi::sqlite3_rollback_hook(self.handle(), callback, self.recorder_pointer()) };
    }

    /// Takes the hook that SQLite uses itself, for `PRAGMA wal_autocheckpoint`. Answers how many
    /// frames that has said if it was there.
    pub(super) fn wal_hook(&self) -> Option<c_int> {
        let own = self.recorder_pointer();
        // SAFETY: as in `update_hook`.
        let before = unsafe { ffi::sqlite3_wal_hook(self.handle(), Some(wal_written), own) };
        // SQLite keeps the number in the place of a pointer.
        (!ptr::eq(before, own)).then(|| c_int::try_from(before as usize).unwrap_or(0))
    }
}

/// SAFETY: to be called with a registered pointer, while its database is open.
pub(super) unsafe fn with_recorder(recorder: *mut c_void, note: impl FnOnce(&Recorder)) {
    // SAFETY: the connection that registered it owns the Recorder until the database is closed.
    let recorder = unsafe { &*recorder.cast::<Recorder>() };
    // A panic must not unwind into C.
    let _ = catch_unwind(AssertUnwindSafe(|| note(recorder)));
}

/// SAFETY: `text` is one of SQLite's strings, which end with NUL, and live for the callback.
pub(super) unsafe fn text<'t>(text: *const c_char) -> std::borrow::Cow<'t, str> {
    if text.is_null() {
        return "".into();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}

pub(super) fn operation(what: c_int) -> Operation {
    match what {
        ffi::SQLITE_INSERT => Operation::Insert,
        ffi::SQLITE_DELETE => Operation::Delete,
        _ => Operation::Update,
    }
}

unsafe extern "C" fn updated(
    recorder: *mut c_void,
    what: c_int,
    database: *const c_char,
    table: *const c_char,
    rowid: ffi::sqlite3_int64,
) {
    // SAFETY: SQLite calls this with what was registered, and with strings of its own.
    unsafe {
        with_recorder(recorder, |recorder| {
            recorder.updated(operation(what), &text(database), &text(table), rowid);
        });
    }
}

/// 0 lets the commit go on.
unsafe extern "C" fn committing(recorder: *mut c_void) -> c_int {
    // SAFETY: as in `updated`.
    unsafe { with_recorder(recorder, Recorder::committing) };
    0
}

unsafe extern "C" fn rolled_back(recorder: *mut c_void) {
    // SAFETY: as in `updated`.
    unsafe { with_recorder(recorder, Recorder::rolled_back) };
}

/// Does besides what SQLite's own hook would do.
unsafe extern "C" fn wal_written(
    recorder: *mut c_void,
    db: *mut ffi::sqlite3,
    database: *const c_char,
    frames: c_int,
) -> c_int {
    let mut checkpoint = false;
    // SAFETY: as in `updated`.
    unsafe {
        with_recorder(recorder, |recorder| {
            let frames = u32::try_from(frames).unwrap_or(0);
            checkpoint = recorder.wal_written(&text(database), frames);
        });
        if checkpoint {
            ffi::sqlite3_wal_checkpoint(db, database);
        }
    }
    ffi::SQLITE_OK
}
