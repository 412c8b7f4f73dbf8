//! Hooks: who listens to what a connection does. SQLite's own are registered while somebody does.

use std::sync::Arc;

use super::connection::Connection;
use super::recorder::{Hook, Ran, Recorder};
use super::savepoint::savepoint;
use super::statement::Statement;
use crate::Id;
use crate::channel::Channel;
use crate::error::{Error, Result};

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
        self.check_no_insertion()?;
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
            // Those that are prepared would delete whole tables, or would not.
            raw.set_authorizer(true);
            if !self.needs_authorizer() {
                raw.set_authorizer(false);
            }
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
        recorder.settle(Ran {
            succeeded,
            kept: self.raw().changes() > 0,
            autocommit: self.autocommit(),
            savepoint: tells_nothing.then(|| savepoint(statement.sql())).flatten(),
        });
        if recorder.has_wal() && sets_autocheckpoint(statement.sql()) {
            self.take_wal_hook();
        }
    }
}

/// That pragma has taken the hook away.
fn sets_autocheckpoint(sql: &str) -> bool {
    const NAME: &[u8] = b"wal_autocheckpoint";
    let mut words = sql.as_bytes().windows(NAME.len());
    words.any(|word| word.eq_ignore_ascii_case(NAME))
}
