//! The process whose call runs on this thread: whether it is still alive (a killed one waits for
//! no answer, and its query is to stop), and how a message is sent from here.

use std::cell::Cell;
use std::ptr;

use rustler::env::OwnedEnv;
use rustler::sys::{ErlNifEnv, enif_is_current_process_alive};
use rustler::{Encoder, Env, LocalPid};

thread_local! {
    static CALL: Cell<*mut ErlNifEnv> = const { Cell::new(ptr::null_mut()) };
    /// Also where it is no process's: in a monitor's callback.
    static ENVIRONMENT: Cell<*mut ErlNifEnv> = const { Cell::new(ptr::null_mut()) };
}

/// While it lives, this thread works in an environment of the BEAM.
pub struct Calling {
    call: *mut ErlNifEnv,
    environment: *mut ErlNifEnv,
}

impl Calling {
    /// `env` is of the process that calls a NIF.
    pub fn begin(env: Env<'_>) -> Calling {
        Calling {
            call: CALL.replace(env.as_c_arg()),
            environment: ENVIRONMENT.replace(env.as_c_arg()),
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

/// The process whose call runs on this thread.
pub fn caller() -> Option<LocalPid> {
    if CALL.get().is_null() {
        return None;
    }
    with_env(|env| env.map(|env| env.pid()))
}

/// True outside of a call: cleaning up is never to be stopped.
pub fn caller_alive() -> bool {
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
