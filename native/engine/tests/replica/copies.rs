//! What the tests do with replicas, their files and their primaries.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ecto_libsql_engine::local::{Call, Collect, Connection, OpenMode, OpenOptions, Source};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::remote::{RemoteConnection, RemoteOptions, RemoteParams, block_on};
use ecto_libsql_engine::replica::{Event, Replica, ReplicaOptions, Synced};
use ecto_libsql_engine::{Result, Value};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::support::Sqld;

/// Long enough for anything that is to succeed.
pub fn soon() -> Call {
    Call::with_timeout(Some(Duration::from_secs(60)))
}

pub fn within(milliseconds: u64) -> Call {
    Call::with_timeout(Some(Duration::from_millis(milliseconds)))
}

pub type Events = Arc<Mutex<Vec<Event>>>;

/// A place for copies, and the options for one.
#[derive(Debug)]
pub struct Place {
    pub directory: TempDir,
    pub events: Events,
}

impl Place {
    pub fn new() -> Place {
        Place {
            directory: tempfile::tempdir().unwrap(),
            events: Events::default(),
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The options of a copy in the file `copy.db`.
    pub fn options(&self, uri: &str) -> ReplicaOptions {
        let events = self.events.clone();
        ReplicaOptions {
            path: self.file("copy.db"),
            remote: RemoteOptions {
                uri: uri.to_owned(),
                ..RemoteOptions::default()
            },
            silence: Duration::from_secs(5),
            listener: Some(Arc::new(move |event| events.lock().push(event.clone()))),
            ..ReplicaOptions::default()
        }
    }

    pub fn open(&self, uri: &str) -> Result<Copy> {
        Copy::open(self.options(uri), soon())
    }

    pub fn read(&self, sql: &str) -> String {
        read(&self.file("copy.db"), sql)
    }
}

impl Drop for Copy {
    /// Waits, where this is the last handle, until the replica's thread has let go of the file.
    fn drop(&mut self) {
        let Some(replica) = self.0.take() else { return };
        let path = format!("{}-client_wal_index", replica.path().display());
        let last = Arc::strong_count(&replica) == 1;
        drop(replica);
        let is_locked = || File::open(&path).is_ok_and(|file| file.try_lock().is_err());
        while last && is_locked() {
            thread::yield_now();
        }
    }
}

#[derive(Debug)]
pub struct Copy(Option<Arc<Replica>>);

impl Copy {
    pub fn open(options: ReplicaOptions, call: Call) -> Result<Copy> {
        block_on(Replica::open(options, call))
            .unwrap()
            .map(|replica| Copy(Some(replica)))
    }

    pub fn replica(&self) -> &Arc<Replica> {
        self.0.as_ref().unwrap()
    }

    pub fn sync(&self) -> Result<Synced> {
        self.sync_by(soon())
    }

    pub fn sync_by(&self, call: Call) -> Result<Synced> {
        block_on(self.replica().sync(call)).unwrap()
    }

    pub fn reader(&self) -> Reader {
        Reader::open(self.replica().path(), None)
    }

    /// What a reader that is opened for it sees.
    pub fn read(&self, sql: &str) -> String {
        read(self.replica().path(), sql)
    }

    pub fn is_sound(&self) {
        assert_eq!(self.read("PRAGMA integrity_check"), "ok");
    }
}

pub struct Reader(pub Connection);

impl Reader {
    pub fn open(path: &Path, key: Option<&str>) -> Reader {
        let connection = Connection::open(OpenOptions {
            database: path.display().to_string(),
            mode: OpenMode::ReadOnly,
            encryption_key: key.map(|key| key.as_bytes().to_vec()),
            ..OpenOptions::default()
        });
        Reader(connection.unwrap())
    }

    pub fn read(&mut self, sql: &str) -> String {
        self.try_read(sql).unwrap()
    }

    pub fn try_read(&mut self, sql: &str) -> Result<String> {
        let mut rows = Collect::default();
        let call = Call::default();
        self.0
            .query(Source::Sql(sql), &NoParams, &mut rows, &call)?;
        Ok(shown(&rows.rows))
    }
}

/// Writes into a database that is no replica.
pub fn write(path: &Path, sql: &str) {
    let connection = Connection::open(OpenOptions {
        database: path.display().to_string(),
        ..OpenOptions::default()
    });
    Reader(connection.unwrap()).read(sql);
}

pub fn read(path: &Path, sql: &str) -> String {
    Reader::open(path, None).read(sql)
}

fn shown(rows: &[Vec<Value>]) -> String {
    let values = rows.iter().flatten().map(|value| match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) | Value::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    });
    values.collect::<Vec<_>>().join(" ")
}

/// A client that writes at the primary.
#[derive(Debug)]
pub struct Writer(Arc<RemoteConnection>);

impl Writer {
    pub fn of(server: &Sqld) -> Writer {
        Writer::at(&server.uri())
    }

    pub fn at(uri: &str) -> Writer {
        let connection = RemoteConnection::open(RemoteOptions {
            uri: uri.to_owned(),
            ..RemoteOptions::default()
        });
        Writer(Arc::new(connection.unwrap()))
    }

    /// Answers the frame that it became.
    pub fn run(&self, sql: &str) -> Option<u64> {
        let result = block_on(self.0.execute(sql, RemoteParams::NONE, &soon()));
        result.unwrap().unwrap().replication_index
    }

    pub fn read(&self, sql: &str) -> String {
        let result = block_on(self.0.execute(sql, RemoteParams::NONE, &soon()));
        shown(&result.unwrap().unwrap().rows)
    }

    /// A table, filled so that a copy of it is that of a known state.
    pub fn table(&self) {
        self.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)");
    }

    /// So many rows, in a statement of its own.
    pub fn fill(&self, rows: usize) -> Option<u64> {
        self.run(&format!(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO t (x) SELECT hex(randomblob(200)) FROM n"
        ))
    }
}

/// What tells whether two databases are the same.
pub const SUM: &str = "SELECT count(*), sum(length(x)), min(x), max(x), max(id) FROM t";
