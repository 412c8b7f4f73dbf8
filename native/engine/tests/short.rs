//! Short reads: what is tried on a thread that must not be held, and what is given up there.

// Where there are short reads at all.
#![cfg(all(target_os = "linux", target_env = "gnu", not(feature = "encryption")))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::process::{Command, Stdio};

use ecto_libsql_engine::local::{
    Behavior, Call, Collect, Connection, Flow, JournalMode, OpenOptions, Row, RowSink, Source,
    Statement,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::{Value, ValueRef};

const LONG: &str = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300000) \
     SELECT max(i) FROM n";

fn open(database: &str, pragmas: &[(&str, &str)]) -> Connection {
    Connection::open(OpenOptions {
        database: database.to_owned(),
        journal_mode: Some((JournalMode::Wal, false)),
        pragmas: pragmas
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..OpenOptions::default()
    })
    .unwrap()
}

fn run(connection: &mut Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut rows = Collect::default();
    connection
        .query(Source::Sql(sql), &NoParams, &mut rows, &Call::default())
        .unwrap();
    rows.rows
}

/// None where it was given up, or not tried.
fn run_short(connection: &mut Connection, sql: &str) -> Option<Vec<Vec<Value>>> {
    let mut rows = Collect::default();
    connection
        .query_short(Source::Sql(sql), &NoParams, &mut rows)
        .unwrap()
        .map(|_| rows.rows)
}

/// Runs it until it is known to be quick: on a machine that is busy, a run may seem not to be.
fn warm(connection: &mut Connection, sql: &str) {
    for _ in 0..1_000 {
        run(connection, sql);
        if run_short(connection, sql).is_some() {
            return;
        }
    }
    unreachable!("{sql} is never quick");
}

fn integer(integer: i64) -> Vec<Vec<Value>> {
    vec![vec![Value::Integer(integer)]]
}

#[test]
fn a_read_that_was_quick_is_done_shortly() {
    let mut connection = open(":memory:", &[]);
    assert_eq!(run_short(&mut connection, "SELECT 7"), None, "not prepared");
    warm(&mut connection, "SELECT 7");
    let prepared = connection.prepare("SELECT 8", &Call::default()).unwrap();
    for _ in 0..1_000 {
        let mut rows = Collect::default();
        let source = Source::Prepared(prepared);
        connection
            .query(source, &NoParams, &mut rows, &Call::default())
            .unwrap();
        let mut rows = Collect::default();
        if let Ok(Some(outcome)) = connection.query_short(source, &NoParams, &mut rows) {
            assert_eq!(rows.rows, integer(8));
            assert!(outcome.has_columns && outcome.readonly && outcome.autocommit);
            return;
        }
    }
    unreachable!("the prepared statement is never quick");
}

#[test]
fn what_is_not_quick_and_what_writes_is_not_tried() {
    let mut connection = open(":memory:", &[]);
    run(&mut connection, "CREATE TABLE t (a)");
    for sql in [
        LONG,
        "INSERT INTO t VALUES (1) RETURNING a",
        "INSERT INTO t VALUES (1)",
        "EXPLAIN SELECT 1",
    ] {
        for _ in 0..3 {
            run(&mut connection, sql);
            assert_eq!(run_short(&mut connection, sql), None, "{sql}");
        }
    }
    assert_eq!(run(&mut connection, "SELECT count(*) FROM t"), integer(6));
}

#[test]
fn a_run_that_turns_out_long_is_given_up_and_can_be_run_again() {
    let mut connection = open(":memory:", &[]);
    run(&mut connection, "CREATE TABLE size (n)");
    run(&mut connection, "INSERT INTO size VALUES (1)");
    let sql = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n, size WHERE i < n) \
               SELECT count(*) FROM n";
    warm(&mut connection, sql);
    run(&mut connection, "UPDATE size SET n = 1000000");
    assert_eq!(run_short(&mut connection, sql), None);
    assert_eq!(run(&mut connection, sql), integer(1_000_000));
    // It has a history now.
    run(&mut connection, "UPDATE size SET n = 1");
    assert_eq!(run_short(&mut connection, sql), None);
    warm(&mut connection, sql);
}

#[test]
fn large_values_are_left_to_others() {
    let mut connection = open(":memory:", &[]);
    run(&mut connection, "CREATE TABLE t (a)");
    run(&mut connection, "INSERT INTO t VALUES (x'00')");
    let sql = "SELECT a || '' FROM t";
    warm(&mut connection, sql);
    run(&mut connection, "UPDATE t SET a = zeroblob(100000)");
    assert_eq!(run_short(&mut connection, sql), None);
    assert_eq!(
        run(&mut connection, "SELECT length(a) FROM t"),
        integer(100_000)
    );
    run(&mut connection, "INSERT INTO t VALUES (zeroblob(1000000))");
}

struct TwoRows(Vec<i64>);

impl RowSink for TwoRows {
    fn columns(&mut self, _statement: &Statement) {}

    fn row(&mut self, row: Row<'_>) -> Flow {
        if let ValueRef::Integer(integer) = row.get(0) {
            self.0.push(integer);
        }
        if self.0.len() < 2 {
            Flow::More
        } else {
            Flow::Pause
        }
    }
}

#[test]
fn more_rows_than_the_sink_takes_are_left_to_others() {
    let mut connection = open(":memory:", &[]);
    let sql = "VALUES (1), (2), (3)";
    warm(&mut connection, sql);
    let mut sink = TwoRows(Vec::new());
    let short = connection.query_short(Source::Sql(sql), &NoParams, &mut sink);
    assert_eq!(short.unwrap(), None);
    let three = [1, 2, 3].map(|n| vec![Value::Integer(n)]);
    assert_eq!(run(&mut connection, sql), three);
}

#[test]
fn an_error_of_the_statement_is_its_answer() {
    let mut connection = open(":memory:", &[]);
    run(&mut connection, "CREATE TABLE t (a)");
    run(&mut connection, "INSERT INTO t VALUES ('{}')");
    let sql = "SELECT json(a) FROM t";
    warm(&mut connection, sql);
    run(&mut connection, "UPDATE t SET a = '{'");
    let error = connection
        .query_short(Source::Sql(sql), &NoParams, &mut Collect::default())
        .unwrap_err();
    assert!(error.to_string().contains("malformed JSON"), "{error}");
    run(&mut connection, "UPDATE t SET a = '{}'");
    assert_eq!(run(&mut connection, sql).len(), 1);
}

#[test]
fn pages_that_are_not_in_memory_are_refused_or_right() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cold.db");
    let path = path.to_str().unwrap();
    let mut writer = open(path, &[]);
    run(&mut writer, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
    run(
        &mut writer,
        "INSERT INTO t (a) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n \
         WHERE i < 2000) SELECT randomblob(3000) FROM n",
    );
    run(&mut writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    drop(writer);

    let mut connection = open(path, &[("cache_size", "10")]);
    let sql = |id: u32| format!("SELECT length(a) FROM t WHERE id = {id}");
    warm(&mut connection, &sql(1));
    // Other rows push the first one's page out of the small cache.
    run(&mut connection, "SELECT sum(length(a)) FROM t");
    drop_from_the_systems_cache(path);
    // The system may have the page again by then, and did on a busy machine: that nothing waits for
    // it is tested in local/short/tests.rs, where the calls are counted.
    let short = run_short(&mut connection, &sql(1));
    assert!(short.is_none_or(|rows| rows == integer(3_000)));
    assert_eq!(run(&mut connection, &sql(1)), integer(3_000));
    // The page is there again.
    warm(&mut connection, &sql(1));
}

/// As far as the file system lets go.
fn drop_from_the_systems_cache(path: &str) {
    let dropped = Command::new("dd")
        .args([&format!("if={path}"), "iflag=nocache", "count=0"])
        .stderr(Stdio::null())
        .status();
    assert!(dropped.unwrap().success());
}

#[test]
fn a_lost_transaction_is_left_to_others() {
    let mut connection = open(":memory:", &[]);
    warm(&mut connection, "SELECT 7");
    run(
        &mut connection,
        "CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK)",
    );
    let call = Call::default();
    connection.begin(Behavior::Immediate, &call).unwrap();
    run(&mut connection, "INSERT INTO t VALUES (1)");
    assert!(run_short(&mut connection, "SELECT 7").is_some());
    let twice = Source::Sql("INSERT INTO t VALUES (1)");
    connection
        .query(twice, &NoParams, &mut Collect::default(), &call)
        .unwrap_err();
    assert_eq!(run_short(&mut connection, "SELECT 7"), None);
    connection.rollback(&call).unwrap();
    assert!(run_short(&mut connection, "SELECT 7").is_some());
}
