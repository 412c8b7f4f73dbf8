//! What is asked of a session about its statements' runs.

use std::sync::Arc;

use super::{Owner, Session, prepared};
use crate::error::{Error, Result};
use crate::local::{Call, Connection, Figures, Listener, Outcome, Redact, RowSink, Source, Wants};
use crate::params::Params;

impl<O: Owner> Session<O> {
    /// [`Connection::query_counting`](crate::local::Connection::query_counting)
    pub fn query_counting<'p, P, S>(
        &self,
        caller: O,
        source: Source<'_>,
        params: &P,
        sink: &mut S,
        call: &Call,
    ) -> Result<(Outcome, Figures)>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        let ran = self.call_statement(caller, prepared(source), |connection| {
            connection.query_counting(source, params, sink, call)
        });
        self.explain(ran, source)
    }

    /// [`Connection::expanded_sql`](crate::local::Connection::expanded_sql)
    pub fn expanded_sql<'p, P>(
        &self,
        caller: O,
        source: Source<'_>,
        params: &P,
        redact: &Redact,
        call: &Call,
    ) -> Result<String>
    where
        P: Params<'p> + ?Sized,
    {
        let expanded = self.call(caller, |connection| {
            connection.expanded_sql(source, params, redact, call)
        });
        self.explain(expanded, source)
    }

    /// [`Connection::trace`](crate::local::Connection::trace), for any process.
    pub fn trace(&self, wants: Wants, listener: Arc<dyn Listener>) -> Result<u64> {
        self.between_calls(|connection| connection.trace(wants, listener))
    }

    /// [`Connection::stop_trace`](crate::local::Connection::stop_trace), for any process.
    pub fn stop_trace(&self, id: u64) -> Result<()> {
        self.between_calls(|connection| connection.stop_trace(id))
    }

    /// Waits for the call that is under way, whoever has begun a transaction.
    fn between_calls<T>(&self, work: impl FnOnce(&Connection) -> T) -> Result<T> {
        let worked = match self.connection.lock().as_ref() {
            Some(connection) => Ok(work(connection)),
            None => Err(Error::ConnectionClosed),
        };
        self.run_cleanups();
        worked
    }
}
