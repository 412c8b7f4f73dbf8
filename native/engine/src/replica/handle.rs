//! The public handle of a replica.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedMutexGuard, watch};
use tokio::task::AbortHandle;

use super::copy::Copy;
use super::open_files::{self, Identity, Slot};
use super::options::ReplicaOptions;
use super::primary::Primary;
use super::rounds::{Rounds, by_deadline, passes};
use super::shared::Shared;
use super::status::{ReplicaStatus, Synced};
use super::worker::{Opened, Worker};
use crate::error::{Error, Result};
use crate::local::Call;
use crate::remote::spawn;

/// For a wait without a deadline.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A local copy of a server's database, and what keeps it up to date.
///
/// It lives as long as somebody has it; the last one to let go stops its background work and
/// frees the file's lock.
#[derive(Debug)]
pub struct Replica {
    path: PathBuf,
    rounds: Arc<Rounds>,
    background: Option<AbortHandle>,
}

impl Replica {
    /// Opens the copy, or joins the replica of this process that has it open already; the interval
    /// and the listener are those of the first to open it. A copy that is not there yet, or has
    /// nothing in it, is pulled before this returns. One that is there is brought up to date, too;
    /// where the primary cannot be reached, or not within the deadline, it is opened as it is
    /// ([`ReplicaStatus::stale_since`]).
    ///
    /// # Failure
    /// There is a database without a replica's metadata (`invalid_argument`), another process has
    /// the file (`busy`), it is open here with other options (`invalid_argument`), the primary
    /// refuses the token, or cannot be reached and there is no copy (the network's codes,
    /// `timeout`).
    pub async fn open(options: ReplicaOptions, call: Call) -> Result<Arc<Replica>> {
        let path = open_files::canonical(&options.path)?;
        let identity = Identity::of(&options);
        let mut slot = by_deadline(call, open_files::slot(&path)).await?;
        if let Some(replica) = slot.join(&identity, &path)? {
            if let Some(token) = options.remote.auth_token {
                replica.set_token(Some(token))?;
            }
            return Ok(replica);
        }
        let (replica, has_content) = Replica::start(path, options, &mut slot, call).await?;
        match replica.rounds.sync(call).await {
            Ok(_) => {}
            Err(error) if has_content && passes(&error) => {
                tracing::warn!(path = %replica.path.display(), %error, "opened as it was");
            }
            Err(error) => return Err(error),
        }
        slot.put(&replica, identity);
        Ok(replica)
    }

    /// Opens the files. With whether there is something to be read.
    async fn start(
        path: PathBuf,
        options: ReplicaOptions,
        slot: &mut OwnedMutexGuard<Slot>,
        call: Call,
    ) -> Result<(Arc<Replica>, bool)> {
        let primary = Primary::new(options.remote, options.silence)?;
        by_deadline(call, slot.let_go()).await?;
        let shared = Arc::new(Shared::new(path.display().to_string(), options.listener));
        let (ended, has_ended) = watch::channel(false);
        let (worker, opened) = {
            let (path, key, shared) = (path.clone(), options.encryption_key, Arc::clone(&shared));
            Worker::start(move || Copy::open(&path, key, shared), ended)?
        };
        slot.taken(has_ended);
        let opened = by_deadline(call, opened).await?;
        let gone = |_| Error::Unsupported("the replica's thread has ended".to_owned());
        let (has_content, lost): Opened = opened.map_err(gone)??;
        if let Some(lost) = lost {
            shared.reset_begins(lost);
        }
        let rounds = Arc::new(Rounds::new(shared, primary, worker));
        let background = options
            .interval
            .map(|interval| spawn(Arc::clone(&rounds).at_intervals(interval)))
            .transpose()?;
        let replica = Replica {
            path,
            rounds,
            background,
        };
        Ok((Arc::new(replica), has_content))
    }

    /// Fetches what the primary has. Callers that come while a sync runs share the next one.
    ///
    /// # Failure
    /// `timeout` at the call's deadline: the sync goes on without the caller. `frozen`. What the
    /// primary or the disk failed with; transactions that came whole before that are in the copy.
    pub async fn sync(&self, call: Call) -> Result<Synced> {
        self.check_frozen()?;
        self.rounds.sync(call).await
    }

    /// Syncs until the copy has the primary's frame `frame`, and answers which it has then. A
    /// primary that cannot be reached is tried again until the deadline; without one, for 30
    /// seconds.
    ///
    /// # Failure
    /// `timeout` where the frame has not come by the deadline. `frozen`.
    pub async fn sync_until(&self, frame: u64, call: Call) -> Result<u64> {
        self.check_frozen()?;
        let has_it = |shared: &Shared| shared.frame() >= Some(frame);
        let awaited = format!("frame {frame}");
        self.rounds.until(has_it, &awaited, bounded(call)).await?;
        Ok(self.shared().frame().unwrap_or(frame))
    }

    /// Syncs until the copy has all that this process wrote ([`is_fresh`](Replica::is_fresh)).
    ///
    /// # Failure
    /// As [`sync_until`](Replica::sync_until).
    pub async fn freshen(&self, call: Call) -> Result<()> {
        self.check_frozen()?;
        let awaited = "what this VM wrote";
        self.rounds
            .until(Shared::is_fresh, awaited, bounded(call))
            .await
    }

    /// Waits until what was fetched so far is in the copy, and answers the frame.
    ///
    /// # Failure
    /// `timeout`, `frozen`.
    pub async fn flush(&self, call: Call) -> Result<Option<u64>> {
        self.check_frozen()?;
        let flushed = self.rounds.worker.run(|copy| Ok(copy.frame()));
        by_deadline(call, flushed).await?
    }

    /// The primary's frame up to which the copy is complete; `None` also while it is being pulled
    /// anew, when its frames are not those of the primary's log.
    pub fn replication_index(&self) -> Option<u64> {
        self.shared().frame()
    }

    /// The highest frame that a write of this process became, of those in the primary's log.
    pub fn max_write_index(&self) -> Option<u64> {
        self.shared().max_write()
    }

    /// A write was acknowledged by the primary with this replication index.
    pub fn wrote(&self, index: u64) {
        self.shared().wrote(index);
    }

    /// Whether the copy has all that this process wrote. Costs a look at a few numbers.
    pub fn is_fresh(&self) -> bool {
        self.shared().is_fresh()
    }

    /// Whether the file can be read. It cannot between the moment when it was found deleted or
    /// damaged, and the end of its being pulled anew.
    pub fn is_readable(&self) -> bool {
        self.shared().is_readable()
    }

    /// Changes when the file under the path is another one than before (it had been deleted, or
    /// was damaged): connections that were opened before have to be opened anew.
    pub fn generation(&self) -> u64 {
        self.shared().generation()
    }

    /// A reader found the file damaged that it opened in this generation: the next sync pulls the
    /// copy anew, into a new file.
    pub fn report_damage(&self, generation: u64) {
        self.shared().note_damage(generation);
    }

    /// The token for the requests from now on; `None`: without one.
    ///
    /// # Failure
    /// The token holds characters that an HTTP header cannot.
    pub fn set_token(&self, token: Option<String>) -> Result<()> {
        self.rounds.primary.set_token(token)
    }

    /// Where the copy is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the copy an ordinary database: the log is written into the file, the metadata
    /// removed, the lock let go. Its encryption stays as it is. Every later call of this replica
    /// fails with `frozen`, and so does opening it again while somebody still has it. A reader in
    /// a transaction is waited for.
    ///
    /// # Failure
    /// `busy` where a reader kept the log from being written until the deadline (without one, for
    /// 30 seconds): the replica is as it was. `timeout` where a sync did not end.
    pub async fn freeze(&self, call: Call) -> Result<()> {
        self.check_frozen()?;
        let by = bounded(call).deadline;
        self.rounds.alone(call, move |copy| copy.freeze(by)).await
    }

    pub fn status(&self) -> ReplicaStatus {
        self.shared().status()
    }

    pub(super) fn check_frozen(&self) -> Result<()> {
        self.shared().check_frozen()
    }

    fn shared(&self) -> &Shared {
        &self.rounds.shared
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(background) = &self.background {
            background.abort();
        }
        self.rounds.stop();
    }
}

fn bounded(call: Call) -> Call {
    let deadline = call
        .deadline
        .or_else(|| Instant::now().checked_add(LONGEST_WAIT));
    Call { deadline }
}
