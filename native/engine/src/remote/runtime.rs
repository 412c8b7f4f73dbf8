//! The one tokio runtime of the process, on which all network work runs.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use super::failure::Failure;
use crate::error::Result;

/// The threads wait for sockets and encode messages; two keep a slow message from holding up
/// every other call.
const THREADS: usize = 2;

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// Runs a future on the runtime, which the first call starts. Aborting it by the handle cancels
/// the call that it makes.
///
/// # Failure
/// The system has no thread for the runtime.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Result<AbortHandle> {
    Ok(runtime()?.spawn(future).abort_handle())
}

/// Runs a future to its end, on the calling thread: for tests and benchmarks.
///
/// # Failure
/// As [`spawn`].
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    Ok(runtime()?.block_on(future))
}

fn runtime() -> Result<&'static Runtime> {
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(THREADS)
                .thread_name("ecto_libsql_net")
                .enable_all()
                .build()
                .map_err(|error| tracing::error!(%error, "the network runtime did not start"))
                .ok()
        })
        .as_ref()
        .ok_or_else(|| Failure::Network.error("the system has no threads for network calls"))
}
