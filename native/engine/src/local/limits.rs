//! Limits of a connection: <https://sqlite.org/c3ref/c_limit_attached.html>.

use libsql::ffi;

use super::connection::Connection;
use super::raw_connection::RawConnection;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Limit {
    Length = ffi::SQLITE_LIMIT_LENGTH,
    SqlLength = ffi::SQLITE_LIMIT_SQL_LENGTH,
    Column = ffi::SQLITE_LIMIT_COLUMN,
    ExprDepth = ffi::SQLITE_LIMIT_EXPR_DEPTH,
    CompoundSelect = ffi::SQLITE_LIMIT_COMPOUND_SELECT,
    VdbeOp = ffi::SQLITE_LIMIT_VDBE_OP,
    FunctionArg = ffi::SQLITE_LIMIT_FUNCTION_ARG,
    Attached = ffi::SQLITE_LIMIT_ATTACHED,
    LikePatternLength = ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
    VariableNumber = ffi::SQLITE_LIMIT_VARIABLE_NUMBER,
    TriggerDepth = ffi::SQLITE_LIMIT_TRIGGER_DEPTH,
    WorkerThreads = ffi::SQLITE_LIMIT_WORKER_THREADS,
}

impl Limit {
    pub const ALL: [Limit; 12] = [
        Limit::Length,
        Limit::SqlLength,
        Limit::Column,
        Limit::ExprDepth,
        Limit::CompoundSelect,
        Limit::VdbeOp,
        Limit::FunctionArg,
        Limit::Attached,
        Limit::LikePatternLength,
        Limit::VariableNumber,
        Limit::TriggerDepth,
        Limit::WorkerThreads,
    ];

    /// SQLite's name for it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Length => "length",
            Limit::SqlLength => "sql_length",
            Limit::Column => "column",
            Limit::ExprDepth => "expr_depth",
            Limit::CompoundSelect => "compound_select",
            Limit::VdbeOp => "vdbe_op",
            Limit::FunctionArg => "function_arg",
            Limit::Attached => "attached",
            Limit::LikePatternLength => "like_pattern_length",
            Limit::VariableNumber => "variable_number",
            Limit::TriggerDepth => "trigger_depth",
            Limit::WorkerThreads => "worker_threads",
        }
    }

    pub fn named(name: &str) -> Option<Limit> {
        Limit::ALL.into_iter().find(|limit| limit.name() == name)
    }

    /// What BEGIN, COMMIT, ROLLBACK and the pragmas need that the connection runs by itself: with
    /// less, there would be no end to a transaction.
    pub fn least(self) -> i32 {
        match self {
            Limit::Length | Limit::SqlLength | Limit::VdbeOp => 1_000,
            _ => 0,
        }
    }

    fn check(self, value: i32) -> Result<()> {
        let least = self.least();
        if value >= least {
            return Ok(());
        }
        let why = match least {
            0 => "",
            _ => ": the driver's own statements need as much",
        };
        Err(Error::InvalidArgument(format!(
            "the limit {} takes {least} or more, got: {value}{why}",
            self.name()
        )))
    }
}

/// A limit before and after it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSet {
    pub previous: i32,
    /// What is asked for, or the most that this build allows.
    pub effective: i32,
}

impl Connection {
    pub fn limit(&self, limit: Limit) -> i32 {
        current(self.raw(), limit)
    }

    pub fn set_limit(&mut self, limit: Limit, value: i32) -> Result<LimitSet> {
        limit.check(value)?;
        let previous = self.raw().limit(limit as i32, value);
        Ok(LimitSet {
            previous,
            effective: self.limit(limit),
        })
    }

    /// The limits that the connection was opened with.
    pub(super) fn apply_limits(&self) {
        for (limit, value) in &self.options.limits {
            self.raw().limit(*limit as i32, *value);
        }
    }

    /// As high as they go: what a reset runs is not to fail for limits that it is to undo.
    pub(super) fn lift_limits(&self) {
        for limit in Limit::ALL {
            if limit != Limit::WorkerThreads {
                self.raw().limit(limit as i32, i32::MAX);
            }
        }
    }
}

fn current(raw: &RawConnection, limit: Limit) -> i32 {
    raw.limit(limit as i32, -1)
}

/// Every limit: as the options say, or as a new connection has it.
pub(super) fn complete(raw: &RawConnection, options: &[(Limit, i32)]) -> Result<Vec<(Limit, i32)>> {
    for (limit, value) in options {
        limit.check(*value)?;
    }
    let chosen = |limit| options.iter().rev().find(|(given, _)| *given == limit);
    Ok(Limit::ALL
        .into_iter()
        .map(|limit| match chosen(limit) {
            Some((_, value)) => (limit, *value),
            None => (limit, current(raw, limit)),
        })
        .collect())
}
