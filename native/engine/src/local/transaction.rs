//! Transactions and savepoints: <https://sqlite.org/lang_transaction.html>.
//!
//! Whether one is open is always asked of SQLite (`sqlite3_get_autocommit`). What is kept here
//! is who must be told when SQLite rolls one back by itself (a full disk, an I/O error, an
//! interrupt, `ON CONFLICT ROLLBACK`): the statements that follow would run, and stay, outside of
//! any transaction.

use std::time::Instant;

use super::call::Call;
use super::connection::Connection;
use super::statement::Statement;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    Deferred,
    Immediate,
    Exclusive,
    /// A deferred one in which an attempt to write is an error.
    ReadOnly,
}

impl Behavior {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Behavior::Deferred => "BEGIN DEFERRED",
            Behavior::Immediate => "BEGIN IMMEDIATE",
            Behavior::Exclusive => "BEGIN EXCLUSIVE",
            // libSQL knows BEGIN READONLY, and lets it write; what writes is refused here.
            Behavior::ReadOnly => "BEGIN DEFERRED",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Behavior::Deferred => "deferred",
            Behavior::Immediate => "immediate",
            Behavior::Exclusive => "exclusive",
            Behavior::ReadOnly => "read_only",
        }
    }
}

/// The transaction that is open on a connection.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// `None` when a statement of the caller's own (`BEGIN`, `SAVEPOINT`) began it.
    pub behavior: Option<Behavior>,
    pub began: Instant,
    /// Why SQLite rolled it back, if it did so by itself.
    pub(super) lost: Option<String>,
}

impl Connection {
    pub fn begin(&mut self, behavior: Behavior, call: &Call) -> Result<()> {
        self.check_unoccupied()?;
        if self.transaction.is_some() || !self.raw().autocommit() {
            return Err(Error::TransactionOpen);
        }
        self.control_statement(behavior.sql(), call)?;
        self.transaction = Some(Transaction {
            behavior: Some(behavior),
            began: Instant::now(),
            lost: None,
        });
        Ok(())
    }

    /// A failed commit leaves the transaction open wherever SQLite does (a deferred foreign key,
    /// a busy database), so that it can be mended or rolled back.
    pub fn commit(&mut self, call: &Call) -> Result<()> {
        self.check_unoccupied()?;
        if let Some(reason) = self.transaction.as_mut().and_then(|open| open.lost.take()) {
            self.transaction = None;
            return Err(Error::TransactionLost { reason });
        }
        if self.raw().autocommit() {
            return Err(Error::NoTransaction);
        }
        self.close_written_blobs();
        let committed = self.control_statement("COMMIT", call);
        if self.raw().autocommit() {
            // Also where COMMIT failed and rolled back: its error has said so.
            self.transaction = None;
        }
        committed
    }

    /// Ends an insertion of frames, and a backup in steps, too: what was not committed is forgotten.
    pub fn rollback(&mut self, call: &Call) -> Result<()> {
        if self.insertion.is_some() {
            return self.wal_insert_end();
        }
        if self.backup.is_some() {
            self.cancel_backup();
            return Ok(());
        }
        match self.transaction.take() {
            Some(open) if open.lost.is_some() => return Ok(()),
            open => self.transaction = open,
        }
        if self.raw().autocommit() {
            return Err(Error::NoTransaction);
        }
        self.blobs.clear();
        let rolled_back = self.control_statement("ROLLBACK", call);
        if self.raw().autocommit() {
            self.transaction = None;
        }
        rolled_back
    }

    pub fn savepoint(&mut self, name: &str, call: &Call) -> Result<()> {
        self.savepoint_statement("SAVEPOINT", name, call)
    }

    pub fn release_savepoint(&mut self, name: &str, call: &Call) -> Result<()> {
        self.savepoint_statement("RELEASE", name, call)
    }

    pub fn rollback_to_savepoint(&mut self, name: &str, call: &Call) -> Result<()> {
        self.savepoint_statement("ROLLBACK TO", name, call)
    }

    fn savepoint_statement(&mut self, verb: &str, name: &str, call: &Call) -> Result<()> {
        if name.is_empty() {
            return Err(Error::InvalidArgument(
                "a savepoint's name must not be empty".to_owned(),
            ));
        }
        let sql = format!("{verb} \"{}\"", name.replace('"', "\"\""));
        self.check_transaction()?;
        let ran = self.in_call(call, |connection| connection.run_own(&sql));
        self.note_transaction(&ran);
        ran
    }

    /// The open transaction, or the one that was lost and not yet rolled back.
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// Fails while a transaction that [`begin`](Connection::begin) opened is lost, while frames are
    /// inserted, and during a backup in steps.
    pub(super) fn check_transaction(&self) -> Result<()> {
        match &self.transaction {
            Some(Transaction {
                lost: Some(reason), ..
            }) => Err(Error::TransactionLost {
                reason: reason.clone(),
            }),
            Some(_) => self.check_unoccupied(),
            None => Ok(()),
        }
    }

    /// Fails for a statement that writes in a read-only transaction.
    pub(super) fn check_may_write(&self, statement: &Statement) -> Result<()> {
        let read_only = self
            .transaction
            .as_ref()
            .is_some_and(|open| open.behavior == Some(Behavior::ReadOnly));
        if read_only && !statement.readonly() {
            Err(Error::read_only_transaction(statement.sql()))
        } else {
            Ok(())
        }
    }

    /// Brings the record in line with SQLite after a statement of the caller's.
    pub(super) fn note_transaction<T>(&mut self, ran: &Result<T>) {
        let autocommit = self.raw().autocommit();
        if autocommit == self.transaction.is_none() {
            return;
        }
        match (&mut self.transaction, ran) {
            (None, _) if !autocommit => {
                self.transaction = Some(Transaction {
                    behavior: None,
                    began: Instant::now(),
                    lost: None,
                });
            }
            (Some(open), Err(error))
                if autocommit && open.behavior.is_some() && open.lost.is_none() =>
            {
                open.lost = Some(error.to_string());
            }
            (Some(open), _) if autocommit && open.lost.is_none() => self.transaction = None,
            _ => {}
        }
    }

    fn control_statement(&mut self, sql: &str, call: &Call) -> Result<()> {
        self.in_call(call, |connection| {
            connection.as_owner(|connection| connection.run_own(sql))
        })
    }
}
