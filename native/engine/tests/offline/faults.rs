//! The network and the server fail.

use std::time::Duration;

use ecto_libsql_engine::local::Call;
use ecto_libsql_engine::offline::OfflineOptions;
use ecto_libsql_engine::remote::block_on;
use sync_server::{Endpoint, FRAME, Fault};

use crate::copy::{Copy, assert_code, check_server, in_time, options, place, server, with_table};

fn faults() -> Vec<(Fault, &'static str)> {
    vec![
        (Fault::Short(1), "protocol_error"),
        (Fault::Garbled, "protocol_error"),
        (Fault::Body("{}".to_owned()), "protocol_error"),
        (Fault::Body(String::new()), "protocol_error"),
        (Fault::CutBefore, "connection_lost"),
        (Fault::CutWithin, "connection_lost"),
        (Fault::Status(401, String::new()), "unauthorized"),
        (Fault::Status(403, String::new()), "forbidden"),
        (Fault::Status(404, String::new()), "not_found"),
        (Fault::Status(418, String::new()), "protocol_error"),
        (Fault::Status(500, "<html>".to_owned()), "server_error"),
        (Fault::Status(500, "{}".to_owned()), "server_error"),
    ]
}

#[test]
fn a_push_that_fails_is_made_up_for() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    let answer = |status: &str, generation: &str, frame: &str| {
        Fault::Body(format!(
            r#"{{"status":{status},"generation":{generation},"max_frame_no":{frame}}}"#
        ))
    };
    let mut faults = faults();
    faults.push((answer("\"maybe\"", "1", "3"), "protocol_error"));
    faults.push((answer("\"ok\"", "0", "3"), "protocol_error"));
    faults.push((answer("\"ok\"", "1", "-3"), "protocol_error"));
    faults.push((answer("\"ok\"", "1", "4294967296"), "protocol_error"));
    let mut expected = Vec::new();
    for (number, (fault, code)) in faults.into_iter().enumerate() {
        let text = format!("row {number}");
        copy.insert(&text);
        expected.push(text);
        server.fail(Endpoint::Push, fault.clone(), 1);
        match copy.push() {
            Ok(pushed) => panic!("{fault:?}: {pushed:?}"),
            Err(error) => assert_eq!(error.code(), code, "{fault:?}: {error}"),
        }
        assert!(copy.pending() > 0);
        copy.push().unwrap();
        assert_eq!(copy.pending(), 0);
    }
    check_server(
        &server,
        &expected.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn a_pull_that_fails_is_made_up_for() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    let mut faults = faults();
    faults.push((Fault::Long(1), "protocol_error"));
    faults.push((Fault::Long(200 * FRAME), "protocol_error"));
    for (number, (fault, code)) in faults.into_iter().enumerate() {
        copy.insert(&format!("row {number}"));
        copy.push().unwrap();
        server.fail(Endpoint::Pull, fault.clone(), 1);
        match other.pull() {
            Ok(pulled) => panic!("{fault:?}: {pulled:?}"),
            Err(error) => assert_eq!(error.code(), code, "{fault:?}: {error}"),
        }
        other.check();
        other.pull().unwrap();
        assert_eq!(other.texts(), copy.texts());
    }
}

/// Frames that are none, of the right length, at the end of good ones.
#[test]
fn frames_of_zeros_are_refused_and_the_good_ones_kept_out_or_in() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    copy.insert("good");
    copy.push().unwrap();
    server.fail(Endpoint::Pull, Fault::Long(2 * FRAME), 1);
    // They end no transaction, so they are left out; what comes after them does not fit.
    other.pull().unwrap();
    assert_eq!(other.texts(), ["good"]);
    other.check();
}

#[test]
fn the_answer_to_a_push_is_lost() {
    for strict in [true, false] {
        let (place, server) = (place(), server());
        server.store(|store| store.strict = strict);
        let copy = with_table(&place.path().join("a"), &server);
        copy.insert("first");
        server.fail(Endpoint::Push, Fault::CutAfter, 1);
        assert_code(copy.push(), "connection_lost");
        let frames = server.store(|store| store.frames().len());
        copy.push().unwrap();
        assert_eq!(server.store(|store| store.frames().len()), frames);
        assert_eq!(copy.pending(), 0);
        // Another one, and more was written since.
        copy.insert("second");
        server.fail(Endpoint::Push, Fault::CutWithin, 1);
        assert_code(copy.push(), "connection_lost");
        copy.insert("third");
        copy.push().unwrap();
        check_server(&server, &["first", "second", "third"]);
        // And others went on from there.
        copy.insert("fourth");
        server.fail(Endpoint::Push, Fault::CutAfter, 1);
        assert_code(copy.push(), "connection_lost");
        let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
        other.insert("fifth");
        other.push().unwrap();
        copy.sync().unwrap();
        assert_eq!(
            copy.texts(),
            ["first", "second", "third", "fourth", "fifth"]
        );
        assert_eq!(copy.pending(), 0);
        copy.check();
    }
}

#[test]
fn a_long_transaction_is_cut_in_its_middle() {
    for (fault, forgets) in [
        (Fault::CutBefore, false),
        (Fault::CutAfter, false),
        (Fault::CutAfter, true),
    ] {
        let (place, server) = (place(), server());
        let copy = with_table(&place.path().join("a"), &server);
        let before = server.store(|store| store.frames().len());
        copy.run(
            "INSERT INTO t (x) SELECT printf('%04d', i) || hex(zeroblob(500)) FROM (WITH RECURSIVE \
             n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i FROM n)",
        );
        assert!(copy.pending() > 300, "{}", copy.pending());
        // The second of its requests.
        server.fail(Endpoint::Push, Fault::Moved(server.uri()), 1);
        server.fail(Endpoint::Push, fault, 1);
        assert_code(copy.push(), "connection_lost");
        // Nobody sees a part of it.
        let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
        assert_eq!(other.number("SELECT count(*) FROM t"), 0);
        if forgets {
            server.store(|store| store.truncate(before));
        }
        copy.push().unwrap();
        other.pull().unwrap();
        assert_eq!(other.number("SELECT count(*) FROM t"), 2000);
        other.check();
    }
}

#[test]
fn a_server_that_hangs_ends_with_the_deadline_or_with_patience() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    copy.insert("x");
    let soon = Call::with_timeout(Some(Duration::from_millis(200)));
    server.fail(Endpoint::Push, Fault::Hang, 1);
    assert_code(block_on(copy.syncer.push(&soon)).unwrap(), "timeout");
    server.recover();
    copy.push().unwrap();
    check_server(&server, &["x"]);
    copy.close();

    let patience = OfflineOptions {
        silence: Duration::from_millis(200),
        ..options(&place.path().join("a"), &server.uri())
    };
    let copy = Copy::open_with(patience, &in_time()).unwrap();
    server.fail(Endpoint::Pull, Fault::Hang, 1);
    let error = assert_code(copy.pull(), "connection_lost");
    assert!(error.to_string().contains("silent"), "{error}");
    server.recover();
}

#[test]
fn a_sync_that_waits_for_another_one_ends_with_its_deadline() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    server.fail(Endpoint::Pull, Fault::Hang, 1);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| copy.pull());
        server.wait_until_one_hangs();
        let soon = Call::with_timeout(Some(Duration::from_millis(100)));
        assert_code(block_on(copy.syncer.sync(&soon)).unwrap(), "timeout");
        // Local work goes on meanwhile.
        copy.insert("x");
        server.recover();
        first.join().unwrap().unwrap();
    });
    copy.push().unwrap();
    check_server(&server, &["x"]);
}

#[test]
fn a_server_that_is_starting_is_asked_again() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    copy.insert("x");
    server.fail(Endpoint::Push, Fault::Status(503, "soon".to_owned()), 2);
    copy.push().unwrap();
    check_server(&server, &["x"]);
}

#[test]
fn a_server_that_lost_frames_gets_them_again() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    for text in ["first", "second", "third"] {
        copy.insert(text);
        copy.push().unwrap();
    }
    let frames = server.store(|store| store.frames().len());
    server.store(|store| store.truncate(frames - 2));
    copy.insert("fourth");
    copy.push().unwrap();
    check_server(&server, &["first", "second", "third", "fourth"]);
    server.store(|store| store.truncate(0));
    copy.insert("fifth");
    copy.push().unwrap();
    check_server(&server, &["first", "second", "third", "fourth", "fifth"]);
}

#[test]
fn a_server_that_lost_frames_and_got_others_is_a_conflict() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    let frames = server.store(|store| store.frames().len());
    copy.insert("first");
    copy.insert("second");
    copy.push().unwrap();
    server.store(|store| store.truncate(frames));
    other.insert("other's");
    other.push().unwrap();
    copy.insert("third");
    assert_code(copy.push(), "sync_conflict");
    assert_eq!(copy.texts(), ["first", "second", "third"]);
    check_server(&server, &["other's"]);
}
