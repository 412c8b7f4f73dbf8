//! A VFS whose files are in memory, shared by their names by all connections of this process.
//!
//! SQLite's own, "memdb", has no memory for the index of a write-ahead log: so no database of its is
//! in WAL mode, and readers wait while somebody writes. This one has, and they do not. A database lives
//! for as long as a connection has it open.

mod content;
mod file;
mod locks;
mod shm;

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::sync::Arc;
use std::time::Duration;

use libsql::ffi;
use parking_lot::{Mutex, RwLock};

use self::content::Content;
use self::file::MemoryFile;
use self::locks::Locks;
use self::shm::Shm;
use super::bridge::{Code, Filename, Registered, Vfs};
use crate::local::must_not_wait;

/// By which connections choose it.
pub const NAME: &str = "memory";

const C_NAME: &CStr = c"memory";

/// A file, for as long as it has a name or somebody has it open.
#[derive(Debug, Default)]
struct Node {
    content: RwLock<Content>,
    locks: Mutex<Locks>,
    shm: Mutex<Shm>,
}

#[derive(Debug, Default)]
struct Named {
    node: Arc<Node>,
    /// How many have it open as a database.
    databases: usize,
}

#[derive(Debug, Default)]
struct Files(Arc<Mutex<HashMap<CString, Named>>>);

/// Registers it, the first time.
pub(super) fn register() {
    static REGISTERED: std::sync::Once = std::sync::Once::new();
    REGISTERED.call_once(|| {
        if let Err(code) = Registered::new(C_NAME.to_owned(), Files::default()) {
            tracing::error!(code, "SQLite refused the VFS {NAME}");
        }
    });
}

impl Vfs for Files {
    type File = MemoryFile;

    fn open(&self, name: Filename, flags: c_int) -> Result<(MemoryFile, c_int), Code> {
        let readonly = flags & ffi::SQLITE_OPEN_READONLY != 0;
        let Some(path) = name.path() else {
            return Ok((MemoryFile::new(Arc::default(), readonly, None), flags));
        };
        let mut files = self.0.lock();
        if !files.contains_key(path) {
            if flags & ffi::SQLITE_OPEN_CREATE == 0 {
                return Err(ffi::SQLITE_CANTOPEN);
            }
            files.insert(path.to_owned(), Named::default());
        }
        let Some(named) = files.get_mut(path) else {
            return Err(ffi::SQLITE_CANTOPEN);
        };
        let node = Arc::clone(&named.node);
        let on_close = if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
            named.databases += 1;
            Some(OnClose::LeaveDatabase)
        } else if flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0 {
            Some(OnClose::Delete)
        } else {
            None
        };
        let name = on_close.map(|on_close| Name {
            files: Arc::clone(&self.0),
            path: path.to_owned(),
            on_close,
        });
        Ok((MemoryFile::new(node, readonly, name), flags))
    }

    fn delete(&self, path: &CStr, _sync_directory: bool) -> Result<(), Code> {
        match self.0.lock().remove(path) {
            Some(_) => Ok(()),
            None => Err(ffi::SQLITE_IOERR_DELETE_NOENT),
        }
    }

    fn access(&self, path: &CStr, _flags: c_int) -> Result<bool, Code> {
        Ok(self.0.lock().contains_key(path))
    }

    fn full_pathname(&self, path: &CStr) -> Result<CString, Code> {
        Ok(path.to_owned())
    }

    fn sleep(&self, time: Duration) {
        if !must_not_wait() {
            std::thread::sleep(time);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnClose {
    /// The last one takes the database along, and what belongs to it.
    LeaveDatabase,
    Delete,
}

/// What happens to a file's name when the file is closed.
#[derive(Debug)]
struct Name {
    files: Arc<Mutex<HashMap<CString, Named>>>,
    path: CString,
    on_close: OnClose,
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut files = self.files.lock();
        if self.on_close == OnClose::Delete {
            files.remove(&self.path);
            return;
        }
        let Some(named) = files.get_mut(&self.path) else {
            return;
        };
        named.databases = named.databases.saturating_sub(1);
        if named.databases == 0 {
            files.remove(&self.path);
            for suffix in ["-wal", "-journal"] {
                let mut path = self.path.as_bytes().to_owned();
                path.extend_from_slice(suffix.as_bytes());
                if let Ok(path) = CString::new(path) {
                    files.remove(&path);
                }
            }
        }
    }
}
