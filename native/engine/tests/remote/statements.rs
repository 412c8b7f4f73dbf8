//! Single statements: values, parameters, results.

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::remote::RemoteParams;
use ecto_libsql_engine::{Error, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::calls::{Db, list, run, seconds};
use crate::support::Sqld;

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>()
            .prop_filter("SQLite stores NaN as NULL", |real| !real.is_nan())
            .prop_map(Value::Real),
        any::<String>().prop_map(|text| Value::Text(text.into_bytes())),
        any::<Vec<u8>>().prop_map(Value::Blob),
    ]
}

#[test]
fn values_come_back_as_they_were() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE kept (id INTEGER PRIMARY KEY, value)");
    let check = |values: Vec<Value>| {
        let places = vec!["?"; values.len()].join(", ");
        let sql = format!("SELECT {places}");
        let seen = db.execute(&sql, list(values.clone())).unwrap();
        assert_eq!(seen.rows, std::slice::from_ref(&values));
        let value = values[0].clone();
        db.execute(
            "INSERT OR REPLACE INTO kept VALUES (1, ?)",
            list([value.clone()]),
        )
        .unwrap();
        assert_eq!(db.value("SELECT value FROM kept"), value);
    };
    check(vec![
        Value::Real(f64::INFINITY),
        Value::Real(f64::NEG_INFINITY),
        Value::Real(5e-324),
        Value::Real(4.599049527233123e225),
        Value::Integer(i64::MIN),
        Value::from("a\0b"),
        Value::from(""),
        Value::Blob(Vec::new()),
    ]);
    TestRunner::new(Config::with_cases(64))
        .run(&prop::collection::vec(any_value(), 1..40), |values| {
            check(values);
            Ok(())
        })
        .unwrap();
    assert_eq!(
        db.execute("SELECT ?", list([Value::Real(f64::NAN)]))
            .unwrap()
            .rows,
        [[Value::Null]]
    );
}

#[test]
fn text_that_is_not_utf_8_is_refused_by_name() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    let bad = || Value::Text(vec![b'a', 0xff]);
    let error = db
        .execute("SELECT ?, ?", list([Value::Null, bad()]))
        .unwrap_err();
    assert_eq!(error.code(), "unsupported_parameter");
    assert!(error.to_string().starts_with("parameter 2: "), "{error}");
    let named = RemoteParams::Named(vec![("name".to_owned(), bad())]);
    let error = db.execute("SELECT :name", named).unwrap_err();
    assert!(error.to_string().starts_with("parameter name: "), "{error}");
}

#[test]
fn results_say_what_was_done() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(10))");
    let inserted = db.ok("INSERT INTO t (name) VALUES ('a'), ('b') RETURNING id AS new, 1 + 1");
    let columns = inserted
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.decltype.as_deref()))
        .collect::<Vec<_>>();
    assert_eq!(columns, [("new", Some("INTEGER")), ("1 + 1", None)]);
    assert_eq!(
        inserted.rows,
        [
            [Value::from(1), Value::from(2)],
            [Value::from(2), Value::from(2)]
        ]
    );
    assert_eq!(inserted.affected_rows, 2);
    assert_eq!(inserted.last_insert_rowid, Some(2));
    assert_eq!(inserted.rows_written, 2);
    assert!(inserted.autocommit);
    let before = inserted.replication_index.unwrap();
    let updated = db.ok("UPDATE t SET name = 'c'");
    assert_eq!(
        (updated.affected_rows, updated.last_insert_rowid),
        (2, None)
    );
    assert!(updated.replication_index.unwrap() > before);
    assert_eq!(db.ok("SELECT * FROM t").rows_read, 2);
}

#[test]
fn parameters_go_by_position_and_by_name() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    let two = || [Value::from(1), Value::from(2)];
    for sql in [
        "SELECT ?, ?",
        "SELECT ?1, ?2",
        "SELECT :a, @b",
        "SELECT $a, ?2",
    ] {
        let seen = db.execute(sql, list(two()));
        match sql {
            "SELECT $a, ?2" => assert_eq!(seen.unwrap_err().code(), "invalid_argument"),
            _ => assert_eq!(seen.unwrap().rows, [two()], "{sql}"),
        }
    }
    let named = |names: &[&str]| {
        RemoteParams::Named(
            names
                .iter()
                .zip(1..)
                .map(|(name, value)| ((*name).to_owned(), Value::from(value)))
                .collect(),
        )
    };
    let seen = db.execute("SELECT :a, @a, $b", named(&["a", "b"])).unwrap();
    assert_eq!(seen.rows, [[1, 1, 2].map(Value::from)]);
    let seen = db.execute("SELECT :a, @a", named(&["@a", ":a"])).unwrap();
    assert_eq!(seen.rows, [[2, 1].map(Value::from)]);
    let error = db.execute("SELECT :a, :b", named(&["a", "c"])).unwrap_err();
    assert!(
        matches!(&error, Error::ParameterNames { missing, unknown }
            if missing == &[":b"] && unknown == &["c"]),
        "{error}"
    );
    for given in [0, 1, 3] {
        let error = db
            .execute("SELECT ?, ?", list((0..given).map(Value::from)))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the statement takes 2 parameter(s), {given} were given")
        );
    }
}

#[test]
fn long_texts_are_sent_once_and_mean_the_same() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    // More texts than the server keeps, each often enough to be kept.
    for round in 0..4 {
        for text in 0..60 {
            let sql = format!(
                "SELECT {text} AS number_of_this_text, '{}', ?",
                "x".repeat(300)
            );
            let seen = db.execute(&sql, list([Value::from(round)])).unwrap();
            assert_eq!(seen.rows[0][0], Value::from(text));
            assert_eq!(seen.rows[0][2], Value::from(round));
        }
    }
}

#[test]
fn a_statement_is_described_without_being_run() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    let describe = |sql: &'static str| {
        let connection = db.0.clone();
        run(async move { connection.describe(sql, &seconds(10)).await })
    };
    let insert = describe("INSERT INTO t VALUES (:id) RETURNING id, 1").unwrap();
    assert_eq!(insert.parameters, [Some(":id".to_owned())]);
    assert_eq!(insert.columns[0].name, "id");
    assert_eq!(insert.columns[0].decltype.as_deref(), Some("INTEGER"));
    assert!(!insert.readonly && !insert.explain);
    let select = describe("EXPLAIN SELECT ?").unwrap();
    assert!(select.readonly && select.explain);
    assert_eq!(select.parameters, [None]);
    assert_eq!(describe("SELECT nope").unwrap_err().code(), "error");
    assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(0));
}

#[test]
fn a_closed_connection_leaves_no_stream_and_can_be_used_again() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.ok("CREATE TABLE t (x)");
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t VALUES (1)");
    let connection = db.0.clone();
    run(async move {
        connection.ping(&seconds(10)).await.unwrap();
        connection.close(&seconds(10)).await;
    });
    assert_eq!(server.metric("libsql_server_stream_handles"), 0);
    assert!(db.0.autocommit());
    assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(0));
}
