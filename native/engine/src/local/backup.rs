//! Copying one database over another: <https://sqlite.org/backup.html>.

use libsql::ffi;

use super::call::Call;
use super::connection::Connection;
use super::raw_backup::RawBackup;
use super::raw_connection::c_string;
use crate::error::{Error, Result};

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
        self.check_replace(schema)?;
        let schema = c_string("the schema's name", schema)?;
        let source_schema = c_string("the source's schema", source_schema)?;
        self.in_call(call, |target| {
            source.in_call(call, |source| {
                target.enter("a backup")?;
                let copied = RawBackup::init(
                    target.shared_raw(),
                    &schema,
                    source.shared_raw(),
                    &source_schema,
                )
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

    /// Begins a backup in steps over the main database. Where the source's transaction has read
    /// already, what is copied is what it sees, whoever writes meanwhile.
    pub fn begin_backup(&mut self, source: &Connection, call: &Call) -> Result<()> {
        self.check_replace("main")?;
        self.in_call(call, |target| {
            target.enter("a backup")?;
            let backup =
                RawBackup::init(target.shared_raw(), c"main", source.shared_raw(), c"main");
            match backup {
                Some(backup) => target.backup = Some(backup),
                None => return Err(target.raw().error(ffi::SQLITE_ERROR, None)),
            }
            Ok(())
        })
    }

    /// Copies so many pages. Answers how many are left, of how many; with the last one, the backup
    /// is committed and over. So it is after an error, but that somebody has a lock, and what was
    /// copied is taken back.
    pub fn step_backup(
        &mut self,
        source: &mut Connection,
        pages: u16,
        call: &Call,
    ) -> Result<BackupProgress> {
        let mut backup = self.backup.take().ok_or_else(no_backup)?;
        self.in_call(call, |target| {
            source.in_call(call, |_source| {
                let code = backup.step(i32::from(pages));
                let (remaining, total) = backup.progress();
                match code {
                    ffi::SQLITE_OK => target.backup = Some(backup),
                    ffi::SQLITE_DONE => {}
                    ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => {
                        target.backup = Some(backup);
                        return Err(target.raw().error(code, None).worth_waiting());
                    }
                    code => {
                        drop(backup);
                        return Err(target.raw().error(code, None));
                    }
                }
                Ok(BackupProgress { remaining, total })
            })
        })
    }
}

/// Pages of a backup that are to be copied, and pages in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupProgress {
    pub remaining: u32,
    pub total: u32,
}

fn no_backup() -> Error {
    Error::InvalidArgument("no backup is under way on this connection".to_owned())
}
