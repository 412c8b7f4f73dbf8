//! A copy on its way from its opening to its first connection.

use std::sync::Arc;

use ecto_libsql_engine::offline::{Syncer, let_go};
use parking_lot::Mutex;
use rustler::Resource;

pub struct OfflineHandle(Mutex<Option<Arc<Syncer>>>);

impl Resource for OfflineHandle {}

impl OfflineHandle {
    pub fn new(syncer: Arc<Syncer>) -> OfflineHandle {
        OfflineHandle(Mutex::new(Some(syncer)))
    }

    /// Once.
    pub fn take(&self) -> Option<Arc<Syncer>> {
        self.0.lock().take()
    }
}

impl Drop for OfflineHandle {
    fn drop(&mut self) {
        if let Some(syncer) = self.take() {
            let_go(syncer);
        }
    }
}
