//! Enforcement of foreign keys, on and off, also inside a transaction, where
//! `PRAGMA foreign_keys` does nothing:
//! <https://sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfigenablefkey>.

use libsql::ffi;

use super::connection::Connection;
use crate::error::Result;

impl Connection {
    /// Statements prepared before are prepared anew by SQLite when they run next. What was left
    /// violated while enforcement was off stays so: whoever turns it back on has to check.
    pub fn enable_foreign_keys(&mut self, enable: bool) -> Result<()> {
        let code = self
            .raw()
            .db_config(ffi::SQLITE_DBCONFIG_ENABLE_FKEY, enable);
        self.check(code)
    }
}
