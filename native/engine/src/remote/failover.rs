//! Reads that go to another server while the first one is away.
//!
//! Only single statements outside of a transaction do, and only those of which the other server
//! says that they do not write. What writes, or belongs to a transaction, is the first server's
//! alone: another one might be a replica that keeps such a call waiting for its primary. What the
//! others answer may be older than what the first one has.

use std::time::Instant;

use hashlink::LruCache;
use parking_lot::Mutex;

use super::address;
use super::connection::{RemoteConnection, RemoteOptions};
use super::failure::Failure;
use crate::error::{Error, Result};
use crate::keyword::{first_word, skip_blank};
use crate::local::Call;

/// Of so many statements it is kept whether they only read.
const KNOWN: usize = 200;

/// Another server for reads. All else, such as certificates, is as of the first.
#[derive(Clone, Default)]
pub struct ReadServer {
    pub uri: String,
    /// `None`: that of the URI, or else the first server's.
    pub auth_token: Option<String>,
    /// `None`: the first server's.
    pub namespace: Option<String>,
}

impl std::fmt::Debug for ReadServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URI's query may hold a token.
        f.debug_struct("ReadServer")
            .field("uri", &self.uri.split('?').next())
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Of a call that another server has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedOver {
    /// Who has answered.
    pub server: String,
    /// The code of the first server's error.
    pub because: &'static str,
}

/// The other servers of a connection.
#[derive(Debug, Default)]
pub(super) struct Others {
    servers: Vec<RemoteConnection>,
    /// Of each server whether it is asked with the first one's token.
    share_token: Vec<bool>,
    /// By the texts of statements.
    only_read: Mutex<Option<LruCache<Box<str>, bool>>>,
    last: Mutex<Option<FailedOver>>,
}

impl Others {
    /// # Failure
    /// An option is wrong.
    pub(super) fn open(first: &RemoteOptions) -> Result<Others> {
        let mut others = Others::default();
        for server in &first.failover {
            others
                .add(first, server.clone())
                .map_err(|error| match error {
                    Error::InvalidArgument(reason) => {
                        Error::InvalidArgument(format!("failover: {reason}"))
                    }
                    error => error,
                })?;
        }
        Ok(others)
    }

    fn add(&mut self, first: &RemoteOptions, server: ReadServer) -> Result<()> {
        let own_token = match server.auth_token {
            Some(token) => Some(token),
            None => token_of(&server.uri)?,
        };
        self.share_token.push(own_token.is_none());
        let auth_token = match (own_token, &first.auth_token) {
            (Some(token), _) => Some(token),
            (None, Some(token)) => Some(token.clone()),
            (None, None) => token_of(&first.uri)?,
        };
        self.servers.push(RemoteConnection::open(RemoteOptions {
            uri: server.uri,
            auth_token,
            namespace: server.namespace.or_else(|| first.namespace.clone()),
            failover: Vec::new(),
            ..first.clone()
        })?);
        Ok(())
    }

    pub(super) fn set_shared_token(&self, token: Option<&str>) -> Result<()> {
        let servers = self.servers.iter().zip(&self.share_token);
        for (other, _) in servers.filter(|(_, shares)| **shares) {
            other.server.set_token(token.map(str::to_owned))?;
        }
        Ok(())
    }

    pub(super) fn set_token(&self, index: usize, token: Option<String>) -> Result<()> {
        match self.servers.get(index) {
            Some(other) => other.server.set_token(token),
            None => Err(Error::InvalidArgument(format!(
                "there is no server {index} in failover"
            ))),
        }
    }

    pub(super) fn servers(&self) -> &[RemoteConnection] {
        &self.servers
    }

    fn only_reads(&self, sql: &str) -> Option<bool> {
        self.only_read.lock().as_mut()?.get(sql).copied()
    }

    fn note_only_reads(&self, sql: &str, only_reads: bool) {
        self.only_read
            .lock()
            .get_or_insert_with(|| LruCache::new(KNOWN))
            .insert(sql.into(), only_reads);
    }

    pub(super) fn take_last(&self) -> Option<FailedOver> {
        self.last.lock().take()
    }
}

/// What can be asked of another server in the same way.
pub(super) trait Read: Sync {
    type Answer: Send;

    /// Asks this server alone.
    fn ask(
        &self,
        server: &RemoteConnection,
        sql: &str,
        call: &Call,
    ) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// The servers that may answer a statement instead of the first one, one after the other.
struct Elsewhere<'c> {
    connection: &'c RemoteConnection,
    sql: &'c str,
    call: &'c Call,
    error: Error,
    because: &'static str,
    next: usize,
}

impl RemoteConnection {
    /// Whether a statement may go elsewhere if this server is away.
    pub(super) fn may_fail_over(&self, sql: &str) -> bool {
        // These words alone: a pragma or ATTACH would act on the other server's connection.
        let reads = || {
            let word = first_word(skip_blank(sql));
            ["SELECT", "WITH", "VALUES", "EXPLAIN"]
                .iter()
                .any(|read| word.eq_ignore_ascii_case(read))
        };
        !self.others.servers.is_empty() && self.autocommit() && reads()
    }

    /// Asks this server; and, if it is away and the statement only reads, the others.
    pub(super) async fn read<R: Read>(
        &self,
        sql: &str,
        read: &R,
        call: &Call,
    ) -> Result<R::Answer> {
        let error = match read.ask(self, sql, call).await {
            Err(error) if is_away(&error) => error,
            answered => return answered,
        };
        let mut elsewhere = Elsewhere {
            connection: self,
            sql,
            call,
            because: error.code(),
            error,
            next: 0,
        };
        while let Some((server, call)) = elsewhere.next().await {
            match read.ask(server, sql, &call).await {
                Err(error @ Error::Remote { .. }) => elsewhere.failed(server, error),
                Err(error) => return Err(error),
                Ok(answer) => {
                    elsewhere.answered(server);
                    return Ok(answer);
                }
            }
        }
        Err(elsewhere.error)
    }
}

impl<'c> Elsewhere<'c> {
    /// The next server, and until when it may take. `None`: there is none, or the statement writes.
    async fn next(&mut self) -> Option<(&'c RemoteConnection, Call)> {
        let others = &self.connection.others;
        while let Some(server) = others.servers().get(self.next) {
            let left = others.servers().len() - self.next;
            let call = share(self.call, left);
            self.next += 1;
            let only_reads = match others.only_reads(self.sql) {
                Some(known) => known,
                None => match server.describe_here(self.sql, &call).await {
                    Ok(description) => {
                        others.note_only_reads(self.sql, description.readonly);
                        description.readonly
                    }
                    Err(error) => {
                        self.failed(server, error);
                        continue;
                    }
                },
            };
            return only_reads.then_some((server, call));
        }
        None
    }

    /// A server has not answered either. That its token is refused can be mended by the caller.
    fn failed(&mut self, server: &RemoteConnection, error: Error) {
        tracing::debug!(%error, server = server.server.name(), "a read failed there, too");
        if let Error::Remote {
            failure: Failure::Unauthorized,
            message,
            statement,
        } = error
        {
            self.error = Error::Remote {
                failure: Failure::Unauthorized,
                message: format!(
                    "{} ({}), asked instead of the first server ({})",
                    server.server.name(),
                    message,
                    self.because
                ),
                statement,
            };
        }
    }

    fn answered(&self, server: &RemoteConnection) {
        *self.connection.others.last.lock() = Some(FailedOver {
            server: server.server.name(),
            because: self.because,
        });
    }
}

/// Whether another server is worth asking after this error, of a statement that only reads.
fn is_away(error: &Error) -> bool {
    matches!(
        error,
        Error::Remote {
            failure: Failure::CircuitOpen
                | Failure::ConnectionRefused
                | Failure::HostNotFound
                | Failure::Tls
                | Failure::ConnectionLost
                | Failure::Overloaded
                | Failure::Server,
            ..
        }
    )
}

fn token_of(uri: &str) -> Result<Option<String>> {
    Ok(address::parse(uri)?.token.map(|token| token.0))
}

/// The time that is left, divided among the servers that are.
fn share(call: &Call, servers: usize) -> Call {
    let now = Instant::now();
    let share = |deadline: Instant| {
        let left = deadline.saturating_duration_since(now);
        now + left / u32::try_from(servers).unwrap_or(u32::MAX)
    };
    Call {
        deadline: call.deadline.map(share),
    }
}
