//! The server checkpoints its frames, and begins a new generation.

use ecto_libsql_engine::remote::block_on;

use crate::copy::{Copy, assert_code, check_server, in_time, place, rows, run, server, with_table};

fn generation(copy: &Copy) -> u32 {
    let status = block_on(copy.syncer.status(&in_time())).unwrap();
    status.unwrap().generation
}

#[test]
fn nothing_pending_the_log_is_begun_anew() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    copy.insert("first");
    copy.push().unwrap();
    server.store(|store| store.checkpoint());
    assert_eq!(copy.pull().unwrap().pulled, 0);
    assert_eq!(generation(&copy), 2);
    assert_eq!(
        std::fs::metadata(place.path().join("a-wal")).unwrap().len(),
        0
    );
    copy.insert("second");
    copy.push().unwrap();
    assert_eq!(server.store(|store| store.generation()), 2);
    check_server(&server, &["first", "second"]);
    copy.close();
    let copy = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(copy.texts(), ["first", "second"]);
    assert_eq!(copy.sync().unwrap().pulled, 0);
}

#[test]
fn what_is_pending_goes_into_the_next_one() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    copy.insert("first");
    copy.push().unwrap();
    copy.insert("second");
    server.store(|store| store.checkpoint());
    server.store(|store| store.checkpoint());
    copy.push().unwrap();
    assert_eq!(generation(&copy), 3);
    check_server(&server, &["first", "second"]);
    copy.insert("third");
    copy.close();
    let copy = Copy::open(&path, &server.uri()).unwrap();
    copy.push().unwrap();
    check_server(&server, &["first", "second", "third"]);
    let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    assert_eq!(other.texts(), ["first", "second", "third"]);
    other.insert("fourth");
    other.push().unwrap();
    copy.pull().unwrap();
    assert_eq!(copy.texts(), ["first", "second", "third", "fourth"]);
    copy.check();
}

#[test]
fn what_is_pending_conflicts_with_what_others_wrote_there() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    copy.insert("mine");
    server.store(|store| store.checkpoint());
    other.insert("other's");
    other.push().unwrap();
    assert_code(copy.push(), "sync_conflict");
    assert_eq!(copy.texts(), ["mine"]);
    check_server(&server, &["other's"]);
}

#[test]
fn a_reader_of_an_old_snapshot_keeps_the_log_and_nothing_goes_wrong() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    copy.insert("first");
    copy.push().unwrap();
    let reader = copy.another_connection();
    run(&reader, "BEGIN").unwrap();
    assert_eq!(rows(&reader, "SELECT x FROM t").unwrap().len(), 1);
    server.store(|store| store.checkpoint());
    copy.pull().unwrap();
    assert_eq!(generation(&copy), 2);
    copy.insert("second");
    assert_eq!(rows(&reader, "SELECT x FROM t").unwrap().len(), 1);
    copy.push().unwrap();
    run(&reader, "COMMIT").unwrap();
    copy.insert("third");
    copy.push().unwrap();
    check_server(&server, &["first", "second", "third"]);
    reader.close();
    copy.close();
    let copy = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(copy.pending(), 0);
    let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    other.insert("fourth");
    other.push().unwrap();
    copy.pull().unwrap();
    assert_eq!(copy.texts().len(), 4);
    copy.check();
    // The next one ends without a reader.
    server.store(|store| store.checkpoint());
    copy.pull().unwrap();
    assert_eq!(
        std::fs::metadata(place.path().join("a-wal")).unwrap().len(),
        0
    );
}

#[test]
fn a_reader_that_lets_the_file_be_filled_and_not_the_log_be_emptied() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    copy.insert("first");
    copy.push().unwrap();
    // It reads the latest frame, so that all of the log can be copied, and holds the log itself.
    let reader = copy.another_connection();
    run(&reader, "BEGIN").unwrap();
    rows(&reader, "SELECT x FROM t").unwrap();
    server.store(|store| store.checkpoint());
    copy.pull().unwrap();
    run(&reader, "COMMIT").unwrap();
    // The next writer may begin the log anew by itself.
    copy.insert("second");
    copy.insert("third");
    assert!(copy.pending() > 0);
    copy.push().unwrap();
    check_server(&server, &["first", "second", "third"]);
    copy.check();
}

#[test]
fn an_older_server_is_told() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    server.store(|store| store.checkpoint());
    copy.pull().unwrap();
    server.store(|store| store.replace(Vec::new()));
    let error = assert_code(copy.pull(), "sync_conflict");
    assert!(error.to_string().contains("generation 1"), "{error}");
}
