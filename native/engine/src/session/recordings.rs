//! A session's recordings: what SQLite calls sessions.

use super::{ItemKind, Owner, Session};
use crate::Id;
use crate::error::{Error, Result};
use crate::local::{Call, Connection, Recorded};

impl<O: Owner> Session<O> {
    /// [`Connection::record`].
    pub fn record(&self, caller: O, recorded: Recorded<'_>, call: &Call) -> Result<Id> {
        let id = self.call(caller, |connection| connection.record(recorded, call))?;
        self.add_item(id, ItemKind::Recording, recorded.to_string(), caller);
        Ok(id)
    }

    /// Works with a recording that the connection must have.
    pub fn with_recording<T>(
        &self,
        caller: O,
        id: Id,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        match self.call(caller, work) {
            Err(Error::SessionClosed) if !self.has(id) => {
                Err(self.registry.explain_missing(id, ItemKind::Recording))
            }
            worked => worked,
        }
    }

    /// Closing it twice is fine.
    pub fn close_recording(&self, caller: O, id: Id) -> Result<()> {
        self.close_item(caller, id, ItemKind::Recording)
    }
}
