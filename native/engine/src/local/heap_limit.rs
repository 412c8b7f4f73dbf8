//! How much memory SQLite may take in this process: <https://sqlite.org/c3ref/hard_heap_limit64.html>.
//! Only where it keeps memory statistics.

use std::sync::OnceLock;

use libsql::ffi;

use super::connection::Connection;
use crate::error::{Error, Result};

/// In bytes; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeapLimits {
    /// Beyond it, caches give their pages back.
    pub soft: i64,
    /// Beyond it, SQLite gets no memory.
    pub hard: i64,
}

/// A negative number asks only.
const ASK: i64 = -1;

pub fn heap_limits() -> HeapLimits {
    // SAFETY: these take any number, and a mutex of their own.
    unsafe {
        HeapLimits {
            soft: ffi::sqlite3_soft_heap_limit64(ASK),
            hard: ffi::sqlite3_hard_heap_limit64(ASK),
        }
    }
}

/// Sets those that are given. The soft limit is never above the hard one.
pub fn set_heap_limits(soft: Option<i64>, hard: Option<i64>) -> Result<HeapLimits> {
    if soft.is_some_and(i64::is_negative) || hard.is_some_and(i64::is_negative) {
        return Err(Error::InvalidArgument(
            "heap limits take bytes, or 0 for none".to_owned(),
        ));
    }
    // SAFETY: as above.
    unsafe {
        if let Some(hard) = hard {
            ffi::sqlite3_hard_heap_limit64(hard);
        }
        if let Some(soft) = soft {
            ffi::sqlite3_soft_heap_limit64(soft);
        }
    }
    Ok(heap_limits())
}

/// Sets limits for the first time in this process; later calls change nothing.
pub fn begin_with_heap_limits(soft: Option<i64>, hard: Option<i64>) -> Result<()> {
    static BEGUN: OnceLock<Result<()>> = OnceLock::new();
    BEGUN
        .get_or_init(|| set_heap_limits(soft, hard).map(drop))
        .clone()
}

/// Bytes that SQLite has, and the most that it ever had (since that was last forgotten).
pub fn memory_used(forget_highest: bool) -> (i64, i64) {
    // SAFETY: these take no pointers.
    unsafe {
        (
            ffi::sqlite3_memory_used(),
            ffi::sqlite3_memory_highwater(i32::from(forget_highest)),
        )
    }
}

impl Connection {
    /// Gives back what the page cache has and nobody uses.
    pub fn release_memory(&mut self) -> Result<()> {
        self.check(self.raw().db_release_memory())
    }
}
