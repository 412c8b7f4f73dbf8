//! SQLite's memory statistics. With them, whoever allocates takes a mutex that all connections of the
//! process share; without them, SQLite knows no limits of its heap.

use std::ffi::c_int;
use std::sync::OnceLock;

use libsql::ffi;

/// Has SQLite keep memory statistics in this process, or not, and answers whether it does.
///
/// The first call decides, and only before the first connection: later, SQLite stays as it is.
/// Without a call it keeps them. No other thread is to use SQLite before the first call has returned.
pub fn memory_statistics(keep: bool) -> bool {
    static KEPT: OnceLock<bool> = OnceLock::new();
    *KEPT.get_or_init(|| {
        // SAFETY: MEMSTATUS takes one int, and nobody else configures SQLite. Where it is
        // initialised already, it refuses and changes nothing.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, c_int::from(keep)) };
        kept()
    })
}

/// Asks SQLite itself.
pub(super) fn kept() -> bool {
    // SAFETY: memory of SQLite's, freed once; there is something to be counted in between.
    unsafe {
        let memory = ffi::sqlite3_malloc64(1);
        let used = ffi::sqlite3_memory_used();
        ffi::sqlite3_free(memory);
        used > 0
    }
}
