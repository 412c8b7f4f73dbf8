//! A DELETE of all of a table's rows, which SQLite does without looking at them, and so without
//! calling the update hook. Where the authorizer ignores such a DELETE, it is done row by row:
//! <https://sqlite.org/c3ref/c_deny.html>.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use libsql::ffi;

/// Which DELETE is done row by row, as the authorizer is asked.
#[derive(Debug, Default)]
pub(super) struct WholeTable {
    row_by_row: AtomicBool,
    /// The question before was whether something may be dropped.
    dropping: AtomicBool,
}

impl WholeTable {
    pub(super) fn row_by_row(&self, on: bool) {
        self.row_by_row.store(on, Relaxed);
    }

    pub(super) fn is_row_by_row(&self) -> bool {
        self.row_by_row.load(Relaxed)
    }

    /// Whether the authorizer is to ignore this. A DROP asks for a DELETE of the schema's table and
    /// of the dropped one, too: ignored, it would not be done.
    pub(super) fn ignores(&self, action: i32, table: Option<&str>) -> bool {
        if !self.is_row_by_row() {
            return false;
        }
        let dropping = self.dropping.swap(drops(action), Relaxed);
        action == ffi::SQLITE_DELETE && !dropping && !table.is_none_or(is_sqlites)
    }
}

fn drops(action: i32) -> bool {
    matches!(
        action,
        ffi::SQLITE_DROP_TABLE
            | ffi::SQLITE_DROP_TEMP_TABLE
            | ffi::SQLITE_DROP_VIEW
            | ffi::SQLITE_DROP_TEMP_VIEW
            | ffi::SQLITE_DROP_VTABLE
    )
}

fn is_sqlites(table: &str) -> bool {
    const PREFIX: &str = "sqlite_";
    table
        .get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}
