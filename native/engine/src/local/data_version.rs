//! Whether a database has changed:
//! <https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntldataversion>.

use std::ffi::CStr;

use super::call::Call;
use super::connection::Connection;
use super::raw_connection::c_string;
use crate::error::Result;

impl Connection {
    /// Another number than before where the database `schema` was changed by a commit, on this
    /// connection or on any other. To be compared with this connection's own numbers only.
    ///
    /// `PRAGMA data_version` leaves out what the connection itself commits.
    pub fn data_version(&mut self, schema: &str, call: &Call) -> Result<u32> {
        let name = c_string("the schema's name", schema)?;
        // The pager looks for others' commits when a read transaction begins.
        let pragma = format!("PRAGMA \"{}\".data_version", schema.replace('"', "\"\""));
        self.check_transaction()?;
        self.in_call(call, |connection| connection.run_own(&pragma))?;
        self.known_data_version(&name)
    }

    /// The [`data_version`](Connection::data_version) of every database of the connection, in
    /// SQLite's order: `main`, `temp`, then those that are attached.
    pub fn data_versions(&mut self, call: &Call) -> Result<Vec<(String, u32)>> {
        let mut versions = Vec::new();
        while let Some(schema) = self.raw().db_name(versions.len()) {
            let version = self.data_version(&schema, call)?;
            versions.push((schema, version));
        }
        Ok(versions)
    }

    /// As of the last transaction.
    pub(super) fn known_data_version(&self, schema: &CStr) -> Result<u32> {
        self.raw()
            .data_version(schema)
            .map_err(|code| self.raw().error(code, None))
    }
}
