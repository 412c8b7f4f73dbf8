//! The way through the file's write gate, for threads of our own.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use crate::Id;
use crate::error::{Error, Result, SqliteError};
use crate::gate::Gate;
use crate::session::Owner;

pub(super) trait Door: Debug + Send + Sync {
    fn enter(&self, deadline: Option<Instant>) -> bool;
    fn leave(&self);
}

/// In the name of whoever opened the copy first.
#[derive(Debug)]
pub(super) struct GateDoor<O> {
    pub(super) gate: Arc<Gate<O>>,
    pub(super) id: Id,
    pub(super) owner: O,
}

impl<O: Owner> Door for GateDoor<O> {
    fn enter(&self, deadline: Option<Instant>) -> bool {
        self.gate.enter_asleep(self.id, self.owner, deadline)
    }

    fn leave(&self) {
        self.gate.leave(self.id, true);
    }
}

/// While it lives, nobody else of this process writes the file.
pub(super) struct Inside<'d>(&'d dyn Door);

impl<'d> Inside<'d> {
    pub(super) fn enter(door: &'d dyn Door, deadline: Option<Instant>) -> Result<Inside<'d>> {
        if door.enter(deadline) {
            return Ok(Inside(door));
        }
        Err(Error::Sqlite(Box::new(SqliteError {
            extended_code: libsql::ffi::SQLITE_BUSY,
            message: "other writers had the database until the sync's deadline".to_owned(),
            statement: None,
            offset: None,
        })))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
