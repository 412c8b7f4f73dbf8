//! The files of a copy.

use std::path::{Path, PathBuf};

use super::trouble::io;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) database: PathBuf,
}

impl Files {
    /// By the database's path, however it is spelled. Its folder has to be there.
    pub(super) fn of(path: &Path) -> Result<Files> {
        let name = path.file_name().ok_or_else(|| {
            Error::InvalidArgument(format!("database: {} names no file", path.display()))
        })?;
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let folder = folder
            .canonicalize()
            .map_err(|error| Error::InvalidArgument(format!("{}: {error}", folder.display())))?;
        let database = folder.join(name);
        // A link is followed, so that one file has one name.
        Ok(Files {
            database: database.canonicalize().unwrap_or(database),
        })
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.database.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }

    pub(super) fn log(&self) -> PathBuf {
        self.beside("-wal")
    }

    pub(super) fn info(&self) -> PathBuf {
        self.beside("-info")
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.beside("-offline")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.beside("-offline-lock")
    }

    /// What an export is written to until it is complete.
    pub(super) fn export(&self) -> PathBuf {
        self.beside("-export")
    }

    /// All but the lock; the database is the last one.
    pub(super) fn all(&self) -> [PathBuf; 5] {
        ["-info", "-offline", "-wal", "-shm", ""].map(|suffix| self.beside(suffix))
    }

    /// The copy of that name would have these files.
    pub(super) fn renamed(&self, suffix: &str) -> Files {
        Files {
            database: self.beside(suffix),
        }
    }
}

/// A file's size; `None`: there is none.
pub(super) fn size(path: &Path) -> Result<Option<u64>> {
    match std::fs::metadata(path) {
        Ok(file) => Ok(Some(file.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("looking for", path, &error)),
    }
}
