//! A VFS that SQLite knows. Each method is one C call, named as the C function is named.

use std::ffi::{CStr, CString, c_int};
use std::os::raw::c_char;
use std::ptr::{self, NonNull};

use libsql::ffi;

use super::bridge::{Code, Filename, checked};
use super::raw_file::RawFile;

/// One that is never unregistered: those that SQLite brings along.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawVfs(NonNull<ffi::sqlite3_vfs>);

// SAFETY: SQLite's own VFSs may be called from every thread.
unsafe impl Send for RawVfs {}
// SAFETY: as above.
unsafe impl Sync for RawVfs {}

/// The names of all that are registered, the default's first.
pub(super) fn names() -> Vec<String> {
    let mut names = Vec::new();
    let mut next = find(ptr::null());
    // SAFETY: this mutex is SQLite's own, for its list of VFSs, each of which has a name that ends with
    // NUL. The default is not unregistered.
    unsafe {
        let mutex = ffi::sqlite3_mutex_alloc(ffi::SQLITE_MUTEX_STATIC_MASTER);
        ffi::sqlite3_mutex_enter(mutex);
        while let Some(vfs) = next {
            let vfs = vfs.as_ref();
            names.push(CStr::from_ptr(vfs.zName).to_string_lossy().into_owned());
            next = NonNull::new(vfs.pNext);
        }
        ffi::sqlite3_mutex_leave(mutex);
    }
    names
}

pub(super) fn is_registered(name: &CStr) -> bool {
    find(name.as_ptr()).is_some()
}

fn find(name: *const c_char) -> Option<NonNull<ffi::sqlite3_vfs>> {
    // SAFETY: `name` is null, for the default, or ends with NUL.
    NonNull::new(unsafe { ffi::sqlite3_vfs_find(name) })
}

impl RawVfs {
    /// The one that SQLite opens files with where no other is named.
    pub(super) fn default() -> Result<RawVfs, Code> {
        find(ptr::null()).map(RawVfs).ok_or(ffi::SQLITE_ERROR)
    }

    pub(super) fn as_ptr(self) -> *mut ffi::sqlite3_vfs {
        self.0.as_ptr()
    }

    fn methods(&self) -> &ffi::sqlite3_vfs {
        // SAFETY: it is never unregistered.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn open(self, name: Filename, flags: c_int) -> Result<(RawFile, c_int), Code> {
        RawFile::open(self, name, flags)
    }

    pub(super) fn delete(self, path: &CStr, sync_directory: bool) -> Result<(), Code> {
        let delete = self.methods().xDelete.ok_or(ffi::SQLITE_IOERR_DELETE)?;
        // SAFETY: `path` ends with NUL.
        checked(unsafe { delete(self.as_ptr(), path.as_ptr(), c_int::from(sync_directory)) })
    }

    pub(super) fn access(self, path: &CStr, flags: c_int) -> Result<bool, Code> {
        let access = self.methods().xAccess.ok_or(ffi::SQLITE_IOERR_ACCESS)?;
        let mut answer = 0;
        // SAFETY: `path` ends with NUL; the answer is there to be written.
        checked(unsafe { access(self.as_ptr(), path.as_ptr(), flags, &raw mut answer) })?;
        Ok(answer != 0)
    }

    pub(super) fn full_pathname(self, path: &CStr) -> Result<CString, Code> {
        let full = self.methods().xFullPathname.ok_or(ffi::SQLITE_CANTOPEN)?;
        let length = usize::try_from(self.methods().mxPathname).unwrap_or(0) + 1;
        let mut text = vec![0_u8; length];
        // SAFETY: `path` ends with NUL, and the text has the room that is named.
        let code = unsafe {
            full(
                self.as_ptr(),
                path.as_ptr(),
                self.methods().mxPathname + 1,
                text.as_mut_ptr().cast(),
            )
        };
        // That the path leads over a symbolic link is not an error.
        if code & 0xff != ffi::SQLITE_OK {
            return Err(code);
        }
        match CStr::from_bytes_until_nul(&text) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(ffi::SQLITE_CANTOPEN),
        }
    }
}
