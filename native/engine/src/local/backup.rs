//! Copying one database over another: <https://sqlite.org/backup.html>.

use libsql::ffi;

use super::call::Call;
use super::connection::Connection;
use super::raw_backup::RawBackup;
use super::raw_connection::c_string;
use crate::error::Result;

impl Connection {
    /// Replaces the database `schema` by what `source_schema` of another connection holds, in one
    /// read transaction of that one, its write-ahead log included. Answers that database's
    /// [`data_version`](Connection::data_version) as of the copy.
    ///
    /// Fails while a transaction is open on this connection, or one that writes on the source.
    pub fn backup_from(
        &mut self,
        schema: &str,
        source: &mut Connection,
        source_schema: &str,
        call: &Call,
    ) -> Result<u32> {
        let schema = c_string("the schema's name", schema)?;
        let source_schema = c_string("the source's schema", source_schema)?;
        self.in_call(call, |target| {
            source.in_call(call, |source| {
                target.enter("a backup")?;
                let copied = RawBackup::init(target.raw(), &schema, source.raw(), &source_schema)
                    .map(|mut backup| backup.step(-1));
                // The last step's error is the target's from here on: the backup is finished.
                match copied {
                    Some(ffi::SQLITE_DONE) => source.known_data_version(&source_schema),
                    // Either may be locked, and SQLite does not always call a handler for it.
                    Some(code) => Err(target.raw().error(code, None).worth_waiting()),
                    None => Err(target.raw().error(ffi::SQLITE_ERROR, None)),
                }
            })
        })
    }
}
