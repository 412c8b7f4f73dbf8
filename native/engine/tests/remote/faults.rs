//! Servers that die, freeze or lose connections: no call without an answer within its deadline, and
//! no write that is half there.

use std::time::{Duration, Instant};

use ecto_libsql_engine::local::{Behavior, Call};
use ecto_libsql_engine::remote::{RemoteOptions, RemoteParams, RemoteResult};
use ecto_libsql_engine::{Error, Result, Value};

use crate::calls::{Db, list, run, seconds};
use crate::support::{Fault, Proxy, Sqld};

fn table(db: &Db) {
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)");
}

fn count(db: &Db) -> Value {
    db.value("SELECT count(*) FROM t")
}

fn through(proxy: &Proxy) -> Db {
    Db::open(RemoteOptions {
        uri: proxy.uri(),
        ..RemoteOptions::default()
    })
}

/// A call with little time.
fn hurried(db: &Db, sql: &str) -> Result<RemoteResult> {
    let (connection, sql) = (db.0.clone(), sql.to_owned());
    let call = Call::with_timeout(Some(Duration::from_millis(300)));
    run(async move { connection.execute(&sql, RemoteParams::NONE, &call).await })
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn a_restart_between_two_statements_goes_unnoticed() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let db = Db::of(&server);
    table(&db);
    // Long and often enough for the text to be kept by the server that dies.
    let insert = format!("INSERT INTO t (note) VALUES ('{}')", "x".repeat(300));
    for _ in 0..3 {
        db.ok(&insert);
    }
    server.restart();
    db.ok(&insert);
    assert_eq!(count(&db), Value::from(4));
}

#[test]
fn a_restart_in_a_transaction_is_told_and_nothing_of_it_stays() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let db = Db::of(&server);
    table(&db);
    for last in ["INSERT INTO t DEFAULT VALUES", "SELECT 1", "COMMIT"] {
        db.begin(Behavior::Immediate).unwrap();
        db.ok("INSERT INTO t DEFAULT VALUES");
        server.restart();
        let (code, error) = db.fails(last);
        assert_eq!(code, "transaction_lost", "{last}: {error}");
        if last != "COMMIT" {
            assert!(db.0.in_lost_transaction());
            assert_eq!(
                db.fails("INSERT INTO t DEFAULT VALUES").0,
                "transaction_lost"
            );
            assert!(matches!(
                db.begin(Behavior::Deferred),
                Err(Error::TransactionOpen)
            ));
            db.rollback().unwrap();
        }
        assert!(db.0.autocommit());
        assert_eq!(count(&db), Value::from(0), "{last}");
    }
}

#[test]
fn commit_and_rollback_of_a_lost_transaction_end_it() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let db = Db::of(&server);
    for commit in [true, false] {
        for told in [true, false] {
            db.begin(Behavior::Immediate).unwrap();
            server.restart();
            if told {
                assert_eq!(db.fails("SELECT 1").0, "transaction_lost");
            }
            match commit {
                true => assert_eq!(code(db.commit()), "transaction_lost"),
                false => db.rollback().unwrap(),
            }
            assert!(db.0.autocommit());
            db.ok("SELECT 1");
        }
    }
}

#[test]
fn a_transaction_that_the_server_takes_away_is_lost() {
    let Some(server) = Sqld::start() else { return };
    let (one, two) = (Db::of(&server), Db::of(&server));
    table(&one);
    one.begin(Behavior::Immediate).unwrap();
    one.ok("INSERT INTO t DEFAULT VALUES");
    // Waits until the server finds that the first one has had enough time.
    two.ok("INSERT INTO t DEFAULT VALUES");
    assert_eq!(
        one.fails("INSERT INTO t DEFAULT VALUES").0,
        "transaction_lost"
    );
    assert_eq!(
        one.fails("INSERT INTO t DEFAULT VALUES").0,
        "transaction_lost"
    );
    one.rollback().unwrap();
    one.ok("INSERT INTO t DEFAULT VALUES");
    assert_eq!(count(&one), Value::from(2));
}

#[test]
fn a_stream_that_has_expired_is_renewed_and_its_transaction_lost() {
    let Some(server) = Sqld::start() else { return };
    let (idle, busy) = (Db::of(&server), Db::of(&server));
    table(&idle);
    idle.ok("INSERT INTO t DEFAULT VALUES");
    assert_eq!(idle.value("SELECT total_changes()"), Value::from(1));
    busy.begin(Behavior::Immediate).unwrap();
    busy.ok("INSERT INTO t DEFAULT VALUES");
    assert_eq!(server.metric("libsql_server_stream_handles"), 2);
    while server.metric("libsql_server_stream_handles") > 0 {
        std::thread::sleep(Duration::from_millis(100));
    }
    // A new stream knows nothing of the changes of the old one.
    assert_eq!(idle.value("SELECT total_changes()"), Value::from(0));
    assert_eq!(busy.fails("SELECT 1").0, "transaction_lost");
    busy.rollback().unwrap();
    assert_eq!(count(&busy), Value::from(1));
}

#[test]
fn a_frozen_server_does_not_hold_a_call_past_its_deadline() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    table(&db);
    server.freeze();
    let began = Instant::now();
    assert_eq!(code(hurried(&db, "SELECT 1")), "timeout");
    let error = hurried(&db, "INSERT INTO t DEFAULT VALUES").unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert!(error.to_string().contains("unknown"), "{error}");
    assert_eq!(error.statement(), Some("INSERT INTO t DEFAULT VALUES"));
    assert!(began.elapsed() < Duration::from_secs(20));
    server.thaw();
    db.ok("SELECT 1");

    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t (note) VALUES ('lost')");
    server.freeze();
    assert_eq!(code(hurried(&db, "SELECT 1")), "timeout");
    assert!(db.0.in_lost_transaction());
    assert_eq!(db.fails("SELECT 1").0, "transaction_lost");
    server.thaw();
    db.rollback().unwrap();
    assert_eq!(
        db.value("SELECT count(*) FROM t WHERE note = 'lost'"),
        Value::from(0)
    );

    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t (note) VALUES ('perhaps')");
    server.freeze();
    assert_eq!(code(hurried(&db, "COMMIT")), "commit_unknown");
    assert!(db.0.autocommit());
    server.thaw();
    db.ok("SELECT 1");
}

#[test]
fn a_call_that_is_dropped_gives_its_stream_up() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    table(&db);
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t DEFAULT VALUES");
    let connection = db.0.clone();
    run(async move {
        let endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)
                       SELECT count(*) FROM n";
        let call = Call::default();
        let query = connection.execute(endless, RemoteParams::NONE, &call);
        let dropped = tokio::time::timeout(Duration::from_millis(200), query).await;
        assert!(dropped.is_err());
        assert!(connection.in_lost_transaction());
    });
    db.rollback().unwrap();
    assert_eq!(count(&db), Value::from(0));
    // The server has seen it, too: nobody holds the lock.
    Db::of(&server).ok("INSERT INTO t DEFAULT VALUES");
}

#[test]
fn a_cut_answer_is_read_again_or_its_outcome_unknown() {
    let Some(server) = Sqld::start() else { return };
    let proxy = Proxy::before(server.port());
    let (db, direct) = (through(&proxy), Db::of(&server));
    table(&direct);
    for cut in [0, 1, 100, 250] {
        let before = count(&direct);
        proxy.set(Fault::CutAnswerAfter(cut));
        let fresh = through(&proxy);
        let (code, error) = fresh.fails("INSERT INTO t DEFAULT VALUES");
        assert_eq!(code, "connection_lost", "{error}");
        assert!(error.to_string().contains("unknown"), "{error}");
        // It is told neither done nor undone; here the server has run it.
        proxy.set(Fault::None);
        assert_ne!(count(&direct), before);
        assert_eq!(count(&fresh), count(&direct));
    }
    db.ok("SELECT 1");
    proxy.set(Fault::CutAnswerAfter(100));
    assert_eq!(through(&proxy).fails("SELECT 1").0, "connection_lost");
}

#[test]
fn a_cut_in_a_transaction_loses_it_and_in_commit_leaves_it_open_which() {
    let Some(server) = Sqld::start() else { return };
    let proxy = Proxy::before(server.port());
    let (db, direct) = (through(&proxy), Db::of(&server));
    table(&direct);
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t DEFAULT VALUES");
    proxy.set(Fault::CutAnswerAfter(1));
    assert_eq!(
        db.fails("INSERT INTO t DEFAULT VALUES").0,
        "transaction_lost"
    );
    proxy.set(Fault::None);
    db.rollback().unwrap();
    assert_eq!(count(&direct), Value::from(0));

    for statement in ["COMMIT", "RELEASE a"] {
        let before = count(&direct);
        match statement {
            "COMMIT" => db.begin(Behavior::Immediate).unwrap(),
            _ => drop(db.ok("SAVEPOINT a")),
        }
        db.ok("INSERT INTO t DEFAULT VALUES");
        proxy.set(Fault::CutAnswerAfter(1));
        let (code, error) = db.fails(statement);
        assert_eq!(code, "commit_unknown", "{error}");
        assert!(db.0.autocommit());
        proxy.set(Fault::None);
        assert_ne!(count(&direct), before);
    }

    // Within a transaction that BEGIN began, RELEASE ends nothing.
    db.begin(Behavior::Immediate).unwrap();
    db.ok("SAVEPOINT a");
    proxy.set(Fault::CutAnswerAfter(1));
    assert_eq!(db.fails("RELEASE a").0, "transaction_lost");
    assert!(db.0.in_lost_transaction());
    proxy.set(Fault::None);
    db.rollback().unwrap();
}

#[test]
fn a_rollback_without_an_answer_is_one() {
    let Some(server) = Sqld::start() else { return };
    let proxy = Proxy::before(server.port());
    let (db, direct) = (through(&proxy), Db::of(&server));
    table(&direct);
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t DEFAULT VALUES");
    proxy.set(Fault::Swallow);
    let connection = db.0.clone();
    run(async move {
        let call = Call::with_timeout(Some(Duration::from_millis(200)));
        connection.rollback(&call).await
    })
    .unwrap();
    assert!(db.0.autocommit());
    proxy.set(Fault::None);
    assert_eq!(count(&direct), Value::from(0));
    db.ok("INSERT INTO t DEFAULT VALUES");
}

#[test]
fn a_server_that_dies_in_commit_has_all_or_nothing() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let db = Db::of(&server);
    table(&db);
    let mut acknowledged = 0;
    for round in 0..5_u64 {
        db.begin(Behavior::Immediate).unwrap();
        for _ in 0..10 {
            db.execute("INSERT INTO t (note) VALUES (?)", list([Value::from("x")]))
                .unwrap();
        }
        let connection = db.0.clone();
        let committing = std::thread::Builder::new()
            .spawn(move || run(async move { connection.commit(&seconds(10)).await }))
            .unwrap();
        std::thread::yield_now();
        if round > 0 {
            server.kill();
        }
        let committed = committing.join().unwrap();
        match &committed {
            Ok(()) => acknowledged += 10,
            Err(error) => assert!(
                ["commit_unknown", "transaction_lost", "connection_refused"]
                    .contains(&error.code()),
                "{error}"
            ),
        }
        if round > 0 {
            server.restart();
        }
        if !db.0.autocommit() {
            db.rollback().unwrap();
        }
        let Value::Integer(there) = count(&db) else {
            panic!()
        };
        assert_eq!(there % 10, 0);
        assert!(there >= acknowledged, "{there} of {acknowledged}");
        acknowledged = there;
    }
}
