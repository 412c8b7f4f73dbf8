//! How fast a copy catches up, and is read: not a test, but run like one.
//! `cargo test --release -p ecto_libsql_engine --test replica figures -- --ignored --nocapture`

use std::time::{Duration, Instant};

use ecto_libsql_engine::replica::Event;

use crate::copies::{Place, Reader, SUM, Writer, read};
use crate::support::Sqld;

const FRAMES: u64 = 100_000;

#[test]
#[ignore = "it measures"]
fn catching_up() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    while writer.fill(5000) < Some(FRAMES) {}
    let mut reader = copy.reader();
    let began = Instant::now();
    let synced = copy.sync().unwrap();
    let took = began.elapsed().as_secs_f64();
    assert!(synced.frames_synced > FRAMES - 1000);
    assert_eq!(reader.read(SUM), writer.read(SUM));
    copy.is_sound();
    eprintln!(
        "large transactions: {} frames in {took:.2} s: {:.0} frames/s",
        synced.frames_synced,
        synced.frames_synced as f64 / took
    );
    for _ in 0..5000 {
        writer.run("INSERT INTO t (x) VALUES (hex(randomblob(20)))");
    }
    let began = Instant::now();
    let synced = copy.sync().unwrap();
    let took = began.elapsed().as_secs_f64();
    eprintln!(
        "transactions of one row: {} frames in {took:.3} s: {:.0} frames/s",
        synced.frames_synced,
        synced.frames_synced as f64 / took
    );
    let mut rounds = Vec::new();
    for _ in 0..200 {
        writer.run("INSERT INTO t (x) VALUES (hex(randomblob(20)))");
        let began = Instant::now();
        copy.sync().unwrap();
        rounds.push(began.elapsed());
    }
    rounds.sort();
    let mut idle = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        copy.sync().unwrap();
        idle.push(began.elapsed());
    }
    idle.sort();
    eprintln!(
        "a sync after one write: median {:?}; after none: {:?}",
        rounds[100], idle[100]
    );
    let events = place.events.lock();
    let synced = events
        .iter()
        .filter(|event| matches!(event, Event::Synced { .. }));
    assert!(synced.count() > 200);
}

#[test]
#[ignore = "it measures"]
fn reading() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(50_000);
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    let plain = place.file("plain.db");
    // The log was written into the file: both are read from that.
    std::fs::copy(copy.replica().path(), &plain).unwrap();
    assert_eq!(read(&plain, SUM), copy.read(SUM));
    let points = |reader: &mut Reader| {
        let began = Instant::now();
        for id in 1..=5000 {
            reader.read(&format!("SELECT x FROM t WHERE id = {id}"));
        }
        began.elapsed()
    };
    let scan = |reader: &mut Reader| {
        let began = Instant::now();
        reader.read(SUM);
        began.elapsed()
    };
    let mut of_copy = copy.reader();
    let mut of_plain = Reader::open(&plain, None);
    // Each the quickest of many, in turns: the machine does other things, too.
    let mut best = [Duration::MAX; 4];
    for _ in 0..60 {
        let took = [
            points(&mut of_plain),
            points(&mut of_copy),
            scan(&mut of_plain),
            scan(&mut of_copy),
        ];
        for (best, took) in best.iter_mut().zip(took) {
            *best = took.min(*best);
        }
    }
    eprintln!(
        "5,000 point reads: plain {:?}, replica {:?}; a scan: plain {:?}, replica {:?}",
        best[0], best[1], best[2], best[3]
    );
}
