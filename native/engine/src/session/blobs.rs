//! A session's blobs.

use super::{ItemKind, Owner, Session};
use crate::Id;
use crate::error::{Error, Result};
use crate::local::{BlobPlace, Call, Connection};

impl<O: Owner> Session<O> {
    /// [`Connection::open_blob`]: the blob and its size.
    pub fn open_blob(
        &self,
        caller: O,
        place: BlobPlace<'_>,
        writes: bool,
        call: &Call,
    ) -> Result<(Id, usize)> {
        let opened = self.call(caller, |connection| {
            connection.open_blob(place, writes, call)
        })?;
        self.add_item(opened.0, ItemKind::Blob, place.to_string(), caller);
        Ok(opened)
    }

    /// Works with a blob that the connection must have.
    pub fn with_blob<T>(
        &self,
        caller: O,
        blob: Id,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        match self.call(caller, work) {
            Err(Error::BlobClosed) if !self.has(blob) => {
                Err(self.registry.explain_missing(blob, ItemKind::Blob))
            }
            worked => worked,
        }
    }

    /// Closing a blob twice is fine.
    pub fn close_blob(&self, caller: O, blob: Id) -> Result<()> {
        self.close_item(caller, blob, ItemKind::Blob)
    }
}
