//! Connections over a VFS that fails.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::local::{
    Call, Collect, Connection, CountRows, JournalMode, OpenOptions, Source,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::vfs::fault::{Faults, Rule, Script};
use ecto_libsql_engine::{Error, Value};

/// Stopped when the test ends.
pub struct Stopped(pub Arc<Faults>);

impl std::ops::Deref for Stopped {
    type Target = Arc<Faults>;

    fn deref(&self) -> &Arc<Faults> {
        &self.0
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

pub fn start(script: &Script) -> Stopped {
    Stopped(Faults::start(None, script).unwrap())
}

pub fn rules(seed: u64, rules: Vec<Rule>) -> Script {
    Script {
        seed,
        rules,
        ..Script::default()
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Durability {
    pub journal: JournalMode,
    pub synchronous: &'static str,
}

pub fn durability(journal: JournalMode, synchronous: &'static str) -> Durability {
    Durability {
        journal,
        synchronous,
    }
}

pub fn options(faults: &Faults, path: &Path, durability: Durability) -> OpenOptions {
    OpenOptions {
        database: path.to_str().unwrap().to_owned(),
        vfs: Some(faults.name().to_owned()),
        journal_mode: Some((durability.journal, true)),
        pragmas: vec![("synchronous".to_owned(), durability.synchronous.to_owned())],
        busy_timeout: Duration::ZERO,
        ..OpenOptions::default()
    }
}

pub fn open(faults: &Faults, path: &Path, durability: Durability) -> Result<Connection, Error> {
    Connection::open(options(faults, path, durability))
}

/// Over no VFS of ours.
pub fn open_plainly(path: &Path) -> Connection {
    Connection::open(OpenOptions {
        database: path.to_str().unwrap().to_owned(),
        ..OpenOptions::default()
    })
    .unwrap()
}

pub fn run(connection: &mut Connection, sql: &str) -> Result<(), Error> {
    let mut sink = CountRows::default();
    connection.query(Source::Sql(sql), &NoParams, &mut sink, &Call::default())?;
    Ok(())
}

pub fn rows(connection: &mut Connection, sql: &str) -> Result<Vec<Vec<Value>>, Error> {
    let mut sink = Collect::default();
    connection.query(Source::Sql(sql), &NoParams, &mut sink, &Call::default())?;
    Ok(sink.rows)
}

pub fn integer(connection: &mut Connection, sql: &str) -> i64 {
    match rows(connection, sql).unwrap().remove(0).remove(0) {
        Value::Integer(integer) => integer,
        other => panic!("{sql}: {other:?}"),
    }
}

/// `ok`, or what SQLite finds.
pub fn integrity(connection: &mut Connection) -> String {
    match rows(connection, "PRAGMA integrity_check") {
        Ok(found) => match &found[..] {
            [row] if row[..] == [Value::Text(b"ok".to_vec())] => "ok".to_owned(),
            found => format!("{found:?}"),
        },
        Err(error) => error.to_string(),
    }
}
