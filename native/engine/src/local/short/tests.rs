//! What bounds a short run, without a clock: it never makes a call of the system that waits, and
//! where its time is up, it ends within so many steps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use tempfile::TempDir;

use super::super::rows::Collect;
use super::super::system_calls::test::{COLD, COUNTS};
use super::*;
use crate::Value;
use crate::local::{CountRows, Flow, JournalMode, OpenOptions, Row};
use crate::params::NoParams;

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(3600);

/// A connection with a small cache of its own, to a file of 2,000 rows and 6 MB.
fn open(dir: &TempDir) -> Connection {
    let mut connection = Connection::open(OpenOptions {
        database: dir.path().join("short.db").to_string_lossy().into_owned(),
        journal_mode: Some((JournalMode::Wal, false)),
        pragmas: vec![("cache_size".to_owned(), "10".to_owned())],
        ..OpenOptions::default()
    })
    .unwrap();
    run(
        &mut connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, a BLOB)",
    );
    run(
        &mut connection,
        "INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n \
         WHERE i < 2000) SELECT i, i % 100, randomblob(3000) FROM n",
    );
    run(&mut connection, "CREATE INDEX t_k ON t (k)");
    run(&mut connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    connection
}

fn run(connection: &mut Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut rows = Collect::default();
    connection
        .query(Source::Sql(sql), &NoParams, &mut rows, &Call::default())
        .unwrap();
    rows.rows
}

/// Makes the statement a quick one, whatever its last run took.
fn make_quick(connection: &mut Connection, sql: &str) {
    let mut statement = connection.cache.take(sql).unwrap();
    statement.history = History {
        quick: true,
        ..History::default()
    };
    connection.cache.put(statement);
}

fn run_within(connection: &mut Connection, budget: Duration, sql: &str) -> Option<Vec<Vec<Value>>> {
    let mut rows = Collect::default();
    connection
        .query_within(budget, Source::Sql(sql), &NoParams, &mut rows)
        .unwrap()
        .map(|_| rows.rows)
}

/// As where nothing is in the system's cache.
fn cold<T>(work: impl FnOnce() -> T) -> T {
    COLD.set(true);
    let worked = work();
    COLD.set(false);
    worked
}

/// The calls of the system that `work` makes: those that may wait, and those that do not.
fn counted<T>(work: impl FnOnce() -> T) -> (T, (u32, u32)) {
    COUNTS.set((0, 0));
    let worked = work();
    (worked, COUNTS.get())
}

const READS: [&str; 7] = [
    "SELECT a FROM t WHERE id = 1000",
    "SELECT id FROM t WHERE k = 7",
    "SELECT sum(length(a)) FROM t WHERE id BETWEEN 100 AND 150",
    "SELECT x.id FROM t x JOIN t y ON y.k = x.k WHERE x.id = 50",
    "SELECT id FROM t WHERE id < 100 ORDER BY a",
    "SELECT DISTINCT a > x'80' FROM t WHERE id > 1900",
    "SELECT count(*) FROM t WHERE a LIKE '%x%'",
];

#[test]
fn what_is_not_in_memory_is_refused_and_never_waited_for() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    for sql in READS {
        let answer = run(&mut connection, sql);
        // Other rows push its pages out of the connection's cache.
        let ((), (waiting, _)) = counted(|| {
            for half in ["id <= 1000", "id > 1000"] {
                let sql = format!("SELECT sum(length(a)) FROM t WHERE {half}");
                run(&mut connection, &sql);
            }
        });
        assert!(waiting > 1_000, "reads are not counted");

        make_quick(&mut connection, sql);
        let (short, (waiting, others)) =
            counted(|| cold(|| run_within(&mut connection, HOUR, sql)));
        assert!(short.is_none() && (waiting, others) == (0, 1), "{sql}");
        assert!(run(&mut connection, sql) == answer, "{sql}");

        make_quick(&mut connection, sql);
        let (short, (waiting, _)) = counted(|| run_within(&mut connection, HOUR, sql));
        assert!(short == Some(answer) && waiting == 0, "{sql}, warm");
    }
}

#[test]
fn temporary_files_are_refused() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    let sql = "SELECT count(*) FROM (SELECT a FROM t ORDER BY a LIMIT -1 OFFSET 5)";
    let (answer, (waiting, _)) = counted(|| run(&mut connection, sql));
    assert_eq!(answer, [[Value::Integer(1_995)]]);
    assert!(waiting > 0, "no temporary file was written");
    make_quick(&mut connection, sql);
    let (short, (waiting, _)) = counted(|| run_within(&mut connection, HOUR, sql));
    assert_eq!((short, waiting), (None, 0));
    assert_eq!(run(&mut connection, sql), answer);
}

#[test]
fn a_run_whose_time_is_up_ends_within_the_steps_between_two_looks() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    let sql = "SELECT count(*) FROM t x, t y WHERE x.k > y.k";
    assert_eq!(run(&mut connection, sql), [[Value::Integer(1_980_000)]]);
    make_quick(&mut connection, sql);
    steps(&mut connection, sql);
    assert_eq!(run_within(&mut connection, Duration::ZERO, sql), None);
    let steps = steps(&mut connection, sql);
    assert!((1..=2 * STEPS).contains(&steps), "{steps} steps");
}

/// The steps of the virtual machine that the statement took since they were last asked for.
fn steps(connection: &mut Connection, sql: &str) -> i32 {
    let statement = connection.cache.take(sql).unwrap();
    let steps = statement.vm_steps();
    connection.cache.put(statement);
    steps
}

#[test]
fn values_are_bounded_where_they_are_stored_made_and_bound() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    run(&mut connection, "CREATE TABLE v (a)");
    run(&mut connection, "INSERT INTO v VALUES (zeroblob(17000))");
    for sql in [
        "SELECT a FROM v",
        "SELECT length(a || 'x') FROM v",
        "SELECT length(group_concat(a)) FROM v",
        "SELECT length(hex(zeroblob(9000)))",
        "SELECT length(replace(hex(zeroblob(4500)), '0', '00'))",
        "SELECT a FROM v ORDER BY a",
    ] {
        let answer = run(&mut connection, sql);
        make_quick(&mut connection, sql);
        assert_eq!(run_within(&mut connection, HOUR, sql), None, "{sql}");
        assert_eq!(run(&mut connection, sql), answer, "{sql}");
    }

    let sql = "SELECT length(?)";
    let large = [Value::Blob(vec![0; 17_000])];
    let source = Source::Sql(sql);
    let mut rows = CountRows::default();
    connection
        .query(source, &&large[..], &mut rows, &Call::default())
        .unwrap();
    make_quick(&mut connection, sql);
    let short = connection.query_within(HOUR, source, &&large[..], &mut rows);
    assert_eq!(short.unwrap(), None);
}

#[test]
fn a_statement_of_many_parameters_is_not_tried() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    let values = vec![Value::Integer(1); PARAMETERS + 1];
    for (count, tried) in [(PARAMETERS, true), (PARAMETERS + 1, false)] {
        let sql = format!("SELECT ?{count}");
        let mut rows = CountRows::default();
        let params = &values[..count];
        connection
            .query(Source::Sql(&sql), &params, &mut rows, &Call::default())
            .unwrap();
        make_quick(&mut connection, &sql);
        let short = connection.query_within(HOUR, Source::Sql(&sql), &params, &mut rows);
        assert_eq!(short.unwrap().is_some(), tried, "{count}");
    }
}

#[test]
fn pragmas_are_not_tried_and_neither_is_a_file_that_is_mapped() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    for sql in [
        "PRAGMA user_version",
        "/* */ Pragma integrity_check",
        "SELECT * FROM pragma_table_info('t')",
    ] {
        for _ in 0..3 {
            run(&mut connection, sql);
            assert_eq!(run_within(&mut connection, HOUR, sql), None, "{sql}");
        }
    }

    let sql = "SELECT 7";
    run(&mut connection, sql);
    make_quick(&mut connection, sql);
    assert!(run_within(&mut connection, HOUR, sql).is_some());
    run(&mut connection, "PRAGMA mmap_size = 1000000");
    make_quick(&mut connection, sql);
    assert_eq!(run_within(&mut connection, HOUR, sql), None);
    run(&mut connection, "PRAGMA mmap_size = 0");
    assert!(run_within(&mut connection, HOUR, sql).is_some());
}

/// Takes its time over a row.
struct Slow;

impl RowSink for Slow {
    fn columns(&mut self, _statement: &Statement) {}

    fn row(&mut self, _row: Row<'_>) -> Flow {
        let began = Instant::now();
        while began.elapsed() <= TOO_LONG {}
        Flow::More
    }
}

#[test]
fn a_run_that_took_too_long_in_one_step_is_answered_and_not_tried_again() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    let sql = "SELECT 7";
    run(&mut connection, sql);
    make_quick(&mut connection, sql);
    let short = connection.query_within(HOUR, Source::Sql(sql), &NoParams, &mut Slow);
    assert!(short.unwrap().is_some());
    assert_eq!(run_within(&mut connection, HOUR, sql), None);
}

#[test]
fn a_schema_that_another_connection_changed_is_read_anew_without_waiting() {
    let dir = TempDir::new().unwrap();
    let mut connection = open(&dir);
    let sql = "SELECT count(*) FROM t WHERE id < 3";
    run(&mut connection, sql);
    let mut other = Connection::open(OpenOptions {
        database: connection.filename().unwrap(),
        ..OpenOptions::default()
    })
    .unwrap();
    run(&mut other, "CREATE TABLE another (a)");
    make_quick(&mut connection, sql);
    let (short, (waiting, _)) = counted(|| cold(|| run_within(&mut connection, HOUR, sql)));
    assert_eq!((short, waiting), (None, 0));
    make_quick(&mut connection, sql);
    let (short, (waiting, _)) = counted(|| run_within(&mut connection, HOUR, sql));
    assert_eq!((short, waiting), (Some(vec![vec![Value::Integer(2)]]), 0));
}
