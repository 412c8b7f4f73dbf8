//! A copy follows its primary.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::remote::block_on;
use ecto_libsql_engine::replica::Event;

use crate::copies::{Copy, Place, SUM, Writer, soon, within};
use crate::support::{Settings, Sqld};

#[test]
fn a_first_sync_then_what_others_write() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    assert_eq!(copy.read("SELECT count(*) FROM t"), "0");

    let frame = writer.fill(100);
    assert!(frame > copy.replica().replication_index());
    assert_eq!(copy.read("SELECT count(*) FROM t"), "0");
    let synced = copy.sync().unwrap();
    assert_eq!(synced.frame_no, frame);
    assert!(synced.frames_synced > 5, "{synced:?}");
    assert_eq!(copy.replica().replication_index(), frame);
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();

    let again = copy.sync().unwrap();
    assert_eq!((again.frame_no, again.frames_synced), (frame, 0));
}

#[test]
fn a_copy_is_continued_when_it_is_opened_again() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(100);
    let place = Place::new();
    drop(place.open(&server.uri()).unwrap());
    writer.fill(10);
    let copy = place.open(&server.uri()).unwrap();
    let status = copy.replica().status();
    assert!(status.frames > 0 && status.frames < 12, "{status:?}");
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();
}

#[test]
fn an_empty_primary_has_an_empty_copy() {
    let Some(server) = Sqld::start() else { return };
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    assert_eq!(copy.replica().replication_index(), None);
    assert_eq!(copy.read("SELECT count(*) FROM sqlite_schema"), "0");
    let writer = Writer::of(&server);
    writer.table();
    let frame = writer.fill(3).unwrap();
    let reached = block_on(copy.replica().sync_until(frame, soon()))
        .unwrap()
        .unwrap();
    assert_eq!(reached, frame);
    assert_eq!(copy.read(SUM), writer.read(SUM));
}

/// Three batches and more, while readers look: each sees whole transactions, and never fewer than
/// before.
#[test]
fn readers_go_on_while_much_comes() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let mut snapshot = copy.reader();
    snapshot.0.begin(Behavior::Deferred, &soon()).unwrap();
    assert_eq!(snapshot.read("SELECT count(*) FROM t"), "0");

    for _ in 0..40 {
        writer.fill(1000);
    }
    assert!(writer.fill(1) > Some(3000));
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (done, mut reader) = (done.clone(), copy.reader());
            thread::spawn(move || {
                let (mut rows, mut looks) = (0, 0);
                while !done.load(SeqCst) {
                    let seen = reader.read("SELECT count(*), max(id) FROM t");
                    let (count, max) = seen.split_once(' ').unwrap();
                    assert!(max == count || max == "null", "{seen}");
                    let count: u64 = count.parse().unwrap();
                    assert!(count >= rows && count % 1000 <= 1, "{rows} then {seen}");
                    (rows, looks) = (count, looks + 1);
                }
                looks
            })
        })
        .collect();
    let synced = copy.sync().unwrap();
    done.store(true, SeqCst);
    assert!(synced.frames_synced > 3000, "{synced:?}");
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
    assert_eq!(snapshot.read("SELECT count(*) FROM t"), "0");
    snapshot.0.rollback(&soon()).unwrap();
    assert_eq!(snapshot.read(SUM), writer.read(SUM));
    copy.is_sound();
}

#[test]
fn a_transaction_larger_than_the_memory_for_it() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    // 500 bytes a row: more than 4096 pages.
    writer.run(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         INSERT INTO t (x) SELECT hex(randomblob(500)) FROM n",
    );
    writer.run("UPDATE t SET x = x || 'a' WHERE id % 7 = 0");
    writer.fill(5);
    let synced = copy.sync().unwrap();
    assert!(synced.frames_synced > 5000, "{synced:?}");
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();
}

#[test]
fn a_log_that_became_a_snapshot() {
    let settings = Settings {
        max_log_size: Some(1),
        ..Settings::default()
    };
    let Some(server) = Sqld::start_with(settings) else {
        return;
    };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let before = place.open(&server.uri()).unwrap();
    before.sync().unwrap();
    for _ in 0..30 {
        writer.fill(200);
        writer.run("UPDATE t SET x = x || '!' WHERE id % 3 = 0");
    }
    let frame = writer.fill(1);
    let mut snapshot = before.reader();
    snapshot.0.begin(Behavior::Deferred, &soon()).unwrap();
    assert_eq!(snapshot.read("SELECT count(*) FROM t"), "0");
    let synced = before.sync().unwrap();
    assert_eq!(synced.frame_no, frame);
    // A snapshot has each page once: fewer frames than the log had.
    assert!(synced.frames_synced < frame.unwrap(), "{synced:?}");
    assert_eq!(before.read(SUM), writer.read(SUM));
    assert_eq!(snapshot.read("SELECT count(*) FROM t"), "0");
    before.is_sound();

    let other = Place::new();
    let from_nothing = other.open(&server.uri()).unwrap();
    assert_eq!(from_nothing.read(SUM), writer.read(SUM));
    from_nothing.is_sound();
    writer.fill(7);
    from_nothing.sync().unwrap();
    before.sync().unwrap();
    assert_eq!(from_nothing.read(SUM), writer.read(SUM));
    assert_eq!(before.read(SUM), writer.read(SUM));
}

#[test]
fn syncs_by_itself() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let (tell, told) = mpsc::channel();
    let mut options = place.options(&server.uri());
    options.interval = Some(Duration::from_millis(10));
    options.listener = Some(Arc::new(move |event| {
        let _ = tell.send(event.clone());
    }));
    let copy = Copy::open(options, soon()).unwrap();
    let frame = writer.fill(10).unwrap();
    let reached =
        |event: &Event| matches!(event, Event::Synced { frame_no, .. } if *frame_no >= frame);
    assert!(told.iter().any(|event| reached(&event)));
    assert_eq!(copy.read(SUM), writer.read(SUM));
    // It ends with its last handle, and its listener with it.
    drop(copy);
    assert_eq!(told.iter().find(|_| false), None);
}

#[test]
fn the_log_does_not_grow_for_ever() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let mut reader = copy.reader();
    for _ in 0..30 {
        writer.fill(3000);
        copy.sync().unwrap();
        reader.read("SELECT count(*) FROM t");
    }
    let log = std::fs::metadata(place.file("copy.db-wal")).unwrap().len();
    let file = std::fs::metadata(place.file("copy.db")).unwrap().len();
    assert!(copy.replica().status().frames > 9000);
    assert!(log < 10_000_000 && file > 30_000_000, "{log}, {file}");
    assert_eq!(copy.read(SUM), writer.read(SUM));
}

#[test]
fn callers_share_rounds() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let frame = writer.fill(10);
    let rounds = copy.replica().status().rounds;
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let replica = copy.replica().clone();
            thread::spawn(move || block_on(replica.sync(soon())).unwrap().unwrap())
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.join().unwrap().frame_no, frame);
    }
    let made = copy.replica().status().rounds - rounds;
    assert!((1..100).contains(&made), "{made}");
}

#[test]
fn what_this_process_wrote_is_waited_for() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    assert!(copy.replica().is_fresh());
    let frame = writer.fill(10).unwrap();
    copy.replica().wrote(frame);
    assert!(!copy.replica().is_fresh());
    assert_eq!(copy.replica().max_write_index(), Some(frame));
    block_on(copy.replica().freshen(soon())).unwrap().unwrap();
    assert!(copy.replica().is_fresh());
    assert_eq!(copy.read("SELECT count(*) FROM t"), "10");
    // An older frame than the copy's can only be of another log: a round has to tell.
    copy.replica().wrote(0);
    assert!(!copy.replica().is_fresh());
    copy.sync().unwrap();
    assert!(copy.replica().is_fresh());
}

#[test]
fn a_frame_that_never_comes_is_waited_for_until_the_deadline() {
    let Some(server) = Sqld::start() else { return };
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let began = Instant::now();
    let error = block_on(copy.replica().sync_until(1_000_000, within(300)))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert!(error.to_string().contains("frame 1000000"), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(copy.replica().status().rounds > 2);
}

#[test]
fn two_copies_of_one_primary() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let one = place.open(&server.uri()).unwrap();
    let mut options = place.options(&server.uri());
    options.path = place.file("other.db");
    let other = Copy::open(options, soon()).unwrap();
    for _ in 0..5 {
        let frame = writer.fill(50);
        assert_eq!(one.sync().unwrap().frame_no, frame);
        assert_eq!(other.sync().unwrap().frame_no, frame);
        assert_eq!(one.read(SUM), other.read(SUM));
    }
}
