//! A session's prepared statements and cursors, and what is done to items of every kind.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use super::{Item, ItemKind, Owner, Session};
use crate::Id;
use crate::error::{Error, Result};
use crate::local::{Call, Connection, Fetched, RowSink, Source};
use crate::params::Params;

impl<O: Owner> Session<O> {
    pub fn prepare(&self, caller: O, sql: &str, call: &Call) -> Result<Id> {
        let id = self.call(caller, |connection| connection.prepare(sql, call))?;
        self.add_item(id, ItemKind::Statement, sql.to_owned(), caller);
        Ok(id)
    }

    /// Works with a prepared statement that the connection must have.
    pub fn with_statement<T>(
        &self,
        caller: O,
        id: Id,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let worked = self.call(caller, work);
        self.explain(worked, Source::Prepared(id))
    }

    /// Finalizing a statement twice is fine.
    pub fn finalize(&self, caller: O, id: Id) -> Result<()> {
        self.close_item(caller, id, ItemKind::Statement)
    }

    pub fn declare<'p, P>(
        &self,
        caller: O,
        source: Source<'_>,
        params: &P,
        call: &Call,
    ) -> Result<Id>
    where
        P: Params<'p> + ?Sized,
    {
        let declared = self.call(caller, |connection| {
            connection.declare(source, params, call)
        });
        let id = self.explain(declared, source)?;
        self.add_item(id, ItemKind::Cursor, self.sql_of(source), caller);
        Ok(id)
    }

    pub fn fetch<S: RowSink>(
        &self,
        caller: O,
        cursor: Id,
        sink: &mut S,
        call: &Call,
    ) -> Result<Fetched> {
        let fetched = self.call(caller, |connection| {
            self.note_statement(connection.prepared_of(cursor));
            connection.fetch(cursor, sink, call)
        });
        if fetched_out(&fetched) {
            let known = self.remove_item(cursor);
            if !known && matches!(fetched, Err(Error::CursorClosed)) {
                return Err(self.registry.explain_missing(cursor, ItemKind::Cursor));
            }
        }
        fetched
    }

    /// Closing a cursor twice is fine.
    pub fn close_cursor(&self, caller: O, cursor: Id) -> Result<()> {
        self.close_item(caller, cursor, ItemKind::Cursor)
    }

    pub(super) fn close_item(&self, caller: O, id: Id, kind: ItemKind) -> Result<()> {
        if !self.has(id) {
            return match self.registry.explain_missing(id, kind) {
                error @ Error::WrongConnection(_) => Err(error),
                _ => Ok(()),
            };
        }
        self.call(caller, |connection| {
            kind.close(connection, id);
            Ok(())
        })?;
        self.remove_item(id);
        Ok(())
    }

    pub(super) fn sql_of(&self, source: Source<'_>) -> String {
        match source {
            Source::Sql(sql) => sql.to_owned(),
            Source::Prepared(id) => {
                let items = self.items.lock();
                items
                    .get(&id)
                    .map(|item| item.sql.clone())
                    .unwrap_or_default()
            }
        }
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.items.lock().contains_key(&id)
    }

    pub(super) fn add_item(&self, id: Id, kind: ItemKind, sql: String, owner: O) {
        let item = Arc::new(Item {
            id,
            kind,
            sql,
            owner,
            created: Instant::now(),
        });
        self.items.lock().insert(id, Arc::clone(&item));
        self.registry.add_item(item);
        if self.closing.load(SeqCst) {
            // Closed in between: it must not stay behind.
            self.remove_item(id);
        }
    }

    pub(super) fn remove_item(&self, id: Id) -> bool {
        let known = self.items.lock().remove(&id).is_some();
        // Another connection's item is not ours to remove.
        if known {
            self.registry.remove(id);
        }
        known
    }

    pub(super) fn remove_all_items(&self) {
        for item in self.items() {
            self.remove_item(item.id);
        }
    }

    pub(super) fn explain<T>(&self, result: Result<T>, source: Source<'_>) -> Result<T> {
        match (result, source) {
            (Err(Error::StatementClosed), Source::Prepared(id)) => {
                Err(self.registry.explain_missing(id, ItemKind::Statement))
            }
            (result, _) => result,
        }
    }
}

/// Whether a fetch closed its cursor: not where it was refused before it began.
fn fetched_out(fetched: &Result<Fetched>) -> bool {
    !matches!(
        fetched,
        Ok(Fetched::More)
            | Err(Error::NotTransactionOwner
                | Error::TransactionLost { .. }
                | Error::Locked(_)
                | Error::GateTaken
                | Error::InUse { .. }
                | Error::InsideFunction)
    )
}
