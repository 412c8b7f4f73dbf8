//! What a copy tells of itself.

use std::sync::Arc;
use std::time::Duration;

/// Something that happened between a copy and its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A sync, a push or a pull succeeded.
    Synced {
        /// The generation's last frame that both sides have.
        frame_no: u32,
        pushed: u32,
        pulled: u32,
        duration: Duration,
    },
    Failed {
        code: &'static str,
        message: String,
    },
}

/// Is called with each event.
pub type Listener = Arc<dyn Fn(&Event) + Send + Sync>;
