//! A VFS whose files fail as a script says, over the default VFS's.
//!
//! [`Faults::start`] registers one under a name; connections are opened with that name. What has
//! been synced is known, so that the power can go: [`Faults::power_loss`] leaves in the files what a
//! disk would have of them.

mod chance;
mod disk;
mod file;
mod script;
mod state;
mod switch;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use libsql::ffi;
use parking_lot::Mutex;

use self::disk::Disk;
pub use self::disk::Lost;
use self::file::FaultFile;
pub use self::script::{Action, FileKind, Operation, Rule, Script};
use self::state::State;
pub use self::state::{Entry, Place, Seen};
use super::bridge::{Code, Filename};
use super::raw_vfs::RawVfs;
use crate::error::{Error, Result};
use crate::local::must_not_wait;

/// A VFS that fails by a script.
#[derive(Debug)]
pub struct Faults {
    name: String,
    lower: RawVfs,
    seed: Mutex<u64>,
    state: Mutex<State>,
    disk: Mutex<Disk>,
    open_files: AtomicUsize,
}

/// What is known of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub seed: u64,
    pub seen: Seen,
    pub open_files: usize,
    /// That a power loss would put at risk.
    pub unsynced_bytes: u64,
    pub has_power: bool,
    /// What the files may still grow by.
    pub space: Option<u64>,
}

impl Faults {
    /// Registers a VFS. Without a name it gets one that is free.
    pub fn start(name: Option<&str>, script: &Script) -> Result<Arc<Faults>> {
        script.check()?;
        switch::start(name, script)
    }

    /// The VFS of that name.
    pub fn find(name: &str) -> Result<Arc<Faults>> {
        switch::find(name)
    }

    fn new(name: &str, script: &Script) -> Result<Faults> {
        let lower = RawVfs::default()
            .map_err(|_| Error::Unsupported("this build of SQLite has no VFS".to_owned()))?;
        Ok(Faults {
            name: name.to_owned(),
            lower,
            seed: Mutex::new(script.seed),
            state: Mutex::new(State::new(script)),
            disk: Mutex::new(Disk::new(script.sector_size)),
            open_files: AtomicUsize::new(0),
        })
    }

    /// By which connections choose it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Goes on with another script, whose operations are counted from 1 again. The sectors keep the
    /// size that they had.
    pub fn set(&self, script: &Script) -> Result<()> {
        script.check()?;
        *self.seed.lock() = script.seed;
        self.state.lock().restart(script);
        Ok(())
    }

    /// No connection can be opened with it any more. Those that were go on, without faults.
    pub fn stop(&self) {
        self.state.lock().restart(&Script::default());
        switch::stop(&self.name);
    }

    pub fn status(&self) -> Status {
        let unsynced_bytes = self.disk.lock().unsynced_bytes();
        let seed = *self.seed.lock();
        let state = self.state.lock();
        Status {
            seed,
            seen: state.seen.clone(),
            open_files: self.open_files.load(Relaxed),
            unsynced_bytes,
            has_power: !state.off,
            space: state.space,
        }
    }

    /// The last faults, the oldest first.
    pub fn log(&self) -> Vec<Entry> {
        self.state.lock().log()
    }

    /// Takes the power away and gives it back. The files become what the disk has of them; the
    /// connections that are open are dead, and are to be closed before the database is opened again.
    pub fn power_loss(&self) -> Result<Lost> {
        let mut chance = {
            let mut state = self.state.lock();
            state.off = true;
            state.chance.clone()
        };
        let mut disk = self.disk.lock();
        let lost = disk.lose_power(&mut chance);
        let mut state = self.state.lock();
        state.chance = chance;
        state.power_is_back();
        lost.map_err(|error| Error::File {
            path: self.name.clone(),
            reason: error.to_string(),
        })
    }

    /// Counts an operation, waits as long as it takes, and fails it where it is to fail. `since` is when
    /// its file was opened.
    fn enter(&self, place: &Place, since: Option<u64>) -> Result<Option<Action>, Code> {
        match self.decide(place, since)? {
            None => Ok(None),
            Some(action) => match state::failure(action, place.operation) {
                Some(_) => Err(self.fail(place, action)),
                None => {
                    self.state.lock().note(place, Some(action), ffi::SQLITE_OK);
                    Ok(Some(action))
                }
            },
        }
    }

    /// As `enter`, and leaves it to the caller to fail.
    fn decide(&self, place: &Place, since: Option<u64>) -> Result<Option<Action>, Code> {
        if must_not_wait() {
            return Err(place.operation.code());
        }
        let verdict = {
            let mut state = self.state.lock();
            if !state.has_power(since.unwrap_or(state.power)) {
                let code = place.operation.code();
                state.note(place, None, code);
                return Err(code);
            }
            state.judge(place)
        };
        if !verdict.delay.is_zero() {
            std::thread::sleep(verdict.delay);
        }
        Ok(verdict.action)
    }

    fn fail(&self, place: &Place, action: Action) -> Code {
        let code = state::failure(action, place.operation).unwrap_or(place.operation.code());
        self.state.lock().note(place, Some(action), code);
        code
    }

    /// As many of these bytes as there is space for.
    fn take_space(&self, growth: u64) -> u64 {
        match &mut self.state.lock().space {
            None => growth,
            Some(space) => {
                let granted = growth.min(*space);
                *space -= granted;
                granted
            }
        }
    }

    fn give_space(&self, bytes: u64) {
        if let Some(space) = &mut self.state.lock().space {
            *space += bytes;
        }
    }

    fn open(self: &Arc<Faults>, name: Filename, flags: i32) -> Result<(FaultFile, i32), Code> {
        let kind = FileKind::of_flags(flags);
        let path = name.path().map(|path| path.to_string_lossy().into_owned());
        let place = Place {
            operation: Operation::Open,
            file: kind,
            path: path.clone().unwrap_or_default(),
            offset: 0,
            length: 0,
        };
        self.enter(&place, None)?;
        let tracked = path
            .map(std::path::PathBuf::from)
            .filter(|_| kind != FileKind::Temporary);
        let power = self.admit(kind, &place)?;
        // From here on drop says that the file is closed.
        let is_new = tracked.as_ref().is_some_and(|path| !path.exists());
        let (file, opened_with) = match self.lower.open(name, flags) {
            Ok(opened) => opened,
            Err(code) => {
                self.closed(kind, power);
                return Err(code);
            }
        };
        if let Some(path) = &tracked
            && is_new
        {
            self.disk.lock().created(path);
        }
        self.open_files.fetch_add(1, Relaxed);
        let faults = Arc::clone(self);
        let file = FaultFile {
            file,
            faults,
            kind,
            path: tracked,
            power,
        };
        Ok((file, opened_with))
    }

    /// While a connection from before a power loss has the database open, nobody can open it: in this
    /// process, both would share what belongs to the machine that is off.
    fn admit(&self, kind: FileKind, place: &Place) -> Result<u64, Code> {
        let mut state = self.state.lock();
        if kind == FileKind::Main {
            if state.dead_databases() > 0 {
                state.note(place, None, ffi::SQLITE_CANTOPEN);
                return Err(ffi::SQLITE_CANTOPEN);
            }
            state.databases += 1;
        }
        Ok(state.power)
    }

    fn closed(&self, kind: FileKind, power: u64) {
        if kind == FileKind::Main {
            self.state.lock().database_closed(power);
        }
    }

    fn delete(&self, path: &std::ffi::CStr, sync_directory: bool) -> Result<(), Code> {
        let text = path.to_string_lossy();
        let place = place_of_path(Operation::Delete, &text);
        self.enter(&place, None)?;
        let name = Path::new(text.as_ref());
        let mut disk = self.disk.lock();
        let size = std::fs::metadata(name).map_or(0, |file| file.len());
        disk.will_delete(name);
        // The directory is synced here, and nowhere else.
        self.lower.delete(path, false)?;
        disk.deleted(name, sync_directory);
        self.give_space(size);
        Ok(())
    }

    fn access(&self, path: &std::ffi::CStr, flags: i32) -> Result<bool, Code> {
        let place = place_of_path(Operation::Access, &path.to_string_lossy());
        self.enter(&place, None)?;
        self.lower.access(path, flags)
    }
}

fn place_of_path(operation: Operation, path: &str) -> Place {
    Place {
        operation,
        file: FileKind::of_path(path),
        path: path.to_owned(),
        offset: 0,
        length: 0,
    }
}
