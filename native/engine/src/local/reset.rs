//! Bringing a connection back to how it was opened.

use super::call::Call;
use super::connection::{Connection, Source};
use super::rows::Collect;
use crate::error::{Error, Result};
use crate::params::NoParams;
use crate::value::Value;

impl Connection {
    /// Closes cursors, blobs and recordings, rolls an open transaction back, ends hooks and an
    /// insertion of frames, makes checkpoints again, drops temporary objects, detaches databases,
    /// forgets prepared statements and the last rowid, and sets the options that the connection was
    /// opened with.
    pub fn reset(&mut self) -> Result<()> {
        // What follows writes nothing but temporary objects: it needs no gate.
        let entrance = self.entrance.take();
        self.lift_limits();
        let reset = self.as_owner(|connection| connection.reset_ungated(&Call::default()));
        self.apply_limits();
        self.entrance = entrance;
        reset
    }

    fn reset_ungated(&mut self, call: &Call) -> Result<()> {
        self.cursors.clear();
        self.blobs.clear();
        self.recordings.clear();
        self.cancel_backup();
        self.stop_traces();
        if self.insertion.is_some() {
            self.wal_insert_end()?;
        }
        self.prepared.clear();
        self.cache.clear();
        if self.transaction.is_some() || !self.autocommit() {
            self.rollback(call)?;
        }
        self.transaction = None;
        self.remove_guests();
        self.reset_policy()?;
        self.drop_temporary_objects(call)?;
        self.detach_databases(call)?;
        self.raw().set_last_insert_rowid(0);
        self.reset_functions()?;
        if self.checkpoints_off {
            self.wal_checkpoints(true)?;
        }
        self.apply_options(call)
    }

    fn drop_temporary_objects(&mut self, call: &Call) -> Result<()> {
        // Indexes and triggers go with their tables and views; a trigger on a permanent table
        // does not.
        let objects = self.strings(
            "SELECT type || ' temp.\"' || replace(name, '\"', '\"\"') || '\"' \
             FROM sqlite_temp_schema \
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             UNION ALL \
             SELECT 'trigger temp.\"' || replace(name, '\"', '\"\"') || '\"' \
             FROM sqlite_temp_schema WHERE type = 'trigger'",
            call,
        )?;
        for object in objects {
            self.execute(
                &format!("DROP {}", object.replacen(' ', " IF EXISTS ", 1)),
                call,
            )?;
        }
        Ok(())
    }

    fn detach_databases(&mut self, call: &Call) -> Result<()> {
        let attached = self.strings(
            "SELECT name FROM pragma_database_list WHERE name NOT IN ('main', 'temp')",
            call,
        )?;
        for name in attached {
            self.execute(&format!("DETACH \"{}\"", name.replace('"', "\"\"")), call)?;
        }
        Ok(())
    }

    /// The first column of a query, as strings.
    pub(super) fn strings(&mut self, sql: &str, call: &Call) -> Result<Vec<String>> {
        let mut rows = Collect::default();
        self.query(Source::Sql(sql), &NoParams, &mut rows, call)?;
        let first = rows.rows.into_iter().filter_map(|mut row| match row.pop() {
            Some(Value::Text(text)) => String::from_utf8(text).ok(),
            _ => None,
        });
        Ok(first.collect())
    }

    /// Runs a statement that is not worth a place in the cache.
    pub(super) fn execute(&mut self, sql: &str, call: &Call) -> Result<()> {
        let ran = self
            .execute_script(sql, 0, Collect::default, call)
            .map_err(Error::without_index)?;
        match ran.stopped {
            Some(stopped) => Err(stopped.error),
            None => Ok(()),
        }
    }
}
