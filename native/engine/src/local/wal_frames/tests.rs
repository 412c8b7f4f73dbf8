#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]
#![allow(clippy::panic, reason = "a test that cannot go on is to fail")]

use tempfile::TempDir;

use super::*;
use crate::local::{Behavior, CheckpointMode, JournalMode, OpenMode, OpenOptions};

const NOW: Call = Call { deadline: None };

fn open(directory: &TempDir, name: &str, mode: OpenMode) -> Connection {
    let connection = Connection::open(OpenOptions {
        database: directory.path().join(name).display().to_string(),
        mode,
        journal_mode: Some((JournalMode::Wal, true)),
        ..OpenOptions::default()
    });
    connection.unwrap()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn run(connection: &mut Connection, sql: &str) {
    connection
        .query(Source::Sql(sql), &NoParams, &mut Collect::default(), &NOW)
        .unwrap();
}

fn text(connection: &mut Connection, sql: &str) -> String {
    let mut rows = Collect::default();
    connection
        .query(Source::Sql(sql), &NoParams, &mut rows, &NOW)
        .unwrap();
    let shown = rows.rows.iter().flatten().map(|value| match value {
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A database with 300 rows, whose log has all its frames.
fn source(directory: &TempDir) -> Connection {
    let mut source = open(directory, "source", OpenMode::Create);
    source.wal_disable_checkpoint().unwrap();
    run(&mut source, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)");
    for _ in 0..3 {
        run(
            &mut source,
            "INSERT INTO t (x) SELECT hex(randomblob(100)) FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i FROM n)",
        );
    }
    source
}

fn frames(source: &mut Connection) -> Vec<Vec<u8>> {
    let size = WAL_FRAME_HEADER + source.page_size(&NOW).unwrap();
    let count = source.wal_frame_count(&NOW).unwrap();
    let read = (1..=count).map(|number| {
        let mut frame = vec![0; size];
        source.wal_frame(number, &mut frame, &NOW).unwrap();
        frame
    });
    read.collect()
}

const SUM: &str = "SELECT count(*), sum(length(x)), max(x), min(x) FROM t";

#[test]
fn a_database_is_copied_frame_by_frame() {
    let directory = directory();
    let mut source = source(&directory);
    let mut target = open(&directory, "target", OpenMode::Create);
    let mut reader = open(&directory, "target", OpenMode::ReadOnly);
    let frames = frames(&mut source);
    assert!(frames.len() > 10, "{}", frames.len());

    let mut insertion = target.wal_insert(&NOW).unwrap();
    for frame in &frames {
        insertion.insert(frame).unwrap();
    }
    drop(insertion);

    let expected = text(&mut source, SUM);
    assert_eq!(text(&mut reader, SUM), expected);
    assert_eq!(text(&mut target, SUM), expected);
    assert!(text(&mut target, "PRAGMA integrity_check").contains("ok"));
    // It is an ordinary database from here on.
    run(&mut target, "INSERT INTO t (x) VALUES ('mine')");
    let checkpoint = target.checkpoint(CheckpointMode::Truncate, &NOW).unwrap();
    assert!(!checkpoint.busy);
    assert!(text(&mut reader, "SELECT count(*) FROM t").contains("301"));
}

#[test]
fn what_was_not_committed_is_forgotten() {
    let directory = directory();
    let mut source = source(&directory);
    let frames = frames(&mut source);
    let mut target = open(&directory, "target", OpenMode::Create);
    let commits: Vec<usize> = (0..frames.len())
        .filter(|&index| frames[index][4..8] != [0; 4])
        .collect();
    let [.., before_last, last] = commits[..] else {
        panic!("{commits:?}")
    };

    let mut insertion = target.wal_insert(&NOW).unwrap();
    for frame in &frames[..last] {
        insertion.insert(frame).unwrap();
    }
    drop(insertion);
    let mut other = open(&directory, "target", OpenMode::ReadOnly);
    assert!(text(&mut target, "SELECT count(*) FROM t").contains("200"));
    assert!(text(&mut other, "SELECT count(*) FROM t").contains("200"));

    let mut insertion = target.wal_insert(&NOW).unwrap();
    for frame in &frames[before_last + 1..] {
        insertion.insert(frame).unwrap();
    }
    drop(insertion);
    assert_eq!(text(&mut other, SUM), text(&mut source, SUM));
    assert!(text(&mut other, "PRAGMA integrity_check").contains("ok"));
}

#[test]
fn readers_see_a_transaction_at_its_commit_and_not_in_their_snapshot() {
    let directory = directory();
    let mut source = source(&directory);
    let frames = frames(&mut source);
    let mut target = open(&directory, "target", OpenMode::Create);
    run(&mut target, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)");
    let mut snapshot = open(&directory, "target", OpenMode::ReadOnly);
    let mut reader = open(&directory, "target", OpenMode::ReadOnly);
    snapshot.begin(Behavior::Deferred, &NOW).unwrap();
    assert!(text(&mut snapshot, "SELECT count(*) FROM t").contains("Integer(0)"));

    let mut insertion = target.wal_insert(&NOW).unwrap();
    let (last, rest) = frames.split_last().unwrap();
    for frame in rest {
        let mut frame = frame.clone();
        frame[4..8].fill(0);
        insertion.insert(&frame).unwrap();
        assert!(text(&mut reader, "SELECT count(*) FROM t").contains("Integer(0)"));
    }
    insertion.insert(last).unwrap();
    drop(insertion);

    assert_eq!(text(&mut reader, SUM), text(&mut source, SUM));
    assert!(text(&mut snapshot, "SELECT count(*) FROM t").contains("Integer(0)"));
    snapshot.rollback(&NOW).unwrap();
    assert_eq!(text(&mut snapshot, SUM), text(&mut source, SUM));
    assert!(text(&mut reader, "PRAGMA integrity_check").contains("ok"));
}

#[test]
fn a_frame_that_is_there_is_compared() {
    let directory = directory();
    let mut source = source(&directory);
    let frames = frames(&mut source);
    let mut target = open(&directory, "target", OpenMode::Create);
    target.wal_disable_checkpoint().unwrap();
    let mut insertion = target.wal_insert(&NOW).unwrap();
    for frame in &frames {
        insertion.insert(frame).unwrap();
    }
    assert!(insertion.insert_at(1, &frames[0]).unwrap());
    let mut other = frames[0].clone();
    other[WAL_FRAME_HEADER + 2000] ^= 1;
    assert!(!insertion.insert_at(1, &other).unwrap());
    drop(insertion);
    assert_eq!(text(&mut target, SUM), text(&mut source, SUM));
}

#[test]
fn frames_that_do_not_fit_are_refused() {
    let directory = directory();
    let mut target = open(&directory, "target", OpenMode::Create);
    let mut insertion = target.wal_insert(&NOW).unwrap();
    for size in [0, 23, 24, 24 + 512, 24 + 4095, 24 + 4097, 24 + 65536] {
        let error = insertion.insert(&vec![1; size]).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.to_string().contains(&size.to_string()), "{error}");
    }
    assert!(insertion.insert_at(0, &[1; 24 + 4096]).is_err());
    let error = insertion.insert(&[0; 24 + 4096]).unwrap_err();
    assert!(error.to_string().contains("page number"), "{error}");
    drop(insertion);

    let error = target.wal_frame(1, &mut [0; 24 + 4096], &NOW).unwrap_err();
    assert!(error.to_string().contains("no frame 1"), "{error}");
    run(&mut target, "CREATE TABLE t (x)");
    let error = target.wal_frame(1, &mut [0; 4096], &NOW).unwrap_err();
    assert!(error.to_string().contains("4096 bytes"), "{error}");
    assert!(target.wal_frame(0, &mut [0; 24 + 4096], &NOW).is_err());
}

#[test]
fn an_insertion_needs_wal_mode_no_transaction_and_the_lock() {
    let directory = directory();
    let mut target = open(&directory, "target", OpenMode::Create);
    run(&mut target, "CREATE TABLE t (x)");
    target.begin(Behavior::Deferred, &NOW).unwrap();
    let error = target.wal_insert(&NOW).unwrap_err();
    assert!(error.to_string().contains("transaction"), "{error}");
    target.rollback(&NOW).unwrap();

    let mut writer = open(&directory, "target", OpenMode::ReadWrite);
    writer.begin(Behavior::Immediate, &NOW).unwrap();
    assert_eq!(target.wal_insert(&NOW).unwrap_err().code(), "busy");
    run(&mut writer, "INSERT INTO t VALUES (1)");
    writer.commit(&NOW).unwrap();
    // Nothing is left of the failed begin.
    assert!(text(&mut target, "SELECT count(*) FROM t").contains("Integer(1)"));
    drop(target.wal_insert(&NOW).unwrap());

    let mut plain = Connection::open(OpenOptions {
        database: directory.path().join("plain").display().to_string(),
        ..OpenOptions::default()
    })
    .unwrap();
    let error = plain.wal_insert(&NOW).unwrap_err();
    assert!(error.to_string().contains("WAL mode"), "{error}");
}
