//! Transactions at a server.

use super::connection::RemoteConnection;
use super::stream::Transaction;
use super::value::RemoteParams;
use crate::error::{Error, Result};
use crate::local::{Behavior, Call};

impl RemoteConnection {
    pub async fn begin(&self, behavior: Behavior, call: &Call) -> Result<()> {
        if !self.autocommit() {
            return Err(Error::TransactionOpen);
        }
        self.execute(behavior.sql(), RemoteParams::NONE, call)
            .await?;
        let read_only = behavior == Behavior::ReadOnly;
        let mut stream = self.stream(call).await?;
        if let Transaction::Open { .. } = stream.transaction() {
            stream.set_transaction(Transaction::Open { read_only });
        }
        Ok(())
    }

    /// Commits. Where SQLite leaves the transaction open (a deferred foreign key), it can be mended
    /// or rolled back.
    ///
    /// # Failure
    /// [`Failure::CommitUnknown`](super::Failure::CommitUnknown) when no answer came: the
    /// transaction is committed or rolled back, and the connection in none.
    pub async fn commit(&self, call: &Call) -> Result<()> {
        if self.autocommit() {
            return Err(Error::NoTransaction);
        }
        let committed = self.execute("COMMIT", RemoteParams::NONE, call).await;
        if matches!(committed, Err(Error::TransactionLost { .. })) {
            self.stream(call).await?.set_transaction(Transaction::None);
        }
        committed.map(drop)
    }

    /// Rolls back. A transaction whose server does not answer ends as well: with its stream, which
    /// is given up, so that the server rolls it back by itself.
    pub async fn rollback(&self, call: &Call) -> Result<()> {
        if self.autocommit() {
            return Err(Error::NoTransaction);
        }
        match self.execute("ROLLBACK", RemoteParams::NONE, call).await {
            Ok(_) => Ok(()),
            // The statement itself failed, and the transaction is still open.
            Err(error @ Error::Sqlite(_)) => Err(error),
            Err(_) => {
                let mut stream = self.stream(&Call::default()).await?;
                stream.forget();
                stream.set_transaction(Transaction::None);
                Ok(())
            }
        }
    }
}
