//! Short reads: runs that may hold a thread which has other work to do, a scheduler of the BEAM.
//!
//! A statement that was quick before is tried there. It is given up when it takes longer than
//! [`BUDGET`], would wait for the disk, meets a large value, or has more rows than its sink takes;
//! it has read only, so it can be run again elsewhere.

use std::time::{Duration, Instant};

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, Source};
use super::replica_reader::Place;
use super::rows::{Outcome, Progress, RowSink};
use super::statement::Statement;
use super::system_calls;
use crate::Id;
use crate::error::{Error, Result};
use crate::params::Params;
use crate::vfs;

/// How long a short run may take.
const BUDGET: Duration = Duration::from_micros(200);

/// One that took longer, in a single step of SQLite's, is not tried again soon. On a machine that is
/// busy, more than the budget may have been somebody else's.
const TOO_LONG: Duration = Duration::from_millis(1);

/// A run that took no longer is tried as a short one the next time.
const QUICK: Duration = Duration::from_micros(100);

/// Steps of the virtual machine between two looks at the clock.
const STEPS: i32 = 50;

/// Larger values cost too much in one step.
const LENGTH: i32 = 16 * 1024;

/// More take too long to bind.
const PARAMETERS: usize = 1_000;

/// What is known of a statement's runs.
#[derive(Debug, Default)]
pub(super) struct History {
    /// A pragma: what it does, and for how long, is its own business.
    pragma: bool,
    quick: bool,
    /// Runs until a short one is tried again, and how many the next failure costs.
    skip: u8,
    penalty: u8,
}

impl History {
    pub(super) fn of(sql: &str) -> History {
        const PRAGMA: &[u8] = b"pragma";
        let mut words = sql.as_bytes().windows(PRAGMA.len());
        History {
            pragma: words.any(|word| word.eq_ignore_ascii_case(PRAGMA)),
            ..History::default()
        }
    }

    pub(super) fn quick(&self) -> bool {
        self.quick
    }

    /// After a run that was not a short one.
    pub(super) fn note(&mut self, took: Duration) {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.quick = took <= QUICK && !self.pragma;
        }
    }

    fn succeeded(&mut self) {
        self.penalty = self.penalty.saturating_sub(1);
    }

    fn failed(&mut self) {
        self.quick = false;
        self.penalty = self.penalty.saturating_mul(2).saturating_add(1);
        self.skip = self.penalty;
    }
}

impl Connection {
    /// Whether its reads can be kept from waiting for the disk: not outside of WAL mode, where more
    /// than pages is looked for, nor where a VFS that was chosen may do as it likes. Ours in memory does
    /// not wait.
    pub(super) fn can_read_shortly(&self) -> bool {
        system_calls::available()
            && self.chosen_vfs().is_none_or(|vfs| vfs == vfs::MEMORY)
            && (self.filename().is_none() || self.in_wal_mode())
    }

    /// Runs a statement as a short read; none where it is not one, or has turned out
    /// not to be. Nothing has happened then.
    pub fn query_short<'p, P, S>(
        &mut self,
        source: Source<'_>,
        params: &P,
        sink: &mut S,
    ) -> Result<Option<Outcome>>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        self.query_within(BUDGET, source, params, sink)
    }

    fn query_within<'p, P, S>(
        &mut self,
        budget: Duration,
        source: Source<'_>,
        params: &P,
        sink: &mut S,
    ) -> Result<Option<Outcome>>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        if !self.short_reads
            || self.check_transaction().is_err()
            || self.raw().mmap_size() > 0
            || self.control().tracer.sees_every_run()
        {
            return Ok(None);
        }
        let (mut statement, prepared) = match self.take_quick(source) {
            Some(quick) => quick,
            None => return Ok(None),
        };
        self.control().tracer.hold();
        let began = Instant::now();
        let call = Call {
            deadline: began.checked_add(budget),
        };
        self.raw().progress_handler(STEPS);
        let length = self.raw().limit(ffi::SQLITE_LIMIT_LENGTH, LENGTH);
        if length < LENGTH {
            self.raw().limit(ffi::SQLITE_LIMIT_LENGTH, length);
        }
        let (ran, refused) = system_calls::without_waiting(|| {
            self.in_call(&call, |connection| {
                connection.run(&mut statement, params, sink)
            })
        });
        self.raw().limit(ffi::SQLITE_LIMIT_LENGTH, length);
        self.raw().default_progress_handler();

        let answer = match ran {
            Ok((_, Progress::Paused)) => {
                statement.reset();
                Ok(None)
            }
            _ if refused => Ok(None),
            Ok((outcome, Progress::Finished)) => Ok(Some(outcome)),
            Err(error) if cut_short(&error) => Ok(None),
            Err(error) => Err(error),
        };
        self.control().tracer.settle(!matches!(answer, Ok(None)));
        match &answer {
            Ok(None) => statement.history.failed(),
            _ if began.elapsed() > TOO_LONG => statement.history.failed(),
            _ => statement.history.succeeded(),
        }
        self.give_back(statement, prepared);
        answer
    }

    /// A statement that is there and was quick, and its id if it is a prepared one.
    fn take_quick(&mut self, source: Source<'_>) -> Option<(Statement, Option<Id>)> {
        let quick = |statement: &Statement| {
            statement.history.quick()
                && statement.parameter_count() <= PARAMETERS
                && statement.place == Place::Here
        };
        match source {
            Source::Sql(sql) if self.cache.peek(sql).is_some_and(quick) => {
                Some((self.cache.take(sql)?, None))
            }
            Source::Prepared(id) => {
                let slot = self.prepared.get_mut(&id)?;
                slot.as_ref().is_some_and(quick).then_some(())?;
                Some((slot.take()?, Some(id)))
            }
            Source::Sql(_) => None,
        }
    }
}

/// Whether another run, that is not a short one, may succeed.
fn cut_short(error: &Error) -> bool {
    matches!(error, Error::Timeout { .. } | Error::Locked(_))
        || error.extended_code() == Some(ffi::SQLITE_TOOBIG)
}

// The rest is tested in tests/short.rs.
#[cfg(all(
    test,
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(feature = "encryption")
))]
mod tests;
