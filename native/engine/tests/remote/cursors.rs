//! Cursors.

use std::sync::Arc;

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::remote::{Fetched, RemoteConnection, RemoteCursor, RemoteParams};
use ecto_libsql_engine::{Error, Result, Value};

use crate::calls::{Db, list, run, seconds};
use crate::support::Sqld;

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT ?)
                       SELECT i, 'row ' || i AS name FROM n";

fn open(db: &Db, sql: &str, params: RemoteParams) -> Result<Arc<RemoteCursor>> {
    let (connection, sql): (Arc<RemoteConnection>, _) = (db.0.clone(), sql.to_owned());
    run(async move { connection.cursor(&sql, params, &seconds(30)).await }).map(Arc::new)
}

fn fetch(cursor: &Arc<RemoteCursor>, most: usize) -> Result<Fetched> {
    let cursor = cursor.clone();
    run(async move { cursor.fetch(most, &seconds(30)).await })
}

fn first(rows: &[Vec<Value>]) -> Vec<i64> {
    rows.iter()
        .map(|row| match row[0] {
            Value::Integer(number) => number,
            _ => panic!("{row:?}"),
        })
        .collect()
}

#[test]
fn rows_come_in_parts() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    let cursor = open(&db, NUMBERS, list([1_000.into()])).unwrap();
    let names = cursor.columns().iter().map(|column| column.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["i", "name"]);
    let mut seen = Vec::new();
    loop {
        let part = fetch(&cursor, 64).unwrap();
        assert!(part.rows.len() <= 64);
        seen.extend(first(&part.rows));
        if let Some(end) = part.end {
            assert_eq!((end.affected_rows, end.last_insert_rowid), (0, None));
            break;
        }
    }
    assert_eq!(seen, (1..=1_000).collect::<Vec<_>>());
    let after = fetch(&cursor, 1).unwrap();
    assert!(after.rows.is_empty() && after.end.is_some());
}

#[test]
fn a_writing_statement_may_have_one() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    let cursor = open(
        &db,
        "INSERT INTO t VALUES (:a), (:b) RETURNING id",
        list([5.into(), 6.into()]),
    )
    .unwrap();
    let all = fetch(&cursor, 10).unwrap();
    assert_eq!(first(&all.rows), [5, 6]);
    let end = all.end.unwrap();
    assert_eq!((end.affected_rows, end.last_insert_rowid), (2, Some(6)));
    assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(2));
    let error = open(&db, "BEGIN", RemoteParams::NONE).unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
}

#[test]
fn other_statements_go_between_its_rows() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    for in_transaction in [false, true] {
        if in_transaction {
            db.begin(Behavior::Immediate).unwrap();
        }
        let cursor = open(&db, NUMBERS, list([5_000.into()])).unwrap();
        let mut seen = first(&fetch(&cursor, 10).unwrap().rows);
        db.ok("INSERT INTO t DEFAULT VALUES");
        seen.extend(first(&fetch(&cursor, 5_000).unwrap().rows));
        assert_eq!(seen, (1..=5_000).collect::<Vec<_>>());
        if in_transaction {
            db.commit().unwrap();
        }
    }
    assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(2));
}

#[test]
fn one_that_is_dropped_early_leaves_its_connection_and_transaction_alone() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    for _ in 0..5 {
        let cursor = open(&db, NUMBERS, list([100_000_000.into()])).unwrap();
        fetch(&cursor, 10).unwrap();
        drop(cursor);
        db.ok("SELECT 1");
    }
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t DEFAULT VALUES");
    for _ in 0..5 {
        let cursor = open(&db, NUMBERS, list([100_000_000.into()])).unwrap();
        fetch(&cursor, 10).unwrap();
        drop(cursor);
        assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(1));
    }
    db.commit().unwrap();
    assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(1));
}

#[test]
fn errors_come_where_they_happen() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    for (sql, code) in [
        ("SELECT * FROM nope", "error"),
        ("SELEC 1", "error"),
        ("VACUUM", "unsupported"),
        ("", "empty_statement"),
        ("SELECT 1; SELECT 2", "multiple_statements"),
    ] {
        let error = open(&db, sql, RemoteParams::NONE).unwrap_err();
        assert_eq!(error.code(), code, "{sql}: {error}");
    }
    let error = open(&db, "SELECT ?", list([1.into(), 2.into()])).unwrap_err();
    assert!(matches!(
        error,
        Error::ParameterCount {
            expected: 1,
            given: 2
        }
    ));
    let late = "SELECT abs(CASE value WHEN 3 THEN -9223372036854775808 ELSE value END)
                FROM generate_series(1, 5)";
    let cursor = open(&db, late, RemoteParams::NONE).unwrap();
    assert_eq!(first(&fetch(&cursor, 10).unwrap().rows), [1, 2]);
    let error = fetch(&cursor, 10).unwrap_err();
    assert_eq!(error.to_string(), "integer overflow");
    assert_eq!(fetch(&cursor, 10).unwrap_err().code(), "cursor_closed");
}

#[test]
fn a_result_too_large_for_one_answer_is_read_in_many() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    let sql = "SELECT value, hex(zeroblob(5000)) FROM generate_series(1, 2000)";
    let all = db.ok(sql);
    assert_eq!(all.rows.len(), 2_000);
    assert_eq!(all.columns.len(), 2);
    assert_eq!(first(&all.rows)[1_999], 2_000);
}

#[test]
fn many_dropped_at_once_do_not_hold_the_server_up() {
    let Some(server) = Sqld::start() else { return };
    let pool = (0..16).map(|_| Db::of(&server)).collect::<Vec<_>>();
    for db in &pool {
        db.begin(Behavior::Deferred).unwrap();
    }
    run(async move {
        let cursors = pool.into_iter().map(|db| {
            tokio::spawn(async move {
                for _ in 0..5 {
                    let params = list([100_000_000.into()]);
                    let cursor = db.0.cursor(NUMBERS, params, &seconds(30)).await.unwrap();
                    cursor.fetch(10, &seconds(30)).await.unwrap();
                    drop(cursor);
                    let call = seconds(30);
                    let after = db.0.execute("SELECT 1", RemoteParams::NONE, &call).await;
                    assert_eq!(after.unwrap().rows, [[Value::from(1)]]);
                }
            })
        });
        for cursor in cursors.collect::<Vec<_>>() {
            cursor.await.unwrap();
        }
    });
}

#[test]
fn sql_that_does_not_parse_costs_no_transaction() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t VALUES (1)");
    for (sql, code) in [
        ("SELECT FROM WHERE", "error"),
        ("VACUUM", "unsupported"),
        ("SELECT 1; SELECT 2", "multiple_statements"),
        ("SELECT * FROM nothing", "error"),
    ] {
        let error = open(&db, sql, RemoteParams::NONE).unwrap_err();
        assert_eq!(error.code(), code, "{sql}: {error}");
    }
    for _ in 0..2 {
        let cursor = open(&db, "SELECT id FROM t", RemoteParams::NONE).unwrap();
        assert_eq!(first(&fetch(&cursor, 2).unwrap().rows), [1]);
    }
    db.commit().unwrap();
    assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(1));
}
