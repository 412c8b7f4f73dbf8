//! Copies of a database in another connection, and what tells that one of them has changed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::thread;

use ecto_libsql_engine::local::{
    Behavior, Call, Collect, Connection, CountRows, JournalMode, OpenOptions, Source,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::session::Scope;
use ecto_libsql_engine::{Error, Value};

fn memory() -> Connection {
    Connection::open(OpenOptions::default()).unwrap()
}

fn file(directory: &tempfile::TempDir, journal_mode: JournalMode) -> Connection {
    let path = directory.path().join("source.db");
    Connection::open(OpenOptions {
        database: path.to_str().unwrap().to_owned(),
        journal_mode: Some((journal_mode, true)),
        ..OpenOptions::default()
    })
    .unwrap()
}

fn execute(connection: &mut Connection, sql: &str) {
    let mut sink = CountRows::default();
    connection
        .query(Source::Sql(sql), &NoParams, &mut sink, &Call::default())
        .unwrap();
}

/// The integer that a query answers; -1 for anything else.
fn integer(connection: &mut Connection, sql: &str) -> i64 {
    let mut sink = Collect::default();
    connection
        .query(Source::Sql(sql), &NoParams, &mut sink, &Call::default())
        .unwrap();
    match sink.rows[0][0] {
        Value::Integer(integer) => integer,
        _ => -1,
    }
}

fn version(connection: &mut Connection) -> u32 {
    connection.data_version("main", &Call::default()).unwrap()
}

fn copy(source: &mut Connection, target: &mut Connection) -> Result<u32, Error> {
    target.backup_from("main", source, "main", &Call::default())
}

#[test]
fn a_copy_holds_the_log_too_and_can_be_written() {
    for journal_mode in [JournalMode::Wal, JournalMode::Delete] {
        let directory = tempfile::tempdir().unwrap();
        let mut source = file(&directory, journal_mode);
        execute(&mut source, "CREATE TABLE t (a)");
        execute(&mut source, "INSERT INTO t VALUES (1)");
        let mut target = memory();
        copy(&mut source, &mut target).unwrap();
        execute(&mut target, "INSERT INTO t VALUES (2)");
        assert_eq!(integer(&mut target, "SELECT count(*) FROM t"), 2);
        assert_eq!(integer(&mut source, "SELECT count(*) FROM t"), 1);
    }
}

#[test]
fn a_copy_replaces_what_was_there() {
    let (mut source, mut target) = (memory(), memory());
    execute(&mut source, "CREATE TABLE t (a)");
    execute(&mut target, "CREATE TABLE t (b, c)");
    execute(&mut target, "INSERT INTO t VALUES (1, 2)");
    copy(&mut source, &mut target).unwrap();
    assert_eq!(integer(&mut target, "SELECT count(a) FROM t"), 0);
}

#[test]
fn an_empty_database_can_be_copied() {
    let directory = tempfile::tempdir().unwrap();
    let (mut source, mut target) = (file(&directory, JournalMode::Wal), memory());
    copy(&mut source, &mut target).unwrap();
    assert_eq!(
        integer(&mut target, "SELECT count(*) FROM sqlite_schema"),
        0
    );
}

#[test]
fn the_texts_encoding_comes_along() {
    let (mut source, mut target) = (memory(), memory());
    execute(&mut source, "PRAGMA encoding = 'UTF-16le'");
    execute(&mut source, "CREATE TABLE t (a)");
    execute(&mut source, "INSERT INTO t VALUES ('é')");
    copy(&mut source, &mut target).unwrap();
    assert_eq!(
        integer(&mut target, "SELECT a = 'é' AND unicode(a) = 233 FROM t"),
        1
    );
}

#[test]
fn attached_databases_can_be_copied() {
    let (mut source, mut target) = (memory(), memory());
    for connection in [&mut source, &mut target] {
        execute(connection, "ATTACH ':memory:' AS \"ar\"\"chive\"");
    }
    execute(&mut source, "CREATE TABLE \"ar\"\"chive\".t (a)");
    let copied = target.backup_from("ar\"chive", &mut source, "ar\"chive", &Call::default());
    assert_eq!(
        copied.unwrap(),
        source.data_version("ar\"chive", &Call::default()).unwrap()
    );
    assert_eq!(integer(&mut target, "SELECT count(*) FROM t"), 0);
}

#[test]
fn an_open_transaction_of_either_side_is_an_error() {
    let (mut source, mut target) = (memory(), memory());
    execute(&mut source, "CREATE TABLE t (a)");
    source.begin(Behavior::Immediate, &Call::default()).unwrap();
    assert_eq!(copy(&mut source, &mut target).unwrap_err().code(), "busy");
    source.rollback(&Call::default()).unwrap();

    execute(&mut target, "BEGIN IMMEDIATE");
    assert_eq!(copy(&mut source, &mut target).unwrap_err().code(), "error");
    execute(&mut target, "ROLLBACK");
    copy(&mut source, &mut target).unwrap();
}

#[test]
fn an_unknown_schema_is_an_error() {
    let (mut source, mut target) = (memory(), memory());
    let copied = target.backup_from("main", &mut source, "nowhere", &Call::default());
    assert_eq!(copied.unwrap_err().to_string(), "unknown database nowhere");
    assert!(source.data_version("nowhere", &Call::default()).is_err());
    assert!(source.data_version("no\0where", &Call::default()).is_err());
}

#[test]
fn the_data_version_changes_with_every_commit_and_with_nothing_else() {
    for journal_mode in [JournalMode::Wal, JournalMode::Delete] {
        let directory = tempfile::tempdir().unwrap();
        let (mut one, mut two) = (
            file(&directory, journal_mode),
            file(&directory, journal_mode),
        );
        execute(&mut one, "CREATE TABLE t (a)");
        let before = version(&mut one);
        assert_eq!(integer(&mut one, "SELECT count(*) FROM t"), 0);
        assert_eq!(version(&mut one), before);

        execute(&mut one, "INSERT INTO t VALUES (1)");
        let own = version(&mut one);
        assert_ne!(own, before);

        execute(&mut two, "INSERT INTO t VALUES (2)");
        let others = version(&mut one);
        assert_ne!(others, own);

        execute(&mut two, "ALTER TABLE t ADD b");
        assert_ne!(version(&mut one), others);
    }
}

#[test]
fn every_database_of_a_connection_has_a_data_version() {
    let mut connection = memory();
    execute(&mut connection, "ATTACH ':memory:' AS archive");
    let before = connection.data_versions(&Call::default()).unwrap();
    let names: Vec<_> = before.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["main", "temp", "archive"]);
    for (n, name) in names.iter().enumerate() {
        execute(&mut connection, &format!("CREATE TABLE {name}.t (a)"));
        let after = connection.data_versions(&Call::default()).unwrap();
        assert_ne!(after[n], before[n]);
        assert_eq!(after[n + 1..], before[n + 1..]);
    }
}

#[test]
fn a_copys_data_version_is_of_the_copy() {
    let directory = tempfile::tempdir().unwrap();
    let (mut one, mut two) = (
        file(&directory, JournalMode::Wal),
        file(&directory, JournalMode::Wal),
    );
    execute(&mut one, "CREATE TABLE t (a)");
    let copied = copy(&mut one, &mut memory()).unwrap();
    assert_eq!(version(&mut one), copied);
    execute(&mut two, "INSERT INTO t VALUES (2)");
    assert_ne!(version(&mut one), copied);
}

// The sandbox takes a changed version for a leak: of a rollback, it must not.
#[test]
fn a_rollback_leaves_a_copys_data_version_alone() {
    let (mut source, mut target) = (memory(), memory());
    execute(&mut source, "CREATE TABLE t (a UNIQUE)");
    copy(&mut source, &mut target).unwrap();
    let before = version(&mut target);
    for work in [
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE u (a)",
        "DROP TABLE t",
        "CREATE TEMP TABLE v (a)",
        "DELETE FROM t",
        // More than the page cache holds.
        "INSERT INTO t WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
         SELECT i || hex(zeroblob(500)) FROM n",
    ] {
        target.begin(Behavior::Deferred, &Call::default()).unwrap();
        execute(&mut target, work);
        target.rollback(&Call::default()).unwrap();
        assert_eq!(version(&mut target), before, "{work}");
    }
    execute(&mut target, "INSERT INTO t VALUES (1)");
    assert_ne!(version(&mut target), before);
}

#[test]
fn backups_to_and_fro_at_once_both_end() {
    let registry: Registry<u32> = Registry::default();
    let open = || {
        registry
            .open(OpenOptions::default(), 1, Scope::Connection)
            .unwrap()
    };
    let (one, two) = (open(), open());
    thread::scope(|scope| {
        for (source, target) in [(&one, &two), (&two, &one)] {
            scope.spawn(move || {
                for _ in 0..500 {
                    target
                        .backup_from(1, "main", source, "main", &Call::default())
                        .unwrap();
                }
            });
        }
    });
    assert!(
        one.backup_from(1, "main", &one, "main", &Call::default())
            .is_err()
    );
}
