//! The servers' breakers: their states as terms, and their changes as messages.

use ecto_libsql_engine::remote::{self, BreakerStatus};
use parking_lot::Mutex;
use rustler::env::OwnedEnv;
use rustler::{Encoder, Env, LocalPid, Term};

use crate::atoms;
use crate::error::named_atom;
use crate::terms;

/// Who is told of changes.
static REPORTER: Mutex<Option<LocalPid>> = Mutex::new(None);

/// Has this process told of changes from now on, where it is one.
pub fn tell(reporter: Option<LocalPid>) {
    if reporter.is_some() {
        *REPORTER.lock() = reporter;
    }
}

/// Sends each change as `{EctoLibSql.BreakerReports, status}`. Called once, when the library is loaded;
/// an earlier version of it would go on observing.
pub fn observe() {
    remote::observe(|status| {
        let reporter = *REPORTER.lock();
        if let Some(reporter) = reporter {
            // A process that is gone has nobody to report to. The engine calls on its own threads.
            let _ = OwnedEnv::new().send_and_clear(&reporter, |env| {
                (atoms::breaker_reports(), term(env, &status)).encode(env)
            });
        }
    });
}

/// A map, its times in milliseconds.
pub fn term<'a>(env: Env<'a>, status: &BreakerStatus) -> Term<'a> {
    let retry_in = status.retry_in.map(terms::milliseconds);
    terms::map(
        env,
        &[
            (atoms::server(), status.server.encode(env)),
            (atoms::namespace(), status.namespace.encode(env)),
            (atoms::state(), named_atom(env, status.state.name())),
            (
                atoms::since(),
                terms::milliseconds(status.since).encode(env),
            ),
            (atoms::failures(), status.failures.encode(env)),
            (atoms::reason(), status.reason.encode(env)),
            (atoms::retry_in(), retry_in.encode(env)),
            (atoms::opened(), status.opened.encode(env)),
            (atoms::refused(), status.refused.encode(env)),
        ],
    )
}
