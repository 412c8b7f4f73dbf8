//! Loadable extensions: <https://sqlite.org/loadext.html>. Off until they are allowed, and then
//! only through this call: the SQL function `load_extension` stays off.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use libsql::ffi;

use super::connection::Connection;
use super::raw_connection::c_string;
use crate::error::{Error, NotAllowed, Result};

impl Connection {
    pub fn enable_extensions(&mut self, enable: bool) -> Result<()> {
        let code = self
            .raw()
            .db_config(ffi::SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, enable);
        self.check(code)?;
        self.extensions_enabled = enable;
        Ok(())
    }

    /// Loads the shared library at `path`; without an entry point, SQLite derives its name from
    /// the file's.
    pub fn load_extension(&mut self, path: &str, entry_point: Option<&str>) -> Result<()> {
        if !self.extensions_enabled {
            return Err(Error::ExtensionsDisabled);
        }
        let c_path = c_string("the extension's path", path)?;
        let c_entry = entry_point
            .map(|entry| c_string("the entry point", entry))
            .transpose()?;
        let c_path = match self.allowed(path)? {
            Some(resolved) => c_string("the extension's path", &resolved)?,
            None => c_path,
        };
        self.raw()
            .load_extension(&c_path, c_entry.as_deref())
            .map_err(|reason| Error::LoadExtension {
                path: path.to_owned(),
                reason,
            })
    }

    /// Where there are lists of what may be loaded: the file that `path` leads to, if they allow it.
    fn allowed(&self, path: &str) -> Result<Option<String>> {
        let lists = &self.options.allowed_extensions;
        if lists.is_empty() {
            return Ok(None);
        }
        let failed = |reason: String| Error::LoadExtension {
            path: path.to_owned(),
            reason,
        };
        // SQLite looks for a file without a folder in those of the system: here it is the path that
        // it says, or with the system's suffix, as SQLite tries it.
        let resolved = Path::new(path)
            .canonicalize()
            .or_else(|error| with_suffix(path).canonicalize().map_err(|_| error))
            .map_err(|error| failed(error.to_string()))?;
        // SQLite tries that one, too, where it cannot load the first.
        let second = with_suffix(&resolved).canonicalize().ok();
        for file in [Some(&resolved), second.as_ref()].into_iter().flatten() {
            if let Some(list) = lists.iter().find(|list| !allows(list, file)) {
                return Err(Error::ExtensionNotAllowed(Box::new(NotAllowed {
                    path: path.to_owned(),
                    resolved: file.display().to_string(),
                    allowed: list.clone(),
                })));
            }
        }
        let resolved = resolved.into_os_string().into_string();
        resolved
            .map(Some)
            .map_err(|_| failed("the file's path is not valid UTF-8".to_owned()))
    }
}

/// Whether the list has the file itself, or a folder that it is in. What is not there allows nothing.
fn allows(list: &[String], file: &Path) -> bool {
    list.iter()
        .filter_map(|entry| Path::new(entry).canonicalize().ok())
        .any(|entry| file == entry || (entry.is_dir() && file.starts_with(&entry)))
}

fn with_suffix(path: impl AsRef<Path>) -> PathBuf {
    let mut path: OsString = path.as_ref().into();
    path.push(std::env::consts::DLL_SUFFIX);
    path.into()
}
