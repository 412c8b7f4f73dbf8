//! A connection: its database, its statement cache, and the statements and cursors it lends.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use libsql::ffi;
use rustc_hash::FxBuildHasher;

use super::authorizer::Policies;
use super::backup::Backup;
use super::blob::Blob;
use super::cache::{CacheStats, StatementCache};
use super::call::{Call, Control, Interrupt};
use super::cursor::Cursor;
use super::functions::ForeignFunctions;
use super::open::OpenOptions;
use super::raw_connection::{Checkpoint, RawConnection};
use super::recorder::Recorder;
use super::recording::Recording;
use super::statement::Statement;
use super::transaction::Transaction;
use super::wal_frames::Insertion;
use crate::Id;
use crate::error::{Error, Result};
use crate::value::ValueRef;

type ById<T> = HashMap<Id, T, FxBuildHasher>;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// SQL, whose statement comes from the cache or goes there.
    Sql(&'a str),
    /// A statement that [`Connection::prepare`] made.
    Prepared(Id),
}

/// Asked before a statement writes, under the connection's lock.
pub trait Entrance: std::fmt::Debug + Send {
    /// Lets the connection write, or says why it has to wait. `statement` is for the error.
    fn enter(&self, connection: &Connection, statement: &str) -> Result<()>;

    /// The open transaction may be another one from here on.
    fn forget_snapshot(&self);
}

/// How far a connection is in a transaction: <https://sqlite.org/c3ref/txn_state.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    None,
    /// It has read, and sees the database as it was then.
    Read,
    Write,
}

#[derive(Debug)]
pub struct Connection {
    // Statements before the database that they belong to: fields are dropped in this order.
    pub(super) cursors: ById<Cursor>,
    pub(super) blobs: ById<Blob>,
    pub(super) recordings: ById<Recording>,
    /// That copies into this database.
    pub(super) backup: Option<Box<Backup>>,
    /// Of frames, into the write-ahead log.
    pub(super) insertion: Option<Insertion>,
    /// `None` while a cursor runs the statement.
    pub(super) prepared: ById<Option<Statement>>,
    pub(super) cache: StatementCache,
    pub(super) transaction: Option<Transaction>,
    pub(super) extensions_enabled: bool,
    pub(super) foreign: ForeignFunctions,
    pub(super) entrance: Option<Box<dyn Entrance>>,
    pub(super) short_reads: bool,
    /// Whether it reads a replica's file, of which the primary writes.
    pub(super) reads_replica: bool,
    /// When the figure of the status was last reset.
    pub(super) pages_written_before: Cell<u64>,
    /// Where somebody listens.
    pub(super) recorder: Option<Arc<Recorder>>,
    pub(super) policies: Policies,
    /// Whether its user keeps it from checkpoints.
    pub(super) checkpoints_off: bool,
    /// Whether it was opened with a key.
    pub(super) encrypted: bool,
    control: Arc<Control>,
    raw: Arc<RawConnection>,
    // They hold what may be closed after the database only: `offline`.
    pub(super) options: OpenOptions,
}

impl Connection {
    pub(super) fn new(raw: RawConnection, control: Arc<Control>, options: OpenOptions) -> Self {
        Connection {
            cursors: ById::default(),
            blobs: ById::default(),
            recordings: ById::default(),
            backup: None,
            insertion: None,
            prepared: ById::default(),
            cache: StatementCache::new(options.statement_cache_size),
            transaction: None,
            extensions_enabled: false,
            foreign: ForeignFunctions::default(),
            options,
            entrance: None,
            short_reads: false,
            reads_replica: false,
            pages_written_before: Cell::new(0),
            recorder: None,
            policies: Policies::default(),
            checkpoints_off: false,
            encrypted: false,
            control,
            raw: Arc::new(raw),
        }
    }

    pub(super) fn raw(&self) -> &RawConnection {
        &self.raw
    }

    /// For what keeps the database open.
    pub(super) fn shared_raw(&self) -> &Arc<RawConnection> {
        &self.raw
    }

    pub(super) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    pub fn interrupt_handle(&self) -> Interrupt {
        Interrupt(Arc::clone(&self.control))
    }

    pub fn cache_stats(&self) -> Arc<CacheStats> {
        self.cache.stats()
    }

    /// What is asked before a statement writes.
    pub fn set_entrance(&mut self, entrance: Box<dyn Entrance>) {
        self.entrance = Some(entrance);
    }

    /// The main database's file; none for a temporary one or one in memory.
    pub fn filename(&self) -> Option<String> {
        self.raw.db_filename()
    }

    /// Whether the main database is open for reading only.
    pub fn readonly(&self) -> bool {
        self.raw.db_readonly()
    }

    pub fn transaction_state(&self) -> TransactionState {
        if self.insertion.is_some() || self.backup.is_some() {
            return TransactionState::Write;
        }
        match self.raw.txn_state() {
            ffi::SQLITE_TXN_READ => TransactionState::Read,
            ffi::SQLITE_TXN_WRITE => TransactionState::Write,
            _ => TransactionState::None,
        }
    }

    /// Pages that were written out since the connection was opened.
    pub fn pages_written(&self) -> u64 {
        self.raw.cache_write()
    }

    /// Whether the last call met another connection's lock, once.
    pub fn take_locked_out(&self) -> bool {
        self.control.take_locked_out()
    }

    pub fn in_wal_mode(&self) -> bool {
        let asked = self.exempt(|| self.prepare_first("PRAGMA journal_mode", 0));
        let Ok((Some(mut statement), _)) = asked else {
            return false;
        };
        matches!(statement.step(), Ok(true)) && statement.row().get(0) == ValueRef::Text(b"wal")
    }

    /// Before a statement runs: what writes may have to wait.
    pub(super) fn admit(&self, statement: &Statement) -> Result<()> {
        self.check_place(statement)?;
        if statement.readonly() {
            return Ok(());
        }
        self.check_may_write(statement)?;
        self.enter(statement.sql())
    }

    pub(super) fn forget_snapshot(&self) {
        if let Some(entrance) = &self.entrance {
            entrance.forget_snapshot();
        }
    }

    pub(super) fn enter(&self, statement: &str) -> Result<()> {
        match &self.entrance {
            Some(entrance) => entrance.enter(self, statement),
            None => Ok(()),
        }
    }

    /// While `work` runs, the connection can be interrupted, and its deadline is that of `call`.
    pub(super) fn in_call<T>(
        &mut self,
        call: &Call,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.check_unoccupied()?;
        self.control.begin(call);
        // A statement of the caller's own may have taken the handler's place: PRAGMA busy_timeout.
        self.raw.busy_handler();
        let worked = work(self);
        self.control.end();
        if self.recorder.is_some() {
            self.look_after_hooks();
        }
        worked
    }

    /// Takes the statement of `sql` out of the cache, or prepares it.
    pub(super) fn take_statement(&mut self, sql: &str) -> Result<Statement> {
        match self.cache.take(sql) {
            Some(statement) => Ok(statement),
            None => self.prepare_only_statement(sql),
        }
    }

    pub(super) fn prepare_only_statement(&self, sql: &str) -> Result<Statement> {
        let (statement, read) = self
            .prepare_first(sql, ffi::SQLITE_PREPARE_PERSISTENT as u32)
            .map_err(|error| self.unless_at_primary(error))?;
        let statement = statement.ok_or(Error::EmptyStatement)?;
        // What follows may only be white space, comments and semicolons.
        let mut offset = read;
        while offset < sql.len() {
            match self.prepare_first(&sql[offset..], 0) {
                Ok((None, 0)) => break,
                Ok((None, read)) => offset += read,
                // That the next statement is faulty matters less than that it is there.
                Ok((Some(_), _)) | Err(_) => {
                    let blank = sql[offset..].len() - sql[offset..].trim_start().len();
                    return Err(Error::MultipleStatements {
                        statement: sql.to_owned(),
                        offset: offset + blank,
                    });
                }
            }
        }
        Ok(statement)
    }

    /// Prepares the first statement of `sql`; none if there is none.
    pub(super) fn prepare_first(
        &self,
        sql: &str,
        flags: u32,
    ) -> Result<(Option<Statement>, usize)> {
        match self.prepare_once(sql, flags) {
            Err(error) if self.connects_virtual_table(&error) => self.prepare_once(sql, flags),
            prepared => prepared,
        }
    }

    fn prepare_once(&self, sql: &str, flags: u32) -> Result<(Option<Statement>, usize)> {
        if let Some(offset) = sql.bytes().position(|byte| byte == 0) {
            return Err(Error::NulInSql { offset });
        }
        self.read_schemas_before(sql)?;
        // An earlier statement may have left something there: one that failed, or was prepared anew.
        self.control.take_place();
        self.begin_preparing();
        match self.raw.prepare(sql, flags) {
            Ok((raw, mut read)) => {
                while !sql.is_char_boundary(read) {
                    read += 1;
                }
                let statement = raw.map(|raw| self.placed(Statement::new(raw, &sql[..read])));
                if let Some(statement) = &statement {
                    self.check_prepared(statement)?;
                }
                Ok((statement, read))
            }
            Err(code) => Err(self.raw.error(code, Some(sql))),
        }
    }

    /// Prepares a statement that stays until it is finalized, whatever the cache evicts.
    pub fn prepare(&mut self, sql: &str, call: &Call) -> Result<Id> {
        self.check_transaction()?;
        let statement = self.in_call(call, |connection| connection.prepare_only_statement(sql))?;
        self.check_runs_here(&statement)?;
        let id = Id::new_v4();
        self.prepared.insert(id, Some(statement));
        Ok(id)
    }

    /// Lends a prepared statement, to look at.
    pub fn statement(&self, id: Id) -> Result<&Statement> {
        match self.prepared.get(&id) {
            Some(Some(statement)) => Ok(statement),
            Some(None) => self
                .cursors
                .values()
                .find(|cursor| cursor.prepared == Some(id))
                .map(|cursor| &cursor.statement)
                .ok_or(Error::StatementBusy),
            None => Err(Error::StatementClosed),
        }
    }

    /// Ends a prepared statement's run, if it has one, and forgets its parameters.
    pub fn reset_statement(&mut self, id: Id) -> Result<()> {
        match self.prepared.get_mut(&id) {
            Some(Some(statement)) => statement.reset(),
            Some(None) => self.close_cursors_of(id),
            None => return Err(Error::StatementClosed),
        }
        Ok(())
    }

    /// Forgets a prepared statement. Finalizing it twice is fine.
    pub fn finalize(&mut self, id: Id) {
        self.close_cursors_of(id);
        self.prepared.remove(&id);
    }

    pub fn last_insert_rowid(&self) -> i64 {
        self.raw.last_insert_rowid()
    }

    /// Rows that the last completed INSERT, UPDATE or DELETE changed.
    pub fn changes(&self) -> i64 {
        self.raw.changes()
    }

    /// Rows changed since the connection was opened, by triggers and foreign keys too.
    pub fn total_changes(&self) -> i64 {
        self.raw.total_changes()
    }

    /// Whether no transaction is open.
    pub fn autocommit(&self) -> bool {
        self.raw.autocommit()
    }

    /// Writes dirty pages of the page cache to the database file:
    /// <https://sqlite.org/c3ref/db_cacheflush.html>.
    pub fn cacheflush(&mut self, call: &Call) -> Result<()> {
        self.in_call(call, |connection| {
            connection.check(connection.raw.db_cacheflush())
        })
    }

    /// Every mode but the passive one takes the writers' lock.
    pub fn checkpoint(&mut self, mode: CheckpointMode, call: &Call) -> Result<Checkpoint> {
        self.in_call(call, |connection| {
            if mode != CheckpointMode::Passive {
                connection.enter("PRAGMA wal_checkpoint")?;
            }
            connection
                .raw
                .wal_checkpoint(mode as i32)
                .map_err(|code| connection.raw.error(code, None))
        })
    }

    pub(super) fn check(&self, code: i32) -> Result<()> {
        if code == ffi::SQLITE_OK {
            Ok(())
        } else {
            Err(self.raw.error(code, None))
        }
    }
}

/// <https://sqlite.org/c3ref/wal_checkpoint_v2.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum CheckpointMode {
    Passive = ffi::SQLITE_CHECKPOINT_PASSIVE,
    Full = ffi::SQLITE_CHECKPOINT_FULL,
    Restart = ffi::SQLITE_CHECKPOINT_RESTART,
    Truncate = ffi::SQLITE_CHECKPOINT_TRUNCATE,
}
