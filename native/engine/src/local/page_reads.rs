//! Reads of a database's pages that must not wait for the disk.
//!
//! SQLite lets its calls of the system be replaced (`xSetSystemCall`). On a thread that asks for
//! it, a read that would wait for the disk fails instead: the page is not in the system's cache.

use std::cell::Cell;

thread_local! {
    static READS: Cell<Reads> = const { Cell::new(Reads::MayWait) };
}

#[derive(Clone, Copy, PartialEq)]
enum Reads {
    MayWait,
    MustNotWait,
    /// One was refused.
    Refused,
}

/// Runs `work` with reads that do not wait. Answers what it answers, and whether a read was
/// refused for that.
pub(super) fn without_waiting<T>(work: impl FnOnce() -> T) -> (T, bool) {
    let reset = Reset(READS.replace(Reads::MustNotWait));
    let worked = work();
    let refused = READS.get() == Reads::Refused;
    drop(reset);
    (worked, refused)
}

struct Reset(Reads);

impl Drop for Reset {
    fn drop(&mut self) {
        READS.set(self.0);
    }
}

pub(super) use system::available;

// SQLite3MultipleCiphers reads through a VFS of its own, which took a refused read for an empty page.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(feature = "encryption")
))]
mod system {
    use std::os::raw::{c_int, c_void};
    use std::ptr;
    use std::sync::LazyLock;

    use libsql::ffi;

    use super::{READS, Reads};

    /// Whether reads can be kept from waiting here.
    pub(in crate::local) fn available() -> bool {
        static REPLACED: LazyLock<bool> = LazyLock::new(replace_pread);
        *REPLACED
    }

    fn replace_pread() -> bool {
        // SAFETY: the default VFS lives for ever; `pread` has the type that SQLite calls it by.
        unsafe {
            let vfs = ffi::sqlite3_vfs_find(ptr::null());
            let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) else {
                return false;
            };
            let pread = std::mem::transmute::<
                unsafe extern "C" fn(c_int, *mut c_void, usize, i64) -> isize,
                unsafe extern "C" fn(),
            >(pread);
            set(vfs, c"pread".as_ptr(), Some(pread)) == ffi::SQLITE_OK
        }
    }

    unsafe extern "C" fn pread(
        file: c_int,
        buffer: *mut c_void,
        length: usize,
        offset: i64,
    ) -> isize {
        if READS.get() == Reads::MayWait {
            // SAFETY: SQLite's own arguments, for the call that it would have made.
            return unsafe { libc::pread64(file, buffer, length, offset) };
        }
        let part = libc::iovec {
            iov_base: buffer,
            iov_len: length,
        };
        // SAFETY: one part, which is SQLite's buffer with its length.
        let read = unsafe { libc::preadv2(file, &raw const part, 1, offset, libc::RWF_NOWAIT) };
        if read < 0 {
            READS.set(Reads::Refused);
        }
        read
    }
}

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(feature = "encryption")
)))]
mod system {
    pub(in crate::local) fn available() -> bool {
        false
    }
}
