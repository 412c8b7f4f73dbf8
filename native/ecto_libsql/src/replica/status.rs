//! A replica's figures, as a map.

use std::time::{SystemTime, UNIX_EPOCH};

use ecto_libsql_engine::replica::ReplicaStatus;
use rustler::{Encoder, Env, Term};

use crate::atoms;
use crate::error::named_atom;
use crate::terms;

pub fn status_term<'a>(env: Env<'a>, status: &ReplicaStatus) -> Term<'a> {
    let last_error = status
        .last_error
        .as_ref()
        .map(|(code, message)| (named_atom(env, code), message));
    terms::map(
        env,
        &[
            (atoms::frame_no(), status.frame_no.encode(env)),
            (
                atoms::primary_frame_no(),
                status.primary_frame_no.encode(env),
            ),
            (atoms::lag(), status.lag.encode(env)),
            (atoms::max_write_index(), status.max_write_index.encode(env)),
            (
                atoms::last_sync(),
                microseconds(status.last_sync).encode(env),
            ),
            (
                atoms::stale_since(),
                microseconds(status.stale_since).encode(env),
            ),
            (atoms::last_error(), last_error.encode(env)),
            (atoms::syncing(), status.syncing.encode(env)),
            (atoms::frozen(), status.frozen.encode(env)),
            (atoms::rounds(), status.rounds.encode(env)),
            (atoms::failures(), status.failures.encode(env)),
            (atoms::frames(), status.frames.encode(env)),
            (atoms::bytes(), status.bytes.encode(env)),
            (atoms::resets(), status.resets.encode(env)),
            (atoms::log_id(), status.log_id.encode(env)),
        ],
    )
}

/// Microseconds of the Unix epoch.
fn microseconds(time: Option<SystemTime>) -> Option<u64> {
    let since = time?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_micros()).ok()
}
