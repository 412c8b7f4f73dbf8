//! Applying a changeset: <https://sqlite.org/session/sqlite3changeset_apply.html>. What is to become of
//! conflicts is said beforehand.

use libsql::ffi;

use super::call::Call;
use super::connection::Connection;
use super::raw_apply::{Decide, KnownValues, RawConflict};
use super::recorder::Ran;
use super::rows::CountRows;
use super::transaction::Behavior;
use crate::changeset::{Changeset, Kind, Operation, SqliteBytes, Table};
use crate::error::{Error, Result, SqliteError};
use crate::params::NoParams;
use crate::value::{Value, ValueRef};

/// What is to become of a change that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The change is left out.
    Omit,
    /// The change is made all the same, over what is there.
    Replace,
    /// Nothing of the changeset is applied.
    Abort,
}

impl Resolution {
    fn number(self) -> i32 {
        match self {
            Resolution::Omit => ffi::SQLITE_CHANGESET_OMIT,
            Resolution::Replace => ffi::SQLITE_CHANGESET_REPLACE,
            Resolution::Abort => ffi::SQLITE_CHANGESET_ABORT,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Resolution::Omit => "omit",
            Resolution::Replace => "replace",
            Resolution::Abort => "abort",
        }
    }
}

/// Why a change does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictKind {
    /// The row that is to be changed or deleted has other values than it had.
    Data,
    /// It is not there.
    NotFound,
    /// A row that is to be inserted is there already.
    Conflict,
    /// The change would violate a constraint.
    Constraint,
    /// After all changes, foreign keys would be violated.
    ForeignKey,
}

impl ConflictKind {
    fn from_number(number: i32) -> Option<ConflictKind> {
        match number {
            ffi::SQLITE_CHANGESET_DATA => Some(ConflictKind::Data),
            ffi::SQLITE_CHANGESET_NOTFOUND => Some(ConflictKind::NotFound),
            ffi::SQLITE_CHANGESET_CONFLICT => Some(ConflictKind::Conflict),
            ffi::SQLITE_CHANGESET_CONSTRAINT => Some(ConflictKind::Constraint),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            ConflictKind::Data => "data",
            ConflictKind::NotFound => "not_found",
            ConflictKind::Conflict => "conflict",
            ConflictKind::Constraint => "constraint",
            ConflictKind::ForeignKey => "foreign_key",
        }
    }
}

/// What is to become of conflicts, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictPolicy {
    pub data: Resolution,
    pub not_found: Resolution,
    pub conflict: Resolution,
    pub constraint: Resolution,
    pub foreign_key: Resolution,
}

impl ConflictPolicy {
    fn of(&self, kind: ConflictKind) -> Resolution {
        match kind {
            ConflictKind::Data => self.data,
            ConflictKind::NotFound => self.not_found,
            ConflictKind::Conflict => self.conflict,
            ConflictKind::Constraint => self.constraint,
            ConflictKind::ForeignKey => self.foreign_key,
        }
    }

    fn check(&self) -> Result<()> {
        let nothing_to_replace = [
            ConflictKind::NotFound,
            ConflictKind::Constraint,
            ConflictKind::ForeignKey,
        ];
        match nothing_to_replace
            .into_iter()
            .find(|kind| self.of(*kind) == Resolution::Replace)
        {
            Some(kind) => Err(Error::InvalidArgument(format!(
                "there is nothing to replace at a conflict of the kind {}: it is omitted, or aborts",
                kind.name()
            ))),
            None => Ok(()),
        }
    }
}

/// What is to become of changes to tables that are not there, or have another primary key or fewer
/// columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownTables {
    Refuse,
    Skip,
}

/// How a changeset is applied.
#[derive(Debug, Clone, Copy)]
pub struct Apply<'a> {
    pub policy: ConflictPolicy,
    /// The tables to which it is; without, all.
    pub tables: Option<&'a [&'a str]>,
    pub unknown_tables: UnknownTables,
    /// Whether it is undone instead.
    pub invert: bool,
    /// Whether a change that was made already is no conflict.
    pub ignore_noop: bool,
    /// Whether foreign keys' actions (`ON DELETE CASCADE`) do nothing meanwhile.
    pub no_action: bool,
    /// So many conflicts are described, at most.
    pub most_conflicts: usize,
}

impl Apply<'_> {
    fn flags(&self) -> i32 {
        [
            (self.invert, ffi::SQLITE_CHANGESETAPPLY_INVERT),
            (self.ignore_noop, ffi::SQLITE_CHANGESETAPPLY_IGNORENOOP),
            (self.no_action, ffi::SQLITE_CHANGESETAPPLY_FKNOACTION),
        ]
        .into_iter()
        .filter(|(on, _)| *on)
        .fold(0, |flags, (_, flag)| flags | flag)
    }

    fn wants(&self, table: &str) -> bool {
        self.tables.is_none_or(|tables| {
            let mut tables = tables.iter();
            tables.any(|wanted| wanted.eq_ignore_ascii_case(table))
        })
    }
}

/// A conflict, and what became of it. A foreign key's has no change.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    pub kind: ConflictKind,
    pub resolution: Resolution,
    pub change: Option<ConflictingChange>,
}

/// The change that did not fit; values that it does not have are none.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictingChange {
    pub table: String,
    pub operation: Operation,
    pub indirect: bool,
    pub old: Option<Vec<Option<Value>>>,
    pub new: Option<Vec<Option<Value>>>,
    /// The row that was there.
    pub conflicting: Option<Vec<Option<Value>>>,
}

/// What became of a changeset.
#[derive(Debug)]
pub struct Applied {
    /// How many changes there were to the tables that are wanted and known.
    pub changes: usize,
    /// How many of them were left out.
    pub omitted: usize,
    /// How often a change was made over what was there.
    pub replaced: usize,
    /// The first of the conflicts.
    pub conflicts: Vec<Conflict>,
    /// The tables that are not known.
    pub skipped: Vec<String>,
    /// For [`Changeset::rebase`].
    pub rebase: SqliteBytes,
}

impl Connection {
    /// Applies a changeset to the main database: all of it, but what conflicts leave out, or
    /// nothing. In a transaction where one is open, else in one of its own.
    pub fn apply_changeset(
        &mut self,
        changeset: &Changeset<'_>,
        options: &Apply<'_>,
        call: &Call,
    ) -> Result<Applied> {
        self.check_transaction()?;
        options.policy.check()?;
        if options.invert && changeset.kind() == Some(Kind::Patchset) {
            return Err(Error::InvalidArgument(
                "a patchset cannot be inverted: it lacks the old values".to_owned(),
            ));
        }
        let read_only = self
            .transaction()
            .is_some_and(|open| open.behavior == Some(Behavior::ReadOnly));
        if read_only {
            return Err(Error::read_only_transaction("applying a changeset"));
        }
        let applied = self.in_call(call, |connection| {
            connection.enter("applying a changeset")?;
            if connection.autocommit() {
                connection.apply_alone(changeset, options)
            } else {
                connection.apply_in_transaction(changeset, options)
            }
        });
        self.note_transaction(&applied);
        applied
    }

    fn apply_alone(&mut self, changeset: &Changeset<'_>, options: &Apply<'_>) -> Result<Applied> {
        self.run_control("BEGIN IMMEDIATE")?;
        let applied = self
            .apply_in_transaction(changeset, options)
            .and_then(|applied| {
                self.run_control("COMMIT")?;
                Ok(applied)
            });
        if !self.autocommit() {
            self.run_control("ROLLBACK")?;
        }
        applied
    }

    fn run_control(&mut self, sql: &str) -> Result<()> {
        self.run_cached(sql, &NoParams, &mut CountRows::default())?;
        Ok(())
    }

    fn apply_in_transaction(
        &mut self,
        changeset: &Changeset<'_>,
        options: &Apply<'_>,
    ) -> Result<Applied> {
        if self.raw().deferred_foreign_keys() {
            return Err(Error::ChangesetConflict(
                "the open transaction violates foreign keys already".to_owned(),
            ));
        }
        let (known, skipped) = self.known_tables(changeset, options)?;
        let deferred = self.defers_foreign_keys();
        let mut deciding = Deciding::new(options);
        let applied = self
            .raw()
            .changeset_apply(changeset, options.flags(), &mut deciding);
        let applied = applied.map_err(|code| self.apply_error(code, &deciding));
        if let Some(recorder) = &self.recorder {
            // For those who listen, it is a statement.
            recorder.settle(Ran {
                succeeded: applied.is_ok(),
                kept: false,
                autocommit: self.autocommit(),
                savepoint: None,
                schema: false,
            });
        }
        if deferred {
            // SQLite has turned it off.
            self.run_control("PRAGMA defer_foreign_keys = 1")?;
        }
        Ok(Applied {
            rebase: applied?,
            changes: known,
            skipped,
            omitted: deciding.omitted,
            replaced: deciding.replaced,
            conflicts: deciding.conflicts,
        })
    }

    fn defers_foreign_keys(&self) -> bool {
        let Ok((Some(mut statement), _)) = self.prepare_first("PRAGMA defer_foreign_keys", 0)
        else {
            return false;
        };
        matches!(statement.step(), Ok(true)) && statement.row().get(0) == ValueRef::Integer(1)
    }

    /// How many changes there are to tables that the database has, and which it has not: SQLite would
    /// pass over those without a word.
    fn known_tables(
        &mut self,
        changeset: &Changeset<'_>,
        options: &Apply<'_>,
    ) -> Result<(usize, Vec<String>)> {
        let mut known = 0;
        let mut skipped = Vec::new();
        for table in changeset.tables() {
            if table.changes == 0 || !options.wants(&table.name) {
                continue;
            }
            match (self.mismatch(table)?, options.unknown_tables) {
                (None, _) => known += table.changes,
                (Some(_), UnknownTables::Skip) => skipped.push(table.name.clone()),
                (Some(reason), UnknownTables::Refuse) => {
                    return Err(Error::ChangesetSchema(reason));
                }
            }
        }
        Ok((known, skipped))
    }

    fn mismatch(&mut self, table: &Table) -> Result<Option<String>> {
        let name = &table.name;
        let mut key: Vec<u8> = self
            .key_columns("main", name)?
            .into_iter()
            .map(|(_, place)| place)
            .collect();
        if key.is_empty() {
            return Ok(Some(format!("there is no table {name}")));
        }
        if table.is("sqlite_stat1") {
            // It has no key, but SQLite has it have one here.
            key = vec![1, 2, 0];
        } else if key.iter().all(|place| *place == 0) {
            // The rowid is its key, and comes first.
            key.insert(0, 1);
        }
        if key.len() < table.key.len() {
            return Ok(Some(format!(
                "the table {name} has {} columns, and its changes have {}",
                key.len(),
                table.key.len()
            )));
        }
        let (shared, more) = key.split_at(table.key.len());
        let differs = shared != table.key || more.iter().any(|place| *place != 0);
        Ok(differs.then(|| format!("the table {name} has another primary key than its changes")))
    }

    fn apply_error(&self, code: i32, deciding: &Deciding<'_>) -> Error {
        if let Some(reason) = &deciding.aborted {
            return Error::ChangesetConflict(reason.clone());
        }
        let error = self.raw().error(code, None);
        let Error::Sqlite(error) = error else {
            return error;
        };
        // What SQLite did to take it back has left no trace of what was wrong.
        let message = match &deciding.table {
            Some(table) => format!("{}, at the table {table}", self.raw().errstr(code)),
            None => self.raw().errstr(code),
        };
        Error::Sqlite(Box::new(SqliteError {
            extended_code: code,
            message,
            ..*error
        }))
    }
}

/// Decides conflicts, and keeps account of them.
struct Deciding<'a> {
    options: &'a Apply<'a>,
    /// Where SQLite is.
    table: Option<String>,
    omitted: usize,
    replaced: usize,
    conflicts: Vec<Conflict>,
    /// The conflict because of which nothing was applied.
    aborted: Option<String>,
}

impl<'a> Deciding<'a> {
    fn new(options: &'a Apply<'a>) -> Deciding<'a> {
        Deciding {
            options,
            table: None,
            omitted: 0,
            replaced: 0,
            conflicts: Vec::new(),
            aborted: None,
        }
    }

    fn keep(
        &mut self,
        kind: ConflictKind,
        resolution: Resolution,
        change: impl FnOnce() -> Option<ConflictingChange>,
    ) {
        if self.conflicts.len() < self.options.most_conflicts {
            self.conflicts.push(Conflict {
                kind,
                resolution,
                change: change(),
            });
        }
    }
}

impl Decide for Deciding<'_> {
    fn wants(&mut self, table: &str) -> bool {
        self.table = Some(table.to_owned());
        self.options.wants(table)
    }

    fn conflict(&mut self, conflict: RawConflict<'_>) -> i32 {
        let Some(kind) = ConflictKind::from_number(conflict.kind) else {
            return Resolution::Abort.number();
        };
        let resolution = self.options.policy.of(kind);
        match resolution {
            Resolution::Omit => self.omitted += 1,
            Resolution::Replace => self.replaced += 1,
            Resolution::Abort => self.aborted = Some(described(kind, &conflict)),
        }
        self.keep(kind, resolution, || Some(copied(&conflict)));
        resolution.number()
    }

    fn violations(&mut self) -> i32 {
        let kind = ConflictKind::ForeignKey;
        let resolution = self.options.policy.foreign_key;
        if resolution == Resolution::Abort {
            self.aborted = Some("foreign keys would be violated".to_owned());
        }
        self.keep(kind, resolution, || None);
        resolution.number()
    }
}

fn copied(conflict: &RawConflict<'_>) -> ConflictingChange {
    ConflictingChange {
        table: conflict.table.to_owned(),
        operation: conflict.operation,
        indirect: conflict.indirect,
        old: conflict.old_values(),
        new: conflict.new_values(),
        conflicting: conflict.conflicting(),
    }
}

fn described(kind: ConflictKind, conflict: &RawConflict<'_>) -> String {
    let values = conflict.old_values().or_else(|| conflict.new_values());
    let what = match kind {
        ConflictKind::Data => "the row has other values than it had",
        ConflictKind::NotFound => "the row is not there",
        ConflictKind::Conflict => "the row is there already",
        ConflictKind::Constraint => "a constraint would be violated",
        ConflictKind::ForeignKey => "foreign keys would be violated",
    };
    format!(
        "{} of {} ({}): {what}",
        conflict.operation.name(),
        conflict.table,
        values.map_or(String::new(), |values| shortened(&values))
    )
}

/// The first of the values, for a message.
fn shortened(values: &KnownValues) -> String {
    const SHOWN: usize = 8;
    const CHARACTERS: usize = 40;
    let shown = values.iter().take(SHOWN).map(|value| match value {
        None => "…".to_owned(),
        Some(Value::Null) => "NULL".to_owned(),
        Some(Value::Integer(integer)) => integer.to_string(),
        Some(Value::Real(real)) => real.to_string(),
        Some(Value::Text(text)) => {
            let text = String::from_utf8_lossy(text);
            format!("{:?}", text.chars().take(CHARACTERS).collect::<String>())
        }
        Some(Value::Blob(blob)) => format!("a blob of {} bytes", blob.len()),
    });
    shown.collect::<Vec<_>>().join(", ")
}
