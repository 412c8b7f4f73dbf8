//! The file beside a copy that says which log it follows, and how far it is.
//!
//! It is `<database>-client_wal_index`, as libSQL's own clients have it, so that a copy can be
//! continued by either: the log's id (16 bytes), the last frame (8 bytes, all ones for none), and 8
//! bytes that they leave unused, all little-endian. The first four of those have what is added to
//! the copy's schema cookie when a page goes into it ([`Pen`](super::insert::Pen)).
//!
//! The file is also the copy's lock among processes.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::frame::part;
use crate::error::{Error, Result};

const LENGTH: usize = 32;
const NO_FRAME: u64 = u64::MAX;

/// Which log a copy follows, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub log: Uuid,
    /// The last frame; `None`: none yet.
    pub frame: Option<u64>,
    /// What is added to the schema cookie.
    pub cookie: u32,
}

impl Position {
    /// The frame to ask for next.
    pub(super) fn next(&self) -> u64 {
        self.frame.map_or(0, |frame| frame + 1)
    }

    fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..16].copy_from_slice(&self.log.as_u128().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.frame.unwrap_or(NO_FRAME).to_le_bytes());
        bytes[24..28].copy_from_slice(&self.cookie.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; LENGTH]) -> Position {
        let frame = u64::from_le_bytes(part(bytes, 16));
        Position {
            log: Uuid::from_u128(u128::from_le_bytes(part(bytes, 0))),
            frame: (frame != NO_FRAME).then_some(frame),
            cookie: u32::from_le_bytes(part(bytes, 24)),
        }
    }
}

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    Nothing,
    At(Position),
    /// It is not a file of this kind any more.
    Damaged,
}

/// The file, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Metadata {
    path: PathBuf,
    file: File,
}

/// Where the metadata of a database is.
pub(super) fn path_of(database: &Path) -> PathBuf {
    beside(database, "-client_wal_index")
}

/// A file whose name is the database's and a suffix.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    database.with_file_name(name)
}

impl Metadata {
    /// Opens the file, or creates it, and locks it.
    ///
    /// # Failure
    /// `busy`: somebody else has it. `ioerr`.
    pub(super) fn open(database: &Path) -> Result<Metadata> {
        let path = path_of(database);
        loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(|error| failed(&path, &error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::FileInUse(format!(
                        "{} is a replica of another process, or one that this process is closing: \
                         give each process a file of its own",
                        database.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
            }
            // Whoever froze the replica meanwhile has removed the file that is locked now.
            if is_at(&file, &path)? {
                return Ok(Metadata { path, file });
            }
        }
    }

    pub(super) fn read(&self) -> Result<Recorded> {
        let length = self.file.metadata().map_err(|it| failed(&self.path, &it))?;
        let mut bytes = [0; LENGTH];
        match usize::try_from(length.len()) {
            Ok(0) => return Ok(Recorded::Nothing),
            Ok(LENGTH) => {}
            _ => return Ok(Recorded::Damaged),
        }
        self.file
            .read_exact_at(&mut bytes, 0)
            .map_err(|error| failed(&self.path, &error))?;
        Ok(Recorded::At(Position::from_bytes(&bytes)))
    }

    /// Is on the disk when this returns.
    pub(super) fn write(&self, position: Position) -> Result<()> {
        let wrote = self
            .file
            .write_all_at(&position.to_bytes(), 0)
            .and_then(|()| self.file.set_len(LENGTH as u64))
            .and_then(|()| self.file.sync_data());
        wrote.map_err(|error| failed(&self.path, &error))
    }

    /// Forgets what is recorded: the copy is to be pulled from its beginning.
    pub(super) fn clear(&self) -> Result<()> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| failed(&self.path, &error))
    }

    /// Whether the file is still where it was.
    pub(super) fn in_place(&self) -> Result<bool> {
        is_at(&self.file, &self.path)
    }

    /// The copy is none any more.
    pub(super) fn remove(&self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|error| failed(&self.path, &error))
    }
}

/// Whether this open file is the one at the path.
pub(super) fn is_at(file: &File, path: &Path) -> Result<bool> {
    let open = file.metadata().map_err(|error| failed(path, &error))?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, &error)),
    }
}

pub(super) fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]
mod tests {
    use super::*;

    /// As `libsql-experimental` 0.0.55 wrote it, after its first sync.
    const OF_LIBSQL: [u8; LENGTH] = [
        0xe8, 0xde, 0xee, 0xba, 0x1a, 0x6b, 0x25, 0xb1, 0xaa, 0x4a, 0x50, 0xeb, 0xdd, 0x7a, 0x2b,
        0x42, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    #[test]
    fn what_libsql_wrote_is_read_and_written_alike() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("copy.db");
        let file = path_of(&database);
        std::fs::write(&file, OF_LIBSQL).unwrap();
        let metadata = Metadata::open(&database).unwrap();
        let Recorded::At(position) = metadata.read().unwrap() else {
            unreachable!("it is whole");
        };
        assert_eq!(
            (position.frame, position.next(), position.cookie),
            (Some(6), 7, 0)
        );
        assert_eq!(
            position.log.to_string(),
            "422b7add-eb50-4aaa-b125-6b1abaeedee8"
        );
        metadata.write(position).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), OF_LIBSQL);

        for frame in [None, Some(0), Some(u64::MAX - 1)] {
            let position = Position {
                frame,
                cookie: 3,
                ..position
            };
            metadata.write(position).unwrap();
            assert_eq!(metadata.read().unwrap(), Recorded::At(position));
        }
        metadata.clear().unwrap();
        assert_eq!(metadata.read().unwrap(), Recorded::Nothing);
        std::fs::write(&file, [0; 33]).unwrap();
        assert_eq!(metadata.read().unwrap(), Recorded::Damaged);
    }

    #[test]
    fn the_file_is_a_lock_that_notices_its_own_removal() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("copy.db");
        let metadata = Metadata::open(&database).unwrap();
        assert_eq!(Metadata::open(&database).unwrap_err().code(), "busy");
        assert!(metadata.in_place().unwrap());
        metadata.remove().unwrap();
        assert!(!metadata.in_place().unwrap());
        Metadata::open(&database).unwrap();
    }
}
