//! What a sync, a push or a pull came to.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Synced {
    /// The generation's last frame that both sides have.
    pub frame_no: u32,
    /// Frames that the server got.
    pub pushed: u32,
    /// Frames of others that the copy got.
    pub pulled: u32,
}
