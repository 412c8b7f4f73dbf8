//! What a connection keeps for a process under an id: prepared statements and cursors.

use std::sync::Arc;
use std::time::Instant;

use ecto_libsql_engine::error::Error;
use ecto_libsql_engine::remote::{Description, RemoteCursor};

use crate::owner::Pid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    Statement,
    Cursor,
}

impl ItemKind {
    pub fn name(self) -> &'static str {
        match self {
            ItemKind::Statement => "statement",
            ItemKind::Cursor => "cursor",
        }
    }

    pub fn closed(self) -> Error {
        match self {
            ItemKind::Statement => Error::StatementClosed,
            ItemKind::Cursor => Error::CursorClosed,
        }
    }
}

#[derive(Debug, Clone)]
pub enum Content {
    Statement(Arc<Description>),
    Cursor(Arc<RemoteCursor>),
}

#[derive(Debug, Clone)]
pub struct RemoteItem {
    pub sql: Arc<str>,
    pub owner: Pid,
    pub created: Instant,
    pub content: Content,
}

impl RemoteItem {
    pub fn kind(&self) -> ItemKind {
        match self.content {
            Content::Statement(_) => ItemKind::Statement,
            Content::Cursor(_) => ItemKind::Cursor,
        }
    }
}
