//! Copying one database over another: <https://sqlite.org/backup.html>.

use std::time::Instant;

use libsql::ffi;

use super::call::Call;
use super::connection::Connection;
use super::open::OpenOptions;
use super::raw_backup::RawBackup;
use super::raw_connection::c_string;
use super::transaction::{Behavior, Transaction};
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

    /// Begins a backup in steps over the main database, of one that is opened for that. What is copied
    /// is the database as it is now, in WAL mode also where others write meanwhile.
    ///
    /// Until its last step, this connection does nothing else. A rollback gives it up, and takes back
    /// what was copied.
    pub fn begin_backup(&mut self, source: OpenOptions, call: &Call) -> Result<()> {
        self.check_transaction()?;
        self.check_replace("main")?;
        if !self.autocommit() {
            return Err(Error::TransactionOpen);
        }
        let backup = self.in_call(call, |target| {
            target.enter("a backup")?;
            let source = open_source(source, call)?;
            RawBackup::init(target.shared_raw(), c"main", source.shared_raw(), c"main")
                .map(|raw| Backup {
                    raw,
                    _source: source,
                })
                .ok_or_else(|| target.raw().error(ffi::SQLITE_ERROR, None))
        })?;
        self.backup = Some(Box::new(backup));
        self.transaction = Some(Transaction {
            behavior: None,
            began: Instant::now(),
            lost: None,
        });
        Ok(())
    }

    /// Copies so many pages. Answers how many are left, of how many; with the last one, the backup
    /// is committed and over. So it is after an error, but that somebody has a lock, and what was
    /// copied is taken back.
    pub fn step_backup(&mut self, pages: u16, call: &Call) -> Result<BackupProgress> {
        let mut backup = self.backup.take().ok_or_else(no_backup)?;
        let stepped = self.in_call(call, |target| match backup.raw.step(i32::from(pages)) {
            ffi::SQLITE_OK | ffi::SQLITE_DONE => Ok(backup.progress()),
            // Either may be locked, and SQLite does not always call a handler for it.
            code => Err(target.raw().error(code, None).worth_waiting()),
        });
        let goes_on = match &stepped {
            Ok(progress) => progress.remaining > 0,
            Err(error) => error.must_wait(),
        };
        if goes_on {
            self.backup = Some(backup);
        } else {
            self.transaction = None;
        }
        stepped
    }

    /// Gives a backup up: the database is what it was before.
    pub(super) fn cancel_backup(&mut self) {
        if self.backup.take().is_some() {
            self.transaction = None;
        }
    }
}

/// A backup in steps.
#[derive(Debug)]
pub(super) struct Backup {
    // Before its source: fields are dropped in this order.
    raw: RawBackup,
    /// Nobody else has it, so the target's lock is enough.
    _source: Connection,
}

impl Backup {
    fn progress(&self) -> BackupProgress {
        let (remaining, total) = self.raw.progress();
        BackupProgress { remaining, total }
    }
}

/// In other modes than WAL, a reader's lock would keep writers from their commit.
fn open_source(options: OpenOptions, call: &Call) -> Result<Connection> {
    let mut source = Connection::open(options)?;
    if source.in_wal_mode() {
        source.begin(Behavior::Deferred, call)?;
        source.number("SELECT count(*) FROM sqlite_schema", call)?;
    }
    Ok(source)
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
