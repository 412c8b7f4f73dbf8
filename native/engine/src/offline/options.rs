//! How a copy is opened.

use std::path::PathBuf;
use std::time::Duration;

use super::event::Listener;
use crate::remote::RemoteOptions;

/// How to open a [`Syncer`](super::Syncer).
#[derive(Clone)]
pub struct OfflineOptions {
    /// The local database. Where it is not there, it is fetched.
    pub path: PathBuf,
    pub server: RemoteOptions,
    /// For how long the server may be silent, before an answer or in the middle of it, until the
    /// connection counts as broken.
    pub silence: Duration,
    /// How often the copy syncs by itself; `None`: only when asked. That of the first who opens it
    /// counts.
    pub interval: Option<Duration>,
    /// Called with what happens, on a thread of the network: it must not block.
    pub listener: Option<Listener>,
}

impl Default for OfflineOptions {
    fn default() -> OfflineOptions {
        OfflineOptions {
            path: PathBuf::new(),
            server: RemoteOptions::default(),
            silence: Duration::from_secs(20),
            interval: None,
            listener: None,
        }
    }
}

impl std::fmt::Debug for OfflineOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfflineOptions")
            .field("path", &self.path)
            .field("server", &self.server)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
