//! SQLite's preupdate hook: rows as they are before and after their change.
//! <https://sqlite.org/c3ref/preupdate_blobwrite.html>

use std::os::raw::{c_char, c_int, c_void};
use std::ptr;

use libsql::ffi;

use super::raw_connection::RawConnection;
use super::raw_hooks::{operation, text, with_recorder};
use crate::channel::{Operation, Values};
use crate::value::Value;

type Callback = unsafe extern "C" fn(
    *mut c_void,
    *mut ffi::sqlite3,
    c_int,
    *const c_char,
    *const c_char,
    ffi::sqlite3_int64,
    ffi::sqlite3_int64,
);

type Get = unsafe extern "C" fn(*mut ffi::sqlite3, c_int, *mut *mut ffi::sqlite3_value) -> c_int;

// The bindings of libsql-ffi are made without the hook's flag.
unsafe extern "C" {
    fn sqlite3_preupdate_hook(
        db: *mut ffi::sqlite3,
        callback: Option<Callback>,
        context: *mut c_void,
    ) -> *mut c_void;
    fn sqlite3_preupdate_count(db: *mut ffi::sqlite3) -> c_int;
    fn sqlite3_preupdate_blobwrite(db: *mut ffi::sqlite3) -> c_int;
    fn sqlite3_preupdate_old(
        db: *mut ffi::sqlite3,
        column: c_int,
        value: *mut *mut ffi::sqlite3_value,
    ) -> c_int;
    fn sqlite3_preupdate_new(
        db: *mut ffi::sqlite3,
        column: c_int,
        value: *mut *mut ffi::sqlite3_value,
    ) -> c_int;
}

impl RawConnection {
    /// No session may be open: SQLite would take the recorder for one.
    pub(super) fn preupdate_hook(&self, on: bool) {
        // A session that comes later takes the context that it finds for another session, also where no
        // callback goes with it.
        let (callback, context) = if on {
            (Some(about_to_change as Callback), self.recorder_pointer())
        } else {
            (None, ptr::null_mut())
        };
        // SAFETY: self.db is live; the recorder outlives the database.
        unsafe { sqlite3_preupdate_hook(self.handle(), callback, context) };
    }
}

unsafe extern "C" fn about_to_change(
    recorder: *mut c_void,
    db: *mut ffi::sqlite3,
    what: c_int,
    database: *const c_char,
    table: *const c_char,
    _old_rowid: ffi::sqlite3_int64,
    new_rowid: ffi::sqlite3_int64,
) {
    // SAFETY: SQLite calls this with what was registered, with strings of its own, and with the
    // database that is about to be changed.
    unsafe {
        with_recorder(recorder, |recorder| {
            // A part of a blob: it is told as a DELETE without its end.
            if sqlite3_preupdate_blobwrite(db) >= 0 {
                return;
            }
            let operation = operation(what);
            let old = operation != Operation::Insert;
            let new = operation != Operation::Delete;
            let values = Values {
                old: old.then(|| row(db, sqlite3_preupdate_old)),
                new: new.then(|| row(db, sqlite3_preupdate_new)),
            };
            recorder.changing(operation, &text(database), &text(table), new_rowid, values);
        });
    }
}

/// SAFETY: to be called within the hook's callback, with its database, and a function that this
/// operation allows.
unsafe fn row(db: *mut ffi::sqlite3, get: Get) -> Vec<Value> {
    // SAFETY: as above.
    let count = unsafe { sqlite3_preupdate_count(db) };
    let columns = (0..count).map_while(|column| {
        let mut value = ptr::null_mut();
        // SAFETY: as above; SQLite refuses a column that there is not.
        match unsafe { get(db, column, &raw mut value) } {
            // SAFETY: SQLite keeps the value until the callback returns.
            ffi::SQLITE_OK if !value.is_null() => Some(unsafe { copy(value) }),
            _ => None,
        }
    });
    columns.collect()
}

/// SAFETY: `value` is live.
unsafe fn copy(value: *mut ffi::sqlite3_value) -> Value {
    // SAFETY: as above; text and blobs are copied before anything else is asked of the value.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                let start = ffi::sqlite3_value_text(value);
                Value::Text(bytes(start, ffi::sqlite3_value_bytes(value)))
            }
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_value_blob(value).cast();
                Value::Blob(bytes(start, ffi::sqlite3_value_bytes(value)))
            }
            _ => Value::Null,
        }
    }
}

/// SAFETY: there are `length` bytes from `start` on, unless that is null.
unsafe fn bytes(start: *const u8, length: c_int) -> Vec<u8> {
    match usize::try_from(length) {
        // SAFETY: as above.
        Ok(length) if !start.is_null() => unsafe {
            std::slice::from_raw_parts(start, length).to_vec()
        },
        _ => Vec::new(),
    }
}
