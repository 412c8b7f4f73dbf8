//! A way out of a conflict: the copy is put aside, so that the next opening fetches a new one.

use std::path::{Path, PathBuf};

use super::atomic_file;
use super::bootstrap::blocking;
use super::file_lock::FileLock;
use super::files::{self, Files};
use super::shared;
use super::trouble::{Trouble, io};
use crate::error::Result;

/// Renames a copy's files to `PATH-aside-N`, which is an ordinary database with everything that was
/// written, pushed or not. Answers its path; `None`: there is no copy.
///
/// # Failure
/// `busy`: it is open, here or in another process.
pub async fn set_aside(path: &Path) -> Result<Option<PathBuf>> {
    let path = path.to_owned();
    let files = blocking(move || Files::of(&path)).await?;
    let slot = shared::slot(&files.database);
    let opened = slot.lock().await;
    if opened.strong_count() > 0 {
        return Err(Trouble::InUse.error(format!(
            "{} is open: close its connections first",
            files.database.display()
        )));
    }
    blocking(move || {
        let _lock = FileLock::take(&files)?;
        let mut any = false;
        for path in files.all() {
            any |= files::size(&path)?.is_some();
        }
        if !any {
            return Ok(None);
        }
        let aside = free_name(&files)?;
        // The position first, the database last: what is left after a crash is no copy, and is
        // put aside by the next attempt.
        for (from, to) in files.all().into_iter().zip(aside.all()) {
            if files::size(&from)?.is_some() {
                atomic_file::rename(&from, &to).map_err(|error| io("renaming", &from, &error))?;
            }
        }
        Ok(Some(aside.database))
    })
    .await
}

fn free_name(files: &Files) -> Result<Files> {
    let mut number = 1;
    loop {
        let aside = files.renamed(&format!("-aside-{number}"));
        // The other files, without it, are those of an attempt that was broken off.
        if files::size(&aside.database)?.is_none() {
            return Ok(aside);
        }
        number += 1;
    }
}
