//! How a replica is opened.

use std::path::PathBuf;
use std::time::Duration;

use super::status::Listener;
use crate::remote::RemoteOptions;

/// How to open a [`Replica`](super::Replica).
#[derive(Clone)]
pub struct ReplicaOptions {
    /// The local copy's file. It is created; one that is there has to be a replica.
    pub path: PathBuf,
    /// The primary.
    pub remote: RemoteOptions,
    /// The key of the local copy, as [`OpenOptions`](crate::local::OpenOptions) has it.
    pub encryption_key: Option<Vec<u8>>,
    /// How often the replica syncs by itself; `None`: only when asked.
    pub interval: Option<Duration>,
    /// For how long the primary may be silent, in the middle of an answer or before it, until the
    /// connection counts as broken.
    pub silence: Duration,
    /// Called with what happens, on a thread of the network: it must not block.
    pub listener: Option<Listener>,
}

impl Default for ReplicaOptions {
    fn default() -> ReplicaOptions {
        ReplicaOptions {
            path: PathBuf::new(),
            remote: RemoteOptions::default(),
            encryption_key: None,
            interval: None,
            silence: Duration::from_secs(10),
            listener: None,
        }
    }
}

impl std::fmt::Debug for ReplicaOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the key.
        f.debug_struct("ReplicaOptions")
            .field("path", &self.path)
            .field("remote", &self.remote)
            .field("encrypted", &self.encryption_key.is_some())
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
