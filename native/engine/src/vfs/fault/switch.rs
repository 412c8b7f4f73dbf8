//! The names of the VFSs that fail by scripts.
//!
//! A connection may point to a VFS for as long as it likes, so none is freed: what is registered under
//! a name is a switch, which is used again when the name is.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::Faults;
use super::file::FaultFile;
use super::script::Script;
use crate::error::{Error, Result};
use crate::vfs::bridge::{Code, Filename, Registered, Vfs};
use crate::vfs::raw_vfs;

#[derive(Debug)]
struct Switch {
    /// The last of its name, which is gone on with by the connections that it has.
    faults: RwLock<Arc<Faults>>,
}

#[derive(Debug)]
struct Named {
    registered: Registered<Switch>,
    started: bool,
}

static NAMES: Mutex<BTreeMap<String, Named>> = Mutex::new(BTreeMap::new());

/// What names begin with that nobody chose.
const PREFIX: &str = "fault-";

pub(super) fn start(name: Option<&str>, script: &Script) -> Result<Arc<Faults>> {
    let mut names = NAMES.lock();
    let name = match name {
        Some(name) => name.to_owned(),
        None => free(&names),
    };
    let c_name = CString::new(name.as_str())
        .ok()
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Error::InvalidArgument(format!("no VFS can have the name {name:?}")))?;
    let faults = Arc::new(Faults::new(&name, script)?);
    match names.get_mut(&name) {
        Some(named) if named.started => return Err(taken(&name)),
        Some(named) => {
            let switch = named.registered.inner();
            let open = switch.faults.read().open_files.load(Relaxed);
            if open > 0 {
                return Err(Error::FileInUse(format!(
                    "the VFS {name:?} was stopped, and {open} file(s) are still open with it"
                )));
            }
            *switch.faults.write() = Arc::clone(&faults);
            named.registered.register().map_err(refused)?;
            named.started = true;
        }
        None if raw_vfs::is_registered(&c_name) => return Err(taken(&name)),
        None => {
            let switch = Switch {
                faults: RwLock::new(Arc::clone(&faults)),
            };
            let registered = Registered::new(c_name, switch).map_err(refused)?;
            let started = true;
            names.insert(
                name,
                Named {
                    registered,
                    started,
                },
            );
        }
    }
    Ok(faults)
}

fn free(names: &BTreeMap<String, Named>) -> String {
    let in_use = |name: &String| {
        names.get(name).is_some_and(|named| {
            named.started
                || named
                    .registered
                    .inner()
                    .faults
                    .read()
                    .open_files
                    .load(Relaxed)
                    > 0
        })
    };
    let mut number = 1_u64;
    loop {
        let name = format!("{PREFIX}{number}");
        if !in_use(&name) {
            return name;
        }
        number += 1;
    }
}

fn taken(name: &str) -> Error {
    Error::InvalidArgument(format!("there is a VFS of the name {name:?} already"))
}

fn refused(code: Code) -> Error {
    Error::Unsupported(format!("SQLite registers no VFS (code {code})"))
}

pub(super) fn find(name: &str) -> Result<Arc<Faults>> {
    match NAMES.lock().get(name) {
        Some(named) if named.started => Ok(Arc::clone(&named.registered.inner().faults.read())),
        _ => Err(Error::InvalidArgument(format!(
            "no fault-injecting VFS has the name {name:?}: it was not started, or it was stopped"
        ))),
    }
}

pub(super) fn stop(name: &str) {
    if let Some(named) = NAMES.lock().get_mut(name)
        && named.started
    {
        named.registered.unregister();
        named.started = false;
    }
}

impl Switch {
    fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.faults.read())
    }
}

impl Vfs for Switch {
    type File = FaultFile;

    fn open(&self, name: Filename, flags: c_int) -> Result<(FaultFile, c_int), Code> {
        self.faults().open(name, flags)
    }

    fn delete(&self, path: &CStr, sync_directory: bool) -> Result<(), Code> {
        self.faults().delete(path, sync_directory)
    }

    fn access(&self, path: &CStr, flags: c_int) -> Result<bool, Code> {
        self.faults().access(path, flags)
    }

    fn full_pathname(&self, path: &CStr) -> Result<CString, Code> {
        self.faults().lower.full_pathname(path)
    }

    /// SQLite waits for a lock of the write-ahead log that a script may keep from it for ever, up to
    /// 100 times and 10 seconds in all.
    fn sleep(&self, time: Duration) {
        std::thread::sleep(time.min(Duration::from_millis(1)));
    }
}
