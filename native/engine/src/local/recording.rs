//! Recordings of what changes, which SQLite calls sessions: <https://sqlite.org/sessionintro.html>.

use std::ffi::CString;
use std::fmt;
use std::sync::Arc;

use libsql::ffi;

use super::call::Call;
use super::connection::Connection;
use super::raw_connection::c_string;
use super::raw_session::RawSession;
use super::rows::{Collect, CountRows};
use crate::Id;
use crate::changeset::{Kind, SqliteBytes};
use crate::error::{Error, Result, SqliteError};
use crate::params::NoParams;
use crate::value::Value;

/// Of which tables changes are recorded.
#[derive(Debug, Clone, Copy)]
pub enum Tables<'a> {
    /// Those that are made later, too.
    All,
    These(&'a [&'a str]),
}

/// What is to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    pub schema: &'a str,
    pub tables: Tables<'a>,
    /// Whether all changes are recorded as indirect.
    pub indirect: bool,
    /// Whether tables without a primary key are recorded, by their rowids.
    pub rowids: bool,
}

/// For listings.
impl fmt::Display for Recorded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tables {
            Tables::All => write!(f, "all tables of {}", self.schema),
            Tables::These(tables) => write!(f, "{} of {}", tables.join(", "), self.schema),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingStatus {
    pub enabled: bool,
    pub indirect: bool,
    /// Whether nothing was recorded. What was, may have been taken back since.
    pub empty: bool,
    /// In bytes.
    pub memory: u64,
}

#[derive(Debug)]
pub(super) struct Recording {
    session: RawSession,
    schema: String,
    rowids: bool,
}

/// A column as far as changesets know it: its name, and its place in the primary key, counted from 1.
pub(super) type KeyColumn = (String, u8);

impl Connection {
    /// Begins to record what this connection changes.
    pub fn record(&mut self, recorded: Recorded<'_>, call: &Call) -> Result<Id> {
        self.check_transaction()?;
        self.check_may_record()?;
        let schema = c_string("the schema's name", recorded.schema)?;
        let tables = match recorded.tables {
            Tables::All => None,
            Tables::These(tables) => Some(tables),
        };
        let session = self.in_call(call, |connection| {
            connection.check_schema(recorded.schema)?;
            for table in tables.unwrap_or_default() {
                connection.check_recordable(recorded.schema, table, recorded.rowids)?;
            }
            connection.begin_recording(&schema, tables, recorded)
        })?;
        let id = Id::new_v4();
        let recording = Recording {
            session,
            schema: recorded.schema.to_owned(),
            rowids: recorded.rowids,
        };
        self.recordings.insert(id, recording);
        Ok(id)
    }

    fn begin_recording(
        &mut self,
        schema: &std::ffi::CStr,
        tables: Option<&[&str]>,
        recorded: Recorded<'_>,
    ) -> Result<RawSession> {
        let mut session = RawSession::create(Arc::clone(self.shared_raw()), schema)
            .map_err(|code| self.raw().error(code, None))?;
        if recorded.rowids {
            self.check(session.record_rowids())?;
        }
        session.set_indirect(recorded.indirect);
        match tables {
            None => self.check(session.attach(None))?,
            Some(tables) => {
                for table in tables {
                    self.check(session.attach(Some(&table_name(table)?)))?;
                }
            }
        }
        // What was prepared before a session was there deletes whole tables without a word to it.
        self.expire_statements();
        Ok(session)
    }

    fn check_schema(&mut self, schema: &str) -> Result<()> {
        let known = self.first_column("SELECT name FROM pragma_database_list", &[])?;
        if known.iter().any(|name| name.eq_ignore_ascii_case(schema)) {
            Ok(())
        } else {
            Err(Error::InvalidArgument(format!(
                "there is no database {schema:?} on this connection"
            )))
        }
    }

    /// Fails for a table that would not be recorded.
    fn check_recordable(&mut self, schema: &str, table: &str, rowids: bool) -> Result<()> {
        table_name(table)?;
        let columns = self.key_columns(schema, table)?;
        if columns.is_empty() {
            return Err(Error::InvalidArgument(format!(
                "there is no table {schema}.{table}"
            )));
        }
        if !rowids && columns.iter().all(|(_, place)| *place == 0) {
            return Err(Error::InvalidArgument(format!(
                "the table {schema}.{table} has no primary key: its changes are recorded where \
                 rowids are"
            )));
        }
        let generated = self.first_column(
            "SELECT name FROM pragma_table_xinfo(?1, ?2) WHERE hidden IN (2, 3)",
            &[table.into(), schema.into()],
        )?;
        match generated.first() {
            Some(column) => Err(Error::InvalidArgument(format!(
                "the table {schema}.{table} has a generated column, {column}: SQLite cannot record \
                 its changes"
            ))),
            None => Ok(()),
        }
    }

    /// The columns of a table, as sessions number them; none where there is no such table.
    pub(super) fn key_columns(&mut self, schema: &str, table: &str) -> Result<Vec<KeyColumn>> {
        let mut rows = Collect::default();
        self.run_cached(
            "SELECT name, pk FROM pragma_table_info(?1, ?2)",
            &&[Value::from(table), Value::from(schema)][..],
            &mut rows,
        )?;
        let column = |row: Vec<Value>| match row.as_slice() {
            [Value::Text(name), Value::Integer(place)] => Some((
                String::from_utf8_lossy(name).into_owned(),
                // SQLite keeps it in a byte, too.
                (*place & 0xff) as u8,
            )),
            _ => None,
        };
        Ok(rows.rows.into_iter().filter_map(column).collect())
    }

    fn first_column(&mut self, sql: &str, params: &[Value]) -> Result<Vec<String>> {
        let mut rows = Collect::default();
        self.run_cached(sql, &params, &mut rows)?;
        let first = rows.rows.into_iter().filter_map(|mut row| match row.pop() {
            Some(Value::Text(text)) => String::from_utf8(text).ok(),
            _ => None,
        });
        Ok(first.collect())
    }

    /// Records one more table, or all of them. One that is recorded already stays so.
    pub fn attach_to_recording(&mut self, id: Id, tables: Tables<'_>, call: &Call) -> Result<()> {
        self.with_recording(id, call, |connection, recording| match tables {
            Tables::All => connection.check(recording.session.attach(None)),
            Tables::These(tables) => tables.iter().try_for_each(|table| {
                connection.check_recordable(&recording.schema, table, recording.rowids)?;
                connection.check(recording.session.attach(Some(&table_name(table)?)))
            }),
        })
    }

    /// While it is not enabled, what changes is not recorded.
    pub fn enable_recording(&mut self, id: Id, on: bool) -> Result<()> {
        self.recording(id)?.enable(on);
        Ok(())
    }

    /// Whether changes are recorded as indirect, as those of triggers are.
    pub fn set_recording_indirect(&mut self, id: Id, on: bool) -> Result<()> {
        self.recording(id)?.set_indirect(on);
        Ok(())
    }

    pub fn recording_status(&mut self, id: Id) -> Result<RecordingStatus> {
        let session = self.recording(id)?;
        Ok(RecordingStatus {
            enabled: session.enabled(),
            indirect: session.indirect(),
            empty: session.isempty(),
            memory: session.memory_used(),
        })
    }

    fn recording(&mut self, id: Id) -> Result<&mut RawSession> {
        let recording = self.recordings.get_mut(&id);
        recording
            .map(|recording| &mut recording.session)
            .ok_or(Error::SessionClosed)
    }

    /// What is different now in the rows that have changed since recording began. It records on.
    pub fn recorded_changes(&mut self, id: Id, kind: Kind, call: &Call) -> Result<SqliteBytes> {
        self.with_recording(id, call, |connection, recording| {
            match kind {
                Kind::Patchset => recording.session.patchset(),
                _ => recording.session.changeset(),
            }
            .map_err(|code| connection.recording_error(code))
        })
    }

    /// Records what would make the table of the database `from` like the recorded database's.
    pub fn record_difference(
        &mut self,
        id: Id,
        from: &str,
        table: &str,
        call: &Call,
    ) -> Result<()> {
        let from_name = c_string("the other database's name", from)?;
        self.with_recording(id, call, |connection, recording| {
            connection.check_schema(from)?;
            for schema in [&recording.schema, from] {
                connection.check_recordable(schema, table, recording.rowids)?;
            }
            let session = &mut recording.session;
            let table = table_name(table)?;
            connection.check(session.attach(Some(&table)))?;
            connection.in_snapshot(|connection| {
                session.diff(&from_name, &table).map_err(|(code, message)| {
                    match (connection.recording_error(code), message) {
                        (Error::Sqlite(mut error), Some(message)) => {
                            error.message = message.to_string_lossy().into_owned();
                            Error::Sqlite(error)
                        }
                        (error, _) => error,
                    }
                })
            })
        })
    }

    /// All that `work` reads is of one moment.
    fn in_snapshot<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        if !self.autocommit() {
            return work(self);
        }
        self.run_cached("BEGIN", &NoParams, &mut CountRows::default())?;
        let worked = work(self);
        let ended = self.run_cached("ROLLBACK", &NoParams, &mut CountRows::default());
        let worked = worked?;
        ended?;
        Ok(worked)
    }

    fn with_recording<T>(
        &mut self,
        id: Id,
        call: &Call,
        work: impl FnOnce(&mut Connection, &mut Recording) -> Result<T>,
    ) -> Result<T> {
        self.check_transaction()?;
        let mut recording = self.recordings.remove(&id).ok_or(Error::SessionClosed)?;
        let worked = self.in_call(call, |connection| work(connection, &mut recording));
        self.recordings.insert(id, recording);
        worked
    }

    /// A session fails for good where it could not follow a change; SQLite says no more than a code.
    fn recording_error(&self, code: i32) -> Error {
        if code & 0xff != ffi::SQLITE_SCHEMA {
            return self.raw().error(code, None);
        }
        Error::Sqlite(Box::new(SqliteError {
            extended_code: code,
            message:
                "the session has lost track: a table that it records was altered or dropped, or \
                      has generated columns, which SQLite cannot record"
                    .to_owned(),
            statement: None,
            offset: None,
        }))
    }

    /// Closing it twice is fine.
    pub fn close_recording(&mut self, id: Id) {
        self.recordings.remove(&id);
    }
}

/// SQLite counts a name's bytes in 30 bits.
fn table_name(name: &str) -> Result<CString> {
    const LONGEST: usize = 1_000_000;
    if name.len() > LONGEST {
        return Err(Error::InvalidArgument(format!(
            "a table's name cannot have {} bytes",
            name.len()
        )));
    }
    c_string("the table's name", name)
}
