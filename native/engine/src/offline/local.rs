//! The copy's own side: its log, and where it stands in it. Blocks; for threads that may.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::files::{self, Files};
use super::frames::{self, FRAME, PAGE};
use super::ledger::Salt;
use super::position::Position;
use super::trouble::{Trouble, io};
use crate::error::{Error, Result};
use crate::local::{
    Behavior, Call, CheckpointMode, Collect, Connection, JournalMode, OpenMode, OpenOptions, Source,
};
use crate::params::NoParams;
use crate::value::Value;

const LOG_HEADER: u64 = 32;
const SALT_OFFSET: u64 = 16;

/// How long another program's lock is waited for at most, and between looking.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// How long readers of old snapshots may keep an ended generation in the log. It does no harm
/// there.
const FOLD_PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Local {
    files: Files,
    pub(super) position: Position,
    worker: Connection,
    /// In a read transaction, so that nobody begins the log anew.
    guard: Connection,
}

/// What an insertion came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// All of the frames are in the log now; so many of them were not before.
    All(u32),
    /// The log has another frame in this one's place: local writes.
    Differs(u32),
}

impl Local {
    pub(super) fn open(files: &Files, position: Position) -> Result<Local> {
        let (worker, guard) = (open(files)?, open(files)?);
        let mut local = Local {
            files: files.clone(),
            position,
            worker,
            guard,
        };
        let page_size = local.worker.page_size(&Call::default())?;
        if page_size != PAGE {
            return Err(Trouble::State.error(format!(
                "{}: its pages have {page_size} bytes, and only databases whose pages have {PAGE} \
                 can be synced",
                files.database.display()
            )));
        }
        local.stand_guard()?;
        Ok(local)
    }

    pub(super) fn worker(&self) -> &Connection {
        &self.worker
    }

    fn stand_guard(&mut self) -> Result<()> {
        let call = Call::default();
        self.guard.begin(Behavior::Deferred, &call)?;
        let read = Source::Sql("SELECT count(*) FROM sqlite_schema");
        self.guard
            .query(read, &NoParams, &mut Collect::default(), &call)?;
        Ok(())
    }

    /// The frames in the log. To be called at the gate.
    ///
    /// # Failure
    /// The log is not the one that the copy was left with.
    pub(super) fn count(&mut self, deadline: Option<Instant>) -> Result<u32> {
        let worker = &mut self.worker;
        let count = unlocked(deadline, || worker.wal_frame_count(&Call { deadline }))?;
        self.settle(count)?;
        Ok(count)
    }

    /// As [`Position::settle`], with the log's own salt.
    pub(super) fn settle(&mut self, count: u32) -> Result<()> {
        let salt = self.salt()?;
        self.position.settle(salt, count)
    }

    fn salt(&self) -> Result<Option<Salt>> {
        let path = self.files.log();
        if files::size(&path)?.is_none_or(|size| size <= LOG_HEADER) {
            return Ok(None);
        }
        let mut salt = [0; 8];
        read_at(&path, SALT_OFFSET, &mut salt)?;
        Ok(Some(Salt::from_be_bytes(salt)))
    }

    fn pages(&mut self) -> Result<u32> {
        let mut rows = Collect::default();
        let count = Source::Sql("PRAGMA page_count");
        self.worker
            .query(count, &NoParams, &mut rows, &Call::default())?;
        match rows.rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(count)) => Ok(u32::try_from(*count).unwrap_or(u32::MAX)),
            _ => Ok(0),
        }
    }

    /// Frames of the generation, from the log. They are committed, and so never change.
    pub(super) fn read(&self, first: u32, count: u32) -> Result<Vec<u8>> {
        let before = u64::from(self.position.in_log(first).saturating_sub(1));
        let mut frames = vec![0; count as usize * FRAME];
        let offset = LOG_HEADER + before * FRAME as u64;
        read_at(&self.files.log(), offset, &mut frames)?;
        Ok(frames)
    }

    /// Has the disk remember the log, so that the other side never has what was lost here.
    pub(super) fn sync_log(&self) -> Result<()> {
        let path = self.files.log();
        File::open(&path)
            .and_then(|file| file.sync_data())
            .map_err(|error| io("syncing", &path, &error))
    }

    /// Puts whole transactions into the log, as the generation's frames from `first` on, which is
    /// the next after those that both sides have. Frames that are there already are compared. To
    /// be called at the gate.
    pub(super) fn insert(
        &mut self,
        first: u32,
        received: &[u8],
        deadline: Option<Instant>,
    ) -> Result<Inserted> {
        let count = self.count(deadline)?;
        frames::check_transactions(received, self.pages()?)?;
        let total = u32::try_from(received.len() / FRAME).unwrap_or(u32::MAX);
        let have = (count + 1)
            .saturating_sub(self.position.in_log(first))
            .min(total);
        if have > 0 {
            let mine = self.read(first, have)?;
            let pairs = mine
                .chunks_exact(FRAME)
                .zip(received.chunks_exact(FRAME))
                .zip(first..);
            for ((mine, theirs), number) in pairs {
                if !frames::same(mine, theirs) {
                    return Ok(Inserted::Differs(number));
                }
            }
        }
        let call = Call { deadline };
        let new = &received[have as usize * FRAME..];
        if !new.is_empty() {
            let worker = &mut self.worker;
            unlocked(deadline, || {
                let mut insertion = worker.wal_insert(&call)?;
                new.chunks_exact(FRAME)
                    .try_for_each(|frame| insertion.insert(frame))
            })?;
            self.sync_log()?;
            let now = self.count(deadline)?;
            if now != count + (total - have) {
                return Err(Trouble::State.error(format!(
                    "the log has {now} frames after {} were appended to {count}",
                    total - have
                )));
            }
        }
        self.position.advance(first + total - 1)?;
        Ok(Inserted::All(total - have))
    }

    /// The server has ended the generation. Where nothing is pending, the log is written into the
    /// database file, if no reader is in the way. To be called at the gate.
    pub(super) fn next_generation(&mut self, deadline: Option<Instant>) -> Result<()> {
        let count = self.count(deadline)?;
        let all_durable = self.position.pending(count) == 0;
        self.position.next_generation(all_durable && count > 0)?;
        if !all_durable || count == 0 {
            return Ok(());
        }
        self.guard.rollback(&Call::default())?;
        let folded = self.fold();
        self.stand_guard()?;
        folded?;
        let count = self.count(deadline)?;
        tracing::debug!(left = count, "a generation has ended");
        Ok(())
    }

    fn fold(&mut self) -> Result<()> {
        let until = Instant::now() + FOLD_PATIENCE;
        while self
            .worker
            .checkpoint(CheckpointMode::Truncate, &Call::default())?
            .busy
            && Instant::now() < until
        {
            thread::sleep(LOCK_PAUSE);
        }
        Ok(())
    }
}

fn open(files: &Files) -> Result<Connection> {
    let database = files.database.to_str().ok_or_else(|| {
        Error::InvalidArgument(format!(
            "database: {} is no UTF-8",
            files.database.display()
        ))
    })?;
    Connection::open(OpenOptions {
        database: database.to_owned(),
        mode: OpenMode::ReadWrite,
        journal_mode: Some((JournalMode::Wal, true)),
        // The log is synced once for all frames that are inserted together.
        pragmas: vec![("synchronous".to_owned(), "normal".to_owned())],
        checkpoints: false,
        ..OpenOptions::default()
    })
}

fn read_at(path: &Path, offset: u64, into: &mut [u8]) -> Result<()> {
    File::open(path)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(into)
        })
        .map_err(|error| io("reading", path, &error))
}

/// Waits for the locks of other programs.
fn unlocked<T>(deadline: Option<Instant>, mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let patience = Instant::now() + LOCK_PATIENCE;
    let until = deadline.map_or(patience, |deadline| deadline.min(patience));
    loop {
        match work() {
            Err(error) if error.code() == "busy" && Instant::now() < until => {
                thread::sleep(LOCK_PAUSE);
            }
            done => return done.map_err(Error::final_now),
        }
    }
}
