//! Loadable extensions: <https://sqlite.org/loadext.html>. Off until they are allowed, and then
//! only through this call: the SQL function `load_extension` stays off.

use libsql::ffi;

use super::connection::Connection;
use super::raw_connection::c_string;
use crate::error::{Error, Result};

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
        self.raw()
            .load_extension(&c_path, c_entry.as_deref())
            .map_err(|reason| Error::LoadExtension {
                path: path.to_owned(),
                reason,
            })
    }
}
