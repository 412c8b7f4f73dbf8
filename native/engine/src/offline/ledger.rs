//! Our own file beside a copy, `-offline`: which frames of the log are the generation's.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::atomic_file;
use super::trouble::{Trouble, io};
use crate::error::Result;

const VERSION: u64 = 1;

/// What tells one log of a database from the next: part of its header.
pub(super) type Salt = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ledger {
    pub(super) generation: u32,
    /// The last frame of the generation before, which the log may still have: then `-info` may not
    /// know of this generation yet.
    pub(super) ended: Option<u32>,
    /// The log's frame `base + n` is the generation's frame `n`.
    pub(super) base: u32,
    /// The log that `base` is about; `None` while it has no frames.
    pub(super) salt: Option<Salt>,
    /// Not 0: all of the log's frames up to this one, which was its last, may be in the database
    /// file, so that the next writer may begin the log anew.
    pub(super) folded: u32,
}

impl Ledger {
    /// `None`: there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Ledger>> {
        let contents = match fs::read(path) {
            Ok(contents) => contents,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("reading", path, &error)),
        };
        match Ledger::parse(&contents) {
            Some(ledger) => Ok(Some(ledger)),
            None => Err(Trouble::State.error(format!(
                "{}, which says what of the log is synced, is damaged",
                path.display()
            ))),
        }
    }

    fn parse(contents: &[u8]) -> Option<Ledger> {
        let value: Value = serde_json::from_slice(contents).ok()?;
        if value.get("version")?.as_u64()? != VERSION {
            return None;
        }
        let number = |name: &str| u32::try_from(value.get(name)?.as_u64()?).ok();
        let salt = match value.get("salt")? {
            Value::Null => None,
            salt => Some(Salt::from_str_radix(salt.as_str()?, 16).ok()?),
        };
        let ended = match value.get("ended")? {
            Value::Null => None,
            _ => Some(number("ended")?),
        };
        Some(Ledger {
            generation: number("generation")?,
            ended,
            base: number("base")?,
            salt,
            folded: number("folded")?,
        })
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let contents = json!({
            "version": VERSION,
            "generation": self.generation,
            "ended": self.ended,
            "base": self.base,
            "salt": self.salt.map(|salt| format!("{salt:016x}")),
            "folded": self.folded,
        });
        atomic_file::write(path, contents.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x-offline");
        assert_eq!(Ledger::read(&path).unwrap(), None);
        for ledger in [
            Ledger::default(),
            Ledger {
                generation: 3,
                ended: Some(12),
                base: 12,
                salt: Some(0x0123_4567_89ab_cdef),
                folded: 12,
            },
        ] {
            ledger.write(&path).unwrap();
            assert_eq!(Ledger::read(&path).unwrap(), Some(ledger));
        }
        for damaged in ["", "{}", r#"{"version":2}"#] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(Ledger::read(&path).unwrap_err().code(), "sync_state");
        }
    }
}
