//! What is set on a `sqlite3*`: settings, reserved bytes, memory.

use std::ffi::CStr;
use std::os::raw::c_int;
use std::ptr;

use libsql::ffi;

use super::raw_connection::RawConnection;

impl RawConnection {
    /// Whether one of the settings of [`db_config`](RawConnection::db_config) is on.
    pub(super) fn db_setting(&self, setting: i32) -> Result<bool, c_int> {
        const ASK: c_int = -1;
        let mut on: c_int = 0;
        // SAFETY: the handle is live; the settings used here take an int and an int*.
        let code = unsafe { ffi::sqlite3_db_config(self.handle(), setting, ASK, &raw mut on) };
        match code {
            ffi::SQLITE_OK => Ok(on != 0),
            code => Err(code),
        }
    }

    /// `SQLITE_FCNTL_RESERVE_BYTES`: the bytes at the end of each page that are left alone; a
    /// negative number asks only. Answers what they were.
    pub(super) fn reserve_bytes(&self, schema: &CStr, bytes: c_int) -> Result<c_int, c_int> {
        let mut bytes = bytes;
        // SAFETY: the handle is live, `schema` ends with NUL, and this opcode reads and writes an
        // int.
        let code = unsafe {
            ffi::sqlite3_file_control(
                self.handle(),
                schema.as_ptr(),
                ffi::SQLITE_FCNTL_RESERVE_BYTES,
                (&raw mut bytes).cast(),
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(bytes),
            code => Err(code),
        }
    }

    pub(super) fn db_release_memory(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { ffi::sqlite3_db_release_memory(self.handle()) }
    }

    /// Takes a function from this connection.
    pub(super) fn remove_function(&self, name: &CStr, arguments: c_int) -> c_int {
        // SAFETY: the handle is live; a function is removed by giving no callback.
        unsafe {
            ffi::sqlite3_create_function_v2(
                self.handle(),
                name.as_ptr(),
                arguments,
                ffi::SQLITE_UTF8,
                ptr::null_mut(),
                None,
                None,
                None,
                None,
            )
        }
    }
}
