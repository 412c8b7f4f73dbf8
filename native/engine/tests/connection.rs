//! A connection's behaviour, without the BEAM.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::time::Duration;

use ecto_libsql_engine::local::{
    Behavior, Call, Collect, Connection, CountRows, Fetched, Flow, OpenOptions, Row, RowSink,
    Source, Statement, memory_statistics,
};
use ecto_libsql_engine::params::{Named, NoParams};
use ecto_libsql_engine::{Error, Value};
use proptest::prelude::*;

fn open() -> Connection {
    Connection::open(OpenOptions::default()).unwrap()
}

fn execute(connection: &mut Connection, sql: &str) {
    connection
        .query(
            Source::Sql(sql),
            &NoParams,
            &mut CountRows::default(),
            &Call::default(),
        )
        .unwrap();
}

fn rows(connection: &mut Connection, sql: &str, params: &[Value]) -> Vec<Vec<Value>> {
    let mut sink = Collect::default();
    connection
        .query(Source::Sql(sql), &params, &mut sink, &Call::default())
        .unwrap();
    sink.rows
}

fn error(connection: &mut Connection, sql: &str) -> Error {
    connection
        .query(
            Source::Sql(sql),
            &NoParams,
            &mut CountRows::default(),
            &Call::default(),
        )
        .unwrap_err()
}

/// Pauses after each row.
#[derive(Default)]
struct OneByOne(Vec<Value>);

impl RowSink for OneByOne {
    fn columns(&mut self, _statement: &Statement) {}

    fn row(&mut self, row: Row<'_>) -> Flow {
        self.0.push(row.get(0).into());
        Flow::Pause
    }
}

const COUNT: &str =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n";

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        // NaN is stored as NULL; infinities stay.
        any::<f64>()
            .prop_filter("a number", |real| !real.is_nan())
            .prop_map(Value::Real),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Value::Blob),
    ]
}

proptest! {
    #[test]
    fn any_row_of_any_values_comes_back_equal(row in prop::collection::vec(any_value(), 1..20)) {
        let mut connection = open();
        let marks = vec!["?"; row.len()].join(", ");
        let back = rows(&mut connection, &format!("SELECT {marks}"), &row);
        prop_assert_eq!(&back, std::slice::from_ref(&row));

        execute(&mut connection, "CREATE TABLE t (v)");
        for value in &row {
            rows(&mut connection, "INSERT INTO t VALUES (?)", std::slice::from_ref(value));
        }
        let column: Vec<Value> = rows(&mut connection, "SELECT v FROM t ORDER BY rowid", &[])
            .into_iter()
            .flatten()
            .collect();
        prop_assert_eq!(column, row);
    }
}

#[test]
fn memory_statistics_stay_as_they_are_once_sqlite_is_used() {
    let _connection = open();
    assert!(memory_statistics(false));
}

#[test]
fn bindings_do_not_outlive_their_run() {
    let mut connection = open();
    let text = vec![Value::from("gone")];
    assert_eq!(
        rows(&mut connection, "SELECT ?", &text),
        [[Value::from("gone")]]
    );
    drop(text);
    let refused = error(&mut connection, "SELECT ?");
    assert!(matches!(
        refused,
        Error::ParameterCount {
            expected: 1,
            given: 0
        }
    ));
}

#[test]
fn names_bind_wherever_they_stand() {
    let mut connection = open();
    let mut sink = Collect::default();
    let named = [("b", Value::from(2)), ("a", Value::from(1))];
    connection
        .query(
            Source::Sql("SELECT :a, @b, :a"),
            &Named(&named),
            &mut sink,
            &Call::default(),
        )
        .unwrap();
    assert_eq!(
        sink.rows,
        [[Value::from(1), Value::from(2), Value::from(1)]]
    );
}

#[test]
fn a_sink_that_pauses_leaves_a_cursor() {
    let mut connection = open();
    let mut sink = OneByOne::default();
    let outcome = connection
        .query(Source::Sql(COUNT), &NoParams, &mut sink, &Call::default())
        .unwrap();
    let cursor = outcome.rest.unwrap();
    while connection
        .fetch(cursor, &mut sink, &Call::default())
        .unwrap()
        == Fetched::More
    {}
    assert_eq!(sink.0, (1..=5).map(Value::Integer).collect::<Vec<_>>());
    assert!(matches!(
        connection.fetch(cursor, &mut sink, &Call::default()),
        Err(Error::CursorClosed)
    ));
}

#[test]
fn a_writer_does_not_pause() {
    let mut connection = open();
    execute(&mut connection, "CREATE TABLE t (a)");
    let mut sink = OneByOne::default();
    let outcome = connection
        .query(
            Source::Sql("INSERT INTO t VALUES (1), (2), (3) RETURNING a"),
            &NoParams,
            &mut sink,
            &Call::default(),
        )
        .unwrap();
    assert_eq!((outcome.rest, outcome.changes, sink.0.len()), (None, 3, 3));
    assert!(connection.autocommit());
}

#[test]
fn a_call_past_its_deadline_is_stopped() {
    let mut connection = open();
    let endless =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let call = Call::with_timeout(Some(Duration::from_millis(5)));
    let stopped = connection
        .query(
            Source::Sql(endless),
            &NoParams,
            &mut CountRows::default(),
            &call,
        )
        .unwrap_err();
    assert!(matches!(stopped, Error::Timeout { .. }));
    assert_eq!(rows(&mut connection, "SELECT 1", &[]), [[Value::from(1)]]);
}

#[test]
fn an_interrupt_from_another_thread_stops_the_call() {
    let mut connection = open();
    let handle = connection.interrupt_handle();
    let (done, finished) = std::sync::mpsc::channel();
    let interrupter = std::thread::Builder::new()
        .spawn(move || {
            while finished.try_recv().is_err() {
                handle.interrupt();
            }
        })
        .unwrap();
    let endless =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let stopped = error(&mut connection, endless);
    done.send(()).unwrap();
    interrupter.join().unwrap();
    assert!(matches!(stopped, Error::Interrupted { .. }));
    assert_eq!(rows(&mut connection, "SELECT 1", &[]), [[Value::from(1)]]);
}

#[test]
fn a_transaction_that_sqlite_ends_is_lost_until_it_is_rolled_back() {
    let mut connection = open();
    let call = Call::default();
    execute(&mut connection, "CREATE TABLE t (a PRIMARY KEY)");
    execute(&mut connection, "INSERT INTO t VALUES (1)");
    connection.begin(Behavior::Immediate, &call).unwrap();
    error(&mut connection, "INSERT OR ROLLBACK INTO t VALUES (1)");
    assert!(connection.autocommit());
    let lost = error(&mut connection, "INSERT INTO t VALUES (2)");
    assert!(matches!(lost, Error::TransactionLost { .. }));
    connection.rollback(&call).unwrap();
    execute(&mut connection, "INSERT INTO t VALUES (3)");
    assert_eq!(
        rows(&mut connection, "SELECT count(*) FROM t", &[]),
        [[Value::from(2)]]
    );
}

#[test]
fn a_script_stops_at_its_fault_and_says_where() {
    let mut connection = open();
    let script = "CREATE TABLE t (a); INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); SELECT 1";
    let fault = connection
        .execute_script(script, 0, CountRows::default, &Call::default())
        .unwrap_err();
    assert_eq!((fault.index(), fault.code()), (Some(2), "error"));
    assert_eq!(
        rows(&mut connection, "SELECT count(*) FROM t", &[]),
        [[Value::from(1)]]
    );

    let undone = "INSERT INTO t VALUES (2); INSERT INTO u VALUES (1)";
    connection
        .execute_transactional_script(undone, CountRows::default, &Call::default())
        .unwrap_err();
    assert_eq!(
        rows(&mut connection, "SELECT count(*) FROM t", &[]),
        [[Value::from(1)]]
    );
}

#[test]
fn a_prepared_statement_outlives_the_cache() {
    let options = OpenOptions {
        statement_cache_size: 1,
        ..OpenOptions::default()
    };
    let mut connection = Connection::open(options).unwrap();
    let id = connection.prepare("SELECT 42", &Call::default()).unwrap();
    for number in 0..5 {
        rows(&mut connection, &format!("SELECT {number}"), &[]);
    }
    let mut sink = Collect::default();
    connection
        .query(Source::Prepared(id), &NoParams, &mut sink, &Call::default())
        .unwrap();
    assert_eq!(sink.rows, [[Value::from(42)]]);
    assert_eq!(connection.cache_stats().size(), 1);
    connection.finalize(id);
    connection.finalize(id);
    assert!(matches!(
        connection.statement(id),
        Err(Error::StatementClosed)
    ));
}

#[test]
fn an_explain_follows_a_change_of_the_schema() {
    let mut connection = open();
    let explain = "EXPLAIN SELECT * FROM t JOIN v USING (a) ORDER BY b";
    execute(&mut connection, "CREATE TABLE t (a, b)");
    execute(&mut connection, "CREATE VIRTUAL TABLE v USING fts5 (a)");
    let prepared = connection.prepare(explain, &Call::default()).unwrap();
    for column in 0..50 {
        assert!(!rows(&mut connection, explain, &[]).is_empty());
        let mut sink = Collect::default();
        connection
            .query(
                Source::Prepared(prepared),
                &NoParams,
                &mut sink,
                &Call::default(),
            )
            .unwrap();
        assert!(!sink.rows.is_empty());
        execute(
            &mut connection,
            &format!("ALTER TABLE t ADD COLUMN c{column}"),
        );
        execute(&mut connection, "DROP TABLE v");
        execute(&mut connection, "CREATE VIRTUAL TABLE v USING fts5 (a)");
    }
    let refused = connection.declare(Source::Sql(explain), &NoParams, &Call::default());
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
}

#[test]
fn a_vector_index_is_dropped_by_a_connection_whose_schema_is_old() {
    for drop in ["DROP INDEX near", "DROP TABLE movies"] {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("movies.db").to_string_lossy().into_owned();
        let open = || {
            Connection::open(OpenOptions {
                database: database.clone(),
                ..OpenOptions::default()
            })
            .unwrap()
        };
        let (mut one, mut other) = (open(), open());
        execute(&mut one, "CREATE TABLE movies (e F32_BLOB(3))");
        execute(
            &mut one,
            "CREATE INDEX near ON movies (libsql_vector_idx(e))",
        );
        rows(&mut other, "SELECT count(*) FROM movies", &[]);
        execute(&mut one, "CREATE TABLE later (x)");
        execute(&mut other, drop);
        let left = "SELECT 1 FROM sqlite_schema WHERE name LIKE 'near%'";
        assert!(rows(&mut one, left, &[]).is_empty());
    }
}

#[cfg(feature = "encryption")]
#[test]
fn an_encrypted_file_opens_with_its_key_only() {
    let dir = tempfile::tempdir().unwrap();
    let options = |key: Option<&[u8]>| OpenOptions {
        database: dir.path().join("secret.db").to_string_lossy().into_owned(),
        encryption_key: key.map(<[u8]>::to_vec),
        ..OpenOptions::default()
    };
    let mut connection = Connection::open(options(Some(b"key"))).unwrap();
    execute(&mut connection, "CREATE TABLE t AS SELECT 7 AS a");
    drop(connection);
    for wrong in [None, Some(&b"another"[..])] {
        assert_eq!(
            Connection::open(options(wrong)).unwrap_err().code(),
            "notadb"
        );
    }
    let mut connection = Connection::open(options(Some(b"key"))).unwrap();
    assert_eq!(
        rows(&mut connection, "SELECT a FROM t", &[]),
        [[Value::from(7)]]
    );
}

#[cfg(not(feature = "encryption"))]
#[test]
fn a_key_without_encryption_in_the_build_is_refused() {
    let options = OpenOptions {
        encryption_key: Some(b"key".to_vec()),
        ..OpenOptions::default()
    };
    assert_eq!(Connection::open(options).unwrap_err().code(), "encryption");
}
