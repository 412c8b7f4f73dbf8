//! Owns a `sqlite3*`. Each method is one C call, named as the C function is named.

use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock};

use libsql::ffi;

use super::authorizer::Denial;
use super::call::Control;
use super::callbacks;
use super::functions::FUNCTION_FAILED;
use super::raw_statement::RawStatement;
use super::recorder::Recorder;
use crate::error::{Error, SqliteError};
use crate::form::Forms;

/// What a checkpoint did: <https://sqlite.org/c3ref/wal_checkpoint_v2.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Frames in the write-ahead log; -1 when the database is not in WAL mode.
    pub log_frames: i32,
    /// Of those, the ones copied into the database so far; -1 likewise.
    pub checkpointed_frames: i32,
    /// Whether a reader or writer kept it from finishing.
    pub busy: bool,
}

/// The size of a slot and how many there are, for small allocations. SQLite's default of 40 slots is
/// 48 kB of the 157 kB that an idle connection took; with 8, reads, writes and preparing take the same
/// number of instructions (docs/performance.md).
const LOOKASIDE: (c_int, c_int) = (1200, 8);

#[derive(Debug)]
pub(super) struct RawConnection {
    db: NonNull<ffi::sqlite3>,
    /// The callbacks' context; lives until the database is closed.
    control: Arc<Control>,
    /// The hooks' context, likewise.
    pub(super) recorder: OnceLock<Arc<Recorder>>,
    pub(super) forms: Forms,
}

// SAFETY: SQLite's objects are not tied to a thread, and the `&mut Connection` of every public
// call keeps two threads from using one at once.
unsafe impl Send for RawConnection {}
// SAFETY: as above: the references are handed out only to a connection's own statements.
unsafe impl Sync for RawConnection {}

impl RawConnection {
    pub(super) fn open(
        file: &CStr,
        flags: c_int,
        vfs: Option<&CStr>,
        control: Arc<Control>,
        forms: Forms,
    ) -> Result<RawConnection, Error> {
        let mut db = ptr::null_mut();
        let vfs = vfs.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: `file` and `vfs`, where it is one, end with NUL; `db` is written before it is read.
        let code = unsafe { ffi::sqlite3_open_v2(file.as_ptr(), &raw mut db, flags, vfs) };
        let Some(db) = NonNull::new(db) else {
            return Err(sqlite_error(code, "out of memory".to_owned()));
        };
        // From here on drop closes the database, also where the open failed.
        let connection = RawConnection {
            db,
            control,
            recorder: OnceLock::new(),
            forms,
        };
        if code == ffi::SQLITE_OK {
            connection.lookaside(LOOKASIDE);
            connection.install_callbacks();
            Ok(connection)
        } else {
            let reason = connection.system_error();
            let mut message = format!("{}: {}", connection.errmsg(), file.to_string_lossy());
            if let Some(reason) = reason {
                message = format!("{message} ({reason})");
            }
            Err(sqlite_error(connection.extended_errcode(), message))
        }
    }

    /// Sets the memory that is kept for small allocations, before anything else is done:
    /// <https://sqlite.org/malloc.html#lookaside>.
    fn lookaside(&self, (slot, slots): (c_int, c_int)) {
        // SAFETY: self.db is live and has not been used; SQLite allocates the memory itself.
        unsafe {
            ffi::sqlite3_db_config(
                self.db.as_ptr(),
                ffi::SQLITE_DBCONFIG_LOOKASIDE,
                ptr::null_mut::<c_void>(),
                slot,
                slots,
            );
        }
    }

    fn install_callbacks(&self) {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_extended_result_codes(self.db.as_ptr(), 1) };
        self.default_progress_handler();
    }

    pub(super) fn default_progress_handler(&self) {
        self.progress_handler(callbacks::PROGRESS_STEPS);
    }

    /// Has the control looked at every so many steps of the virtual machine.
    pub(super) fn progress_handler(&self, steps: c_int) {
        let control: *mut c_void = Arc::as_ptr(&self.control).cast_mut().cast();
        // SAFETY: self.db is live; the callback gets a pointer into the Arc that self owns and
        // gives up only after the database is closed.
        unsafe {
            ffi::sqlite3_progress_handler(
                self.db.as_ptr(),
                steps,
                Some(callbacks::progress),
                control,
            );
        }
    }

    /// Sets one of the limits of <https://sqlite.org/c3ref/c_limit_attached.html>, and answers
    /// what it was.
    pub(super) fn limit(&self, limit: c_int, value: c_int) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_limit(self.db.as_ptr(), limit, value) }
    }

    pub(super) fn busy_handler(&self) {
        let control: *mut c_void = Arc::as_ptr(&self.control).cast_mut().cast();
        // SAFETY: as in `progress_handler`.
        unsafe { ffi::sqlite3_busy_handler(self.db.as_ptr(), Some(callbacks::busy), control) };
    }

    /// Has SQLite ask, for each statement that is prepared from now on, whether it may, and has those
    /// that are prepared already prepared anew; or, without `ask`, has it ask no more.
    pub(super) fn set_authorizer(&self, ask: bool) -> c_int {
        let control: *mut c_void = Arc::as_ptr(&self.control).cast_mut().cast();
        // SAFETY: as in `progress_handler`.
        unsafe {
            match ask {
                true => ffi::sqlite3_set_authorizer(
                    self.db.as_ptr(),
                    Some(callbacks::authorize),
                    control,
                ),
                false => ffi::sqlite3_set_authorizer(self.db.as_ptr(), None, control),
            }
        }
    }

    pub(super) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// For `functions/call.rs`, which registers more callbacks, and for `raw_backup.rs`.
    pub(super) fn handle(&self) -> *mut ffi::sqlite3 {
        self.db.as_ptr()
    }

    /// Prepares the first statement of `sql`, and answers it (none if there are only comments and
    /// white space) with the byte offset at which SQLite stopped reading.
    pub(super) fn prepare(
        self: &Arc<RawConnection>,
        sql: &str,
        flags: u32,
    ) -> Result<(Option<RawStatement>, usize), c_int> {
        let length = c_int::try_from(sql.len()).map_err(|_| ffi::SQLITE_TOOBIG)?;
        let start: *const c_char = sql.as_ptr().cast();
        let mut stmt = ptr::null_mut();
        let mut tail = ptr::null();
        // SAFETY: self.db is live, `start` has `length` bytes, both outputs are written before
        // they are read.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(
                self.db.as_ptr(),
                start,
                length,
                flags,
                &raw mut stmt,
                &raw mut tail,
            )
        };
        if code != ffi::SQLITE_OK {
            return Err(code);
        }
        let read = (tail as usize)
            .saturating_sub(start as usize)
            .min(sql.len());
        let statement = NonNull::new(stmt).map(|stmt| {
            // SAFETY: prepared on this connection just now.
            unsafe { RawStatement::new(stmt, Arc::clone(self)) }
        });
        Ok((statement, read))
    }

    pub(super) fn errmsg(&self) -> String {
        // SAFETY: self.db is live; the message is copied before anything else is called.
        unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.db.as_ptr())) }
            .to_string_lossy()
            .into_owned()
    }

    pub(super) fn extended_errcode(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_extended_errcode(self.db.as_ptr()) }
    }

    pub(super) fn error_offset(&self) -> Option<usize> {
        // SAFETY: self.db is live.
        usize::try_from(unsafe { ffi::sqlite3_error_offset(self.db.as_ptr()) }).ok()
    }

    /// What the operating system said when the last open or I/O failed.
    pub(super) fn system_error(&self) -> Option<String> {
        // SAFETY: self.db is live.
        match unsafe { ffi::sqlite3_system_errno(self.db.as_ptr()) } {
            0 => None,
            errno => Some(std::io::Error::from_raw_os_error(errno).to_string()),
        }
    }

    pub(super) fn changes(&self) -> i64 {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_changes64(self.db.as_ptr()) }
    }

    pub(super) fn total_changes(&self) -> i64 {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_total_changes64(self.db.as_ptr()) }
    }

    pub(super) fn last_insert_rowid(&self) -> i64 {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_last_insert_rowid(self.db.as_ptr()) }
    }

    pub(super) fn set_last_insert_rowid(&self, rowid: i64) {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_set_last_insert_rowid(self.db.as_ptr(), rowid) };
    }

    pub(super) fn autocommit(&self) -> bool {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_get_autocommit(self.db.as_ptr()) != 0 }
    }

    /// Whether the main database is open for reading only.
    pub(super) fn db_readonly(&self) -> bool {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_db_readonly(self.db.as_ptr(), c"main".as_ptr()) == 1 }
    }

    /// The file of the main database; none for a temporary one or one in memory.
    pub(super) fn db_filename(&self) -> Option<String> {
        // SAFETY: self.db is live; the name is copied before anything else is called.
        let name = unsafe {
            let name = ffi::sqlite3_db_filename(self.db.as_ptr(), c"main".as_ptr());
            if name.is_null() {
                return None;
            }
            CStr::from_ptr(name).to_string_lossy().into_owned()
        };
        (!name.is_empty()).then_some(name)
    }

    /// The furthest that any of the databases is in a transaction.
    pub(super) fn txn_state(&self) -> c_int {
        // SAFETY: self.db is live; without a name, all databases are asked.
        unsafe { ffi::sqlite3_txn_state(self.db.as_ptr(), ptr::null()) }
    }

    /// Pages of the page cache that were written out since the connection was opened.
    pub(super) fn cache_write(&self) -> u64 {
        let (mut current, mut highest) = (0, 0);
        // SAFETY: self.db is live; both counts are there to be written.
        unsafe {
            ffi::sqlite3_db_status(
                self.db.as_ptr(),
                ffi::SQLITE_DBSTATUS_CACHE_WRITE,
                &raw mut current,
                &raw mut highest,
                0,
            );
        }
        u64::try_from(current).unwrap_or(0)
    }

    /// One of the on/off settings of <https://sqlite.org/c3ref/c_dbconfig_defensive.html>.
    pub(super) fn db_config(&self, setting: i32, on: bool) -> c_int {
        // SAFETY: self.db is live; the settings used here take an int and an int*.
        unsafe {
            ffi::sqlite3_db_config(
                self.db.as_ptr(),
                setting,
                c_int::from(on),
                ptr::null_mut::<c_int>(),
            )
        }
    }

    pub(super) fn db_cacheflush(&self) -> c_int {
        // SAFETY: self.db is live.
        unsafe { ffi::sqlite3_db_cacheflush(self.db.as_ptr()) }
    }

    /// The name of the connection's `n`th database.
    pub(super) fn db_name(&self, n: usize) -> Option<String> {
        let n = c_int::try_from(n).ok()?;
        // SAFETY: self.db is live; the name, where there is one, is copied before anything else is
        // called.
        unsafe {
            let name = ffi::sqlite3_db_name(self.db.as_ptr(), n);
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    }

    /// `SQLITE_FCNTL_MMAP_SIZE`: how much of the main database's file is read through a mapping, at
    /// most. No more than 0 where it is none.
    pub(super) fn mmap_size(&self) -> i64 {
        let mut size: i64 = -1;
        // SAFETY: self.db is live, and this opcode takes a sqlite3_int64: a negative one asks only.
        unsafe {
            ffi::sqlite3_file_control(
                self.db.as_ptr(),
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_MMAP_SIZE,
                (&raw mut size).cast(),
            );
        }
        size
    }

    /// `SQLITE_FCNTL_DATA_VERSION`.
    pub(super) fn data_version(&self, schema: &CStr) -> Result<u32, c_int> {
        let mut version: c_uint = 0;
        // SAFETY: self.db is live, `schema` ends with NUL, and this opcode writes an unsigned int.
        let code = unsafe {
            ffi::sqlite3_file_control(
                self.db.as_ptr(),
                schema.as_ptr(),
                ffi::SQLITE_FCNTL_DATA_VERSION,
                (&raw mut version).cast(),
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(version),
            code => Err(code),
        }
    }

    pub(super) fn wal_checkpoint(&self, mode: c_int) -> Result<Checkpoint, c_int> {
        let (mut log_frames, mut checkpointed_frames) = (-1, -1);
        // SAFETY: self.db is live; both counts are there to be written.
        let code = unsafe {
            ffi::sqlite3_wal_checkpoint_v2(
                self.db.as_ptr(),
                c"main".as_ptr(),
                mode,
                &raw mut log_frames,
                &raw mut checkpointed_frames,
            )
        };
        match code {
            ffi::SQLITE_OK | ffi::SQLITE_BUSY => Ok(Checkpoint {
                log_frames,
                checkpointed_frames,
                busy: code == ffi::SQLITE_BUSY,
            }),
            code => Err(code),
        }
    }

    pub(super) fn load_extension(
        &self,
        path: &CStr,
        entry_point: Option<&CStr>,
    ) -> Result<(), String> {
        let mut message = ptr::null_mut();
        // SAFETY: self.db is live, the strings end with NUL; the message is SQLite's to free.
        unsafe {
            let code = ffi::sqlite3_load_extension(
                self.db.as_ptr(),
                path.as_ptr(),
                entry_point.map_or(ptr::null(), CStr::as_ptr),
                &raw mut message,
            );
            if code == ffi::SQLITE_OK {
                return Ok(());
            }
            if message.is_null() {
                return Err(self.errmsg());
            }
            let text = CStr::from_ptr(message).to_string_lossy().into_owned();
            ffi::sqlite3_free(message.cast());
            Err(text)
        }
    }

    /// Gives the key with which the file is encrypted.
    #[cfg(feature = "encryption")]
    pub(super) fn key(&self, key: &[u8]) -> c_int {
        let Ok(length) = c_int::try_from(key.len()) else {
            return ffi::SQLITE_TOOBIG;
        };
        // SAFETY: self.db is live; `key` has `length` bytes, which SQLite3MultipleCiphers copies.
        unsafe { sqlite3_key(self.db.as_ptr(), key.as_ptr().cast(), length) }
    }

    /// Takes a virtual table's module from this connection.
    #[cfg(feature = "encryption")]
    pub(super) fn remove_module(&self, name: &CStr) -> c_int {
        // SAFETY: self.db is live; a module is removed by giving none.
        unsafe {
            ffi::sqlite3_create_module_v2(
                self.db.as_ptr(),
                name.as_ptr(),
                ptr::null(),
                ptr::null_mut(),
                None,
            )
        }
    }

    /// The error that the last failed call left, on behalf of `statement`.
    pub(super) fn error(&self, code: c_int, statement: Option<&str>) -> Error {
        let primary = code & 0xff;
        if primary == ffi::SQLITE_INTERRUPT
            && let Some(error) = self.control.stop_reason(statement)
        {
            return error;
        }
        if let Some(denial) = self.denial(primary, statement) {
            return denial;
        }
        let extended_code = match self.extended_errcode() {
            extended if extended & 0xff == primary => extended,
            _ => code,
        };
        let mut message = self.errmsg();
        if primary == ffi::SQLITE_IOERR
            && let Some(reason) = self.system_error()
        {
            message = format!("{message} ({reason})");
        }
        let error = Box::new(SqliteError {
            extended_code,
            message,
            statement: statement.map(str::to_owned),
            offset: self.error_offset(),
        });
        match extended_code {
            ffi::SQLITE_BUSY_SNAPSHOT => Error::stale_snapshot(statement),
            FUNCTION_FAILED => Error::Function(error),
            // SQLite calls no handler for its shared cache.
            ffi::SQLITE_LOCKED_SHAREDCACHE => Error::Locked(error),
            _ if primary == ffi::SQLITE_BUSY && self.control.take_busy() => Error::Locked(error),
            _ => Error::Sqlite(error),
        }
    }

    /// The policy's refusal, where that is the error. SQLite gives a function's as any other error.
    fn denial(&self, primary: c_int, statement: Option<&str>) -> Option<Error> {
        let by_policy = match primary {
            ffi::SQLITE_AUTH => true,
            ffi::SQLITE_ERROR => self.errmsg().starts_with("not authorized to use function"),
            _ => false,
        };
        let denial = by_policy.then(|| self.control.authorizer.take_denied())??;
        Some(Error::Denied(Box::new(Denial {
            statement: statement.map(str::to_owned),
            ..denial
        })))
    }
}

fn sqlite_error(extended_code: i32, message: String) -> Error {
    Error::Sqlite(Box::new(SqliteError {
        extended_code,
        message,
        statement: None,
        offset: None,
    }))
}

/// A string for the C API, or the error that names what holds a NUL byte.
pub(super) fn c_string(what: &str, text: &str) -> Result<CString, Error> {
    CString::new(text)
        .map_err(|_| Error::InvalidArgument(format!("{what} holds a NUL byte: {text:?}")))
}

#[cfg(feature = "encryption")]
unsafe extern "C" {
    fn sqlite3_key(db: *mut ffi::sqlite3, key: *const c_void, length: c_int) -> c_int;
}

impl Drop for RawConnection {
    fn drop(&mut self) {
        // SAFETY: self.db is live and closed only here; every statement holds an Arc of self, so
        // none is left.
        let code = unsafe { ffi::sqlite3_close(self.db.as_ptr()) };
        debug_assert_eq!(
            code,
            ffi::SQLITE_OK,
            "a database was closed over its statements"
        );
    }
}
