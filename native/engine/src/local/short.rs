//! Short reads: runs that may hold a thread which has other work to do, a scheduler of the BEAM.
//!
//! A statement that was quick before is tried there. It is given up when it takes longer than
//! [`BUDGET`], would wait for the disk, meets a large value, or has more rows than its sink takes;
//! it has read only, so it can be run again elsewhere.

use std::time::{Duration, Instant};

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, Source};
use super::page_reads;
use super::rows::{Outcome, Progress, RowSink};
use super::statement::Statement;
use crate::Id;
use crate::error::{Error, Result};
use crate::params::Params;

/// How long a short run may take.
const BUDGET: Duration = Duration::from_micros(200);

/// A run that took no longer is tried as a short one the next time.
const QUICK: Duration = Duration::from_micros(100);

/// Steps of the virtual machine between two looks at the clock.
const STEPS: i32 = 50;

/// Larger values cost too much in one step.
const LENGTH: i32 = 64 * 1024;

/// What is known of a statement's runs.
#[derive(Debug, Default)]
pub(super) struct History {
    quick: bool,
    /// Runs until a short one is tried again, and how many the next failure costs.
    skip: u8,
    penalty: u8,
}

impl History {
    pub(super) fn quick(&self) -> bool {
        self.quick
    }

    /// After a run that was not a short one.
    pub(super) fn note(&mut self, took: Duration) {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.quick = took <= QUICK;
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
    /// Whether its reads can be kept from waiting for the disk: not from files that are mapped
    /// into memory, and not outside of WAL mode, where more than pages is looked for.
    pub(super) fn can_read_shortly(&self) -> bool {
        page_reads::available()
            && !self
                .options
                .pragmas
                .iter()
                .any(|(name, _)| name == "mmap_size")
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
        if !self.short_reads || self.check_transaction().is_err() {
            return Ok(None);
        }
        let (mut statement, prepared) = match self.take_quick(source) {
            Some(quick) => quick,
            None => return Ok(None),
        };
        let call = Call {
            deadline: Instant::now().checked_add(BUDGET),
        };
        self.raw().progress_handler(STEPS);
        let length = self.raw().limit(ffi::SQLITE_LIMIT_LENGTH, LENGTH);
        let (ran, refused) = page_reads::without_waiting(|| {
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
        match &answer {
            Ok(None) => statement.history.failed(),
            _ => statement.history.succeeded(),
        }
        self.give_back(statement, prepared);
        answer
    }

    /// A statement that is there and was quick, and its id if it is a prepared one.
    fn take_quick(&mut self, source: Source<'_>) -> Option<(Statement, Option<Id>)> {
        let quick = |statement: &Statement| statement.history.quick();
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
