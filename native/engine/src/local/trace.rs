//! What a connection's statements do, told as it happens: <https://sqlite.org/c3ref/trace_v2.html>.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::call::Interrupt;
use super::connection::Connection;
use super::expanded_sql::Redact;
use super::statement::Statement;
use super::status::Counters;
use crate::Id;
use crate::params::Params;

/// Of which a listener is told.
#[derive(Debug, Clone, Default)]
pub struct Wants {
    /// Statements that begin, and their triggers.
    pub stmt: bool,
    /// Statements that end, and took at least so long.
    pub profile: Option<Duration>,
    pub row: bool,
    /// A statement that goes on, as often as this.
    pub progress: Option<Duration>,
    /// Whether the SQL is to be expanded, too, and without what.
    pub expanded: Option<Redact>,
    /// Whether it was asked for with the connection's options: a reset does not end it, and a
    /// statement that is only tried, on a thread that must not wait, is none.
    pub lasting: bool,
}

/// What happens. `run` is a number that the events of one run of a statement have in common.
#[derive(Debug, Clone)]
pub enum Event {
    Stmt {
        run: u64,
        /// At most [`LONGEST`] bytes, as everywhere here; a trigger is a comment with its name.
        sql: Arc<str>,
        expanded_sql: Option<Arc<str>>,
    },
    Profile {
        run: u64,
        sql: Arc<str>,
        expanded_sql: Option<Arc<str>>,
        /// In which it was run; not that in which it stood still, between two fetches.
        duration: Duration,
        counters: Counters,
    },
    Row {
        run: u64,
        /// Counted from 1.
        row: u64,
    },
    Progress {
        run: u64,
        sql: Arc<str>,
        vm_steps: u64,
        duration: Duration,
    },
    /// The connection is closed: there is no more to come.
    Close,
    /// The connection was reset: there is no more to come.
    Stopped,
}

/// Who is told. Called in the middle of a statement: it may not use the connection, and is not to
/// wait.
pub trait Listener: Debug + Send + Sync {
    fn tell(&self, connection: Option<Id>, event: Event);
}

/// Statements that took long, from a connection's opening on.
#[derive(Debug, Clone)]
pub struct SlowQueries {
    pub threshold: Duration,
    pub expanded: Option<Redact>,
    pub listener: Arc<dyn Listener>,
}

/// Bytes of SQL that are told; expanded SQL that is longer is not.
pub(super) const LONGEST: usize = 16 << 10;

impl Interrupt {
    /// Answers what [`stop_trace`](Interrupt::stop_trace) takes. SQLite is to be told, too.
    pub(crate) fn trace(&self, wants: Wants, listener: Arc<dyn Listener>) -> u64 {
        self.0.tracer.add(wants, listener)
    }

    /// Without effect where it has ended already.
    pub(crate) fn stop_trace(&self, id: u64) {
        self.0.tracer.remove(id);
    }
}

impl Connection {
    /// Has SQLite call for what is wanted now, and for no more.
    pub(crate) fn trace_what_is_wanted(&self) {
        self.raw().trace();
    }

    pub(super) fn stop_traces(&self) {
        self.control().tracer.remove_all_but_lasting();
        self.trace_what_is_wanted();
    }

    pub(super) fn trace_slow_queries(&self) {
        if let Some(slow) = self.options.slow_queries.clone() {
            let wants = Wants {
                profile: Some(slow.threshold),
                expanded: slow.expanded,
                lasting: true,
                ..Wants::default()
            };
            self.control().tracer.add(wants, slow.listener);
            self.trace_what_is_wanted();
        }
    }

    /// The id that listeners are told.
    pub(crate) fn known_as(&self, id: Id) {
        self.control().tracer.known_as(id);
    }

    /// Before a run: its SQL with the values, for whoever wants that.
    #[cold]
    pub(super) fn note_expanded<'p, P>(&self, statement: &Statement, params: &P)
    where
        P: Params<'p> + ?Sized,
    {
        let tracer = &self.control().tracer;
        let expanded = tracer
            .redactions()
            .into_iter()
            .filter_map(|(id, redact)| {
                let text = self.expand_up_to(statement, params, &redact, LONGEST);
                Some((id, Arc::from(text.ok()?)))
            })
            .collect();
        tracer.note_expanded(statement.address(), expanded);
    }
}
