//! The replicas of this process, by their files: there is one for each.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard, watch};

use super::handle::Replica;
use super::metadata::failed;
use super::options::ReplicaOptions;
use crate::error::{Error, Result};

/// What a file's opener has to itself until it is done.
#[derive(Debug, Default)]
pub(super) struct Slot {
    replica: Weak<Replica>,
    identity: Option<Identity>,
    /// Turns true when the thread of the replica that was there has let go of the file.
    ended: Option<watch::Receiver<bool>>,
}

/// What has to be the same for those who share a replica. The key is not kept for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    uri: String,
    namespace: Option<String>,
    key: Option<u64>,
}

static FILES: LazyLock<Mutex<HashMap<PathBuf, Arc<FairMutex<Slot>>>>> =
    LazyLock::new(Mutex::default);
static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The slot of a file, for one opener at a time.
pub(super) fn slot(path: &Path) -> impl Future<Output = OwnedMutexGuard<Slot>> + use<> {
    let mut files = FILES.lock();
    // Those that nobody opens or has are not kept.
    files.retain(|_, slot| {
        Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|slot| slot.in_use())
    });
    let slot = Arc::clone(files.entry(path.to_owned()).or_default());
    slot.lock_owned()
}

/// Whether a replica of this process has its file, or is about to.
pub fn any_open() -> bool {
    let files = FILES.lock();
    files
        .values()
        .any(|slot| slot.try_lock().map_or(true, |slot| slot.in_use()))
}

impl Slot {
    fn in_use(&self) -> bool {
        self.replica.strong_count() > 0 || self.ended.as_ref().is_some_and(|it| !*it.borrow())
    }

    /// The replica that has the file, for somebody who wants it with these options.
    pub(super) fn join(&self, identity: &Identity, path: &Path) -> Result<Option<Arc<Replica>>> {
        let Some(replica) = self.replica.upgrade() else {
            return Ok(None);
        };
        replica.check_frozen()?;
        let there = self.identity.as_ref();
        let differs = |what: &str| {
            Err(Error::InvalidArgument(format!(
                "{} is open in this VM as a replica with another {what}",
                path.display()
            )))
        };
        match there {
            Some(there) if there.uri != identity.uri => differs("uri"),
            Some(there) if there.namespace != identity.namespace => differs("namespace"),
            Some(there) if there.key != identity.key => differs("encryption_key"),
            _ => Ok(Some(replica)),
        }
    }

    /// Waits until the replica that had the file has let go of it.
    pub(super) async fn let_go(&mut self) {
        if let Some(mut ended) = self.ended.take() {
            // An error says that the thread is gone.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    /// A thread has the file from here on.
    pub(super) fn taken(&mut self, ended: watch::Receiver<bool>) {
        self.ended = Some(ended);
    }

    pub(super) fn put(&mut self, replica: &Arc<Replica>, identity: Identity) {
        self.replica = Arc::downgrade(replica);
        self.identity = Some(identity);
    }
}

impl Identity {
    pub(super) fn of(options: &ReplicaOptions) -> Identity {
        let uri = options.remote.uri.split(['?', '#']).next();
        Identity {
            uri: uri.unwrap_or_default().trim_end_matches('/').to_owned(),
            namespace: options.remote.namespace.clone(),
            key: options
                .encryption_key
                .as_ref()
                .map(|key| HASH.hash_one(key)),
        }
    }
}

/// The same path for every way to write it. The folder has to be there.
pub(super) fn canonical(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(Error::InvalidArgument(format!(
            "database: {path:?} is no path of a file"
        )));
    };
    if let Ok(there) = path.canonicalize() {
        return Ok(there);
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder
        .canonicalize()
        .map_err(|error| failed(folder, &error))?;
    Ok(folder.join(name))
}
