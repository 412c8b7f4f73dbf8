//! What is asked before a statement is sent in a transaction, where the server's refusal would cost
//! the transaction: sqld gives up the stream of a request that it refuses as a whole.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashlink::LruCache;
use rustc_hash::FxBuildHasher;

use super::answer::Failed;
use super::connection::RemoteConnection;
use super::failure::Failure;
use super::outcome::about;
use super::protocol::{Empty, RequestKind, StreamResultKind};
use super::run::by_deadline;
use super::sql_error;
use super::stream::{Stream, Transaction};
use super::value::RemoteParams;
use super::work::{Work, never};
use crate::error::{Error, Result};
use crate::keyword::{Kind, kind};
use crate::local::Call;

const REMEMBERED: usize = 200;

/// Texts that the server has parsed. Two with one hash would only cost the transaction that an error
/// in one of them costs.
#[derive(Debug)]
pub(super) struct Parsed(LruCache<u64, ()>);

impl Default for Parsed {
    fn default() -> Parsed {
        Parsed(LruCache::new(REMEMBERED))
    }
}

impl RemoteConnection {
    /// Fails for a statement that the token does not allow, if the token may be one that only reads.
    /// The question is asked on a stream of its own, without running the statement.
    pub(super) async fn check_allowed(
        &self,
        stream: &Stream,
        sql: &str,
        call: &Call,
    ) -> Result<()> {
        let in_transaction = matches!(stream.transaction(), Transaction::Open { .. });
        if !in_transaction || kind(sql) != Kind::Other || !self.server.may_only_read() {
            return Ok(());
        }
        let work = Work::statement(sql, RemoteParams::NONE)?;
        let mut requests = work.each_if(never());
        requests.push(RequestKind::Close(Empty {}).into());
        let mut aside = Stream::new(Arc::default());
        let asked = aside.pipeline(&self.server, requests, false);
        match by_deadline(&self.server, call, asked).await {
            Err(Failed::NotRun(error)) if is_forbidden(&error) => Err(about(error, &work)),
            // What else is wrong shows when the statement is sent.
            _ => Ok(()),
        }
    }

    /// Fails for a cursor's SQL that the server cannot parse. Each text is asked for once.
    pub(super) async fn check_parses(
        &self,
        stream: &mut Stream,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<()> {
        let sql = work.sql(0);
        let hash = FxBuildHasher.hash_one(sql);
        let in_transaction = matches!(stream.transaction(), Transaction::Open { .. });
        if !in_transaction || stream.parsed.0.get(&hash).is_some() {
            return Ok(());
        }
        let asked = stream.pipeline(&self.server, work.each_if(never()), false);
        let results = by_deadline(&self.server, call, asked)
            .await
            .map_err(|failed| stream.failed_in_transaction(&self.server, failed, work, false))?;
        for result in results {
            if let Some(StreamResultKind::Error(error)) = result.kind {
                return Err(sql_error::read(error, sql).into_error());
            }
        }
        stream.parsed.0.insert(hash, ());
        Ok(())
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(
        error,
        Error::Remote {
            failure: Failure::Forbidden,
            ..
        }
    )
}
