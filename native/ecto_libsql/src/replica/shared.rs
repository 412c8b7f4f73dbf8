//! A replica as the connections of this VM share it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, LazyLock, Weak};

use ecto_libsql_engine::remote::spawn;
use ecto_libsql_engine::replica::Replica;
use parking_lot::Mutex;

/// By the path of the file.
static ALL: LazyLock<Mutex<HashMap<PathBuf, Weak<Shared>>>> = LazyLock::new(Mutex::default);

pub struct Shared {
    replica: Arc<Replica>,
    /// The highest frame of this VM's writes that was not waited for until it came; 0: none.
    missed: AtomicU64,
    frozen: AtomicBool,
    encryption_key: Option<Vec<u8>>,
}

impl Shared {
    /// The one of this replica, which others may have already.
    pub fn of(replica: Arc<Replica>, encryption_key: Option<Vec<u8>>) -> Arc<Shared> {
        let mut all = ALL.lock();
        all.retain(|_, shared| shared.strong_count() > 0);
        if let Some(shared) = all.get(replica.path()).and_then(Weak::upgrade)
            && Arc::ptr_eq(&shared.replica, &replica)
        {
            return shared;
        }
        let path = replica.path().to_owned();
        let shared = Arc::new(Shared {
            replica,
            missed: AtomicU64::new(0),
            frozen: AtomicBool::new(false),
            encryption_key,
        });
        all.insert(path, Arc::downgrade(&shared));
        shared
    }

    /// That of a file, however its path is spelled, where a connection has it.
    pub fn find(path: &Path) -> Option<Arc<Shared>> {
        let wanted = path.canonicalize().ok()?;
        let all = ALL.lock();
        let mut open = all.values().filter_map(Weak::upgrade);
        open.find(|shared| {
            let path = shared.replica.path();
            path.canonicalize().is_ok_and(|path| path == wanted)
        })
    }

    pub fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    pub fn encryption_key(&self) -> Option<Vec<u8>> {
        self.encryption_key.clone()
    }

    /// Whether the copy has every write of this VM whose caller was answered.
    ///
    /// A write that is still waited for does not count: whoever made it does not read yet, and
    /// nobody else can know of it.
    pub fn fresh(&self) -> bool {
        let missed = self.missed.load(Acquire);
        missed == 0 || self.caught_up_with(missed)
    }

    fn caught_up_with(&self, missed: u64) -> bool {
        // The replica forgets writes to a primary that was created anew since.
        let fresh = self.has(missed) || self.replica.is_fresh();
        if fresh {
            let _ = self.missed.compare_exchange(missed, 0, AcqRel, Acquire);
        }
        fresh
    }

    pub fn has(&self, frame: u64) -> bool {
        self.replica
            .replication_index()
            .is_some_and(|index| index >= frame)
    }

    pub fn missed(&self, frame: u64) {
        self.missed.fetch_max(frame, AcqRel);
    }

    pub fn frozen(&self) -> bool {
        self.frozen.load(Acquire)
    }

    pub fn freeze(&self) {
        self.frozen.store(true, Release);
    }
}

/// Lets go where a scheduler must not: the last one ends the replica's work.
pub fn let_go(shared: Arc<Shared>) {
    // Without a runtime there is no replica.
    let _ = spawn(async move { drop(shared) });
}
