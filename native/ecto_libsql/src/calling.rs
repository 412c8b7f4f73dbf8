//! The process whose call runs on this thread: whether it is still alive (a killed one waits for
//! no answer, and its query is to stop), and how a message is sent from here.

use std::cell::Cell;
use std::ptr;
use std::time::Instant;

use rustler::env::OwnedEnv;
use rustler::sys::{ErlNifEnv, enif_is_current_process_alive, enif_is_process_alive};
use rustler::{Encoder, Env, LocalPid};

thread_local! {
    static CALL: Cell<*mut ErlNifEnv> = const { Cell::new(ptr::null_mut()) };
    /// Also where it is no process's: in a monitor's callback.
    static ENVIRONMENT: Cell<*mut ErlNifEnv> = const { Cell::new(ptr::null_mut()) };
    /// On a thread of our own, whose call this is, in which environment, and since when.
    static BEHALF: Cell<Option<Behalf>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Behalf {
    caller: LocalPid,
    env: *mut ErlNifEnv,
    since: Instant,
}

/// Works on a thread of our own on behalf of a process, whose call began earlier, as a NIF that it
/// calls would. `env` is of no process.
pub fn on_behalf<T>(env: Env<'_>, caller: LocalPid, since: Instant, work: impl FnOnce() -> T) -> T {
    BEHALF.set(Some(Behalf {
        caller,
        env: env.as_c_arg(),
        since,
    }));
    let worked = work();
    BEHALF.set(None);
    worked
}

/// The process whose call this is.
pub fn caller(env: Env<'_>) -> LocalPid {
    BEHALF
        .get()
        .map_or_else(|| env.pid(), |behalf| behalf.caller)
}

/// The environment of the calling process; none on a thread of our own.
pub fn process_env(env: Env<'_>) -> Option<Env<'_>> {
    BEHALF.get().is_none().then_some(env)
}

/// Since when the call's time counts.
pub fn called_at() -> Instant {
    BEHALF
        .get()
        .map_or_else(Instant::now, |behalf| behalf.since)
}

/// While it lives, this thread works in an environment of the BEAM.
pub struct Calling {
    call: *mut ErlNifEnv,
    environment: *mut ErlNifEnv,
}

impl Calling {
    /// `env` is of the process that calls a NIF.
    pub fn begin(env: Env<'_>) -> Calling {
        let env = process_env(env).map_or(ptr::null_mut(), Env::as_c_arg);
        Calling {
            call: CALL.replace(env),
            environment: ENVIRONMENT.replace(env),
        }
    }

    /// `env` is of a callback, behind which there is no process.
    pub fn begin_callback(env: Env<'_>) -> Calling {
        Calling {
            call: CALL.replace(ptr::null_mut()),
            environment: ENVIRONMENT.replace(env.as_c_arg()),
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        CALL.set(self.call);
        ENVIRONMENT.set(self.environment);
    }
}

/// The process whose call runs on this thread, for who was given no environment.
pub fn caller_here() -> Option<LocalPid> {
    if let Some(behalf) = BEHALF.get() {
        return Some(behalf.caller);
    }
    if CALL.get().is_null() {
        return None;
    }
    with_env(|env| env.map(|env| env.pid()))
}

/// True outside of a call: cleaning up is never to be stopped.
pub fn caller_alive() -> bool {
    if let Some(behalf) = BEHALF.get() {
        // SAFETY: `on_behalf` was given a live environment, for as long as it works.
        return unsafe { enif_is_process_alive(behalf.env, behalf.caller.as_c_arg()) } != 0;
    }
    let env = CALL.get();
    // SAFETY: the pointer was set by the NIF call that runs on this thread and is taken back
    // before that call returns, so it is this call's own process-bound environment.
    env.is_null() || unsafe { enif_is_current_process_alive(env) } != 0
}

/// Works with this thread's environment; none on a thread of our own.
pub fn with_env<T>(work: impl FnOnce(Option<Env<'_>>) -> T) -> T {
    let env = ENVIRONMENT.get();
    if env.is_null() {
        return work(None);
    }
    let lifetime = ();
    // SAFETY: as in `caller_alive`; what is made in it does not outlive this function.
    work(Some(unsafe { Env::new(&lifetime, env) }))
}

/// Sends a message from whichever thread this is. That its process is dead is no error.
pub fn send(pid: &LocalPid, message: impl Encoder) {
    with_env(|env| {
        let _ = match env {
            Some(env) => env.send(pid, message),
            None => OwnedEnv::new().send_and_clear(pid, |_| message),
        };
    });
}
