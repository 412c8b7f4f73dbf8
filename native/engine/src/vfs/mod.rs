//! How SQLite's files are opened: <https://sqlite.org/vfs.html>.
//!
//! A connection chooses a VFS that is registered, by its name. [`MEMORY`] keeps databases in memory;
//! [`fault`] has one for tests, whose files fail as a script says.

#[allow(unsafe_code)]
mod bridge;
pub mod fault;
mod memory;
#[allow(unsafe_code)]
mod raw_file;
#[allow(unsafe_code)]
mod raw_vfs;

use std::ffi::CString;

use crate::error::{Error, Result};

pub use self::memory::NAME as MEMORY;

/// The names of all VFSs, the default's first.
pub fn names() -> Vec<String> {
    register();
    raw_vfs::names()
}

/// Registers what every connection may choose.
pub(crate) fn register() {
    memory::register();
}

/// The name for SQLite, where there is such a VFS.
pub(crate) fn registered(name: &str) -> Result<CString> {
    match CString::new(name) {
        Ok(found) if raw_vfs::is_registered(&found) => Ok(found),
        _ => Err(Error::InvalidArgument(format!(
            "vfs: there is no VFS of the name {name:?}; there are {}",
            names().join(", ")
        ))),
    }
}
