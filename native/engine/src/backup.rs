//! Backups between two connections of the registry.

use crate::error::{Error, Result};
use crate::local::{Call, Connection};
use crate::session::{Owner, Session};

impl<O: Owner> Session<O> {
    /// [`Connection::backup_from`](crate::local::Connection::backup_from), into `schema` of this
    /// connection.
    pub fn backup_from(
        &self,
        caller: O,
        schema: &str,
        source: &Session<O>,
        source_schema: &str,
        call: &Call,
    ) -> Result<u32> {
        self.with_source(caller, source, |target, source| {
            target.backup_from(schema, source, source_schema, call)
        })
    }

    fn with_source<T>(
        &self,
        caller: O,
        source: &Session<O>,
        work: impl FnOnce(&mut Connection, &mut Connection) -> Result<T>,
    ) -> Result<T> {
        if self.id() == source.id() {
            return Err(Error::InvalidArgument(
                "a backup's source and target are two connections".to_owned(),
            ));
        }
        // Whoever needs both locks takes them in the same order: two backups that go to and fro
        // do not wait for each other for ever.
        if self.id() < source.id() {
            self.call(caller, |target| {
                source.call(caller, |source| work(target, source))
            })
        } else {
            source.call(caller, |source| {
                self.call(caller, |target| work(target, source))
            })
        }
    }
}
