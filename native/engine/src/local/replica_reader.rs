//! Reading a replica's file: what does not only read is the primary's to do.
//!
//! SQLite itself says which statements read: by `sqlite3_stmt_readonly`, and, for those that write
//! nothing and yet are no reads of the file (a BEGIN, a pragma that sets something), by the
//! authorizer, which hears what a statement is to do while it is prepared.

use libsql::ffi;

use super::connection::Connection;
use super::statement::Statement;
use crate::error::{Error, Result};

/// Where a statement is to run that writes nothing. The last one that the authorizer names counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Place {
    Here = 0,
    /// At the primary; in a read-only transaction of this connection, here.
    Primary = 1,
    /// At the primary; in a read-only transaction it is refused.
    OnlyPrimary = 2,
}

impl Place {
    pub(super) fn from_number(number: u8) -> Place {
        match number {
            0 => Place::Here,
            1 => Place::Primary,
            _ => Place::OnlyPrimary,
        }
    }
}

/// Pragmas that only tell something, whatever their argument.
const TELLING: [&str; 16] = [
    "collation_list",
    "compile_options",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that tell what is in the file, where they have no argument.
const OF_THE_FILE: [&str; 8] = [
    "application_id",
    "data_version",
    "encoding",
    "freelist_count",
    "page_count",
    "page_size",
    "schema_version",
    "user_version",
];

/// What they tell is of the connection that writes.
const OF_THE_WRITER: [&str; 3] = ["changes", "last_insert_rowid", "total_changes"];

/// For one of the actions of <https://sqlite.org/c3ref/c_alter_table.html>, with its arguments.
pub(super) fn place(action: i32, first: Option<&str>, second: Option<&str>) -> Place {
    match action {
        ffi::SQLITE_TRANSACTION | ffi::SQLITE_SAVEPOINT => Place::Primary,
        ffi::SQLITE_FUNCTION if is_in(&OF_THE_WRITER, second) => Place::Primary,
        ffi::SQLITE_ATTACH | ffi::SQLITE_DETACH => Place::OnlyPrimary,
        ffi::SQLITE_PRAGMA if is_in(&TELLING, first) => Place::Here,
        ffi::SQLITE_PRAGMA if is_in(&OF_THE_FILE, first) && second.is_none() => Place::Here,
        ffi::SQLITE_PRAGMA => Place::OnlyPrimary,
        _ => Place::Here,
    }
}

fn is_in(names: &[&str], name: Option<&str>) -> bool {
    name.is_some_and(|name| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

impl Connection {
    /// From now on, the statements of callers are those of a replica's reader.
    pub(super) fn read_replica(&mut self) -> Result<()> {
        self.reads_replica = true;
        self.install_authorizer()
    }

    /// Runs what is the connection's own.
    pub(super) fn as_owner<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let reads_replica = std::mem::replace(&mut self.reads_replica, false);
        let worked = self.exempt_mut(work);
        self.reads_replica = reads_replica;
        worked
    }

    /// A statement that was prepared just now, with its place.
    pub(super) fn placed(&self, mut statement: Statement) -> Statement {
        let place = self.control().take_place();
        if !statement.is_explain() {
            statement.place = place;
        }
        statement
    }

    /// Fails for a statement that is not to run now.
    pub(super) fn check_place(&self, statement: &Statement) -> Result<()> {
        if !self.reads_replica || runs_here(statement) {
            return Ok(());
        }
        if self.autocommit() {
            return Err(Error::AtPrimary);
        }
        match statement.place {
            Place::OnlyPrimary => Err(Error::read_only_transaction(statement.sql())),
            // What writes is refused as in any read-only transaction.
            Place::Here | Place::Primary => Ok(()),
        }
    }

    /// Fails for a statement that does not run here outside of a transaction.
    pub(super) fn check_runs_here(&self, statement: &Statement) -> Result<()> {
        match self.reads_replica && !runs_here(statement) {
            true => Err(Error::AtPrimary),
            false => Ok(()),
        }
    }

    /// The primary may know what the replica does not: a table that is still to come.
    pub(super) fn unless_at_primary(&self, error: Error) -> Error {
        let unknown = error
            .extended_code()
            .is_some_and(|code| code & 0xff == ffi::SQLITE_ERROR);
        match self.reads_replica && self.autocommit() && unknown {
            true => Error::AtPrimary,
            false => error,
        }
    }

    /// Fails where one of these statements does not run here: none of them is to run, then.
    pub(super) fn check_list_runs_here<'s>(
        &mut self,
        statements: impl Iterator<Item = &'s str>,
    ) -> Result<()> {
        if !self.reads_replica || !self.autocommit() {
            return Ok(());
        }
        for sql in statements {
            let statement = self.take_statement(sql)?;
            let checked = self.check_runs_here(&statement);
            self.give_back(statement, None);
            checked?;
        }
        Ok(())
    }

    /// As [`check_list_runs_here`](Connection::check_list_runs_here), for a script.
    pub(super) fn check_script_runs_here(&self, sql: &str) -> Result<()> {
        if !self.reads_replica || !self.autocommit() {
            return Ok(());
        }
        let mut offset = 0;
        while offset < sql.len() {
            let (statement, read) = self
                .prepare_first(&sql[offset..], 0)
                .map_err(|error| self.unless_at_primary(error))?;
            match statement {
                Some(statement) => self.check_runs_here(&statement)?,
                None if read == 0 => break,
                None => {}
            }
            offset += read;
        }
        Ok(())
    }

    /// Fails for what is all or nothing: it begins by taking the write lock.
    pub(super) fn check_may_take_write_lock(&self) -> Result<()> {
        match self.reads_replica {
            true => Err(Error::AtPrimary),
            false => Ok(()),
        }
    }
}

fn runs_here(statement: &Statement) -> bool {
    statement.is_explain() || (statement.readonly() && statement.place == Place::Here)
}
