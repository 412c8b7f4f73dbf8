//! What one copy writes, another gets.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::offline::{Event, OfflineOptions};
use sync_server::{Endpoint, Fault};

use crate::copy::{Copy, check_server, in_time, options, place, server, with_table};

#[test]
fn a_push_is_what_another_pulls() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    let two = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    one.insert("first");
    one.insert("second");
    assert!(one.pending() > 0);
    let pushed = one.push().unwrap();
    assert!(pushed.pushed >= 2);
    assert_eq!(one.pending(), 0);
    assert_eq!(one.push().unwrap().pushed, 0);

    assert_eq!(two.texts(), [""; 0]);
    let pulled = two.pull().unwrap();
    assert_eq!(
        (pulled.pulled, pulled.frame_no),
        (pushed.pushed, pushed.frame_no)
    );
    assert_eq!(two.texts(), ["first", "second"]);
    assert_eq!(two.pull().unwrap().pulled, 0);
    two.insert("third");
    two.sync().unwrap();
    one.sync().unwrap();
    assert_eq!(one.texts(), ["first", "second", "third"]);
    one.check();
    two.check();
    check_server(&server, &["first", "second", "third"]);
}

#[test]
fn a_schema_that_was_changed_elsewhere_is_seen() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    let two = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    assert_eq!(two.number("SELECT count(*) FROM t"), 0);
    one.run("ALTER TABLE t ADD COLUMN y DEFAULT 7");
    one.insert("x");
    one.push().unwrap();
    two.pull().unwrap();
    assert_eq!(two.number("SELECT y FROM t"), 7);
}

#[test]
fn ten_thousand_rows_and_a_transaction_longer_than_a_batch() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    one.run(
        "INSERT INTO t (x) SELECT hex(randomblob(200)) FROM (WITH RECURSIVE n(i) AS \
         (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n)",
    );
    for _ in 0..300 {
        one.insert("one at a time");
    }
    let pending = one.pending();
    assert!(pending > 1000, "{pending}");
    let pushed = one.push().unwrap();
    assert_eq!(pushed.pushed, pending);
    let posts = server
        .requests()
        .iter()
        .filter(|it| it.starts_with("POST"))
        .count();
    assert!(posts >= pending as usize / 128, "{posts}");

    let two = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    let sum = "SELECT count(*) + total(length(x)) + total(unicode(substr(x, id % 400, 1))) FROM t";
    assert_eq!(two.one(sum), one.one(sum));
    assert_eq!(two.number("SELECT count(*) FROM t"), 10_300);
    two.check();
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    copy.insert("pushed");
    copy.push().unwrap();
    copy.insert("not pushed");
    let pending = copy.pending();
    copy.close();
    // Nothing of the log was checkpointed away.
    assert!(fs::metadata(place.path().join("a-wal")).unwrap().len() > 0);

    let copy = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(copy.texts(), ["pushed", "not pushed"]);
    assert_eq!(copy.pending(), pending);
    copy.push().unwrap();
    check_server(&server, &["pushed", "not pushed"]);
}

#[test]
fn checkpoints_do_no_harm() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    for round in 0..5 {
        copy.insert(&format!("round {round}"));
        copy.run("PRAGMA wal_checkpoint(PASSIVE)");
        copy.run("PRAGMA wal_checkpoint(TRUNCATE)");
        copy.run("PRAGMA wal_autocheckpoint = 1");
        copy.run("UPDATE t SET x = x || '.'");
    }
    let pending = copy.pending();
    copy.close();
    let copy = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(copy.pending(), pending);
    assert_eq!(copy.push().unwrap().pushed, pending);
    let texts = copy.texts();
    check_server(
        &server,
        &texts.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn a_copy_syncs_by_itself() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    let (events, seen) = std::sync::mpsc::channel();
    let by_itself = OfflineOptions {
        interval: Some(Duration::from_millis(10)),
        listener: Some(Arc::new(move |event: &Event| {
            // Nobody listens any more when the test is over.
            let _ = events.send(event.clone());
        })),
        ..options(&place.path().join("b"), &server.uri())
    };
    let two = Copy::open_with(by_itself, &in_time()).unwrap();
    let wait_for = |wanted: fn(&Event) -> bool| {
        while !wanted(&seen.recv_timeout(Duration::from_secs(20)).unwrap()) {}
    };
    one.insert("from one");
    one.push().unwrap();
    while two.texts() != ["from one"] {
        wait_for(|event| matches!(event, Event::Synced { pulled: 1.., .. }));
    }
    two.insert("from two");
    wait_for(|event| matches!(event, Event::Synced { pushed: 1.., .. }));
    server.fail(Endpoint::Pull, Fault::Status(401, String::new()), 1);
    wait_for(|event| matches!(event, Event::Failed { code, .. } if *code == "unauthorized"));
    check_server(&server, &["from one", "from two"]);
    // It ends with its last connection.
    let syncer = Arc::downgrade(&two.syncer);
    two.close();
    while syncer.strong_count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_database_that_shrinks_does_so_elsewhere() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    let two = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    one.run(
        "INSERT INTO t (x) SELECT hex(randomblob(2000)) FROM (WITH RECURSIVE n(i) AS \
         (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT i FROM n)",
    );
    one.sync().unwrap();
    two.sync().unwrap();
    let pages = two.number("PRAGMA page_count");
    one.run("DELETE FROM t WHERE id > 3");
    one.run("VACUUM");
    one.sync().unwrap();
    two.sync().unwrap();
    assert!(two.number("PRAGMA page_count") < pages / 10);
    assert_eq!(two.texts(), one.texts());
    two.check();
    server.store(|store| store.checkpoint());
    two.sync().unwrap();
    two.check();
    let texts = one.texts();
    check_server(
        &server,
        &texts.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}
