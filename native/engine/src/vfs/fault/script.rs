//! What is to go wrong, as data.

use std::time::Duration;

use libsql::ffi;

use crate::error::{Error, Result};

/// What SQLite asks of a VFS and its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Open,
    Read,
    Write,
    Sync,
    Truncate,
    Size,
    Delete,
    Access,
    Lock,
    /// The index of the write-ahead log, in memory that connections share.
    ShmMap,
    ShmLock,
}

impl Operation {
    pub const ALL: [Operation; 11] = [
        Operation::Open,
        Operation::Read,
        Operation::Write,
        Operation::Sync,
        Operation::Truncate,
        Operation::Size,
        Operation::Delete,
        Operation::Access,
        Operation::Lock,
        Operation::ShmMap,
        Operation::ShmLock,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Operation::Open => "open",
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Sync => "sync",
            Operation::Truncate => "truncate",
            Operation::Size => "size",
            Operation::Delete => "delete",
            Operation::Access => "access",
            Operation::Lock => "lock",
            Operation::ShmMap => "shm_map",
            Operation::ShmLock => "shm_lock",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// The code of its failure where the script names none.
    pub(super) fn code(self) -> i32 {
        match self {
            Operation::Open => ffi::SQLITE_CANTOPEN,
            Operation::Read => ffi::SQLITE_IOERR_READ,
            Operation::Write => ffi::SQLITE_IOERR_WRITE,
            Operation::Sync => ffi::SQLITE_IOERR_FSYNC,
            Operation::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
            Operation::Size => ffi::SQLITE_IOERR_FSTAT,
            Operation::Delete => ffi::SQLITE_IOERR_DELETE,
            Operation::Access => ffi::SQLITE_IOERR_ACCESS,
            Operation::Lock => ffi::SQLITE_IOERR_LOCK,
            Operation::ShmMap => ffi::SQLITE_IOERR_SHMMAP,
            Operation::ShmLock => ffi::SQLITE_IOERR_SHMLOCK,
        }
    }
}

/// Which file of a database it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Main,
    Wal,
    Journal,
    /// Temporary databases, their journals, and what statements put aside.
    Temporary,
}

impl FileKind {
    pub const ALL: [FileKind; 4] = [
        FileKind::Main,
        FileKind::Wal,
        FileKind::Journal,
        FileKind::Temporary,
    ];

    pub fn name(self) -> &'static str {
        match self {
            FileKind::Main => "main",
            FileKind::Wal => "wal",
            FileKind::Journal => "journal",
            FileKind::Temporary => "temporary",
        }
    }

    pub(super) fn of_flags(flags: i32) -> FileKind {
        if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
            FileKind::Main
        } else if flags & ffi::SQLITE_OPEN_WAL != 0 {
            FileKind::Wal
        } else if flags & (ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL) != 0 {
            FileKind::Journal
        } else {
            FileKind::Temporary
        }
    }

    pub(super) fn of_path(path: &str) -> FileKind {
        if path.ends_with("-wal") {
            FileKind::Wal
        } else if path.ends_with("-journal") || path.contains("-mj") {
            FileKind::Journal
        } else {
            FileKind::Main
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Fails, with this extended code or with the one that fits the operation.
    Fail(Option<i32>),
    /// Of a write, only so many bytes come to the disk; it fails, or says that it has not.
    Torn { keep: usize, silent: bool },
    /// Of a read, only so many bytes come; the rest are zeros.
    Short { keep: usize },
    /// A sync says that it is done, and has done nothing.
    Lie,
    /// It takes so long, and is then done.
    Delay(Duration),
    /// The power goes, while it is under way.
    PowerLoss,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Action::Fail(_) => "error",
            Action::Torn { .. } => "torn",
            Action::Short { .. } => "short",
            Action::Lie => "lie",
            Action::Delay(_) => "delay",
            Action::PowerLoss => "power_loss",
        }
    }

    /// The only operation that it goes with, if it is one.
    fn goes_with(self) -> Option<Operation> {
        match self {
            Action::Torn { .. } => Some(Operation::Write),
            Action::Short { .. } => Some(Operation::Read),
            Action::Lie => Some(Operation::Sync),
            Action::Fail(_) | Action::Delay(_) | Action::PowerLoss => None,
        }
    }
}

/// What is done, and when: all that is said of the operation holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Any where none is named.
    pub on: Vec<Operation>,
    pub files: Vec<FileKind>,
    /// Counted from 1, of the operations that `on` and `files` name.
    pub nth: Option<u64>,
    pub from: Option<u64>,
    pub every: Option<u64>,
    pub probability: Option<f64>,
    /// It is done so often at most.
    pub times: Option<u64>,
    pub action: Action,
}

impl Rule {
    /// One that is done each time.
    pub fn new(on: Operation, action: Action) -> Rule {
        Rule {
            on: vec![on],
            ..Rule::always(action)
        }
    }

    /// One that is done at each operation.
    pub fn always(action: Action) -> Rule {
        Rule {
            on: Vec::new(),
            files: Vec::new(),
            nth: None,
            from: None,
            every: None,
            probability: None,
            times: None,
            action,
        }
    }

    pub fn file(mut self, kind: FileKind) -> Rule {
        self.files.push(kind);
        self
    }

    pub fn nth(mut self, nth: u64) -> Rule {
        self.nth = Some(nth);
        self
    }

    pub fn probability(mut self, probability: f64) -> Rule {
        self.probability = Some(probability);
        self
    }

    fn check(&self, number: usize) -> Result<()> {
        let wrong = |what: String| Err(Error::InvalidArgument(format!("rule {number}: {what}")));
        if let Some(wanted) = self.action.goes_with()
            && self.on.iter().any(|on| *on != wanted)
        {
            let (action, wanted) = (self.action.name(), wanted.name());
            return wrong(format!("{action} goes with the operation {wanted} only"));
        }
        if let Some(p) = self.probability
            && !(0.0..=1.0).contains(&p)
        {
            return wrong(format!("a probability is from 0 to 1, got: {p}"));
        }
        for (name, count) in [
            ("nth", self.nth),
            ("from", self.from),
            ("every", self.every),
            ("times", self.times),
        ] {
            if count == Some(0) {
                return wrong(format!("{name} is counted from 1"));
            }
        }
        match self.action {
            Action::Fail(Some(code)) if !may_answer(code) => wrong(format!(
                "a file's operation does not fail with the code {code}"
            )),
            Action::Delay(time) if time > LONGEST_DELAY => wrong(format!(
                "a delay is of {} ms at most",
                LONGEST_DELAY.as_millis()
            )),
            _ => Ok(()),
        }
    }
}

const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// What a VFS may answer: SQLite takes others for something else than a failure, or for the end of
/// its memory.
fn may_answer(code: i32) -> bool {
    const PRIMARY: [i32; 8] = [
        ffi::SQLITE_PERM,
        ffi::SQLITE_BUSY,
        ffi::SQLITE_READONLY,
        ffi::SQLITE_IOERR,
        ffi::SQLITE_CORRUPT,
        ffi::SQLITE_FULL,
        ffi::SQLITE_CANTOPEN,
        ffi::SQLITE_PROTOCOL,
    ];
    PRIMARY.contains(&(code & 0xff))
        && ![ffi::SQLITE_IOERR_NOMEM, ffi::SQLITE_IOERR_SHORT_READ].contains(&code)
}

#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Of what is left to chance: rules' probabilities, and what a power loss takes.
    pub seed: u64,
    /// Of the first rule that holds, besides delays, the action is done.
    pub rules: Vec<Rule>,
    /// By how many bytes the files may grow before the disk is full.
    pub space: Option<u64>,
    /// What of a write comes to the disk as a whole, or not at all, when the power goes.
    pub sector_size: usize,
}

impl Default for Script {
    /// Nothing goes wrong.
    fn default() -> Script {
        Script {
            seed: 0,
            rules: Vec::new(),
            space: None,
            sector_size: 512,
        }
    }
}

impl Script {
    pub fn new(rules: impl Into<Vec<Rule>>) -> Script {
        Script {
            rules: rules.into(),
            ..Script::default()
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if !self.sector_size.is_power_of_two() || !(32..=65_536).contains(&self.sector_size) {
            return Err(Error::InvalidArgument(format!(
                "a sector's size is a power of two from 32 to 65536, got: {}",
                self.sector_size
            )));
        }
        (1..)
            .zip(&self.rules)
            .try_for_each(|(number, rule)| rule.check(number))
    }
}
