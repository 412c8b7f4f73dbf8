//! Primaries that die, freeze, are created anew or lose connections: the copy is never a mixture,
//! and no call is without an answer.

use std::time::{Duration, Instant};

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::remote::block_on;
use ecto_libsql_engine::replica::{Event, ResetReason};

use crate::copies::{Copy, Place, SUM, Writer, soon, within};
use crate::support::{Canned, Fault, Issuer, Proxy, Settings, Sqld};

fn resets(place: &Place) -> Vec<ResetReason> {
    let events = place.events.lock();
    let reasons = events.iter().filter_map(|event| match event {
        Event::Reset(reason) => Some(*reason),
        _ => None,
    });
    reasons.collect()
}

#[test]
fn a_primary_that_was_stopped_is_followed_further() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(100);
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    server.stop();
    let error = copy.sync().unwrap_err();
    assert_eq!(error.code(), "connection_refused", "{error}");
    let status = copy.replica().status();
    assert!(
        status.stale_since.is_some() && status.failures == 1,
        "{status:?}"
    );
    assert_eq!(status.last_error.as_ref().unwrap().0, "connection_refused");
    assert_eq!(copy.read("SELECT count(*) FROM t"), "100");

    server.restart();
    let frame = writer.fill(10);
    assert_eq!(copy.sync().unwrap().frame_no, frame);
    assert_eq!(copy.read(SUM), writer.read(SUM));
    assert_eq!(resets(&place), []);
    let status = copy.replica().status();
    assert_eq!(
        (status.stale_since, status.last_error, status.lag),
        (None, None, 0)
    );
    let events = place.events.lock();
    assert!(events.contains(&Event::Stale));
    assert!(events.contains(&Event::CaughtUp { frame_no: frame }));
}

/// sqld recovers with a new log, whose numbers begin anew.
#[test]
fn a_primary_that_crashed_is_pulled_anew() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let writer = Writer::of(&server);
    writer.table();
    for _ in 0..20 {
        writer.fill(50);
    }
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let before = copy.replica().replication_index();
    copy.replica().wrote(before.unwrap());
    let mut open = copy.reader();
    let mut snapshot = copy.reader();
    snapshot.0.begin(Behavior::Deferred, &soon()).unwrap();
    assert_eq!(snapshot.read("SELECT count(*) FROM t"), "1000");
    assert_eq!(open.read("SELECT count(*) FROM t"), "1000");

    server.restart();
    let writer = Writer::of(&server);
    let frame = writer.fill(1);
    assert!(frame < before, "{frame:?} {before:?}");
    assert_eq!(copy.sync().unwrap().frame_no, frame);
    assert_eq!(resets(&place), [ResetReason::LogChanged]);
    assert_eq!(copy.replica().max_write_index(), None);
    copy.replica().wrote(frame.unwrap());
    block_on(copy.replica().freshen(soon())).unwrap().unwrap();
    assert_eq!(open.read(SUM), writer.read(SUM));
    assert_eq!(snapshot.read("SELECT count(*) FROM t"), "1000");
    copy.is_sound();
    writer.fill(10);
    copy.sync().unwrap();
    assert_eq!(open.read(SUM), writer.read(SUM));
}

/// The new database has as many schema changes as the old one had: a reader that is open must not
/// take the one schema for the other.
#[test]
fn a_primary_that_is_another_database_now() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let writer = Writer::of(&server);
    writer.run("CREATE TABLE a (x)");
    writer.run("CREATE TABLE b (y)");
    writer.run("INSERT INTO a VALUES ('old a')");
    writer.run("INSERT INTO b VALUES ('old b')");
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let mut open = copy.reader();
    assert_eq!(open.read("SELECT x FROM a"), "old a");
    assert_eq!(open.read("SELECT y FROM b"), "old b");

    for round in 1..4 {
        server.recreate();
        let writer = Writer::of(&server);
        let (first, second) = if round % 2 == 1 {
            ("b", "a")
        } else {
            ("a", "b")
        };
        writer.run(&format!("CREATE TABLE {first} (y, x)"));
        writer.run(&format!("CREATE TABLE {second} (x, y)"));
        writer.run(&format!("INSERT INTO a VALUES ('a{round}', 'a{round}')"));
        writer.run(&format!("INSERT INTO b VALUES ('b{round}', 'b{round}')"));
        copy.sync().unwrap();
        assert_eq!(open.read("SELECT x FROM a"), format!("a{round}"));
        assert_eq!(open.read("SELECT y FROM b"), format!("b{round}"));
        // As the log goes on, too.
        writer.run("CREATE TABLE c (z)");
        writer.run("INSERT INTO c VALUES (1)");
        copy.sync().unwrap();
        assert_eq!(open.read("SELECT z FROM c"), "1");
        assert_eq!(resets(&place).len(), round);
        copy.is_sound();
    }

    server.recreate();
    assert_eq!(copy.sync().unwrap().frame_no, None);
    assert_eq!(open.read("SELECT count(*) FROM sqlite_schema"), "0");
    assert!(open.try_read("SELECT x FROM a").is_err());
    copy.is_sound();
}

#[test]
fn a_frozen_primary_keeps_nobody_waiting_beyond_the_deadline() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(10);
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let mut stale = place.options(&server.uri());
    stale.path = place.file("stale.db");
    drop(Copy::open(stale.clone(), soon()).unwrap());
    server.freeze();
    let late = |what: &str, code: Option<&str>, began: Instant| {
        assert_eq!(code, Some("timeout"), "{what}");
        assert!(began.elapsed() < Duration::from_secs(4), "{what}");
    };
    let began = Instant::now();
    late(
        "sync",
        copy.sync_by(within(300)).err().map(|it| it.code()),
        began,
    );
    let began = Instant::now();
    let error = block_on(copy.replica().sync_until(10_000, within(300))).unwrap();
    late("sync_until", error.err().map(|it| it.code()), began);
    copy.replica().wrote(10_000);
    let began = Instant::now();
    let error = block_on(copy.replica().freshen(within(300))).unwrap();
    late("freshen", error.err().map(|it| it.code()), began);
    let began = Instant::now();
    let error = block_on(copy.replica().freeze(within(300))).unwrap();
    late("freeze", error.err().map(|it| it.code()), began);
    assert!(
        block_on(copy.replica().flush(within(300)))
            .unwrap()
            .unwrap()
            .is_some()
    );
    let mut new = place.options(&server.uri());
    new.path = place.file("new.db");
    let began = Instant::now();
    late(
        "open",
        Copy::open(new, within(300)).err().map(|it| it.code()),
        began,
    );

    // A copy that is there opens as it is.
    let stale = Copy::open(stale, within(300)).unwrap();
    assert_eq!(stale.read(SUM), copy.read(SUM));
    assert_eq!(copy.read("SELECT count(*) FROM t"), "10");

    server.thaw();
    let frame = writer.fill(10);
    assert_eq!(copy.sync().unwrap().frame_no, frame);
    assert_eq!(stale.sync().unwrap().frame_no, frame);
    assert_eq!(copy.read(SUM), writer.read(SUM));
}

/// Nobody asks with a deadline: the silence alone ends it.
#[test]
fn a_frozen_primary_ends_a_sync_of_its_own() {
    let Some(server) = Sqld::start() else { return };
    let place = Place::new();
    let mut options = place.options(&server.uri());
    options.silence = Duration::from_millis(200);
    let copy = Copy::open(options, soon()).unwrap();
    server.freeze();
    assert_eq!(copy.sync().unwrap_err().code(), "timeout");
    server.thaw();
    copy.sync().unwrap();
}

#[test]
fn an_answer_that_is_cut_leaves_whole_transactions() {
    let Some(server) = Sqld::start() else { return };
    let proxy = Proxy::before(server.port());
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&proxy.uri()).unwrap();
    for _ in 0..8 {
        writer.fill(100);
    }
    let mut rows = 0;
    for bytes in [0, 3, 700, 5000, 9000, 60_000, 100_000] {
        // As from a new connection: its first bytes are the greeting's.
        proxy.set(Fault::CutAnswerAfter(bytes));
        let error = copy.sync().unwrap_err();
        assert_eq!(error.code(), "connection_lost", "{bytes}: {error}");
        let now: usize = copy.read("SELECT count(*) FROM t").parse().unwrap();
        assert!(
            now >= rows && now.is_multiple_of(100),
            "{bytes}: {now} after {rows}"
        );
        copy.is_sound();
        rows = now;
    }
    // Each time it went on where it was.
    assert!(rows > 0, "{rows}");
    proxy.set(Fault::None);
    copy.sync().unwrap();
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();
}

#[test]
fn a_pull_from_the_beginning_that_is_cut_changes_nothing() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let proxy = Proxy::before(server.port());
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(500);
    let place = Place::new();
    let copy = place.open(&proxy.uri()).unwrap();
    let before = copy.read(SUM);
    server.recreate();
    let writer = Writer::of(&server);
    writer.table();
    for _ in 0..5 {
        writer.fill(100);
    }
    for bytes in [700, 5000, 60_000, 150_000] {
        proxy.set(Fault::CutAnswerAfter(bytes));
        copy.sync().unwrap_err();
        assert_eq!(copy.read(SUM), before);
        copy.is_sound();
        if bytes > 700 {
            assert_eq!(copy.replica().replication_index(), None);
            assert!(!copy.replica().is_fresh());
        }
    }
    proxy.set(Fault::None);
    copy.sync().unwrap();
    assert!(copy.replica().is_fresh());
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();
}

#[test]
fn a_copy_opens_while_its_primary_is_away_and_catches_up_by_itself() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(10);
    let place = Place::new();
    drop(place.open(&server.uri()).unwrap());
    server.stop();

    let mut options = place.options(&server.uri());
    options.interval = Some(Duration::from_millis(50));
    let copy = Copy::open(options, soon()).unwrap();
    assert!(copy.replica().status().stale_since.is_some());
    assert_eq!(copy.read("SELECT count(*) FROM t"), "10");
    let mut nothing = place.options(&server.uri());
    nothing.path = place.file("nothing.db");
    let error = Copy::open(nothing, soon()).unwrap_err();
    assert_eq!(error.code(), "connection_refused", "{error}");

    server.restart();
    let frame = writer.fill(10).unwrap();
    while copy.replica().replication_index() < Some(frame) {
        std::thread::yield_now();
    }
    assert_eq!(copy.read(SUM), writer.read(SUM));
}

#[test]
fn tokens_and_namespaces() {
    let issuer = Issuer::new();
    let settings = Settings {
        jwt_key: Some(issuer.public_key()),
        namespaces: true,
        ..Settings::default()
    };
    let Some(server) = Sqld::start_with(settings) else {
        return;
    };
    server.create_namespace("n1");
    let place = Place::new();
    let mut options = place.options(&server.uri());
    options.remote.namespace = Some("n1".to_owned());
    for token in [
        None,
        Some("nonsense".to_owned()),
        Some(issuer.token("ro", -120)),
    ] {
        options.remote.auth_token = token.clone();
        let error = Copy::open(options.clone(), soon()).unwrap_err();
        assert_eq!(error.code(), "unauthorized", "{token:?}: {error}");
        assert!(token.is_none_or(|token| !format!("{error:?}").contains(&token)));
    }
    options.remote.auth_token = Some(issuer.token("ro", 60));
    let copy = Copy::open(options.clone(), soon()).unwrap();
    copy.replica()
        .set_token(Some("nonsense".to_owned()))
        .unwrap();
    assert_eq!(copy.sync().unwrap_err().code(), "unauthorized");
    copy.replica()
        .set_token(Some(issuer.token("ro", 60)))
        .unwrap();
    copy.sync().unwrap();

    options.path = place.file("unknown.db");
    options.remote.namespace = Some("unknown".to_owned());
    let error = Copy::open(options, soon()).unwrap_err();
    assert_eq!(error.code(), "not_found", "{error}");
}

#[test]
fn nonsense_is_an_error() {
    let place = Place::new();
    let grpc = "200 OK\r\ncontent-type: application/grpc-web+proto";
    let trailers = b"\x80\0\0\0\x0fgrpc-status:0\r\n".as_slice();
    let cases: &[(&str, &[u8], &str)] = &[
        ("404 Not Found", b"nope", "not_found"),
        ("500 Oh", b"no", "server_error"),
        (
            "200 OK\r\ncontent-type: text/html",
            b"<html>",
            "protocol_error",
        ),
        (grpc, b"", "connection_lost"),
        (grpc, b"\0\0\0\0", "connection_lost"),
        (grpc, b"\0\0\0\0\x05abc", "connection_lost"),
        (grpc, b"\0\xff\xff\xff\xffabc", "protocol_error"),
        (grpc, b"\x80\xff\xff\xff\xffabc", "protocol_error"),
        (grpc, b"\x01\0\0\0\x01a", "protocol_error"),
        (grpc, b"\x80\0\0\0\x03a:b", "protocol_error"),
        (grpc, trailers, "protocol_error"),
        (grpc, b"\0\0\0\0\x03\x1a\x01x", "protocol_error"),
        (grpc, b"\x80\0\0\0\x0egrpc-status:14", "overloaded"),
        ("200 OK\r\ngrpc-status: 16", b"", "unauthorized"),
        ("200 OK\r\ngrpc-status: x", b"", "protocol_error"),
    ];
    for (head, body, code) in cases {
        let server = Canned::answering(head, body);
        let error = place.open(&server.uri()).unwrap_err();
        assert_eq!(error.code(), *code, "{head} {body:?}: {error}");
    }
    let error = place.open("nonsense").unwrap_err();
    assert_eq!(error.code(), "invalid_argument", "{error}");
}
