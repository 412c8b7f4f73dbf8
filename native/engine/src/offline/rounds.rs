//! What a sync, a push or a pull came to.

/// Frames that were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pushed {
    /// The generation's last frame that both sides have.
    pub frame_no: u32,
    pub frames: u32,
}

/// Frames of others that were fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulled {
    pub frame_no: u32,
    pub frames: u32,
}

/// A sync is either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Synced {
    pub frame_no: u32,
    pub pushed: u32,
    pub pulled: u32,
}
