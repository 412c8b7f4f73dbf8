//! The public handle of a replica.

use std::path::Path;
use std::sync::Arc;

use super::options::ReplicaOptions;
use super::status::{ReplicaStatus, Synced};
use crate::error::{Error, Result};
use crate::local::Call;

/// A local copy of a server's database, and what keeps it up to date.
///
/// It lives as long as somebody has it; the last one to let go stops its background work and
/// frees the file's lock.
#[derive(Debug)]
pub struct Replica {}

impl Replica {
    /// Opens the copy, or joins the replica of this process that has it open already. A copy that
    /// is not there yet, or has nothing in it, is pulled before this returns. One that is there
    /// is brought up to date, too; where the primary cannot be reached within the deadline, it is
    /// opened as it is ([`ReplicaStatus::stale_since`]).
    ///
    /// # Failure
    /// There is a database without a replica's metadata (`invalid_argument`), another process has
    /// the file (`busy`), it is open here with other options (`invalid_argument`), the primary
    /// cannot be reached and there is no copy (the network's codes, `timeout`).
    pub async fn open(_options: ReplicaOptions, _call: Call) -> Result<Arc<Replica>> {
        Err(unfinished())
    }

    /// Fetches what the primary has. Callers that come while a sync runs share the next one.
    ///
    /// # Failure
    /// `timeout` at the call's deadline: the sync goes on without the caller. `frozen`.
    pub async fn sync(&self, _call: Call) -> Result<Synced> {
        Err(unfinished())
    }

    /// Syncs until the copy has the primary's frame `frame`, and answers which it has then. A
    /// primary that cannot be reached is tried again until the deadline; without one, for 30
    /// seconds.
    ///
    /// # Failure
    /// `timeout` where the frame has not come by the deadline. `frozen`.
    pub async fn sync_until(&self, _frame: u64, _call: Call) -> Result<u64> {
        Err(unfinished())
    }

    /// Waits until what was fetched so far is in the copy, and answers the frame.
    ///
    /// # Failure
    /// `timeout`, `frozen`.
    pub async fn flush(&self, _call: Call) -> Result<Option<u64>> {
        Err(unfinished())
    }

    /// The primary's frame up to which the copy is complete.
    pub fn replication_index(&self) -> Option<u64> {
        None
    }

    /// The highest frame that a write of this process became.
    pub fn max_write_index(&self) -> Option<u64> {
        None
    }

    /// A write was acknowledged by the primary with this replication index.
    pub fn wrote(&self, _index: u64) {}

    /// Whether the copy has all that this process wrote. Costs a look at two numbers.
    pub fn is_fresh(&self) -> bool {
        false
    }

    /// Changes when the file under the path is another one than before (it had been deleted, or
    /// was damaged): connections that were opened before have to be opened anew.
    pub fn generation(&self) -> u64 {
        0
    }

    /// The token for the requests from now on; `None`: without one.
    ///
    /// # Failure
    /// The token holds characters that an HTTP header cannot.
    pub fn set_token(&self, _token: Option<String>) -> Result<()> {
        Err(unfinished())
    }

    /// Where the copy is.
    pub fn path(&self) -> &Path {
        Path::new("")
    }

    /// Makes the copy an ordinary database: the log is written into the file, the metadata
    /// removed, the lock let go. Its encryption stays as it is. Every later call of this replica
    /// fails with `frozen`, and so does opening it again while somebody still has it.
    ///
    /// # Failure
    /// `timeout`, `busy` where a reader kept the log from being written: the replica is as it was.
    pub async fn freeze(&self, _call: Call) -> Result<()> {
        Err(unfinished())
    }

    pub fn status(&self) -> ReplicaStatus {
        ReplicaStatus::default()
    }
}

/// Brings a copy up to date from a file of frames: the `wallog` of a sqld. The copy is created
/// if it is not there. It is no replica of this process while that runs, and none is opened.
///
/// # Failure
/// The file is no log of frames, or ends in the middle of one; the copy follows another log, or
/// lacks frames before the file's first (`invalid_argument`); another process, or a [`Replica`]
/// of this one, has the copy open (`busy`).
pub fn sync_frames(
    _path: &Path,
    _frames: &Path,
    _encryption_key: Option<Vec<u8>>,
) -> Result<Synced> {
    Err(unfinished())
}

fn unfinished() -> Error {
    Error::Unsupported("replicas are not built yet".to_owned())
}
