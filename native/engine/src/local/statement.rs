//! A prepared statement, its parameters, its columns and the row it stands on.

use std::sync::Arc;

use libsql::ffi;

use super::cache::Cached;
use super::raw_statement::RawStatement;
use super::replica_reader::Place;
use super::short::History;
use crate::error::{Error, Result};
use crate::form::Forms;
use crate::value::ValueRef;

/// A statement that belongs to a [`Connection`](super::Connection), which lends it out.
#[derive(Debug)]
pub struct Statement {
    raw: RawStatement,
    sql: Arc<str>,
    parameter_count: usize,
    readonly: bool,
    explain: bool,
    anew: bool,
    pub(super) place: Place,
    pub(super) history: History,
}

/// What SQLite knows of a result column: <https://sqlite.org/c3ref/column_database_name.html>.
/// All but the name are `None` for an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub decl_type: Option<String>,
    pub origin_name: Option<String>,
    pub table: Option<String>,
    pub database: Option<String>,
}

impl Statement {
    pub(super) fn new(raw: RawStatement, sql: &str) -> Statement {
        Statement {
            parameter_count: raw.bind_parameter_count(),
            readonly: raw.readonly(),
            explain: raw.isexplain() != 0,
            anew: raw.isexplain() != 0,
            place: Place::Here,
            history: History::of(sql),
            raw,
            sql: Arc::from(sql),
        }
    }

    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether SQLite says that the statement writes no database file.
    pub fn readonly(&self) -> bool {
        self.readonly
    }

    /// Whether a run may be kept from its end: of a reader, which holds up nobody, and not of an
    /// EXPLAIN, which has to end before the schema can change.
    pub(super) fn can_pause(&self) -> bool {
        self.readonly && self.column_count() > 0 && !self.explain
    }

    /// Whether it is an EXPLAIN. SQLite prints such a program's operands without the check of the
    /// schema that every other run begins with: one that was prepared before the schema changed
    /// reads freed memory. So it is prepared right before its run, and run to its end.
    pub(super) fn is_explain(&self) -> bool {
        self.explain
    }

    /// Whether it is prepared right before each run, and not kept: an EXPLAIN, and what a policy
    /// refuses or makes another statement.
    pub(super) fn is_prepared_anew(&self) -> bool {
        self.anew
    }

    pub(super) fn prepare_anew(&mut self) {
        self.anew = true;
    }

    pub fn column_count(&self) -> usize {
        self.raw.column_count()
    }

    /// The name of a column, counted from 0. Where SQLite has none, the empty string.
    pub fn column_name(&self, column: usize) -> &str {
        self.raw.column_name(column).unwrap_or_default()
    }

    pub fn columns(&self) -> Vec<Column> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        (0..self.column_count())
            .map(|column| Column {
                name: self.column_name(column).to_owned(),
                decl_type: owned(self.raw.column_decltype(column)),
                origin_name: owned(self.raw.column_origin_name(column)),
                table: owned(self.raw.column_table_name(column)),
                database: owned(self.raw.column_database_name(column)),
            })
            .collect()
    }

    /// The highest parameter number.
    pub fn parameter_count(&self) -> usize {
        self.parameter_count
    }

    /// The name with its sign (`:a`, `@a`, `$a`, `?5`) of the parameter at a position counted
    /// from 1; `None` for `?`.
    pub fn parameter_name(&self, position: usize) -> Option<&str> {
        self.raw.bind_parameter_name(position)
    }

    /// Binds bytes that stay in place until the run ends, or, with `copy`, a copy of them.
    #[allow(unsafe_code)]
    #[inline]
    pub(crate) fn bind(&mut self, position: usize, value: ValueRef<'_>, copy: bool) -> Result<()> {
        // SAFETY: `copy` is false only for a run that `rows.rs` ends, clearing the bindings,
        // before the call that lends the values returns.
        let code = unsafe { self.raw.bind(position, value, copy) };
        self.check(code)
    }

    /// Whether the statement now stands on a row.
    pub(super) fn step(&mut self) -> Result<bool> {
        match self.raw.step() {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => Err(self.error(code)),
        }
    }

    /// Ends the run and forgets the parameters: the statement can be used anew.
    pub(super) fn reset(&mut self) {
        // The code repeats what `step` has reported.
        let _ = self.raw.reset();
        if self.parameter_count > 0 {
            self.raw.clear_bindings();
        }
    }

    /// Ends the run; the parameters stay.
    pub(super) fn restart(&mut self) {
        let _ = self.raw.reset();
    }

    pub(crate) fn forms(&self) -> &Forms {
        &self.raw.connection().forms
    }

    pub(super) fn row(&self) -> Row<'_> {
        Row { raw: &self.raw }
    }

    pub(super) fn raw(&self) -> &RawStatement {
        &self.raw
    }

    pub(super) fn address(&self) -> usize {
        self.raw.address()
    }

    /// 1 for an EXPLAIN, 2 for an EXPLAIN QUERY PLAN, else 0.
    pub fn isexplain(&self) -> i32 {
        self.raw.isexplain()
    }

    /// Whether a run of it has begun and not ended.
    pub fn busy(&self) -> bool {
        self.raw.busy()
    }

    /// Steps of the virtual machine since they were last asked for.
    #[cfg(all(test, not(feature = "encryption")))]
    pub(super) fn vm_steps(&self) -> i32 {
        self.raw
            .status(ffi::SQLITE_STMTSTATUS_VM_STEP, true)
            .cast_signed()
    }

    #[inline]
    fn check(&self, code: i32) -> Result<()> {
        if code == ffi::SQLITE_OK {
            Ok(())
        } else {
            Err(self.error(code))
        }
    }

    #[cold]
    fn error(&self, code: i32) -> Error {
        self.raw.connection().error(code, Some(&self.sql))
    }
}

impl Cached for Statement {
    fn key(&self) -> &Arc<str> {
        &self.sql
    }
}

/// The row that a statement stands on.
#[derive(Debug, Clone, Copy)]
pub struct Row<'s> {
    raw: &'s RawStatement,
}

impl<'s> Row<'s> {
    /// The value of a column, counted from 0; its bytes are SQLite's. NULL out of range.
    #[inline]
    pub fn get(&self, column: usize) -> ValueRef<'s> {
        self.raw.column(column)
    }
}
