//! What runs on a replica's file, and what is left to its primary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{
    Behavior, Call, Collect, Connection, JournalMode, OpenMode, OpenOptions, Outcome, Source,
};
use ecto_libsql_engine::params::NoParams;
use tempfile::TempDir;

const CALL: Call = Call { deadline: None };

struct Setting {
    _dir: TempDir,
    writer: Connection,
    reader: Connection,
}

fn setting() -> Setting {
    let dir = TempDir::new().unwrap();
    let database = dir.path().join("replica.db").to_string_lossy().into_owned();
    let mut writer = Connection::open(OpenOptions {
        database: database.clone(),
        journal_mode: Some((JournalMode::Wal, true)),
        ..OpenOptions::default()
    })
    .unwrap();
    query(&mut writer, "CREATE TABLE t (a)").unwrap();
    query(&mut writer, "INSERT INTO t VALUES (1)").unwrap();
    let reader = Connection::open(OpenOptions {
        database,
        mode: OpenMode::ReadOnly,
        replica: true,
        pragmas: vec![("cache_size".to_owned(), "100".to_owned())],
        ..OpenOptions::default()
    })
    .unwrap();
    Setting {
        _dir: dir,
        writer,
        reader,
    }
}

fn query(connection: &mut Connection, sql: &str) -> Result<Outcome> {
    connection.query(Source::Sql(sql), &NoParams, &mut Collect::default(), &CALL)
}

fn is_left(ran: Result<Outcome>) -> bool {
    matches!(ran, Err(Error::AtPrimary))
}

#[test]
fn what_only_reads_runs_here() {
    let mut reader = setting().reader;
    for sql in [
        "SELECT * FROM t",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES (1)",
        "EXPLAIN INSERT INTO t VALUES (2)",
        "EXPLAIN QUERY PLAN DELETE FROM t",
        "PRAGMA table_info(t)",
        "PRAGMA main.Table_Info = t",
        "SELECT * FROM pragma_table_list",
        "PRAGMA user_version",
        "PRAGMA integrity_check(1)",
    ] {
        assert!(query(&mut reader, sql).is_ok(), "{sql}");
    }
}

#[test]
fn all_else_is_left_to_the_primary() {
    let mut reader = setting().reader;
    for sql in [
        "INSERT INTO t VALUES (2)",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "INSERT INTO t VALUES (2) RETURNING a",
        "CREATE TABLE u (a)",
        "CREATE TEMP TABLE u (a)",
        "SELECT * FROM not_there_yet",
        "SELECT 1 FROM",
        "BEGIN",
        "/* x */ BEGIN IMMEDIATE",
        "COMMIT",
        "SAVEPOINT a",
        "RELEASE a",
        "ATTACH ':memory:' AS m",
        "PRAGMA user_version = 3",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA wal_checkpoint",
        "PRAGMA cache_size",
        "SELECT last_insert_rowid()",
        "SELECT a, changes() FROM t",
        "VACUUM",
        "ANALYZE",
    ] {
        // Twice: the second time, the statement comes from the cache.
        assert!(is_left(query(&mut reader, sql)), "{sql}");
        assert!(is_left(query(&mut reader, sql)), "{sql}");
    }
    assert!(reader.autocommit());
}

#[test]
fn prepared_ones_cursors_and_descriptions_alike() {
    let mut reader = setting().reader;
    for (sql, left) in [("SELECT a FROM t", false), ("DELETE FROM t", true)] {
        assert_eq!(
            matches!(reader.prepare(sql, &CALL), Err(Error::AtPrimary)),
            left
        );
        assert_eq!(
            matches!(reader.describe(sql, &CALL), Err(Error::AtPrimary)),
            left
        );
        let declared = reader.declare(Source::Sql(sql), &NoParams, &CALL);
        assert_eq!(matches!(declared, Err(Error::AtPrimary)), left);
    }
}

#[test]
fn of_a_list_or_a_script_all_or_nothing_runs_here() {
    let mut reader = setting().reader;
    let mut script = |sql| reader.execute_script(sql, 0, Collect::default, &CALL);
    assert_eq!(
        script("SELECT 1; -- a\n SELECT a FROM t;")
            .unwrap()
            .results
            .len(),
        2
    );
    for sql in [
        "SELECT 1; INSERT INTO t VALUES (2)",
        "SELECT 1; SELECT * FROM not_there_yet",
    ] {
        assert!(matches!(script(sql), Err(Error::AtPrimary)), "{sql}");
    }
    let mut list = |sqls: &[&'static str]| {
        let list = sqls.iter().map(|sql| (*sql, NoParams)).collect::<Vec<_>>();
        reader.batch(&list, 0, Collect::default, &CALL)
    };
    assert_eq!(list(&["SELECT 1", "SELECT 2"]).unwrap().results.len(), 2);
    assert!(matches!(
        list(&["SELECT 1", "DELETE FROM t"]),
        Err(Error::AtPrimary)
    ));
    let transactional = reader.execute_transactional_script("SELECT 1", Collect::default, &CALL);
    assert!(matches!(transactional, Err(Error::AtPrimary)));
}

#[test]
fn a_read_only_transaction_is_a_snapshot_in_which_nothing_is_left() {
    let mut setting = setting();
    let reader = &mut setting.reader;
    reader.begin(Behavior::ReadOnly, &CALL).unwrap();
    assert_eq!(count(reader), 1);
    query(&mut setting.writer, "INSERT INTO t VALUES (2)").unwrap();
    assert_eq!(count(reader), 1);
    for sql in [
        "INSERT INTO t VALUES (3)",
        "PRAGMA cache_size = 5",
        "ATTACH ':memory:' AS m",
    ] {
        assert_eq!(query(reader, sql).unwrap_err().code(), "readonly", "{sql}");
    }
    assert_eq!(query(reader, "SELECT nope").unwrap_err().code(), "error");
    query(reader, "SELECT last_insert_rowid()").unwrap();
    reader.savepoint("a", &CALL).unwrap();
    reader.rollback_to_savepoint("a", &CALL).unwrap();
    reader.release_savepoint("a", &CALL).unwrap();
    reader.commit(&CALL).unwrap();
    assert_eq!(count(reader), 2);
    assert!(is_left(query(reader, "SELECT last_insert_rowid()")));
}

#[test]
fn a_reset_and_a_changed_schema_change_nothing_of_it() {
    let mut setting = setting();
    let reader = &mut setting.reader;
    reader.begin(Behavior::ReadOnly, &CALL).unwrap();
    reader.reset().unwrap();
    assert!(reader.autocommit());
    assert!(is_left(query(reader, "DELETE FROM t")));
    assert_eq!(count(reader), 1);
    query(&mut setting.writer, "ALTER TABLE t ADD COLUMN b").unwrap();
    assert_eq!(count(reader), 1);
    query(reader, "SELECT b FROM t").unwrap();
    assert!(is_left(query(reader, "DELETE FROM t")));
}

fn count(connection: &mut Connection) -> usize {
    let mut rows = Collect::default();
    let sql = Source::Sql("SELECT a FROM t");
    connection.query(sql, &NoParams, &mut rows, &CALL).unwrap();
    rows.rows.len()
}
