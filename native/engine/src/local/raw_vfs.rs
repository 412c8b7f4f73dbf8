//! A connection's VFS: <https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntlvfspointer>.

use std::ffi::CStr;
use std::ptr;

use libsql::ffi;

use super::connection::Connection;
use super::raw_connection::RawConnection;
use crate::error::Result;

impl RawConnection {
    /// `SQLITE_FCNTL_VFS_POINTER` of the main database.
    fn vfs(&self) -> Result<String, i32> {
        let mut vfs: *mut ffi::sqlite3_vfs = ptr::null_mut();
        // SAFETY: the database is live, and this opcode writes a pointer to its VFS, which has a name
        // that ends with NUL.
        unsafe {
            let code = ffi::sqlite3_file_control(
                self.handle(),
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_VFS_POINTER,
                (&raw mut vfs).cast(),
            );
            match vfs.as_ref() {
                Some(vfs) if code == ffi::SQLITE_OK => {
                    Ok(CStr::from_ptr(vfs.zName).to_string_lossy().into_owned())
                }
                _ => Err(code),
            }
        }
    }
}

impl Connection {
    /// The VFS that the options named.
    pub(crate) fn chosen_vfs(&self) -> Option<&str> {
        self.options.vfs.as_deref()
    }

    /// The name of the VFS that the main database is open with.
    pub fn vfs(&self) -> Result<String> {
        self.raw()
            .vfs()
            .map_err(|code| self.raw().error(code, None))
    }
}
