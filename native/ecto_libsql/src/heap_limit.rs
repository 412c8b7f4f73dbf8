//! SQLite's memory in this process.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{self, HeapLimits};
use rustler::{Env, Term};

use crate::error::{reply_ok, reply_unit};

/// `{:ok, {soft, hard}}`: sets those that are not nil.
#[rustler::nif(schedule = "DirtyCpu")]
fn heap_limits<'a>(env: Env<'a>, soft: Term<'a>, hard: Term<'a>) -> Term<'a> {
    let limits = limits(soft, hard)
        .and_then(|(soft, hard)| local::set_heap_limits(soft, hard))
        .map(|HeapLimits { soft, hard }| (soft, hard));
    reply_ok(env, limits)
}

/// Sets them the first time that it is called in this process.
#[rustler::nif(schedule = "DirtyCpu")]
fn begin_with_heap_limits<'a>(env: Env<'a>, soft: Term<'a>, hard: Term<'a>) -> Term<'a> {
    let begun =
        limits(soft, hard).and_then(|(soft, hard)| local::begin_with_heap_limits(soft, hard));
    reply_unit(env, begun)
}

fn limits(soft: Term<'_>, hard: Term<'_>) -> Result<(Option<i64>, Option<i64>)> {
    let limit = |term: Term<'_>| {
        term.decode().map_err(|_| {
            Error::InvalidArgument("heap limits take bytes, integers of 64 bits".to_owned())
        })
    };
    Ok((limit(soft)?, limit(hard)?))
}

/// `{used, highest}`, in bytes.
#[rustler::nif(schedule = "DirtyCpu")]
fn memory_used(forget_highest: bool) -> (i64, i64) {
    local::memory_used(forget_highest)
}
