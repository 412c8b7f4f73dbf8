//! One process of the operating system has a copy at a time.

use std::fs::{File, TryLockError};

use super::files::Files;
use super::trouble::{Trouble, io};
use crate::error::Result;

/// Held for as long as it lives.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    pub(super) fn take(files: &Files) -> Result<FileLock> {
        let path = files.lock();
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| io("opening", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(FileLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Trouble::InUse.error(format!(
                "{} is open for offline writes in another process of this machine: one at a time \
                 may sync it",
                files.database.display()
            ))),
            Err(TryLockError::Error(error)) => Err(io("locking", &path, &error)),
        }
    }
}
