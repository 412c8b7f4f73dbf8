//! What a connection keeps for a process under an id: prepared statements and cursors.

use std::sync::Arc;
use std::time::Instant;

use super::RemoteSession;
use crate::Id;
use crate::error::{Error, Result};
use crate::remote::{Description, RemoteCursor};
use crate::session::{ItemKind, Owner};

#[derive(Debug, Clone)]
pub enum Content {
    Statement(Arc<Description>),
    Cursor(Arc<RemoteCursor>),
}

#[derive(Debug, Clone)]
pub struct RemoteItem<O> {
    pub id: Id,
    pub sql: Arc<str>,
    pub owner: O,
    pub created: Instant,
    pub content: Content,
}

impl<O> RemoteItem<O> {
    pub fn kind(&self) -> ItemKind {
        match self.content {
            Content::Statement(_) => ItemKind::Statement,
            Content::Cursor(_) => ItemKind::Cursor,
        }
    }
}

impl<O: Owner> RemoteSession<O> {
    /// The prepared statements and cursors, the oldest first.
    pub fn items(&self) -> Vec<RemoteItem<O>> {
        let mut items = self.held.lock().items.values().cloned().collect::<Vec<_>>();
        items.sort_by_key(|item| item.created);
        items
    }

    /// A prepared statement's SQL, and what the server has said of it.
    pub fn statement(&self, id: Id) -> Result<(Arc<str>, Arc<Description>)> {
        match self.item(id) {
            Some(RemoteItem {
                sql,
                content: Content::Statement(description),
                ..
            }) => Ok((sql, description)),
            _ => Err(self.registry.explain_missing(id, ItemKind::Statement)),
        }
    }

    /// Forgets a prepared statement, or closes a cursor. Twice is fine.
    ///
    /// # Failure
    /// It is another connection's.
    pub fn forget(&self, id: Id, kind: ItemKind) -> Result<()> {
        if self.held.lock().items.remove(&id).is_some() {
            return Ok(());
        }
        match self.registry.explain_missing(id, kind) {
            error @ Error::WrongConnection(_) => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn cursor(&self, id: Id) -> Result<Arc<RemoteCursor>> {
        match self.item(id).map(|item| item.content) {
            Some(Content::Cursor(cursor)) => Ok(cursor),
            _ => Err(self.registry.explain_missing(id, ItemKind::Cursor)),
        }
    }

    pub(super) fn keep(&self, caller: O, sql: &str, content: Content) -> Id {
        let id = Id::new_v4();
        let item = RemoteItem {
            id,
            sql: sql.into(),
            owner: caller,
            created: Instant::now(),
            content,
        };
        self.held.lock().items.insert(id, item);
        self.watch(caller);
        id
    }

    pub(super) fn has_item(&self, id: Id, kind: ItemKind) -> bool {
        self.item(id).is_some_and(|item| item.kind() == kind)
    }

    fn item(&self, id: Id) -> Option<RemoteItem<O>> {
        self.held.lock().items.get(&id).cloned()
    }
}
