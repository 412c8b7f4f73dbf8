//! SQLite's memory statistics. With them, whoever allocates takes a mutex that all connections of the
//! process share; without them, SQLite knows no limits of its heap.

use libsql::ffi;

/// Has SQLite keep memory statistics in this process, or not. Unless it is told, it keeps them.
///
/// Answers whether it does as told: once SQLite has been used, nothing changes any more. To be called
/// before the first connection is opened, and by one thread.
pub fn keep_memory_statistics(keep: bool) -> bool {
    // SAFETY: MEMSTATUS takes one int. SQLite refuses where it is initialised; that no other thread
    // initialises it meanwhile is the caller's part.
    let code =
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, std::ffi::c_int::from(keep)) };
    code == ffi::SQLITE_OK
}

/// Whether SQLite keeps memory statistics in this process.
pub fn keeps_memory_statistics() -> bool {
    // SAFETY: memory of SQLite's, freed once; there is something to be counted in between.
    unsafe {
        let memory = ffi::sqlite3_malloc64(1);
        let used = ffi::sqlite3_memory_used();
        ffi::sqlite3_free(memory);
        used > 0
    }
}
