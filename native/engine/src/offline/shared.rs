//! One [`Syncer`] for a file in a process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;

use super::syncer::Syncer;

/// Locked while the copy is opened: others who open it wait for that.
pub(super) type Slot = Arc<Turn<Weak<Syncer>>>;

static SLOTS: Mutex<Option<HashMap<PathBuf, Slot>>> = Mutex::new(None);

pub(super) fn slot(path: &Path) -> Slot {
    let mut slots = SLOTS.lock();
    let slots = slots.get_or_insert_default();
    // Nobody has them: neither a syncer nor a call that opens one.
    slots.retain(|_, slot| {
        Arc::strong_count(slot) > 1
            || slot
                .try_lock()
                .is_ok_and(|syncer| syncer.strong_count() > 0)
    });
    Arc::clone(slots.entry(path.to_owned()).or_default())
}

/// Whether a copy of this process has its file, or is about to.
pub fn any_open() -> bool {
    let slots = SLOTS.lock();
    slots.iter().flatten().any(|(_, slot)| {
        slot.try_lock()
            .map_or(true, |syncer| syncer.strong_count() > 0)
    })
}

/// The open one. None also while it is being opened.
pub(super) fn find(path: &Path) -> Option<Arc<Syncer>> {
    let slots = SLOTS.lock();
    let slot = slots.as_ref()?.get(path)?;
    slot.try_lock().ok()?.upgrade()
}
