//! What statements may do: <https://sqlite.org/c3ref/set_authorizer.html>.
//!
//! SQLite has one authorizer for a connection. Here it serves a policy, and the reader of a replica,
//! which notes where a statement is to run.

mod action;
mod policy;
mod unasked;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use libsql::ffi;
use parking_lot::Mutex;

pub use action::{Action, Field, Request};
pub use policy::{Condition, Names, Policy, Rule, Verdict};

use super::blob::BlobPlace;
use super::call::Call;
use super::connection::Connection;
use super::rows::CountRows;
use super::statement::Statement;
use crate::error::{Error, Result};
use crate::keyword::{first_word, skip_blank};
use crate::params::NoParams;

/// What a policy has refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// An action's name, or `write`.
    pub action: &'static str,
    pub table: Option<String>,
    pub column: Option<String>,
    pub name: Option<String>,
    pub argument: Option<String>,
    pub database: Option<String>,
    pub within: Option<String>,
    /// Where it was not for a rule about this action.
    pub reason: Option<&'static str>,
    pub statement: Option<String>,
}

impl Denial {
    fn of(request: &Request<'_>) -> Denial {
        let text = |field| {
            request
                .get(field)
                .map(|text| String::from_utf8_lossy(text).into_owned())
        };
        Denial {
            action: request.action_name(),
            table: text(Field::Table),
            column: text(Field::Column).filter(|column| !column.is_empty()),
            name: text(Field::Name),
            argument: text(Field::Argument)
                .or_else(|| text(Field::Operation))
                .or_else(|| text(Field::File))
                .or_else(|| text(Field::Module)),
            database: text(Field::Database),
            within: text(Field::Within),
            reason: None,
            statement: None,
        }
    }

    fn because(action: &'static str, reason: &'static str) -> Denial {
        Denial {
            action,
            reason: Some(reason),
            ..Denial::default()
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection's policy does not allow {}", self.action)?;
        let texts = [
            ("table", &self.table),
            ("column", &self.column),
            ("name", &self.name),
            ("argument", &self.argument),
            ("database", &self.database),
            ("within", &self.within),
        ];
        let mut separator = ": ";
        for (what, text) in texts {
            if let Some(text) = text {
                write!(f, "{separator}{what} {text:?}")?;
                separator = ", ";
            }
        }
        match self.reason {
            Some(reason) => write!(f, "{separator}{reason}"),
            None => Ok(()),
        }
    }
}

/// Shared by a connection and its authorizer's callback, which is called under the connection's
/// lock only.
#[derive(Debug, Default)]
pub(super) struct Authorizer {
    policy: Mutex<Option<Arc<Policy>>>,
    /// While what is prepared is the driver's own.
    exempt: AtomicBool,
    notes: Mutex<Notes>,
}

/// Of the statement that is being prepared.
#[derive(Debug, Default)]
struct Notes {
    denied: Option<Denial>,
    /// The schema's own table would be updated: SQLite asks so for virtual tables, too, which write
    /// nothing.
    updates_schema: Option<Denial>,
    pragma: bool,
    /// Tables with their databases, where a policy asks.
    places: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Notes {
    fn decide(&mut self, policy: &Policy, request: &Request<'_>) -> Verdict {
        if !policy.tells_databases {
            return policy.decide(request);
        }
        if let Some((table, database)) = request.place() {
            self.places.push((table.to_owned(), database.to_owned()));
        }
        let database = request
            .get(Field::Table)
            .and_then(|table| self.database_of(table));
        policy.decide(&request.in_database(database))
    }

    /// SQLite names no database for a table of which only the rowid is read, or nothing. It has named
    /// it before, where it has asked about the rowid.
    fn database_of(&self, table: &[u8]) -> Option<&[u8]> {
        let mut known = self
            .places
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(table))
            .map(|(_, database)| &**database);
        let first = known.next()?;
        known.all(|other| other == first).then_some(first)
    }
}

impl Authorizer {
    /// What SQLite is to be answered.
    pub(super) fn decide(&self, request: &Request<'_>) -> i32 {
        let policy = self.policy.lock();
        let Some(policy) = policy.as_ref().filter(|_| !self.exempt.load(Relaxed)) else {
            return ffi::SQLITE_OK;
        };
        let mut notes = self.notes.lock();
        match notes.decide(policy, request) {
            Verdict::Allow => {
                notes.pragma |= request.is(ffi::SQLITE_PRAGMA);
                ffi::SQLITE_OK
            }
            Verdict::Ignore => ffi::SQLITE_IGNORE,
            Verdict::Deny if updates_schema(request) => {
                notes
                    .updates_schema
                    .get_or_insert_with(|| Denial::of(request));
                ffi::SQLITE_OK
            }
            Verdict::Deny => {
                notes.denied.get_or_insert_with(|| Denial::of(request));
                ffi::SQLITE_DENY
            }
        }
    }

    fn take_notes(&self) -> Notes {
        std::mem::take(&mut *self.notes.lock())
    }

    /// Why the last statement was refused, if it was a policy that did.
    pub(super) fn take_denied(&self) -> Option<Denial> {
        self.notes.lock().denied.take()
    }
}

fn updates_schema(request: &Request<'_>) -> bool {
    request.is(ffi::SQLITE_UPDATE)
        && request
            .get(Field::Table)
            .is_some_and(|table| [&b"sqlite_master"[..], b"sqlite_temp_master"].contains(&table))
}

/// A connection's policies.
#[derive(Debug, Default)]
pub(super) struct Policies {
    current: Option<Arc<Policy>>,
    /// What a reset goes back to.
    of_option: Option<Arc<Policy>>,
}

impl Connection {
    /// Sets what statements may do from now on, or, with none, lets them do everything. With
    /// `of_option`, a reset goes back to it. Closes cursors and blobs, which were opened under
    /// another policy.
    pub fn set_authorizer(&mut self, policy: Option<Policy>, of_option: bool) -> Result<()> {
        let policy = policy.map(Arc::new);
        if of_option {
            self.policies.of_option.clone_from(&policy);
        }
        self.set_policy(policy)
    }

    /// Back to the option's policy.
    pub(super) fn reset_policy(&mut self) -> Result<()> {
        self.set_policy(self.policies.of_option.clone())
    }

    fn set_policy(&mut self, policy: Option<Arc<Policy>>) -> Result<()> {
        if policy.is_none() && self.policies.current.is_none() {
            return Ok(());
        }
        self.policies.current.clone_from(&policy);
        *self.control().authorizer.policy.lock() = policy;
        self.install_authorizer()?;
        self.blobs.clear();
        for id in self.cursors.keys().copied().collect::<Vec<_>>() {
            self.close_cursor(id);
        }
        self.cache.clear();
        self.renew_prepared();
        Ok(())
    }

    /// What is known of a prepared statement may be another under another policy: whether it writes.
    /// One that is refused now is prepared before each run, and refused again.
    fn renew_prepared(&mut self) {
        for (id, mut statement) in std::mem::take(&mut self.prepared) {
            if let Some(old) = &mut statement {
                match self.prepare_only_statement(old.sql()) {
                    Ok(renewed) => *old = renewed,
                    Err(_) => old.prepare_anew(),
                }
            }
            self.prepared.insert(id, statement);
        }
    }

    /// Without anybody who needs it, SQLite asks nobody.
    pub(super) fn install_authorizer(&self) -> Result<()> {
        self.check(self.raw().set_authorizer(self.needs_authorizer()))
    }

    pub(super) fn needs_authorizer(&self) -> bool {
        self.reads_replica
            || self.policies.current.is_some()
            || self.control().whole_table.is_row_by_row()
    }

    /// Prepares what is the driver's own, and asks no policy.
    pub(super) fn exempt<T>(&self, work: impl FnOnce() -> T) -> T {
        let exempt = &self.control().authorizer.exempt;
        let before = exempt.swap(true, Relaxed);
        let worked = work();
        exempt.store(before, Relaxed);
        worked
    }

    /// As [`exempt`](Connection::exempt).
    pub(super) fn exempt_mut<T>(&mut self, work: impl FnOnce(&mut Connection) -> T) -> T {
        let before = self.control().authorizer.exempt.swap(true, Relaxed);
        let worked = work(self);
        self.control().authorizer.exempt.store(before, Relaxed);
        worked
    }

    /// Runs a statement of the driver's own. Where there is a policy, it is not left in the cache:
    /// callers might run the same.
    pub(super) fn run_own(&mut self, sql: &str) -> Result<()> {
        let sink = &mut CountRows::default();
        if self.policies.current.is_none() {
            self.run_cached(sql, &NoParams, sink)?;
            return Ok(());
        }
        let (statement, _) = self.exempt(|| self.prepare_first(sql, 0))?;
        let mut statement = statement.ok_or(Error::EmptyStatement)?;
        self.exempt(|| self.run(&mut statement, &NoParams, sink))?;
        Ok(())
    }

    /// Runs a caller's query for the driver, which looks for what a statement has violated.
    pub fn run_exempt<T>(
        &mut self,
        call: &Call,
        work: impl FnOnce(&mut Connection, &Call) -> Result<T>,
    ) -> Result<T> {
        if self.policies.current.is_none() {
            return work(self, call);
        }
        self.cache.clear();
        let worked = self.exempt_mut(|connection| work(connection, call));
        self.cache.clear();
        worked
    }

    pub(super) fn begin_preparing(&self) {
        if self.policies.current.is_some() {
            self.control().authorizer.take_notes();
        }
    }

    /// Fails for a statement that SQLite has prepared, and that the policy refuses for what SQLite
    /// does not ask about.
    pub(super) fn check_prepared(&self, statement: &Statement) -> Result<()> {
        match &self.policies.current {
            Some(policy) if !self.control().authorizer.exempt.load(Relaxed) => {
                self.check_unasked(policy, statement)
            }
            _ => Ok(()),
        }
    }

    fn check_unasked(&self, policy: &Policy, statement: &Statement) -> Result<()> {
        let notes = self.control().authorizer.take_notes();
        let refused = |denial: Denial| {
            Err(Error::Denied(Box::new(Denial {
                statement: Some(statement.sql().to_owned()),
                ..denial
            })))
        };
        if !statement.readonly() {
            if let Some(denial) = notes.updates_schema
                && is_update(statement.sql())
            {
                return refused(denial);
            }
            if policy.read_only && !notes.pragma {
                return refused(Denial::because("write", "it is read-only"));
            }
        }
        match unasked::refused(policy, statement.sql()) {
            Some(reason) => refused(Denial::because("read", reason)),
            None => Ok(()),
        }
    }

    /// Has a virtual table begin its work, where a statement was denied because that has failed: an
    /// R-tree prepares what writes its tables when it is used for the first time, also by who reads it.
    /// The statement can be tried again; where it is about these tables itself, it is denied again.
    pub(super) fn connects_virtual_table(&self, error: &Error) -> bool {
        const TABLES: [&str; 3] = ["_node", "_rowid", "_parent"];
        let Error::Denied(denial) = error else {
            return false;
        };
        let (Some(table), "insert" | "delete" | "update") = (&denial.table, denial.action) else {
            return false;
        };
        let Some(name) = TABLES.iter().find_map(|end| table.strip_suffix(end)) else {
            return false;
        };
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let database = denial.database.as_deref().unwrap_or("main");
        let sql = format!("SELECT 1 FROM {}.{}", quoted(database), quoted(name));
        self.exempt(|| self.prepare_first(&sql, 0)).is_ok()
    }

    /// Fails where the policy refuses what no SQL does.
    fn check_action(&self, request: &Request<'_>) -> Result<()> {
        let Some(policy) = &self.policies.current else {
            return Ok(());
        };
        match policy.decide(request) {
            Verdict::Allow => Ok(()),
            Verdict::Deny | Verdict::Ignore => Err(Error::Denied(Box::new(Denial::of(request)))),
        }
    }

    /// SQLite does not ask when a blob is opened.
    pub(super) fn check_blob(&self, place: BlobPlace<'_>, writes: bool) -> Result<()> {
        let texts = [place.table, place.column, place.schema].map(|text| Some(text.as_bytes()));
        let [table, column, schema] = texts;
        let texts = [table, column, schema, None];
        self.check_action(&Request::new(ffi::SQLITE_READ, texts))?;
        match writes {
            true => self.check_action(&Request::new(ffi::SQLITE_UPDATE, texts)),
            false => Ok(()),
        }
    }

    /// Fails where the database may not be replaced as a whole.
    pub(super) fn check_replace(&self, schema: &str) -> Result<()> {
        self.check_action(&Request::new(
            ffi::SQLITE_INSERT,
            [Some(b"sqlite_master"), None, Some(schema.as_bytes()), None],
        ))
    }
}

fn is_update(sql: &str) -> bool {
    let word = first_word(skip_blank(sql));
    ["UPDATE", "WITH"]
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}
