//! libSQL's own file beside a copy, `-info`: JSON with a checksum.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::atomic_file;
use super::trouble::{Trouble, io};
use crate::error::Result;

const VERSION: u32 = 0;

/// How far a copy and its server are known to have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Counted from 1.
    pub(super) generation: u32,
    /// The generation's last frame that both have; 0: none.
    pub(super) durable_frame: u32,
}

impl Metadata {
    /// `None`: there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Metadata>> {
        let contents = match fs::read(path) {
            Ok(contents) => contents,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("reading", path, &error)),
        };
        Metadata::parse(&contents).map(Some).map_err(|reason| {
            Trouble::State.error(format!(
                "{}, which says how far the copy is synced, cannot be used: {reason}",
                path.display()
            ))
        })
    }

    fn parse(contents: &[u8]) -> Result<Metadata, String> {
        let value: Value =
            serde_json::from_slice(contents).map_err(|error| format!("it is no JSON ({error})"))?;
        let number = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(|| format!("it has no {name}"))
        };
        let version = number("version")?;
        let metadata = Metadata {
            generation: number("generation")?,
            durable_frame: number("durable_frame_num")?,
        };
        if number("hash")? != metadata.hash(version) {
            return Err("its checksum is wrong".to_owned());
        }
        if version != VERSION {
            return Err(format!(
                "its version is {version}, this one reads {VERSION}"
            ));
        }
        if metadata.generation == 0 {
            return Err("its generation is 0".to_owned());
        }
        Ok(metadata)
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let contents = json!({
            "hash": self.hash(VERSION),
            "version": VERSION,
            "durable_frame_num": self.durable_frame,
            "generation": self.generation,
        });
        atomic_file::write(path, contents.to_string().as_bytes())
    }

    fn hash(&self, version: u32) -> u32 {
        let numbers = [version, self.durable_frame, self.generation];
        crc32(numbers.iter().flat_map(|number| number.to_le_bytes()))
    }
}

/// The checksum of zlib, Ethernet and others.
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_libsql_writes_it() {
        // The checksum is the one in libsql 0.10's own tests.
        let theirs = br#"{"hash":3278479626,"version":0,"durable_frame_num":0,"generation":1}"#;
        let expected = Metadata {
            generation: 1,
            durable_frame: 0,
        };
        assert_eq!(Metadata::parse(theirs), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x-info");
        assert_eq!(Metadata::read(&path).unwrap(), None);
        let good = Metadata {
            generation: 7,
            durable_frame: 300,
        };
        good.write(&path).unwrap();
        assert_eq!(Metadata::read(&path).unwrap(), Some(good));
        let text = fs::read_to_string(&path).unwrap();
        for (contents, what) in [
            (String::new(), "no JSON"),
            (text.replace(":300", ":301"), "checksum"),
            (text.replace("\"version\":0", "\"version\":1"), "checksum"),
            (text.replace(":300", ":-1"), "durable_frame_num"),
            (text[..text.len() - 3].to_owned(), "no JSON"),
            ("{}".to_owned(), "version"),
        ] {
            fs::write(&path, &contents).unwrap();
            let error = Metadata::read(&path).unwrap_err();
            assert_eq!(error.code(), "sync_state");
            assert!(error.to_string().contains(what), "{contents}: {error}");
        }
    }
}
