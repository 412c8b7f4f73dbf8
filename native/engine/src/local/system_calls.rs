//! SQLite's calls of the system, on a thread that must not wait.
//!
//! SQLite lets them be replaced (`xSetSystemCall`). On a thread that asks for it, a read of pages
//! that are not in the system's cache fails instead of waiting for the disk, and so does what a
//! temporary file takes: opening and writing. Nor does SQLite sleep there.

use std::cell::Cell;

thread_local! {
    static CALLS: Cell<Calls> = const { Cell::new(Calls::MayWait) };
}

#[derive(Clone, Copy, PartialEq)]
enum Calls {
    MayWait,
    MustNotWait,
    /// One was refused.
    Refused,
}

/// Runs `work` with calls that do not wait. Answers what it answers, and whether a call was
/// refused for that.
pub(super) fn without_waiting<T>(work: impl FnOnce() -> T) -> (T, bool) {
    let reset = Reset(CALLS.replace(Calls::MustNotWait));
    let worked = work();
    let refused = CALLS.get() == Calls::Refused;
    drop(reset);
    (worked, refused)
}

/// Whether this thread is one that must not wait; what asks is refused then.
pub(crate) fn must_not_wait() -> bool {
    let must_not = CALLS.get() != Calls::MayWait;
    if must_not {
        CALLS.set(Calls::Refused);
    }
    must_not
}

struct Reset(Calls);

impl Drop for Reset {
    fn drop(&mut self) {
        CALLS.set(self.0);
    }
}

pub(super) use system::*;

// SQLite3MultipleCiphers reads through a VFS of its own, which took a refused read for an empty page.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(feature = "encryption")
))]
mod system {
    use std::os::raw::{c_char, c_int, c_void};
    use std::ptr;
    use std::sync::LazyLock;

    use libsql::ffi;

    use super::{CALLS, Calls};

    /// Whether calls can be kept from waiting here.
    pub(in crate::local) fn available() -> bool {
        static REPLACED: LazyLock<bool> = LazyLock::new(replace);
        *REPLACED
    }

    type Read = unsafe extern "C" fn(c_int, *mut c_void, usize, i64) -> isize;
    type Write = unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize;
    type Open = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
    type Call = unsafe extern "C" fn();

    fn replace() -> bool {
        // SAFETY: the default VFS lives for ever; each function has the type that SQLite calls it
        // by.
        unsafe {
            let Some(vfs) = ffi::sqlite3_vfs_find(ptr::null()).as_mut() else {
                return false;
            };
            let Some(set) = vfs.xSetSystemCall else {
                return false;
            };
            vfs.xSleep = Some(sleep);
            [
                (c"pread", std::mem::transmute::<Read, Call>(pread)),
                (c"pwrite", std::mem::transmute::<Write, Call>(pwrite)),
                (c"open", std::mem::transmute::<Open, Call>(open)),
            ]
            .into_iter()
            .all(|(name, call)| set(vfs, name.as_ptr(), Some(call)) == ffi::SQLITE_OK)
        }
    }

    fn may_wait() -> bool {
        let may_wait = CALLS.get() == Calls::MayWait;
        #[cfg(test)]
        test::note(may_wait);
        may_wait
    }

    fn refuse() {
        CALLS.set(Calls::Refused);
        // SAFETY: the calling thread's own.
        unsafe { *libc::__errno_location() = libc::EAGAIN };
    }

    unsafe extern "C" fn pread(
        file: c_int,
        buffer: *mut c_void,
        length: usize,
        offset: i64,
    ) -> isize {
        if may_wait() {
            // SAFETY: SQLite's own arguments, for the call that it would have made.
            return unsafe { libc::pread64(file, buffer, length, offset) };
        }
        // SAFETY: as above.
        let read = unsafe { read_from_cache(file, buffer, length, offset) };
        if read < 0 {
            refuse();
        }
        read
    }

    /// # Safety
    /// `buffer` has room for `length` bytes.
    unsafe fn read_from_cache(
        file: c_int,
        buffer: *mut c_void,
        length: usize,
        offset: i64,
    ) -> isize {
        #[cfg(test)]
        if test::COLD.get() {
            return -1;
        }
        let part = libc::iovec {
            iov_base: buffer,
            iov_len: length,
        };
        // SAFETY: one part, which is the caller's buffer with its length.
        unsafe { libc::preadv2(file, &raw const part, 1, offset, libc::RWF_NOWAIT) }
    }

    unsafe extern "C" fn pwrite(
        file: c_int,
        buffer: *const c_void,
        length: usize,
        offset: i64,
    ) -> isize {
        if may_wait() {
            // SAFETY: SQLite's own arguments, for the call that it would have made.
            return unsafe { libc::pwrite64(file, buffer, length, offset) };
        }
        refuse();
        -1
    }

    unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
        if may_wait() {
            // SAFETY: as above.
            return unsafe { libc::open(path, flags, mode) };
        }
        refuse();
        -1
    }

    /// SQLite sleeps when others got in its way several times in a row while it looked for its
    /// place in the write-ahead log. Awake, it looks 100 times and gives up.
    unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
        if may_wait() {
            let microseconds = u64::try_from(microseconds).unwrap_or(0);
            std::thread::sleep(std::time::Duration::from_micros(microseconds));
        } else {
            refuse();
        }
        microseconds
    }

    #[cfg(test)]
    pub(in crate::local) mod test {
        use std::cell::Cell;

        thread_local! {
            /// Whether the system's cache is empty for those who must not wait.
            pub(in crate::local) static COLD: Cell<bool> = const { Cell::new(false) };
            /// Calls on this thread that may have waited, and those that did not.
            pub(in crate::local) static COUNTS: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
        }

        pub(super) fn note(may_wait: bool) {
            let (waiting, others) = COUNTS.get();
            COUNTS.set(if may_wait {
                (waiting + 1, others)
            } else {
                (waiting, others + 1)
            });
        }
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
