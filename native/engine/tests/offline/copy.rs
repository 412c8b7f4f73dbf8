//! A copy, and a server for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Call, Collect, JournalMode, OpenMode, OpenOptions, Source};
use ecto_libsql_engine::offline::{OfflineOptions, Synced, Syncer};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::remote::{RemoteOptions, block_on};
use ecto_libsql_engine::session::{Scope, Session};
use ecto_libsql_engine::value::Value;
use sync_server::SyncServer;
use tempfile::TempDir;

pub const OWNER: u32 = 1;

pub fn in_time() -> Call {
    Call::with_timeout(Some(Duration::from_secs(20)))
}

pub fn server() -> SyncServer {
    SyncServer::start().unwrap()
}

/// A place for copies that outlive their connections.
pub fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub struct Copy {
    pub path: PathBuf,
    pub registry: Registry<u32>,
    pub session: Arc<Session<u32>>,
    pub syncer: Arc<Syncer>,
}

pub fn options(path: &Path, uri: &str) -> OfflineOptions {
    OfflineOptions {
        path: path.to_owned(),
        server: RemoteOptions {
            uri: uri.to_owned(),
            ..RemoteOptions::default()
        },
        ..OfflineOptions::default()
    }
}

impl Copy {
    pub fn open(path: &Path, uri: &str) -> Result<Copy> {
        Copy::open_with(options(path, uri), &in_time())
    }

    pub fn open_with(options: OfflineOptions, call: &Call) -> Result<Copy> {
        let registry = Registry::default();
        let path = options.path.clone();
        let syncer = block_on(Syncer::open(options, &registry, OWNER, call))??;
        let session = session(&registry, &syncer, &path)?;
        Ok(Copy {
            path,
            registry,
            session,
            syncer,
        })
    }

    pub fn another_connection(&self) -> Arc<Session<u32>> {
        session(&self.registry, &self.syncer, &self.path).unwrap()
    }

    pub fn run(&self, sql: &str) {
        run(&self.session, sql).unwrap();
    }

    pub fn one(&self, sql: &str) -> Value {
        rows(&self.session, sql).unwrap()[0][0].clone()
    }

    pub fn number(&self, sql: &str) -> i64 {
        match self.one(sql) {
            Value::Integer(number) => number,
            other => panic!("{other:?}"),
        }
    }

    pub fn insert(&self, text: &str) {
        let text = text.replace('\'', "''");
        self.run(&format!("INSERT INTO t (x) VALUES ('{text}')"));
    }

    pub fn texts(&self) -> Vec<String> {
        let rows = rows(&self.session, "SELECT x FROM t ORDER BY id").unwrap();
        rows.iter().map(|row| text(&row[0])).collect()
    }

    pub fn sync(&self) -> Result<Synced> {
        block_on(self.syncer.sync(&in_time()))?
    }

    pub fn push(&self) -> Result<Synced> {
        block_on(self.syncer.push(&in_time()))?
    }

    pub fn pull(&self) -> Result<Synced> {
        block_on(self.syncer.pull(&in_time()))?
    }

    pub fn pending(&self) -> u32 {
        let status = block_on(self.syncer.status(&in_time())).unwrap();
        status.unwrap().pending
    }

    pub fn check(&self) {
        assert_eq!(text(&self.one("PRAGMA integrity_check")), "ok");
    }

    /// Closes what is open, as the end of a program does.
    pub fn close(self) {
        self.session.close();
    }
}

pub fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => String::from_utf8(text.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn session(
    registry: &Registry<u32>,
    syncer: &Arc<Syncer>,
    path: &Path,
) -> Result<Arc<Session<u32>>> {
    let options = OpenOptions {
        database: path.display().to_string(),
        mode: OpenMode::ReadWrite,
        journal_mode: Some((JournalMode::Wal, true)),
        pragmas: vec![("synchronous".to_owned(), "normal".to_owned())],
        offline: Some(Arc::clone(syncer)),
        ..OpenOptions::default()
    };
    registry.open(options, OWNER, Scope::Connection)
}

/// Runs a statement, and waits its turn.
pub fn run(session: &Session<u32>, sql: &str) -> Result<()> {
    rows(session, sql).map(drop)
}

pub fn rows(session: &Session<u32>, sql: &str) -> Result<Vec<Vec<Value>>> {
    loop {
        let mut rows = Collect::default();
        match session.query(
            OWNER,
            Source::Sql(sql),
            &NoParams,
            &mut rows,
            &Call::default(),
        ) {
            Err(error) if error.must_wait() => std::thread::yield_now(),
            done => return done.map(|_| rows.rows),
        }
    }
}

/// A copy with a table, and the server has it, too.
pub fn with_table(path: &Path, server: &SyncServer) -> Copy {
    let copy = Copy::open(path, &server.uri()).unwrap();
    copy.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)");
    copy.push().unwrap();
    copy
}

/// The server's database is whole, and has these texts.
pub fn check_server(server: &SyncServer, texts: &[&str]) {
    let place = place();
    let path = place.path().join("of the server");
    std::fs::write(&path, server.store(|store| store.database())).unwrap();
    let registry = Registry::<u32>::default();
    let options = OpenOptions {
        database: path.display().to_string(),
        ..OpenOptions::default()
    };
    let session = registry.open(options, OWNER, Scope::Connection).unwrap();
    assert_eq!(
        text(&rows(&session, "PRAGMA integrity_check").unwrap()[0][0]),
        "ok"
    );
    let found = rows(&session, "SELECT x FROM t ORDER BY id").unwrap();
    let found = found.iter().map(|row| text(&row[0])).collect::<Vec<_>>();
    assert_eq!(found, texts);
}

pub fn assert_code<T: std::fmt::Debug>(done: Result<T>, code: &str) -> Error {
    let error = done.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    error
}

/// The opening's error.
pub fn refused(opened: Result<Copy>) -> Error {
    match opened {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}
