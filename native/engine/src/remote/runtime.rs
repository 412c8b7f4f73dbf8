//! The one tokio runtime of the process, on which all network work runs.

use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use super::failure::Failure;
use crate::error::{Error, Result};

/// The threads wait for sockets and encode messages; two keep a slow message from holding up
/// every other call.
const THREADS: usize = 2;

/// Between two looks at the work that is left.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Debug)]
enum State {
    /// The first call starts it.
    NotStarted,
    Running(Runtime),
    /// Until [`start`].
    Stopped,
}

static RUNTIME: RwLock<State> = RwLock::new(State::NotStarted);

/// Runs a future on the runtime, which the first call starts. Aborting it by the handle cancels
/// the call that it makes.
///
/// # Failure
/// The system has no thread for the runtime, or it is stopped.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Result<AbortHandle> {
    Ok(handle()?.spawn(future).abort_handle())
}

/// Runs a future to its end, on the calling thread: for tests and benchmarks.
///
/// # Failure
/// As [`spawn`].
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    Ok(handle()?.block_on(future))
}

/// Ends the runtime and its threads: what is under way may go on for so long, and is dropped then.
/// [`spawn`] fails from now on. Not to be called on one of its threads.
pub fn stop(patience: Duration) {
    let deadline = Instant::now() + patience;
    if let State::Running(runtime) = &*RUNTIME.read() {
        let tasks = runtime.metrics();
        while tasks.num_alive_tasks() > 0 && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
    }
    let stopped = std::mem::replace(&mut *RUNTIME.write(), State::Stopped);
    if let State::Running(runtime) = stopped {
        runtime.shutdown_timeout(deadline.saturating_duration_since(Instant::now()).max(LOOK));
    }
}

/// Undoes [`stop`].
pub fn start() {
    let mut state = RUNTIME.write();
    if matches!(*state, State::Stopped) {
        *state = State::NotStarted;
    }
}

fn handle() -> Result<Handle> {
    match &*RUNTIME.read() {
        State::Running(runtime) => return Ok(runtime.handle().clone()),
        State::Stopped => return Err(Error::Stopped),
        State::NotStarted => {}
    }
    let mut state = RUNTIME.write();
    match &*state {
        State::Running(runtime) => Ok(runtime.handle().clone()),
        State::Stopped => Err(Error::Stopped),
        State::NotStarted => {
            let runtime = Builder::new_multi_thread()
                .worker_threads(THREADS)
                .thread_name("ecto_libsql_net")
                .enable_all()
                .build()
                .map_err(|error| {
                    tracing::error!(%error, "the network runtime did not start");
                    Failure::Network.error("the system has no threads for network calls")
                })?;
            let handle = runtime.handle().clone();
            *state = State::Running(runtime);
            Ok(handle)
        }
    }
}
