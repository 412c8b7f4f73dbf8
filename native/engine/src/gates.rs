//! Which gate a connection has to pass: one for each database file, however its path is spelled,
//! and for each database in memory that connections share.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::gate::{Gate, Wake};
use crate::local::Connection;
use crate::session::Owner;
use crate::vfs;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    #[cfg(unix)]
    File {
        device: u64,
        inode: u64,
    },
    /// Where the file cannot be asked who it is.
    Path(String),
    Memory(String),
}

#[derive(Debug)]
pub struct Gates<O> {
    wake: Wake<O>,
    gates: Mutex<HashMap<Key, Weak<Gate<O>>>>,
}

impl<O: Owner> Gates<O> {
    pub fn new(wake: Wake<O>) -> Gates<O> {
        Gates {
            wake,
            gates: Mutex::default(),
        }
    }

    /// None for a database of the connection's own, and for one that it cannot write.
    pub fn gate_of(&self, connection: &Connection, database: &str) -> Option<Arc<Gate<O>>> {
        if connection.readonly() {
            return None;
        }
        let key = match connection.filename() {
            Some(path) if is_in_memory(connection) => Key::Memory(format!("memory:{path}")),
            Some(path) => file(path),
            None => Key::Memory(shared_memory(database, connection.chosen_vfs())?),
        };
        let mut gates = self.gates.lock();
        if let Some(gate) = gates.get(&key).and_then(Weak::upgrade) {
            return Some(gate);
        }
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Gate::new(self.wake));
        gates.insert(key, Arc::downgrade(&gate));
        Some(gate)
    }
}

/// Whether it is by our VFS, which knows no other files.
fn is_in_memory(connection: &Connection) -> bool {
    connection.vfs().is_ok_and(|vfs| vfs == vfs::MEMORY)
}

#[cfg(unix)]
fn file(path: String) -> Key {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata(&path) {
        Ok(file) => Key::File {
            device: file.dev(),
            inode: file.ino(),
        },
        Err(_) => Key::Path(path),
    }
}

#[cfg(not(unix))]
fn file(path: String) -> Key {
    let canonical = fs::canonicalize(&path).map(|path| path.to_string_lossy().into_owned());
    Key::Path(canonical.unwrap_or(path))
}

/// The name under which connections share a database in memory: by the VFS "memdb", whose shared
/// names begin with a slash, or by SQLite's shared cache. <https://sqlite.org/inmemorydb.html>
fn shared_memory(database: &str, vfs: Option<&str>) -> Option<String> {
    let memdb = vfs == Some("memdb");
    let Some(uri) = database.strip_prefix("file:") else {
        return (memdb && database.starts_with('/')).then(|| format!("memdb:{database}"));
    };
    let uri = uri.split('#').next().unwrap_or_default();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let has = |wanted: &str| query.split('&').any(|pair| pair == wanted);
    let path = path.strip_prefix("//").map_or(path, |rest| {
        // An authority: empty or localhost.
        rest.find('/').map_or("", |start| &rest[start..])
    });
    let path = percent_decoded(path);
    if has("vfs=memdb") || (memdb && !query.split('&').any(|pair| pair.starts_with("vfs="))) {
        path.starts_with('/').then(|| format!("memdb:{path}"))
    } else {
        has("cache=shared").then(|| format!("cache:{path}"))
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_in_memory_are_told_apart_by_their_shared_name() {
        for (database, vfs, name) in [
            (":memory:", None, None),
            ("file:/pool-1?vfs=memdb", None, Some("memdb:/pool-1")),
            ("file:///pool%2D1?vfs=memdb", None, Some("memdb:/pool-1")),
            ("file:pool?vfs=memdb", None, None),
            ("file:/pool-1", Some("memdb"), Some("memdb:/pool-1")),
            ("/pool-1", Some("memdb"), Some("memdb:/pool-1")),
            ("pool-1", Some("memdb"), None),
            ("file:a?mode=memory&cache=shared", None, Some("cache:a")),
            ("file::memory:?cache=shared", None, Some("cache::memory:")),
            ("file:a?mode=memory", None, None),
        ] {
            let found = shared_memory(database, vfs);
            assert_eq!(found.as_deref(), name, "{database}, {vfs:?}");
        }
    }
}
