//! The application's start and stop. While it is stopped, nothing is open and nothing is opened.

use std::time::{Duration, Instant};

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::{offline, remote, replica};
use parking_lot::{RwLock, RwLockReadGuard};
use rustler::{Atom, Env};

use crate::atoms;
use crate::calling::Calling;
use crate::owner::{REGISTRY, start_reaper, stop_reaper};
use crate::remote::REMOTE;
use crate::replica::close_all;

/// How long servers may take to be told that their streams end, and files of replicas to be closed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks at files that others close.
const LOOK: Duration = Duration::from_millis(2);

/// Programs may use the driver without starting the application.
static STARTED: RwLock<bool> = RwLock::new(true);

/// For who opens something: until it is dropped, the application is not stopped.
pub fn opening() -> Result<RwLockReadGuard<'static, bool>> {
    let started = STARTED.read();
    match *started {
        true => Ok(started),
        false => Err(Error::Stopped),
    }
}

#[rustler::nif(schedule = "DirtyIo")]
fn start_up() -> Atom {
    remote::start();
    start_reaper();
    *STARTED.write() = true;
    atoms::ok()
}

/// Stops what runs, closes all connections, and ends all threads.
#[rustler::nif(schedule = "DirtyIo")]
fn shut_down(env: Env<'_>) -> Atom {
    let _calling = Calling::begin_callback(env);
    *STARTED.write() = false;
    for session in REMOTE.sessions() {
        session.close();
    }
    close_all();
    let sessions = REGISTRY.sessions();
    // All of them are told before one is waited for.
    for session in &sessions {
        session.owner_down(session.owner());
    }
    for session in &sessions {
        session.close();
    }
    drop(sessions);
    let deadline = Instant::now() + PATIENCE;
    while (replica::any_open() || offline::any_open()) && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    remote::stop(deadline.saturating_duration_since(Instant::now()));
    stop_reaper();
    atoms::ok()
}
