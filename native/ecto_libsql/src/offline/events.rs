//! What happens to copies, as messages to the process that tells the others:
//! `{:ecto_libsql_offline, path, event}`.

use std::path::Path;
use std::sync::Arc;

use ecto_libsql_engine::offline::{Event, Listener};
use parking_lot::RwLock;
use rustler::{Encoder, Env, LocalPid, OwnedEnv, Term};

use crate::atoms;
use crate::error::named_atom;

static TELLER: RwLock<Option<LocalPid>> = RwLock::new(None);

/// This process is told from now on.
pub fn tell(process: LocalPid) {
    *TELLER.write() = Some(process);
}

/// For the copy of this path. Called on threads that are not the BEAM's.
pub fn listener(path: &Path) -> Listener {
    let path = path.to_string_lossy().into_owned();
    Arc::new(move |event| {
        let Some(teller) = *TELLER.read() else { return };
        let _ = OwnedEnv::new().send_and_clear(&teller, |env| {
            (atoms::ecto_libsql_offline(), &path, term(env, event)).encode(env)
        });
    })
}

fn term<'a>(env: Env<'a>, event: &Event) -> Term<'a> {
    match event {
        Event::Synced {
            frame_no,
            pushed,
            pulled,
            duration,
        } => {
            let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            (atoms::synced(), frame_no, pushed, pulled, microseconds).encode(env)
        }
        Event::Failed { code, message } => {
            (atoms::failed(), named_atom(env, code), message).encode(env)
        }
    }
}
