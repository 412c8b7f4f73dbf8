//! Owns a `sqlite3_stmt*`. Each method is one C call, named as the C function is named.
//!
//! A statement may be used only by the thread that uses its connection: both sit behind the same
//! lock, since databases are opened NOMUTEX.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use libsql::ffi;

use super::raw_connection::RawConnection;
use crate::value::ValueRef;

#[derive(Debug)]
pub(super) struct RawStatement {
    stmt: NonNull<ffi::sqlite3_stmt>,
    /// Keeps the database open for as long as one of its statements lives.
    connection: Arc<RawConnection>,
}

// SAFETY: SQLite's objects are not tied to a thread. That no two threads use a connection and its
// statements at once is what the `&mut Connection` of every public call guarantees.
unsafe impl Send for RawStatement {}

impl RawStatement {
    /// # Safety
    /// `stmt` is a statement of `connection` that nobody else finalizes.
    pub(super) unsafe fn new(
        stmt: NonNull<ffi::sqlite3_stmt>,
        connection: Arc<RawConnection>,
    ) -> RawStatement {
        RawStatement { stmt, connection }
    }

    pub(super) fn connection(&self) -> &RawConnection {
        &self.connection
    }

    /// By which SQLite's callbacks name it.
    pub(super) fn address(&self) -> usize {
        self.stmt.as_ptr().addr()
    }

    pub(super) fn step(&mut self) -> c_int {
        // SAFETY: self.stmt is live until drop.
        unsafe { ffi::sqlite3_step(self.stmt.as_ptr()) }
    }

    pub(super) fn reset(&mut self) -> c_int {
        // SAFETY: as in `step`.
        unsafe { ffi::sqlite3_reset(self.stmt.as_ptr()) }
    }

    /// A counter, which begins anew where it is asked to:
    /// <https://sqlite.org/c3ref/stmt_status.html>.
    pub(super) fn status(&self, counter: c_int, reset: bool) -> u32 {
        // SAFETY: as in `step`.
        let count =
            unsafe { ffi::sqlite3_stmt_status(self.stmt.as_ptr(), counter, c_int::from(reset)) };
        // SQLite counts without a sign, and answers the same bits.
        count.cast_unsigned()
    }

    /// Whether it has stepped, and has neither come to its end nor been reset.
    pub(super) fn busy(&self) -> bool {
        // SAFETY: as in `step`.
        unsafe { ffi::sqlite3_stmt_busy(self.stmt.as_ptr()) != 0 }
    }

    pub(super) fn clear_bindings(&mut self) {
        // SAFETY: as in `step`.
        unsafe { ffi::sqlite3_clear_bindings(self.stmt.as_ptr()) };
    }

    pub(super) fn readonly(&self) -> bool {
        // SAFETY: as in `step`.
        unsafe { ffi::sqlite3_stmt_readonly(self.stmt.as_ptr()) != 0 }
    }

    /// 1 for an EXPLAIN, 2 for an EXPLAIN QUERY PLAN, else 0.
    pub(super) fn isexplain(&self) -> i32 {
        // SAFETY: as in `step`.
        unsafe { ffi::sqlite3_stmt_isexplain(self.stmt.as_ptr()) }
    }

    pub(super) fn column_count(&self) -> usize {
        // SAFETY: as in `step`.
        let count = unsafe { ffi::sqlite3_column_count(self.stmt.as_ptr()) };
        usize::try_from(count).unwrap_or(0)
    }

    pub(super) fn column_name(&self, column: usize) -> Option<&str> {
        self.name(ffi::sqlite3_column_name, column)
    }

    pub(super) fn column_decltype(&self, column: usize) -> Option<&str> {
        self.name(ffi::sqlite3_column_decltype, column)
    }

    pub(super) fn column_origin_name(&self, column: usize) -> Option<&str> {
        self.name(ffi::sqlite3_column_origin_name, column)
    }

    pub(super) fn column_table_name(&self, column: usize) -> Option<&str> {
        self.name(ffi::sqlite3_column_table_name, column)
    }

    pub(super) fn column_database_name(&self, column: usize) -> Option<&str> {
        self.name(ffi::sqlite3_column_database_name, column)
    }

    pub(super) fn bind_parameter_count(&self) -> usize {
        // SAFETY: as in `step`.
        let count = unsafe { ffi::sqlite3_bind_parameter_count(self.stmt.as_ptr()) };
        usize::try_from(count).unwrap_or(0)
    }

    /// Positions count from 1; `None` for `?`.
    pub(super) fn bind_parameter_name(&self, position: usize) -> Option<&str> {
        self.name(ffi::sqlite3_bind_parameter_name, position)
    }

    /// One of SQLite's functions that name a column or a parameter by its number.
    fn name(
        &self,
        function: unsafe extern "C" fn(*mut ffi::sqlite3_stmt, c_int) -> *const c_char,
        number: usize,
    ) -> Option<&str> {
        let number = c_int::try_from(number).ok()?;
        // SAFETY: self.stmt is live, and SQLite answers NULL for a number out of range. The text
        // lives until the statement is finalized or prepared anew, for which `&mut self` is
        // needed.
        unsafe {
            let name = function(self.stmt.as_ptr(), number);
            if name.is_null() {
                None
            } else {
                CStr::from_ptr(name).to_str().ok()
            }
        }
    }

    /// # Safety
    /// With `copy` false, the bytes of `value` stay where they are until `clear_bindings`,
    /// another `bind` of this position, or drop.
    #[inline]
    pub(super) unsafe fn bind(
        &mut self,
        position: usize,
        value: ValueRef<'_>,
        copy: bool,
    ) -> c_int {
        let Ok(position) = c_int::try_from(position) else {
            return ffi::SQLITE_RANGE;
        };
        let destructor = if copy {
            ffi::SQLITE_TRANSIENT()
        } else {
            ffi::SQLITE_STATIC()
        };
        let stmt = self.stmt.as_ptr();
        // SAFETY: self.stmt is live; text and blobs are passed with their lengths, and either
        // copied by SQLite or kept in place by our caller.
        unsafe {
            match value {
                ValueRef::Null => ffi::sqlite3_bind_null(stmt, position),
                ValueRef::Integer(integer) => ffi::sqlite3_bind_int64(stmt, position, integer),
                ValueRef::Real(real) => ffi::sqlite3_bind_double(stmt, position, real),
                ValueRef::Text(text) => ffi::sqlite3_bind_text64(
                    stmt,
                    position,
                    text.as_ptr().cast(),
                    text.len() as u64,
                    destructor,
                    ffi::SQLITE_UTF8 as u8,
                ),
                // A dangling pointer of length 0 is fine for text, but SQLite takes a NULL
                // pointer or, for an empty slice, any pointer with length 0.
                ValueRef::Blob(blob) => ffi::sqlite3_bind_blob64(
                    stmt,
                    position,
                    blob.as_ptr().cast(),
                    blob.len() as u64,
                    destructor,
                ),
            }
        }
    }

    /// The value of a column of the current row. Only between a `step` that answered
    /// `SQLITE_ROW` and the next call on this statement; else NULL.
    #[inline]
    pub(super) fn column(&self, column: usize) -> ValueRef<'_> {
        let Ok(column) = c_int::try_from(column) else {
            return ValueRef::Null;
        };
        // SAFETY: self.stmt is live; a column out of range reads as NULL. An unprotected value may
        // be read because nobody else uses the connection now. The bytes stay until the next call
        // on the statement that changes it, for which `&mut self` is needed.
        unsafe { value(ffi::sqlite3_column_value(self.stmt.as_ptr(), column)) }
    }
}

/// What a value of SQLite's holds.
///
/// # Safety
/// `value` lives, and nobody else uses or changes it, for `'a`.
#[inline]
pub(super) unsafe fn value<'a>(value: *mut ffi::sqlite3_value) -> ValueRef<'a> {
    // SAFETY: our caller's promise.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => ValueRef::Text(text(value)),
            ffi::SQLITE_BLOB => {
                let blob = ffi::sqlite3_value_blob(value);
                ValueRef::Blob(bytes(blob.cast(), ffi::sqlite3_value_bytes(value)))
            }
            _ => ValueRef::Null,
        }
    }
}

/// The text of a value as UTF-8. `sqlite3_value_text` would end it with a NUL, for which SQLite
/// copies each text out of its page; as a blob it is read in place.
///
/// # Safety
/// `value` is of type TEXT and lives for `'a`.
#[inline]
unsafe fn text<'a>(value: *mut ffi::sqlite3_value) -> &'a [u8] {
    // SAFETY: our caller's promise.
    unsafe {
        let start = if ffi::sqlite3_value_encoding(value) == ffi::SQLITE_UTF8 {
            ffi::sqlite3_value_blob(value).cast()
        } else {
            ffi::sqlite3_value_text(value)
        };
        bytes(start, ffi::sqlite3_value_bytes(value))
    }
}

/// # Safety
/// `start` is NULL or points to `length` bytes that live for `'a`.
#[inline]
pub(super) unsafe fn bytes<'a>(start: *const u8, length: c_int) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: our caller's promise.
        Ok(length) if length > 0 && !start.is_null() => unsafe {
            slice::from_raw_parts(start, length)
        },
        _ => &[],
    }
}

impl Drop for RawStatement {
    fn drop(&mut self) {
        // SAFETY: self.stmt is live and finalized only here, before the connection's Arc goes.
        unsafe { ffi::sqlite3_finalize(self.stmt.as_ptr()) };
    }
}
