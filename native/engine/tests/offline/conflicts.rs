//! Both sides have changes.

use ecto_libsql_engine::local::OpenOptions;
use ecto_libsql_engine::offline::set_aside;
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::remote::block_on;
use ecto_libsql_engine::session::Scope;

use crate::copy::{
    Copy, OWNER, assert_code, check_server, place, refused, rows, server, text, with_table,
};

#[test]
fn a_conflict_is_told_and_nothing_is_lost() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    let two = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    one.insert("one's");
    one.push().unwrap();
    two.insert("two's");
    for _ in 0..2 {
        let error = assert_code(two.push(), "sync_conflict");
        assert!(error.to_string().contains("frame"), "{error}");
        assert_code(two.pull(), "sync_conflict");
        assert_code(two.sync(), "sync_conflict");
    }
    assert_eq!(two.texts(), ["two's"]);
    two.check();
    check_server(&server, &["one's"]);
    // It can be used on.
    two.insert("two's other");
    let status = block_on(two.syncer.status(&crate::copy::in_time()))
        .unwrap()
        .unwrap();
    assert_eq!(status.last_error.unwrap().0, "sync_conflict");
    assert!(status.pending >= 2);
    assert_eq!(two.texts(), ["two's", "two's other"]);
}

#[test]
fn a_write_while_frames_are_fetched_is_a_conflict_too() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    let two = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    one.insert("one's");
    one.push().unwrap();
    server.fail(sync_server::Endpoint::Pull, sync_server::Fault::Hang, 1);
    std::thread::scope(|scope| {
        let pulling = scope.spawn(|| two.pull());
        server.wait_until_one_hangs();
        two.insert("two's");
        server.recover();
        assert_code(pulling.join().unwrap(), "sync_conflict");
    });
    assert_eq!(two.texts(), ["two's"]);
}

#[test]
fn the_way_out_keeps_what_was_written() {
    let (place, server) = (place(), server());
    let path = place.path().join("b");
    let one = with_table(&place.path().join("a"), &server);
    let two = Copy::open(&path, &server.uri()).unwrap();
    one.insert("one's");
    one.push().unwrap();
    two.insert("two's");
    assert_code(two.push(), "sync_conflict");
    let open = block_on(set_aside(&path)).unwrap();
    assert_code(open, "busy");
    two.close();

    let aside = block_on(set_aside(&path)).unwrap().unwrap().unwrap();
    assert_eq!(aside.file_name().unwrap(), "b-aside-1");
    let fresh = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(fresh.texts(), ["one's"]);
    let options = OpenOptions {
        database: aside.display().to_string(),
        ..OpenOptions::default()
    };
    let old = Registry::<u32>::default()
        .open(options, OWNER, Scope::Connection)
        .unwrap();
    let lost = rows(&old, "SELECT x FROM t").unwrap();
    fresh.insert(&text(&lost[0][0]));
    fresh.push().unwrap();
    check_server(&server, &["one's", "two's"]);
    fresh.close();
    let again = block_on(set_aside(&path)).unwrap().unwrap().unwrap();
    assert_eq!(again.file_name().unwrap(), "b-aside-2");
    assert!(block_on(set_aside(&path)).unwrap().unwrap().is_none());
    // A half-done one is taken up.
    std::fs::rename(place.path().join("b-aside-2"), &path).unwrap();
    assert_eq!(
        refused(Copy::open(&path, &server.uri())).code(),
        "sync_state"
    );
    let again = block_on(set_aside(&path)).unwrap().unwrap().unwrap();
    assert_eq!(again.file_name().unwrap(), "b-aside-2");
}
