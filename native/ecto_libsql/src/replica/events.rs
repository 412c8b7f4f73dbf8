//! What happens to replicas, as messages to the process that tells the others:
//! `{:ecto_libsql_replica, path, event}`.

use std::path::Path;
use std::sync::Arc;

use ecto_libsql_engine::replica::{Event, Listener, ResetReason};
use parking_lot::RwLock;
use rustler::{Encoder, Env, LocalPid, OwnedEnv, Term};

use crate::atoms;
use crate::error::named_atom;

static TELLER: RwLock<Option<LocalPid>> = RwLock::new(None);

/// This process is told from now on.
pub fn tell(teller: LocalPid) {
    *TELLER.write() = Some(teller);
}

/// For the replica of this path. Called on threads that are not the BEAM's.
pub fn listener(path: &Path) -> Listener {
    let path = path.to_string_lossy().into_owned();
    Arc::new(move |event| {
        let Some(teller) = *TELLER.read() else { return };
        let _ = OwnedEnv::new().send_and_clear(&teller, |env| {
            (atoms::ecto_libsql_replica(), &path, term(env, event)).encode(env)
        });
    })
}

fn term<'a>(env: Env<'a>, event: &Event) -> Term<'a> {
    match event {
        Event::Synced {
            frame_no,
            frames,
            bytes,
            duration,
        } => {
            let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            (atoms::synced(), frame_no, frames, bytes, microseconds).encode(env)
        }
        Event::Failed { code, message } => {
            (atoms::failed(), named_atom(env, code), message).encode(env)
        }
        Event::Reset(reason) => (atoms::reset(), reason_atom(*reason)).encode(env),
        Event::Stale => atoms::stale().encode(env),
        Event::CaughtUp { frame_no } => (atoms::caught_up(), frame_no).encode(env),
    }
}

fn reason_atom(reason: ResetReason) -> rustler::Atom {
    match reason {
        ResetReason::LogChanged => atoms::log_changed(),
        ResetReason::WentBack => atoms::went_back(),
        ResetReason::FileMissing => atoms::file_missing(),
        ResetReason::FileDamaged => atoms::file_damaged(),
        ResetReason::MetadataDamaged => atoms::metadata_damaged(),
    }
}
