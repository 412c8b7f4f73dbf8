//! The copy's files, as the replica's own thread has them: opening, writing, giving up.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libsql::ffi;
use uuid::Uuid;

use super::frame::Frame;
use super::insert::{self, MOST_PAGES, Moved, Pages, Pen, Piece, Pieces};
use super::log_size::LogSize;
use super::metadata::{self, Metadata, Position, Recorded, beside, failed};
use super::shared::Shared;
use super::status::ResetReason;
use crate::error::{Error, Result};
use crate::local::{
    Call, CheckpointMode, Connection, JournalMode, OpenMode, OpenOptions, WalInsertion,
};

/// The write-ahead log's file is cut to this size when it is begun anew.
const LOG_SIZE_LIMIT: u32 = 4 * 1024 * 1024;
/// How long another program's lock on the file is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a reader is looked for that is waited for.
const POLL: Duration = Duration::from_millis(5);
/// By how much the schema's cookie is moved at each reset, so that a connection that knows the old
/// database's schema never takes it for the new one's.
const COOKIE_STEP: u32 = 1 << 20;

const NOW: Call = Call { deadline: None };

/// What is to be done so that the copy follows the primary.
#[derive(Debug, Clone, Copy)]
pub(super) enum Course {
    /// The frames after this position.
    On(Position),
    /// The primary has fewer frames than the copy, which is at this position.
    Ahead(Position),
    /// All frames of the log, in one transaction.
    Anew(ResetReason),
}

pub(super) struct Copy {
    path: PathBuf,
    key: Option<Vec<u8>>,
    /// None after a failure, until the next round, and once the copy is frozen.
    connection: Option<Connection>,
    // After the connection: fields are dropped in this order, and this is the file's lock.
    metadata: Metadata,
    /// Device and inode of the file that the connection has.
    file: (u64, u64),
    position: Option<Position>,
    /// The file has something in it of which nobody knows how far it is.
    unknown: bool,
    log_size: LogSize,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the key.
        f.debug_struct("Copy")
            .field("path", &self.path)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Copy {
    /// Opens the copy at this path, or creates it, and locks it. With a reason where something of
    /// it was lost.
    pub(super) fn open(
        path: &Path,
        key: Option<Vec<u8>>,
        shared: Arc<Shared>,
    ) -> Result<(Copy, Option<ResetReason>)> {
        let size = size(path)?;
        if size > 0 && !exists(&metadata::path_of(path))? {
            return Err(Error::InvalidArgument(format!(
                "{} is a database, but no replica: its metadata file {} is not there. It would be \
                 overwritten; give another path, or delete the file",
                path.display(),
                metadata::path_of(path).display()
            )));
        }
        let metadata = Metadata::open(path)?;
        let mut copy = Copy {
            path: path.to_owned(),
            key,
            metadata,
            connection: None,
            file: (0, 0),
            position: None,
            unknown: false,
            log_size: LogSize::default(),
            shared,
        };
        let mut lost = None;
        match copy.metadata.read()? {
            Recorded::At(position) if size > 0 => copy.position = Some(position),
            Recorded::At(position) => {
                lost = position.frame.map(|_| ResetReason::FileMissing);
                copy.metadata.clear()?;
            }
            Recorded::Nothing | Recorded::Damaged => copy.unknown = size > 0,
        }
        if copy.open_file()? {
            lost = Some(ResetReason::FileDamaged);
        }
        copy.unknown = copy.unknown && !copy.is_empty()?;
        copy.shared.set_frame(copy.frame());
        Ok((copy, lost))
    }

    /// The last frame that the copy has.
    pub(super) fn frame(&self) -> Option<u64> {
        self.position.and_then(|position| position.frame)
    }

    /// Whether the file is a database that nothing was ever inserted into.
    fn is_empty(&mut self) -> Result<bool> {
        let Some(connection) = &mut self.connection else {
            return Err(closed(&self.path));
        };
        Ok(connection.page_count(&NOW)? <= 1)
    }

    /// Whether there is something to be read.
    pub(super) fn has_content(&self) -> bool {
        self.unknown || self.frame().is_some()
    }

    /// Opens the file. `true`: it was damaged, and is a new one now.
    fn open_file(&mut self) -> Result<bool> {
        let (connection, was_damaged) = match open(&self.path, self.key.clone()) {
            Ok(connection) => (connection, false),
            Err(error) if is_damage(&self.path, &error) => {
                tracing::warn!(path = %self.path.display(), %error, "the copy is damaged");
                self.forget_file()?;
                (open(&self.path, self.key.clone())?, true)
            }
            Err(error) => return Err(error),
        };
        let there = fs::metadata(&self.path).map_err(|error| failed(&self.path, &error))?;
        self.file = (there.dev(), there.ino());
        self.connection = Some(connection);
        self.log_size = LogSize::default();
        Ok(was_damaged)
    }

    /// Deletes the copy's file, and what is recorded of it.
    fn forget_file(&mut self) -> Result<()> {
        self.connection = None;
        self.metadata.clear()?;
        self.position = None;
        self.unknown = false;
        for suffix in ["-wal", "-shm", ""] {
            remove(&beside(&self.path, suffix))?;
        }
        Ok(())
    }

    /// Before a round: is the file still there, and sound? With a reason where it is a new one
    /// now.
    pub(super) fn look_after(&mut self) -> Result<Option<ResetReason>> {
        self.shared.check_frozen()?;
        if !self.metadata.in_place()? {
            self.metadata = Metadata::open(&self.path)?;
            if let Some(position) = self.position {
                self.metadata.write(position)?;
            }
        }
        let lost = match fs::metadata(&self.path) {
            _ if self.shared.is_damaged() => Some(ResetReason::FileDamaged),
            _ if self.connection.is_none() => Some(ResetReason::FileDamaged),
            Ok(there) if (there.dev(), there.ino()) == self.file => None,
            Ok(there) if there.len() > 0 => {
                return Err(Error::InvalidArgument(format!(
                    "{} was replaced by another file, which is none of this replica's",
                    self.path.display()
                )));
            }
            Ok(_) => Some(ResetReason::FileMissing),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(ResetReason::FileMissing),
            Err(error) => return Err(failed(&self.path, &error)),
        };
        if lost.is_some() {
            self.shared.file_replaced();
            self.forget_file()?;
            self.open_file()?;
        }
        Ok(lost)
    }

    /// What to do, as the primary's log is `log` and its last frame `frame`.
    pub(super) fn course(&mut self, log: Uuid, frame: Option<u64>) -> Result<Course> {
        if self.unknown {
            return Ok(Course::Anew(ResetReason::MetadataDamaged));
        }
        match self.position {
            Some(position) if position.log != log => Ok(Course::Anew(ResetReason::LogChanged)),
            Some(position) if position.frame > frame => Ok(Course::Ahead(position)),
            Some(position) => Ok(Course::On(position)),
            None => self
                .record(Position {
                    log,
                    frame: None,
                    cookie: 0,
                })
                .map(Course::On),
        }
    }

    /// Has a copy follow this log; `None`: it follows another.
    pub(super) fn adopt(&mut self, log: Uuid) -> Option<Result<Position>> {
        match self.course(log, Some(u64::MAX)) {
            Ok(Course::On(position)) => Some(Ok(position)),
            Ok(Course::Ahead(_) | Course::Anew(_)) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Where the log begins, for a copy that is pulled anew.
    pub(super) fn beginning(&self, log: Uuid) -> Position {
        Position {
            log,
            frame: None,
            cookie: self
                .position
                .map_or(0, |position| position.cookie)
                .wrapping_add(COOKIE_STEP),
        }
    }

    /// Inserts the frames of an answer, one transaction of the copy for all that it holds. What
    /// comes without the end of its transaction is forgotten.
    pub(super) fn apply(&mut self, frames: Pieces<'_>, moved: &mut Moved) -> Result<()> {
        let mut pages = Pages::default();
        let mut end = None;
        let mut open: Vec<Frame> = Vec::new();
        while let Some(Piece::Frame(frame)) = frames() {
            moved.one();
            let commits = frame.commits().then_some((frame.number, frame.size_after));
            open.push(frame);
            if commits.is_some() {
                open.drain(..).for_each(|frame| pages.push(frame));
                end = commits;
            }
            if pages.len() + open.len() >= MOST_PAGES {
                self.commit(&mut pages, end.take())?;
            }
            if open.len() >= MOST_PAGES {
                open.drain(..).for_each(|frame| pages.push(frame));
                self.apply_transaction(&mut pages, frames, moved)?;
            }
        }
        self.commit(&mut pages, end)
    }

    /// Inserts the rest of a transaction that is too long for the memory.
    fn apply_transaction(
        &mut self,
        pages: &mut Pages,
        frames: Pieces<'_>,
        moved: &mut Moved,
    ) -> Result<()> {
        let cookie = self.cookie();
        let mut pen = Pen::new(self.insertion()?, cookie)?;
        let number = loop {
            if pages.len() >= MOST_PAGES {
                pages.spill(&mut pen)?;
            }
            let Some(Piece::Frame(frame)) = frames() else {
                return Err(insert::unfinished());
            };
            moved.one();
            let (number, size) = (frame.number, frame.size_after);
            pages.push(frame);
            if size != 0 {
                pages.commit(&mut pen, size)?;
                break number;
            }
        };
        drop(pen);
        self.committed(number)
    }

    fn commit(&mut self, pages: &mut Pages, end: Option<(u64, u32)>) -> Result<()> {
        let Some((number, size)) = end else {
            return Ok(());
        };
        let cookie = self.cookie();
        let mut pen = Pen::new(self.insertion()?, cookie)?;
        pages.commit(&mut pen, size)?;
        drop(pen);
        self.committed(number)
    }

    fn committed(&mut self, frame: u64) -> Result<()> {
        if let Some(position) = self.position {
            let frame = Some(frame);
            self.record(Position { frame, ..position })?;
        }
        self.checkpoint();
        Ok(())
    }

    /// Inserts all frames until they are said to be complete, in one transaction. The copy is at
    /// `beginning`, in the frame that is named with their end, after that.
    pub(super) fn apply_whole(
        &mut self,
        beginning: Position,
        frames: Pieces<'_>,
        moved: &mut Moved,
    ) -> Result<()> {
        let mut pen = Pen::new(self.insertion()?, beginning.cookie)?;
        let frame = insert::whole(&mut pen, frames, moved)?;
        drop(pen);
        self.unknown = false;
        self.record(Position { frame, ..beginning })?;
        self.checkpoint();
        Ok(())
    }

    fn cookie(&self) -> u32 {
        self.position.map_or(0, |position| position.cookie)
    }

    /// Notes how far the copy is, once that is on the disk.
    fn record(&mut self, position: Position) -> Result<Position> {
        self.metadata.write(position)?;
        self.position = Some(position);
        self.shared.set_frame(position.frame);
        Ok(position)
    }

    /// Begins to insert. Another program's lock on the file is waited for: nobody of this process
    /// writes here, and a reader that opens the file has such a lock for a moment.
    fn insertion(&mut self) -> Result<WalInsertion<'_>> {
        let shared = &self.shared;
        let Some(connection) = self.connection.as_mut() else {
            return Err(closed(&self.path));
        };
        connection
            .wal_insert_within(LOCK_TIMEOUT, &NOW)
            .inspect_err(|error| {
                if is_damage(&self.path, error) {
                    shared.note_damage(shared.generation());
                }
            })
    }

    /// Writes what the log holds into the file, as far as no reader needs what is there. A failure
    /// is none of the round's: the log only stays longer.
    fn checkpoint(&mut self) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        if let Err(error) = self.log_size.keep(connection) {
            tracing::warn!(path = %self.path.display(), %error, "the log was not checkpointed");
        }
    }

    /// Writes the whole log into the file, and makes it an ordinary database. Readers who need the
    /// log are waited for until the deadline.
    pub(super) fn freeze(&mut self, by: Option<Instant>) -> Result<()> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(closed(&self.path));
        };
        while connection.checkpoint(CheckpointMode::Truncate, &NOW)?.busy {
            if by.is_none_or(|by| Instant::now() >= by) {
                return Err(Error::FileInUse(format!(
                    "{}: a reader is in a transaction, so the log cannot be written into the file",
                    self.path.display()
                )));
            }
            thread::sleep(POLL);
        }
        self.metadata.remove()?;
        self.shared.freeze();
        self.connection = None;
        Ok(())
    }
}

fn open(path: &Path, key: Option<Vec<u8>>) -> Result<Connection> {
    let database = path.to_str().ok_or_else(|| {
        Error::InvalidArgument(format!("the path {} is not valid UTF-8", path.display()))
    })?;
    let pragma = |name: &str, value: String| (name.to_owned(), value);
    Connection::open(OpenOptions {
        database: database.to_owned(),
        mode: OpenMode::Create,
        statement_cache_size: 10,
        journal_mode: Some((JournalMode::Wal, true)),
        file_pragmas: vec![pragma("page_size", super::frame::PAGE.to_string())],
        pragmas: vec![
            // A commit is on the disk before the metadata says so.
            pragma("synchronous", "FULL".to_owned()),
            pragma("wal_autocheckpoint", "0".to_owned()),
            pragma("journal_size_limit", LOG_SIZE_LIMIT.to_string()),
        ],
        encryption_key: key,
        ..OpenOptions::default()
    })
}

/// Whether the error says that the file is damaged, and not that the key is wrong.
fn is_damage(path: &Path, error: &Error) -> bool {
    match error.extended_code().map(|code| code & 0xff) {
        Some(ffi::SQLITE_CORRUPT) => true,
        Some(ffi::SQLITE_NOTADB) => !may_be_encrypted(path),
        _ => false,
    }
}

/// Of an encrypted file, the bytes 16 to 23 are as in any database, and only they. One that cannot
/// be looked at is left alone, too.
fn may_be_encrypted(path: &Path) -> bool {
    let mut bytes = [0; 24];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    match read {
        Ok(()) => {
            bytes[16..] == [0x10, 0x00, 2, 2, 0, 64, 32, 32]
                && !bytes.starts_with(b"SQLite format 3\0")
        }
        Err(error) => error.kind() != ErrorKind::UnexpectedEof,
    }
}

fn closed(path: &Path) -> Error {
    Error::File {
        path: path.display().to_string(),
        reason: "the copy is closed: it could not be opened anew".to_owned(),
    }
}

/// The size of a file; 0 where it is not there.
fn size(path: &Path) -> Result<u64> {
    match fs::metadata(path) {
        Ok(there) if there.is_file() => Ok(there.len()),
        Ok(_) => Err(Error::InvalidArgument(format!(
            "{} is not a file",
            path.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failed(path, &error)),
    }
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|error| failed(path, &error))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}
