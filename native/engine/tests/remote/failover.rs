//! Reads that another server answers while the first one is away. The servers of these tests know
//! nothing of each other, so that an answer tells whose it is.

use std::time::Duration;

use ecto_libsql_engine::local::{Behavior, Call};
use ecto_libsql_engine::remote::{
    BreakerState, FailedOver, ReadServer, RemoteOptions, RemoteParams,
};
use ecto_libsql_engine::{Result, Value};

use crate::breaker::{Changes, LONG};
use crate::calls::{Db, list, run, seconds};
use crate::support::{Issuer, Settings, Sqld};

fn reader(uri: String) -> ReadServer {
    ReadServer {
        uri,
        ..ReadServer::default()
    }
}

fn connect(first: &Sqld, others: &[&Sqld]) -> Db {
    Db::open(RemoteOptions {
        uri: first.uri(),
        breaker: Some(LONG),
        failover: others.iter().map(|other| reader(other.uri())).collect(),
        ..RemoteOptions::default()
    })
}

/// A server whose table `who` holds this number.
fn numbered(number: i64) -> Option<Sqld> {
    let server = Sqld::start()?;
    let db = Db::of(&server);
    db.ok("CREATE TABLE who (id)");
    db.execute("INSERT INTO who VALUES (?)", list([number.into()]))
        .unwrap();
    Some(server)
}

fn count(server: &Sqld) -> Value {
    Db::of(server).value("SELECT count(*) FROM who")
}

fn failed_over(db: &Db) -> Option<FailedOver> {
    db.0.take_failed_over()
}

/// Has the first server's breaker open.
fn open_breaker(db: &Db) {
    while db.fails("DELETE FROM who").0 != "circuit_open" {}
}

#[test]
fn reads_go_to_the_next_server_and_come_back() {
    let (Some(mut first), Some(second)) = (numbered(1), numbered(2)) else {
        return;
    };
    let changes = Changes::of(&first.uri());
    let db = Db::open(RemoteOptions {
        uri: first.uri(),
        breaker: Some(ecto_libsql_engine::remote::BreakerOptions {
            open_for: Duration::from_millis(20),
            max_open_for: Duration::from_millis(20),
            ..LONG
        }),
        failover: vec![reader(second.uri())],
        ..RemoteOptions::default()
    });
    assert_eq!(db.value("SELECT id FROM who"), 1.into());
    assert_eq!(failed_over(&db), None);
    first.kill();
    // Before the breaker is open, and after it. A connection that was kept may break first.
    let mut reasons = Vec::new();
    while reasons.last() != Some(&"circuit_open") {
        assert_eq!(db.value("SELECT id FROM who"), 2.into());
        let done = failed_over(&db).unwrap();
        assert_eq!(done.server, second.uri());
        reasons.push(done.because);
        assert_eq!(failed_over(&db), None);
    }
    assert!(["connection_refused", "connection_lost"].contains(&reasons[0]));
    assert!(reasons.len() <= 4, "{reasons:?}");
    first.restart();
    changes.until(BreakerState::Closed);
    assert_eq!(db.value("SELECT id FROM who"), 1.into());
    assert_eq!(failed_over(&db), None);
}

#[test]
fn nothing_that_writes_goes_elsewhere() {
    let (Some(mut first), Some(second)) = (numbered(1), numbered(2)) else {
        return;
    };
    let db = connect(&first, &[&second]);
    first.kill();
    open_breaker(&db);
    for sql in [
        "INSERT INTO who VALUES (3)",
        "INSERT INTO who VALUES (3) RETURNING id",
        "WITH n (i) AS (SELECT 3) INSERT INTO who SELECT i FROM n",
        "WITH n (i) AS (SELECT 3) DELETE FROM who WHERE id <> (SELECT i FROM n)",
        "UPDATE who SET id = 3",
        "CREATE TABLE more (a)",
        "PRAGMA user_version = 3",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA foreign_keys",
        "BEGIN",
        "BEGIN IMMEDIATE",
        "SAVEPOINT a",
        "SELECT 1; DELETE FROM who",
    ] {
        let (code, error) = db.fails(sql);
        let codes = ["circuit_open", "multiple_statements"];
        assert!(codes.contains(&code), "{sql}: {error}");
        assert!(db.0.autocommit());
    }
    for transactional in [true, false] {
        let read = vec![("SELECT id FROM who".to_owned(), RemoteParams::NONE)];
        let failed = db.batch(read, transactional).unwrap_err();
        assert_eq!(failed.code(), "circuit_open");
    }
    assert_eq!(
        db.begin(Behavior::ReadOnly).unwrap_err().code(),
        "circuit_open"
    );
    assert_eq!(failed_over(&db), None);
    assert_eq!(count(&second), 1.into());
    assert_eq!(Db::of(&second).value("SELECT id FROM who"), 2.into());
    assert_eq!(Db::of(&second).value("PRAGMA user_version"), 0.into());
}

#[test]
fn a_transaction_stays_with_its_server() {
    let (Some(mut first), Some(second)) = (numbered(1), numbered(2)) else {
        return;
    };
    let db = connect(&first, &[&second]);
    db.begin(Behavior::Deferred).unwrap();
    assert_eq!(db.value("SELECT id FROM who"), 1.into());
    first.kill();
    open_breaker(&connect(&first, &[]));
    assert_eq!(db.fails("SELECT id FROM who").0, "circuit_open");
    assert_eq!(failed_over(&db), None);
    db.rollback().unwrap();
    assert_eq!(db.value("SELECT id FROM who"), 2.into());
}

#[test]
fn parameters_cursors_and_descriptions_go_along() {
    let (Some(mut first), Some(second)) = (numbered(1), numbered(2)) else {
        return;
    };
    let db = connect(&first, &[&second]);
    first.kill();
    let named = RemoteParams::Named(vec![("id".to_owned(), 2.into())]);
    for params in [list([2.into()]), named] {
        let result = db.execute("SELECT id FROM who WHERE id = :id", params);
        assert_eq!(result.unwrap().rows, [[Value::from(2)]]);
    }
    let connection = db.0.clone();
    let rows = run(async move {
        let sql = "SELECT id FROM who";
        let cursor = connection
            .cursor(sql, RemoteParams::NONE, &seconds(30))
            .await
            .unwrap();
        let fetched = cursor.fetch(10, &seconds(30)).await.unwrap();
        let described = connection.describe(sql, &seconds(30)).await.unwrap();
        assert_eq!(described.columns[0].name, "id");
        fetched.rows
    });
    assert_eq!(rows, [[Value::from(2)]]);
    assert!(failed_over(&db).is_some());
    // What is wrong with a statement is told, not what is wrong with the first server.
    assert_eq!(
        db.fails("SELECT abs(-9223372036854775808) FROM who").0,
        "error"
    );
}

/// A server that is silent takes its share of the time, and no more.
#[test]
fn each_server_has_its_share_of_the_time() {
    let (Some(mut first), Some(frozen), Some(last)) = (numbered(1), numbered(2), numbered(3))
    else {
        return;
    };
    let db = connect(&first, &[&frozen, &last]);
    first.kill();
    frozen.freeze();
    let connection = db.0.clone();
    let answer: Result<_> = run(async move {
        let call = Call::with_timeout(Some(Duration::from_secs(4)));
        connection
            .execute("SELECT id FROM who", RemoteParams::NONE, &call)
            .await
    });
    assert_eq!(answer.unwrap().rows, [[Value::from(3)]]);
    assert_eq!(failed_over(&db).unwrap().server, last.uri());
    frozen.thaw();
}

#[test]
fn where_nobody_answers_the_first_servers_error_is_told() {
    let (Some(mut first), Some(mut second)) = (numbered(1), numbered(2)) else {
        return;
    };
    let db = connect(&first, &[&second]);
    first.kill();
    second.kill();
    let (code, error) = db.fails("SELECT 1");
    assert_eq!(code, "connection_refused");
    assert_eq!(error.statement(), Some("SELECT 1"));
    assert_eq!(failed_over(&db), None);
}

#[test]
fn each_server_has_its_token() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let start = |issuer: &Issuer| {
        Sqld::start_with(Settings {
            jwt_key: Some(issuer.public_key()),
            ..Settings::default()
        })
    };
    let (Some(mut first), Some(second)) = (start(&issuer), start(&other)) else {
        return;
    };
    let open = |token: Option<String>| {
        Db::open(RemoteOptions {
            uri: first.uri(),
            auth_token: Some(issuer.token("rw", 60)),
            failover: vec![ReadServer {
                auth_token: token,
                ..reader(second.uri())
            }],
            ..RemoteOptions::default()
        })
    };
    let (own, shared) = (open(Some(other.token("ro", 60))), open(None));
    first.kill();
    own.ok("SELECT 1");
    let (code, error) = shared.fails("SELECT 1");
    assert_eq!(code, "unauthorized");
    let message = error.to_string();
    for part in [second.uri().as_str(), "connection_refused", "instead"] {
        assert!(message.contains(part), "{message}");
    }
    // A new one is for those that have none of their own.
    shared.0.set_token(Some(other.token("ro", 60))).unwrap();
    shared.ok("SELECT 1");
    own.0.set_token(None).unwrap();
    own.ok("SELECT 1");
    own.0.set_failover_token(0, None).unwrap();
    assert_eq!(own.fails("SELECT 1").0, "unauthorized");
    assert!(own.0.set_failover_token(1, None).is_err());
}

#[test]
fn a_wrong_server_is_named() {
    let options = RemoteOptions {
        uri: "http://localhost:1".to_owned(),
        failover: vec![reader("localhost:2?authToken=hunter2".to_owned())],
        ..RemoteOptions::default()
    };
    assert!(!format!("{options:?}").contains("hunter2"));
    let error = ecto_libsql_engine::remote::RemoteConnection::open(options).unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("failover: uri \"localhost:2\""),
        "{message}"
    );
}
