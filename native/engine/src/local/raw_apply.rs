//! `sqlite3changeset_apply_v2`, and its callbacks.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libsql::ffi;

use super::raw_connection::RawConnection;
use super::raw_statement;
use crate::changeset::{Changeset, Operation, Output, SqliteBytes};
use crate::value::Value;

/// The values of a row, as far as they are known.
pub(super) type KnownValues = Vec<Option<Value>>;

/// What SQLite asks while it applies a changeset.
pub(super) trait Decide {
    /// Whether changes of this table are to be applied.
    fn wants(&mut self, table: &str) -> bool;

    /// What is to become of a change: one of the `SQLITE_CHANGESET_…` that answer a conflict.
    fn conflict(&mut self, conflict: RawConflict<'_>) -> c_int;

    /// As [`conflict`](Decide::conflict): foreign keys are violated at the end.
    fn violations(&mut self) -> c_int;
}

impl RawConnection {
    /// `flags` are those of <https://sqlite.org/session/c_changesetapply_fknoaction.html>. Where it
    /// succeeds, it answers what is to be known to rebase other changesets.
    pub(super) fn changeset_apply<D: Decide>(
        &self,
        changeset: &Changeset<'_>,
        flags: c_int,
        decide: &mut D,
    ) -> Result<SqliteBytes, c_int> {
        let (length, bytes) = changeset.raw();
        let mut output = Output::new();
        // SAFETY: the database is live, and the changeset well-formed and `length` bytes long. The
        // callbacks get `decide`, which lives for the call and is used by them alone; the output is
        // there to be written.
        let code = unsafe {
            ffi::sqlite3changeset_apply_v2(
                self.handle(),
                length,
                bytes,
                Some(filter::<D>),
                Some(conflict::<D>),
                ptr::from_mut(decide).cast(),
                &raw mut output.bytes,
                &raw mut output.length,
                flags,
            )
        };
        // SAFETY: the output is as the function left it.
        let rebase = unsafe { output.taken() };
        if code == ffi::SQLITE_OK {
            Ok(rebase)
        } else {
            Err(code)
        }
    }

    /// Whether foreign keys are violated in the open transaction, that are to hold at its end.
    pub(super) fn deferred_foreign_keys(&self) -> bool {
        let (mut current, mut highest) = (0, 0);
        // SAFETY: the database is live; both counts are there to be written.
        unsafe {
            ffi::sqlite3_db_status(
                self.handle(),
                ffi::SQLITE_DBSTATUS_DEFERRED_FKS,
                &raw mut current,
                &raw mut highest,
                0,
            );
        }
        current != 0
    }

    /// What a result code says.
    pub(super) fn errstr(&self, code: c_int) -> String {
        // SAFETY: SQLite has a constant string for each code.
        unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) }
            .to_string_lossy()
            .into_owned()
    }
}

/// A change that cannot be applied as it is.
#[derive(Debug)]
pub(super) struct RawConflict<'i> {
    /// One of the `SQLITE_CHANGESET_…` that say what is wrong.
    pub(super) kind: c_int,
    pub(super) table: &'i str,
    pub(super) operation: Operation,
    pub(super) indirect: bool,
    columns: c_int,
    iterator: *mut ffi::sqlite3_changeset_iter,
}

type Getter = unsafe extern "C" fn(
    *mut ffi::sqlite3_changeset_iter,
    c_int,
    *mut *mut ffi::sqlite3_value,
) -> c_int;

impl RawConflict<'_> {
    pub(super) fn old_values(&self) -> Option<KnownValues> {
        (self.operation != Operation::Insert).then(|| self.values(ffi::sqlite3changeset_old))
    }

    pub(super) fn new_values(&self) -> Option<KnownValues> {
        (self.operation != Operation::Delete).then(|| self.values(ffi::sqlite3changeset_new))
    }

    /// The row that is in the way, where there is one.
    pub(super) fn conflicting(&self) -> Option<KnownValues> {
        matches!(
            self.kind,
            ffi::SQLITE_CHANGESET_DATA | ffi::SQLITE_CHANGESET_CONFLICT
        )
        .then(|| self.values(ffi::sqlite3changeset_conflict))
    }

    fn values(&self, get: Getter) -> KnownValues {
        (0..self.columns)
            .map(|column| {
                let mut value = ptr::null_mut();
                // SAFETY: the iterator is that of the running callback; a value is there to be
                // written, and what is got lives until the callback returns, copied before.
                unsafe {
                    let code = get(self.iterator, column, &raw mut value);
                    (code == ffi::SQLITE_OK && !value.is_null())
                        .then(|| raw_statement::value(value).into())
                }
            })
            .collect()
    }
}

unsafe extern "C" fn filter<D: Decide>(decide: *mut c_void, table: *const c_char) -> c_int {
    // SAFETY: the `D` that `changeset_apply` has given, which lives and is nobody else's meanwhile;
    // the name ends with NUL.
    let (decide, table) = unsafe { (&mut *decide.cast::<D>(), CStr::from_ptr(table)) };
    // A panic must not unwind into C.
    let wants = catch_unwind(AssertUnwindSafe(|| {
        table.to_str().is_ok_and(|table| decide.wants(table))
    }));
    c_int::from(wants.unwrap_or(false))
}

unsafe extern "C" fn conflict<D: Decide>(
    decide: *mut c_void,
    kind: c_int,
    iterator: *mut ffi::sqlite3_changeset_iter,
) -> c_int {
    // SAFETY: as in `filter`.
    let decide = unsafe { &mut *decide.cast::<D>() };
    let decided = catch_unwind(AssertUnwindSafe(|| {
        if kind == ffi::SQLITE_CHANGESET_FOREIGN_KEY {
            // This kind's iterators stand at no change.
            return Some(decide.violations());
        }
        // SAFETY: the iterator is that of this call.
        Some(decide.conflict(unsafe { described(kind, iterator) }?))
    }));
    match decided {
        Ok(Some(decided)) => decided,
        _ => ffi::SQLITE_CHANGESET_ABORT,
    }
}

/// # Safety
/// The iterator is that of a conflict that is no foreign key's, and lives for `'i`.
unsafe fn described<'i>(
    kind: c_int,
    iterator: *mut ffi::sqlite3_changeset_iter,
) -> Option<RawConflict<'i>> {
    let mut table = ptr::null();
    let (mut columns, mut operation, mut indirect) = (0, 0, 0);
    // SAFETY: our caller's promise; all of them are there to be written, and the name ends with NUL.
    let table = unsafe {
        ffi::sqlite3changeset_op(
            iterator,
            &raw mut table,
            &raw mut columns,
            &raw mut operation,
            &raw mut indirect,
        );
        if table.is_null() {
            return None;
        }
        CStr::from_ptr(table).to_str().ok()?
    };
    Some(RawConflict {
        kind,
        table,
        operation: u8::try_from(operation)
            .ok()
            .and_then(Operation::from_number)?,
        indirect: indirect != 0,
        columns,
        iterator,
    })
}
