//! A connection to a remote database.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::ask::Ran;
use super::breaker::{BreakerOptions, BreakerStatus};
use super::failover::{FailedOver, Others, Read, ReadServer};
use super::failure::Failure;
use super::outcome;
use super::run::until;
use super::server::Server;
use super::sql_error::Refused;
use super::stream::{Status, Stream, Transaction};
use super::value::{RemoteParams, RemoteResult};
use super::work::Work;
use crate::error::{Error, Result};
use crate::keyword::{Kind, kind};
use crate::local::Call;

/// How to reach a database.
#[derive(Clone, Default)]
pub struct RemoteOptions {
    /// `libsql://`, `https://`, `http://`, `wss://` or `ws://`.
    pub uri: String,
    /// Instead of an `authToken` in the URI.
    pub auth_token: Option<String>,
    /// The database's name on a server that has several. Sent in the header `x-namespace-bin`; without
    /// it, such a server takes the first label of the URI's host for the name.
    pub namespace: Option<String>,
    /// A PEM file with the CAs to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// PEM files with a certificate, and its chain, and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The key of a database that is encrypted at the server, sent in the header
    /// `x-turso-encryption-key`.
    pub encryption_key: Option<String>,
    /// When the server, if it does not answer, is not asked for a while; `None`: it always is.
    pub breaker: Option<BreakerOptions>,
    /// Who is asked, in this order, for what only reads while the server is away.
    pub failover: Vec<ReadServer>,
}

impl std::fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URI's query may hold a token.
        f.debug_struct("RemoteOptions")
            .field("uri", &self.uri.split('?').next())
            .field("namespace", &self.namespace)
            .field("ca_file", &self.ca_file)
            .field("client_certificate", &self.client_certificate)
            .finish_non_exhaustive()
    }
}

/// One stream of a server, renewed when it has to be. See the [module](super) for what happens to
/// calls that get no answer.
#[derive(Debug)]
pub struct RemoteConnection {
    pub(super) server: Arc<Server>,
    pub(super) status: Arc<Status>,
    pub(super) others: Others,
    stream: Mutex<Stream>,
}

impl RemoteConnection {
    /// Checks the options and reads the files that they name; the network is not used yet.
    ///
    /// # Failure
    /// Names the option that is wrong.
    pub fn open(options: RemoteOptions) -> Result<RemoteConnection> {
        let status = Arc::new(Status::default());
        let others = Others::open(&options)?;
        Ok(RemoteConnection {
            server: Arc::new(Server::new(options)?),
            others,
            stream: Mutex::new(Stream::new(status.clone())),
            status,
        })
    }

    /// The token for the calls from now on; `None`: without one.
    ///
    /// # Failure
    /// The token holds characters that an HTTP header cannot.
    pub fn set_token(&self, token: Option<String>) -> Result<()> {
        self.others.set_shared_token(token.as_deref())?;
        self.server.set_token(token)
    }

    /// As [`set_token`](RemoteConnection::set_token), for one of the [failover
    /// servers](RemoteOptions::failover), by its index.
    pub fn set_failover_token(&self, index: usize, token: Option<String>) -> Result<()> {
        self.others.set_token(index, token)
    }

    /// Whether the call that was made last was answered by another server; once.
    pub fn take_failed_over(&self) -> Option<FailedOver> {
        self.others.take_last()
    }

    /// The breakers of its server and of the others, in their order.
    pub fn breakers(&self) -> Vec<BreakerStatus> {
        let others = self.others.servers();
        std::iter::once(self)
            .chain(others)
            .filter_map(|connection| Some(connection.server.breaker()?.status()))
            .collect()
    }

    /// Whether no transaction is open. One that was lost counts as open until it is rolled back.
    pub fn autocommit(&self) -> bool {
        self.status.autocommit()
    }

    /// Whether the open transaction is gone, so that only a rollback is left.
    pub fn in_lost_transaction(&self) -> bool {
        self.status.lost()
    }

    /// The server's replication index as of the last answer that told it: what was written until then
    /// is in the frames up to it. `None` where nothing was ever written.
    pub fn replication_index(&self) -> Option<u64> {
        self.status.replication_index()
    }

    /// Runs a statement. One that only reads may be [answered by another
    /// server](RemoteOptions::failover).
    ///
    /// A `ROLLBACK` of a lost transaction succeeds without asking the server.
    pub async fn execute(
        &self,
        sql: &str,
        params: RemoteParams,
        call: &Call,
    ) -> Result<RemoteResult> {
        if !self.may_fail_over(sql) {
            return self.execute_here(sql, params, call).await;
        }
        self.read(sql, &Rows(params), call).await
    }

    async fn execute_here(
        &self,
        sql: &str,
        params: RemoteParams,
        call: &Call,
    ) -> Result<RemoteResult> {
        let work = Work::statement(sql, params)?;
        let mut stream = self.stream(call).await?;
        self.run_statement(&mut stream, work, call).await
    }

    pub(super) async fn run_statement(
        &self,
        stream: &mut Stream,
        mut work: Work<'_>,
        call: &Call,
    ) -> Result<RemoteResult> {
        self.check_may_write(stream, work.sql(0), call).await?;
        let mut ran = self.run(stream, &work, call).await?;
        if let Some((step, Refused::Parameters(_))) = ran.failed {
            self.fit(stream, &mut work, step, call).await?;
            ran = self.run(stream, &work, call).await?;
        }
        let Some((_, refused)) = ran.failed else {
            return only_result(ran);
        };
        match refused.into_error() {
            Error::Remote {
                failure: Failure::ResponseTooLarge,
                ..
            } if work.kind() == Kind::Read => stream.read_all(&self.server, &work, call).await,
            error => Err(self.refined(stream, error, call).await),
        }
    }

    async fn run(&self, stream: &mut Stream, work: &Work<'_>, call: &Call) -> Result<Ran> {
        match stream.run(&self.server, work, call).await {
            // It is rolled back, as the caller wants it.
            Err(Error::TransactionLost { .. }) if work.kind() == Kind::Rollback => {
                Ok(Ran::rolled_back())
            }
            ran => ran,
        }
    }

    /// Asks the server for a sign of life, with the token, on this connection's stream. Also
    /// keeps the stream from being closed for want of requests.
    pub async fn ping(&self, call: &Call) -> Result<()> {
        self.execute_here("SELECT 1", RemoteParams::NONE, call)
            .await
            .map(drop)
    }

    /// Ends the stream at the server, and with it an open transaction. The server does so by itself
    /// where this does not reach it. The connection can be used again, on a new stream.
    pub async fn close(&self, call: &Call) {
        for other in self.others.servers() {
            other.leave(call).await;
        }
        let Ok(mut stream) = self.turn(call).await else {
            return;
        };
        stream.close(&self.server, call).await;
    }

    /// Gives the stream up, of which the server hears in the background.
    async fn leave(&self, call: &Call) {
        if let Ok(mut stream) = self.turn(call).await {
            stream.leave(&self.server);
        }
    }

    /// The stream, for one call, when it is this call's turn. A cursor that is still being read
    /// is read to its end first, into memory: the server runs one statement at a time.
    pub(super) async fn stream(&self, call: &Call) -> Result<MutexGuard<'_, Stream>> {
        let mut stream = self.turn(call).await?;
        stream.settle_cursor(&self.server, call).await?;
        Ok(stream)
    }

    pub(super) async fn turn(&self, call: &Call) -> Result<MutexGuard<'_, Stream>> {
        until(call.deadline, self.stream.lock())
            .await
            .ok_or_else(|| {
                Failure::Timeout
                    .error("the connection was at work for another call until the deadline")
            })
    }

    /// Fails for a statement that writes where that is not allowed: in a read-only transaction, or, as far
    /// as it would cost the transaction, with the token.
    pub(super) async fn check_may_write(
        &self,
        stream: &mut Stream,
        sql: &str,
        call: &Call,
    ) -> Result<()> {
        let read_only = matches!(
            stream.transaction(),
            Transaction::Open {
                read_only: true,
                ..
            }
        );
        if !read_only || kind(sql) != Kind::Other {
            return self.check_allowed(stream, sql, call).await;
        }
        match self.described(stream, sql, call).await?.readonly {
            true => Ok(()),
            false => Err(Error::read_only_transaction(sql)),
        }
    }
}

struct Rows(RemoteParams);

impl Read for Rows {
    type Answer = RemoteResult;

    async fn ask(&self, server: &RemoteConnection, sql: &str, call: &Call) -> Result<RemoteResult> {
        server.execute_here(sql, self.0.clone(), call).await
    }
}

impl Drop for RemoteConnection {
    fn drop(&mut self) {
        self.stream.get_mut().leave(&self.server);
    }
}

fn only_result(ran: Ran) -> Result<RemoteResult> {
    let result = ran.results.into_iter().next().flatten();
    let Some(mut result) = result else {
        return Err(Failure::Protocol.error("the server did not say what became of the statement"));
    };
    result.replication_index = result.replication_index.or(ran.replication_index);
    RemoteResult::new(result, ran.autocommit).map_err(outcome::nonsense)
}
