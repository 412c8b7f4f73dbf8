//! Whether the process whose call runs on this thread is still alive: a killed one waits for no
//! answer, and its query is to stop.

use std::cell::Cell;
use std::ptr;

use rustler::Env;
use rustler::sys::{ErlNifEnv, enif_is_current_process_alive};

thread_local! {
    static CALL: Cell<*mut ErlNifEnv> = const { Cell::new(ptr::null_mut()) };
}

/// While it lives, [`caller_alive`] answers for the process of `env`.
pub struct CallerWatch(*mut ErlNifEnv);

impl CallerWatch {
    pub fn begin(env: Env<'_>) -> CallerWatch {
        CallerWatch(CALL.replace(env.as_c_arg()))
    }
}

impl Drop for CallerWatch {
    fn drop(&mut self) {
        CALL.set(self.0);
    }
}

/// True outside of a call: cleaning up is never to be stopped.
pub fn caller_alive() -> bool {
    let env = CALL.get();
    // SAFETY: the pointer was set by the NIF call that runs on this thread and is taken back
    // before that call returns, so it is this call's own process-bound environment.
    env.is_null() || unsafe { enif_is_current_process_alive(env) } != 0
}
