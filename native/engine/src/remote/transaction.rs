//! Transactions at a server.

use super::connection::RemoteConnection;
use super::stream::Transaction;
use super::value::RemoteParams;
use super::work::Work;
use crate::error::{Error, Result};
use crate::local::{Behavior, Call};

impl RemoteConnection {
    /// Begins a transaction. One that waits for another writer at the server does so within the
    /// call's deadline.
    pub async fn begin(&self, behavior: Behavior, call: &Call) -> Result<()> {
        let mut work = Work::statement(behavior.sql(), RemoteParams::NONE)?;
        work.read_only = behavior == Behavior::ReadOnly;
        let mut stream = self.stream(call).await?;
        if *stream.transaction() != Transaction::None {
            return Err(Error::TransactionOpen);
        }
        self.run_statement(&mut stream, work, call).await.map(drop)
    }

    /// Commits. Where SQLite leaves the transaction open (a deferred foreign key), it can be mended
    /// or rolled back.
    ///
    /// # Failure
    /// [`Failure::CommitUnknown`](super::Failure::CommitUnknown) when no answer came: the
    /// transaction is committed or rolled back, and the connection in none.
    pub async fn commit(&self, call: &Call) -> Result<()> {
        let work = Work::statement("COMMIT", RemoteParams::NONE)?;
        let mut stream = self.stream(call).await?;
        if *stream.transaction() == Transaction::None {
            return Err(Error::NoTransaction);
        }
        self.run_statement(&mut stream, work, call).await.map(drop)
    }

    /// Rolls back. A transaction whose server does not answer ends as well: with its stream, which
    /// is given up, so that the server rolls it back by itself.
    pub async fn rollback(&self, call: &Call) -> Result<()> {
        let work = Work::statement("ROLLBACK", RemoteParams::NONE)?;
        let mut stream = self.turn(call).await?;
        if *stream.transaction() == Transaction::None {
            return Err(Error::NoTransaction);
        }
        if stream.settle_cursor(&self.server, call).await.is_err() {
            stream.leave(&self.server);
        }
        match self.run_statement(&mut stream, work, call).await {
            // The statement itself failed, and the transaction is still open.
            Err(error) if *stream.transaction() != Transaction::None => Err(error),
            _ => Ok(()),
        }
    }
}
