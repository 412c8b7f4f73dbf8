//! A file's locks among connections: <https://sqlite.org/lockingv3.html>.

use std::ffi::c_int;

use libsql::ffi;

use crate::vfs::bridge::Code;

#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Who have at least a SHARED lock.
    shared: usize,
    /// Whether somebody has one that is RESERVED or above; and PENDING or above, which lets no more
    /// readers in.
    reserved: bool,
    pending: bool,
}

impl Locks {
    /// Raises one connection's lock from a level to another, or as far as it gets. Answers the level
    /// that it has then.
    pub(super) fn lock(&mut self, held: c_int, wanted: c_int) -> (c_int, Result<(), Code>) {
        let busy = Err(ffi::SQLITE_BUSY);
        if wanted <= held {
            return (held, Ok(()));
        }
        if held < ffi::SQLITE_LOCK_SHARED {
            if self.pending {
                return (held, busy);
            }
            self.shared += 1;
            if wanted == ffi::SQLITE_LOCK_SHARED {
                return (wanted, Ok(()));
            }
        }
        if held < ffi::SQLITE_LOCK_RESERVED {
            if self.reserved {
                return (ffi::SQLITE_LOCK_SHARED.max(held), busy);
            }
            self.reserved = true;
            if wanted == ffi::SQLITE_LOCK_RESERVED {
                return (wanted, Ok(()));
            }
        }
        self.pending = true;
        match self.shared == 1 {
            true => (wanted, Ok(())),
            false => (ffi::SQLITE_LOCK_PENDING, busy),
        }
    }

    /// Lowers one connection's lock.
    pub(super) fn unlock(&mut self, held: c_int, level: c_int) {
        if held >= ffi::SQLITE_LOCK_RESERVED && level < ffi::SQLITE_LOCK_RESERVED {
            self.reserved = false;
            self.pending = false;
        }
        if held >= ffi::SQLITE_LOCK_SHARED && level < ffi::SQLITE_LOCK_SHARED {
            self.shared = self.shared.saturating_sub(1);
        }
    }

    pub(super) fn is_reserved(&self) -> bool {
        self.reserved
    }
}
