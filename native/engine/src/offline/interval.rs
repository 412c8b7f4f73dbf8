//! Syncs that nobody asks for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::syncer::Syncer;
use crate::local::Call;
use crate::remote::spawn;

/// How long one may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Syncs again and again, until nobody has the copy any more.
pub(super) fn start(syncer: &Arc<Syncer>, interval: Duration) {
    let syncer = Arc::downgrade(syncer);
    let started = spawn(async move {
        loop {
            sleep(interval).await;
            if !sync(&syncer).await {
                return;
            }
        }
    });
    if let Err(error) = started {
        tracing::error!(%error, "a copy does not sync by itself");
    }
}

async fn sync(syncer: &Weak<Syncer>) -> bool {
    let Some(syncer) = syncer.upgrade() else {
        return false;
    };
    let call = Call::with_timeout(Some(LONGEST));
    if let Err(error) = syncer.sync(&call).await {
        tracing::debug!(%error, path = %syncer.path().display(), "a copy was not synced");
    }
    super::let_go(syncer);
    true
}
