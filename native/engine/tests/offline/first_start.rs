//! Opening a copy, with and without one, with and without a server.

use std::net::TcpListener;

use ecto_libsql_engine::offline::Syncer;
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::remote::block_on;
use sync_server::{Endpoint, Fault};

use crate::copy::{
    Copy, OWNER, assert_code, check_server, in_time, options, place, refused, server, with_table,
};

#[test]
fn an_empty_server_is_an_empty_database() {
    let (place, server) = (place(), server());
    let copy = Copy::open(&place.path().join("a"), &server.uri()).unwrap();
    assert_eq!(copy.number("SELECT count(*) FROM sqlite_schema"), 0);
    assert_eq!(copy.pending(), 0);
    let synced = copy.sync().unwrap();
    assert_eq!((synced.pushed, synced.pulled), (0, 0));
}

#[test]
fn the_servers_file_and_frames_are_fetched() {
    let (place, server) = (place(), server());
    let first = with_table(&place.path().join("a"), &server);
    first.insert("before the checkpoint");
    first.push().unwrap();
    server.store(|store| store.checkpoint());
    first.pull().unwrap();
    first.insert("after it");
    first.push().unwrap();

    let second = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    assert_eq!(second.texts(), ["before the checkpoint", "after it"]);
    assert!(server.requests().contains(&"GET /export/2".to_owned()));
    second.check();
    assert!(!place.path().join("b-export").exists());
}

#[test]
fn a_copy_that_is_there_needs_no_server() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    with_table(&path, &server).close();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let copy = Copy::open(&path, &uri).unwrap();
    copy.insert("offline");
    assert_code(copy.sync(), "connection_refused");
    assert!(copy.pending() > 0);
    copy.close();

    let copy = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(copy.texts(), ["offline"]);
    copy.sync().unwrap();
    check_server(&server, &["offline"]);
}

#[test]
fn without_a_copy_and_a_server_nothing_is_made_up() {
    let place = place();
    let path = place.path().join("a");
    let error = refused(Copy::open(&path, "http://127.0.0.1:1"));
    assert_eq!(error.code(), "connection_refused", "{error}");
    assert!(!path.exists());
}

#[test]
fn an_export_that_is_none_leaves_nothing_behind() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    with_table(&place.path().join("other"), &server);
    server.store(|store| store.checkpoint());
    for (fault, code) in [
        (Fault::Short(1), "protocol_error"),
        (Fault::Long(1), "protocol_error"),
        (Fault::Garbled, "protocol_error"),
        (Fault::Body("hello".to_owned()), "protocol_error"),
        (Fault::CutWithin, "connection_lost"),
        (Fault::CutBefore, "connection_lost"),
        (Fault::Status(500, "no".to_owned()), "server_error"),
        (Fault::Status(404, "no".to_owned()), "not_found"),
    ] {
        server.fail(Endpoint::Export, fault.clone(), 1);
        let error = refused(Copy::open(&path, &server.uri()));
        assert_eq!(error.code(), code, "{fault:?}: {error}");
        assert!(!path.exists() && !place.path().join("a-export").exists());
    }
    for (fault, code) in [
        (
            Fault::Body("{\"current_generation\":0}".to_owned()),
            "protocol_error",
        ),
        (Fault::Body("[]".to_owned()), "protocol_error"),
        (Fault::Status(401, "no".to_owned()), "unauthorized"),
    ] {
        server.fail(Endpoint::Info, fault.clone(), 1);
        let error = refused(Copy::open(&path, &server.uri()));
        assert_eq!(error.code(), code, "{fault:?}: {error}");
    }
    let copy = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(copy.number("SELECT count(*) FROM t"), 0);
}

#[test]
fn a_fetch_that_was_broken_off_after_the_file_goes_on_at_the_next_opening() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let other = with_table(&place.path().join("other"), &server);
    other.insert("there");
    other.push().unwrap();
    server.fail(Endpoint::Pull, Fault::CutWithin, 1);
    assert_eq!(
        refused(Copy::open(&path, &server.uri())).code(),
        "connection_lost"
    );
    let copy = Copy::open(&path, &server.uri()).unwrap();
    copy.pull().unwrap();
    assert_eq!(copy.texts(), ["there"]);
}

#[test]
fn another_database_in_its_place_is_refused() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    std::fs::write(&path, "").unwrap();
    let error = refused(Copy::open(&path, &server.uri()));
    assert_eq!(error.code(), "sync_state");
    assert!(error.to_string().contains("a-info"), "{error}");
    assert!(path.exists());
}

#[test]
fn the_copy_is_opened_once_in_a_process_and_for_one_server() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    let registry = Registry::<u32>::default();
    let again = block_on(Syncer::open(
        options(&path, &server.uri()),
        &registry,
        OWNER,
        &in_time(),
    ));
    assert!(std::sync::Arc::ptr_eq(
        &again.unwrap().unwrap(),
        &copy.syncer
    ));
    let elsewhere = options(&path, "http://127.0.0.1:1");
    let elsewhere = block_on(Syncer::open(elsewhere, &registry, OWNER, &in_time())).unwrap();
    assert_code(elsewhere, "invalid_argument");
}

#[test]
fn another_process_has_the_copy() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    with_table(&path, &server).close();
    // A file's lock is the description's, not the process's.
    let lock = std::fs::File::create(place.path().join("a-offline-lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(refused(Copy::open(&path, &server.uri())).code(), "busy");
    drop(lock);
    assert!(Copy::open(&path, &server.uri()).is_ok());
}

#[test]
fn a_redirection_is_followed_but_not_for_ever() {
    let (place, server, elsewhere) = (place(), server(), server());
    with_table(&place.path().join("other"), &elsewhere);
    for endpoint in [Endpoint::Info, Endpoint::Export, Endpoint::Pull] {
        server.fail(endpoint, Fault::Moved(elsewhere.uri()), 10);
    }
    let copy = Copy::open(&place.path().join("a"), &server.uri()).unwrap();
    assert_eq!(copy.number("SELECT count(*) FROM t"), 0);
    server.fail(Endpoint::Pull, Fault::Moved(String::new()), 10);
    elsewhere.fail(Endpoint::Pull, Fault::Moved(elsewhere.uri()), 10);
    assert_code(copy.pull(), "protocol_error");
}

#[test]
fn the_token_is_sent_and_can_be_renewed() {
    let (place, server) = (place(), server());
    server.require_token("good");
    let path = place.path().join("a");
    assert_eq!(
        refused(Copy::open(&path, &server.uri())).code(),
        "unauthorized"
    );
    let mut options = options(&path, &server.uri());
    options.server.auth_token = Some("good".to_owned());
    let copy = Copy::open_with(options, &in_time()).unwrap();
    server.require_token("better");
    assert_code(copy.sync(), "unauthorized");
    copy.syncer.set_token(Some("better".to_owned())).unwrap();
    copy.sync().unwrap();
}
