//! A replica as the connections of this VM share it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, LazyLock, Weak};

use ecto_libsql_engine::remote::spawn;
use ecto_libsql_engine::replica::Replica;
use parking_lot::Mutex;

/// By the path of the file.
static ALL: LazyLock<Mutex<HashMap<PathBuf, Weak<Shared>>>> = LazyLock::new(Mutex::default);

pub struct Shared {
    replica: Arc<Replica>,
    /// A write of this VM was not waited for until the copy had it.
    missed: AtomicBool,
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
            missed: AtomicBool::new(false),
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
        !self.missed.load(Acquire) || self.caught_up()
    }

    fn caught_up(&self) -> bool {
        let fresh = self.replica.is_fresh();
        if fresh {
            self.missed.store(false, Release);
            // One that was missed in between counts.
            if !self.replica.is_fresh() {
                self.missed.store(true, Release);
            }
        }
        fresh
    }

    pub fn missed(&self) {
        self.missed.store(true, Release);
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
