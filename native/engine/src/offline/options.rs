//! How a copy is opened.

use std::path::PathBuf;
use std::time::Duration;

use crate::remote::RemoteOptions;

/// How to open a [`Syncer`](super::Syncer).
#[derive(Debug, Clone)]
pub struct OfflineOptions {
    /// The local database. Where it is not there, it is fetched.
    pub path: PathBuf,
    pub server: RemoteOptions,
    /// For how long the server may be silent, before an answer or in the middle of it, until the
    /// connection counts as broken.
    pub silence: Duration,
}

impl Default for OfflineOptions {
    fn default() -> OfflineOptions {
        OfflineOptions {
            path: PathBuf::new(),
            server: RemoteOptions::default(),
            silence: Duration::from_secs(20),
        }
    }
}
