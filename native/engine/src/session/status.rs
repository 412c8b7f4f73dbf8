//! What is asked of a session about its statements' runs.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::{Cleanup, Owner, Session, prepared};
use crate::error::{Error, Result};
use crate::local::{Call, Figures, Listener, Outcome, Redact, RowSink, Source, Wants};
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

    /// Tells a listener from the next call on; answers what [`stop_trace`] takes. Any process may,
    /// and waits for nobody: a call that is under way has SQLite trace when it ends.
    ///
    /// [`stop_trace`]: Session::stop_trace
    pub fn trace(&self, wants: Wants, listener: Arc<dyn Listener>) -> Result<u64> {
        let id = self.interrupt.trace(wants, listener);
        if self.closing.load(SeqCst) {
            self.interrupt.stop_trace(id);
            return Err(Error::ConnectionClosed);
        }
        self.trace_what_is_wanted();
        Ok(id)
    }

    /// Tells it nothing more. Without effect where the trace has ended already.
    pub fn stop_trace(&self, id: u64) {
        self.interrupt.stop_trace(id);
        self.trace_what_is_wanted();
    }

    fn trace_what_is_wanted(&self) {
        self.cleanups.lock().push(Cleanup::Trace);
        self.run_cleanups();
    }
}
