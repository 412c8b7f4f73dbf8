#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use tempfile::TempDir;

use super::*;
use crate::local::{Behavior, CheckpointMode, Collect, JournalMode, OpenMode, OpenOptions, Source};
use crate::params::NoParams;
use crate::value::Value;

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

fn run(connection: &mut Connection, sql: &str) {
    connection
        .query(Source::Sql(sql), &NoParams, &mut Collect::default(), &NOW)
        .unwrap();
}

fn count(connection: &mut Connection) -> i64 {
    let mut rows = Collect::default();
    let sql = Source::Sql("SELECT count(*) FROM t");
    connection.query(sql, &NoParams, &mut rows, &NOW).unwrap();
    match rows.rows[0][0] {
        Value::Integer(count) => count,
        _ => -1,
    }
}

fn source(directory: &TempDir) -> Connection {
    let mut source = open(directory, "source", OpenMode::Create);
    source.wal_checkpoints(false).unwrap();
    run(&mut source, "CREATE TABLE t (x)");
    for _ in 0..3 {
        run(&mut source, "INSERT INTO t VALUES (randomblob(6000))");
    }
    source
}

fn frames(source: &mut Connection) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    source
        .wal_read_frames(1, u32::MAX, |frame| frames.push(frame.to_vec()), &NOW)
        .unwrap();
    frames
}

#[test]
fn an_insertion_stays_open_between_calls_and_is_all_that_the_connection_does() {
    let directory = tempfile::tempdir().unwrap();
    let frames = frames(&mut source(&directory));
    let mut target = open(&directory, "target", OpenMode::Create);
    let mut other = open(&directory, "target", OpenMode::ReadWrite);
    target.wal_insert_begin(&NOW).unwrap();
    assert_eq!(target.transaction_state(), TransactionState::Write);
    for frame in &frames {
        target.wal_insert_frame(frame).unwrap();
        let sql = Source::Sql("SELECT 1");
        let refused = target.query(sql, &NoParams, &mut Collect::default(), &NOW);
        assert_eq!(refused.unwrap_err().code(), "wal_insertion");
    }
    for refused in [
        target.wal_insert_begin(&NOW),
        target.begin(Behavior::Deferred, &NOW),
        target.commit(&NOW),
        target.savepoint("s", &NOW),
        target.checkpoint(CheckpointMode::Passive, &NOW).map(|_| ()),
        target.serialize(&NOW).map(|_| ()),
        target.cacheflush(&NOW),
        target.prepare("SELECT 1", &NOW).map(|_| ()),
        target
            .backup_from("main", &mut other, "main", &NOW)
            .map(|_| ()),
        other
            .backup_from("main", &mut target, "main", &NOW)
            .map(|_| ()),
    ] {
        assert_eq!(refused.unwrap_err().code(), "wal_insertion");
    }
    assert_eq!(count(&mut other), 3);
    target.wal_insert_end().unwrap();
    assert_eq!(
        target.wal_insert_end().unwrap_err().code(),
        "no_wal_insertion"
    );
    assert_eq!(target.transaction_state(), TransactionState::None);
    assert_eq!(count(&mut target), 3);
    run(&mut other, "INSERT INTO t VALUES (1)");
    assert_eq!(count(&mut target), 4);
}

#[test]
fn a_rollback_a_reset_and_a_close_end_an_insertion() {
    type End = fn(Connection) -> Option<Connection>;
    let ends: [End; 3] = [
        |mut target| target.rollback(&NOW).map(|()| target).ok(),
        |mut target| target.reset().map(|()| target).ok(),
        |target| {
            drop(target);
            None
        },
    ];
    let directory = tempfile::tempdir().unwrap();
    let frames = frames(&mut source(&directory));
    let mut other = open(&directory, "target", OpenMode::Create);
    run(&mut other, "CREATE TABLE t (x)");
    for end in ends {
        let mut target = open(&directory, "target", OpenMode::ReadWrite);
        target.wal_insert_begin(&NOW).unwrap();
        target.wal_insert_frame(&frames[0]).unwrap();
        let mut uncommitted = frames[1].clone();
        uncommitted[4..8].fill(0);
        target.wal_insert_frame(&uncommitted).unwrap();
        let mut target =
            end(target).or_else(|| Some(open(&directory, "target", OpenMode::ReadWrite)));
        run(&mut other, "INSERT INTO t VALUES (1)");
        assert!(count(target.as_mut().unwrap()) > 0);
    }
}

#[test]
fn frames_are_those_of_one_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut source = source(&directory);
    let mut writer = open(&directory, "source", OpenMode::ReadWrite);
    let all = frames(&mut source);
    assert_eq!(source.wal_count_frames(&NOW).unwrap() as usize, all.len());
    let mut part = Vec::new();
    source
        .wal_read_frames(2, 3, |frame| part.push(frame.to_vec()), &NOW)
        .unwrap();
    assert_eq!(part, all[1..4]);

    // A transaction that reads keeps its log, unless all of it is in the file already.
    source.begin(Behavior::Deferred, &NOW).unwrap();
    assert_eq!(count(&mut source), 3);
    run(&mut writer, "INSERT INTO t VALUES (1)");
    assert!(
        writer
            .checkpoint(CheckpointMode::Restart, &NOW)
            .unwrap()
            .busy
    );
    assert_eq!(frames(&mut source), all);
    source.rollback(&NOW).unwrap();

    writer.checkpoint(CheckpointMode::Full, &NOW).unwrap();
    source.begin(Behavior::Deferred, &NOW).unwrap();
    assert_eq!(count(&mut source), 4);
    run(&mut writer, "INSERT INTO t VALUES (1)");
    let restarted = source.wal_read_frames(1, u32::MAX, |_| (), &NOW);
    assert_eq!(restarted.unwrap_err().code(), "wal_restarted");
    source.rollback(&NOW).unwrap();
    assert!(frames(&mut source).len() < all.len());
}

#[test]
fn a_reset_makes_checkpoints_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut source = source(&directory);
    source.reset().unwrap();
    assert!(!source.checkpoints_off);
    drop(source);
    let log = directory.path().join("source-wal");
    assert!(!log.exists());
}
