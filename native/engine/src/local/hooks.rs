//! Hooks: who listens to what a connection does. SQLite's own are registered while somebody does.

use std::sync::Arc;

use super::connection::Connection;
use super::recorder::{Hook, Ran, Recorder, Told};
use super::savepoint::savepoint;
use super::statement::Statement;
use crate::Id;
use crate::channel::{Channel, Columns};
use crate::error::{Error, Result};
use crate::keyword::{first_word, skip_blank};
use crate::value::ValueRef;

impl Connection {
    /// Has a channel told, as the connection `from`. A `lasting` one outlasts a reset; others hear
    /// for as long as somebody else keeps the channel. `false` where it is closed.
    pub fn add_hook(
        &mut self,
        channel: &Arc<Channel>,
        from: Id,
        hook: Hook,
        lasting: bool,
    ) -> Result<bool> {
        if self.reads_replica {
            return Err(Error::Unsupported(
                "hooks: a replica's file is written by its replicator, not by a connection"
                    .to_owned(),
            ));
        }
        self.check_unoccupied()?;
        if hook == Hook::Update(Told::WithValues) {
            self.check_may_tell_values()?;
        }
        if hook == Hook::Wal && (self.checkpoints_off || !self.makes_checkpoints()) {
            return Err(Error::Unsupported(
                "a WAL hook: SQLite's turns checkpoints on, which this connection must not make"
                    .to_owned(),
            ));
        }
        if channel.is_closed() && !lasting {
            return Ok(false);
        }
        let recorder = Arc::clone(self.raw().recorder());
        if self.recorder.is_none() {
            recorder.forget();
        }
        recorder.add(channel, from, hook, lasting);
        self.recorder = Some(recorder);
        self.register_hooks();
        Ok(true)
    }

    /// Removing what is not there is fine.
    pub fn remove_hook(&mut self, channel: &Arc<Channel>, hook: Hook) {
        if let Some(recorder) = &self.recorder {
            recorder.remove(channel, hook);
            self.register_hooks();
        }
    }

    /// Ends what is not the connection's own.
    pub(super) fn remove_guests(&mut self) {
        if let Some(recorder) = &self.recorder {
            recorder.remove_guests();
            self.register_hooks();
        }
    }

    /// Who has died is found here, so that no hook stays for nobody.
    pub(super) fn look_after_hooks(&mut self) {
        if let Some(recorder) = &self.recorder
            && recorder.anybody_gone()
        {
            self.register_hooks();
        }
    }

    /// Registers with SQLite what is needed, and no more.
    fn register_hooks(&mut self) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        let needed = recorder.needed();
        let before = recorder.register(needed);
        let raw = self.raw();
        if needed.updates != before.updates {
            raw.update_hook(needed.updates);
            self.control().whole_table.row_by_row(needed.updates);
            self.expire_statements();
        }
        if needed.values != before.values {
            raw.preupdate_hook(needed.values);
            self.expire_statements();
        }
        if needed.ends != before.ends {
            raw.commit_hook(needed.ends);
            raw.rollback_hook(needed.ends);
        }
        match (before.wal, needed.wal) {
            (false, true) => self.take_wal_hook(),
            // Gives SQLite its hook back.
            (true, false) => {
                raw.wal_autocheckpoint(recorder.autocheckpoint());
            }
            _ => {}
        }
        if !needed.any() {
            self.recorder = None;
        }
    }

    /// Those that are prepared would delete whole tables, or would not: they are prepared anew.
    pub(super) fn expire_statements(&self) {
        self.raw().set_authorizer(true);
        if !self.needs_authorizer() {
            self.raw().set_authorizer(false);
        }
    }

    pub(super) fn has_wal_hook(&self) -> bool {
        self.recorder
            .as_ref()
            .is_some_and(|recorder| recorder.has_wal())
    }

    pub(super) fn take_wal_hook(&self) {
        if let (Some(recorder), Some(frames)) = (&self.recorder, self.raw().wal_hook()) {
            recorder.set_autocheckpoint(frames);
        }
    }

    /// After a statement's run, with hooks: what it means for the open transaction.
    #[cold]
    pub(super) fn settle_hooks(&self, recorder: &Recorder, statement: &Statement, succeeded: bool) {
        let tells_nothing = statement.readonly() && statement.column_count() == 0;
        let ran = Ran {
            succeeded,
            kept: self.raw().changes() > 0,
            autocommit: self.autocommit(),
            savepoint: tells_nothing.then(|| savepoint(statement.sql())).flatten(),
            schema: !leaves_schema(statement.sql()),
        };
        for place in recorder.unknown_places() {
            if let Some(columns) = self.columns_of(&place.database, &place.table) {
                // Nobody else sets it: the connection's lock is held.
                let _ = place.columns.set(columns);
            }
        }
        recorder.settle(ran);
        if recorder.has_wal() && sets_autocheckpoint(statement.sql()) {
            self.take_wal_hook();
        }
    }
}

impl Connection {
    /// SQLite's sessions use the hook that rows' values are told by, and take its place.
    fn check_may_tell_values(&self) -> Result<()> {
        if self.recordings.is_empty() {
            return Ok(());
        }
        Err(Error::Unsupported(
            "an update hook with the rows' values where the connection has a session: close that first"
                .to_owned(),
        ))
    }

    /// The same, seen from a session that is to be.
    pub(super) fn check_may_record(&mut self) -> Result<()> {
        self.look_after_hooks();
        match &self.recorder {
            // What is registered counts, whoever is there still.
            Some(recorder) if recorder.has_values() => Err(Error::Unsupported(
                "a session where an update hook is told the rows' values: remove the hook first"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// The columns that a row's values are of; none where they cannot be read now.
    fn columns_of(&self, database: &str, table: &str) -> Option<Columns> {
        let (schema, name) = (text_literal(database), text_literal(table));
        let sql = format!(
            "SELECT x.name, l.wr, x.type FROM pragma_table_list({name}) l, pragma_table_xinfo({name}, {schema}) x \
             WHERE l.schema = {schema} AND x.hidden <> 2 ORDER BY x.cid"
        );
        let (statement, _) = self.exempt(|| self.prepare_first(&sql, 0)).ok()?;
        let mut statement = statement?;
        let mut columns = Columns {
            names: Vec::new(),
            reals: Vec::new(),
            rowid: true,
        };
        while statement.step().ok()? {
            let row = statement.row();
            if let ValueRef::Text(name) = row.get(0) {
                columns
                    .names
                    .push(String::from_utf8_lossy(name).into_owned());
            }
            columns.reals.push(match row.get(2) {
                ValueRef::Text(declared) => is_real(&String::from_utf8_lossy(declared)),
                _ => false,
            });
            columns.rowid = row.get(1) != ValueRef::Integer(1);
        }
        (!columns.names.is_empty()).then_some(columns)
    }
}

/// Whether a column that is declared so has the affinity REAL:
/// <https://sqlite.org/datatype3.html#determination_of_column_affinity>.
fn is_real(declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    let has = |names: &[&str]| names.iter().any(|name| declared.contains(name));
    has(&["REAL", "FLOA", "DOUB"]) && !has(&["INT", "CHAR", "CLOB", "TEXT", "BLOB"])
}

fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a statement only reads or changes rows.
fn leaves_schema(sql: &str) -> bool {
    const WORDS: [&str; 7] = [
        "INSERT",
        "UPDATE",
        "DELETE",
        "REPLACE",
        "WITH",
        "SELECT",
        "SAVEPOINT",
    ];
    let word = first_word(skip_blank(sql));
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// That pragma has taken the hook away.
fn sets_autocheckpoint(sql: &str) -> bool {
    const NAME: &[u8] = b"wal_autocheckpoint";
    let mut words = sql.as_bytes().windows(NAME.len());
    words.any(|word| word.eq_ignore_ascii_case(NAME))
}
