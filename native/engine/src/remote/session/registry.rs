//! Every open connection to a server, under its id.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::RemoteSession;
use crate::Id;
use crate::error::{Error, Result};
use crate::form::Forms;
use crate::remote::{RemoteConnection, RemoteOptions};
use crate::session::{ItemKind, Owner, Scope};

#[derive(Debug)]
pub struct RemoteRegistry<O>(Arc<RwLock<HashMap<Id, Arc<RemoteSession<O>>>>>);

impl<O> Clone for RemoteRegistry<O> {
    fn clone(&self) -> RemoteRegistry<O> {
        RemoteRegistry(Arc::clone(&self.0))
    }
}

impl<O> Default for RemoteRegistry<O> {
    fn default() -> RemoteRegistry<O> {
        RemoteRegistry(Arc::default())
    }
}

impl<O: Owner> RemoteRegistry<O> {
    /// Opens a connection that lives until it is closed or `owner` is gone. `database` is what it
    /// is listed as. The server is not asked yet.
    ///
    /// # Failure
    /// As [`RemoteConnection::open`].
    pub fn open(
        &self,
        options: RemoteOptions,
        database: String,
        forms: Forms,
        owner: O,
        scope: Scope,
    ) -> Result<Arc<RemoteSession<O>>> {
        let connection = RemoteConnection::open(options)?;
        let session = RemoteSession::new(connection, database, forms, owner, scope, self.clone());
        let session = Arc::new(session);
        self.0.write().insert(session.id(), Arc::clone(&session));
        Ok(session)
    }

    /// # Failure
    /// [`Error::ConnectionClosed`]
    pub fn session(&self, id: Id) -> Result<Arc<RemoteSession<O>>> {
        self.0
            .read()
            .get(&id)
            .cloned()
            .ok_or(Error::ConnectionClosed)
    }

    /// Every open connection, the oldest first.
    pub fn sessions(&self) -> Vec<Arc<RemoteSession<O>>> {
        let mut sessions = self.0.read().values().cloned().collect::<Vec<_>>();
        sessions.sort_by_key(|session| session.opened());
        sessions
    }

    /// Why a session does not know an item: it is another's, or nobody's.
    pub(super) fn explain_missing(&self, id: Id, kind: ItemKind) -> Error {
        match self.sessions().iter().any(|it| it.has_item(id, kind)) {
            true => Error::WrongConnection(kind.name()),
            false => kind.closed(),
        }
    }

    pub(super) fn remove(&self, id: Id) -> Option<Arc<RemoteSession<O>>> {
        self.0.write().remove(&id)
    }
}
