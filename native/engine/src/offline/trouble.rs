//! What is wrong between a copy and its server, or with the copy's files.

use std::path::Path;

use crate::error::Error;

/// The kinds of [`Error::Offline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Both the copy and the server have changes that the other lacks.
    Conflict,
    /// The copy's files are not as they were left, so that it is unknown what was pushed.
    State,
    /// Another process of the operating system has the copy open.
    InUse,
}

impl Trouble {
    pub fn code(self) -> &'static str {
        match self {
            Trouble::Conflict => "sync_conflict",
            Trouble::State => "sync_state",
            Trouble::InUse => "busy",
        }
    }

    pub(super) fn error(self, message: impl Into<String>) -> Error {
        Error::Offline {
            trouble: self,
            message: message.into(),
        }
    }
}

/// An I/O error, with the file that it is about.
pub(super) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Error {
    Trouble::State.error(format!("{doing} {}: {error}", path.display()))
}
