//! The engine against libSQL's C API, on the same work: what the safe interface costs.
//!
//! `make bench` prints the ratios. Both sides run the same SQL on the same kind of database, look
//! at every value, and copy none.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on is to fail"
)]

use std::ffi::CString;
use std::hint::black_box;
use std::ptr;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ecto_libsql_engine::local::{
    Behavior, Call, Connection, CountRows, Flow, OpenOptions, Row, RowSink, Source, Statement,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::{Value, ValueRef};
use libsql::ffi;

const ROWS: i64 = 100_000;
const SCHEMA: &str =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d TEXT, e BLOB)";
const FILL: &str = "INSERT INTO t SELECT i, i * 7, i / 3.0, 'row ' || i, \
    'some longer text that is on every row ' || i, zeroblob(16) \
    FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n)";
const POINT_READ: &str = "SELECT * FROM t WHERE id = ?";
const SCAN: &str = "SELECT * FROM t";
const INSERT: &str = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)";
const TEXT: &str = "some text of a usual length";
const BLOB: [u8; 16] = [7; 16];

/// Looks at every value.
#[derive(Default)]
struct Look {
    columns: usize,
}

impl RowSink for Look {
    fn columns(&mut self, statement: &Statement) {
        self.columns = statement.column_count();
    }

    fn row(&mut self, row: Row<'_>) -> Flow {
        for column in 0..self.columns {
            black_box(row.get(column));
        }
        Flow::More
    }
}

struct Engine(Connection);

impl Engine {
    fn new() -> Engine {
        let mut engine = Engine(Connection::open(OpenOptions::default()).unwrap());
        engine.execute(SCHEMA);
        engine.execute(FILL);
        engine
    }

    fn execute(&mut self, sql: &str) {
        self.0
            .query(
                Source::Sql(sql),
                &NoParams,
                &mut CountRows::default(),
                &Call::default(),
            )
            .unwrap();
    }

    fn look(&mut self, sql: &str, params: &[Value]) {
        self.0
            .query(
                Source::Sql(sql),
                &params,
                &mut Look::default(),
                &Call::default(),
            )
            .unwrap();
    }

    fn insert(&mut self, id: i64) {
        let params = [
            ValueRef::Integer(id),
            ValueRef::Integer(id * 7),
            ValueRef::Real(0.5),
            ValueRef::Text(TEXT.as_bytes()),
            ValueRef::Text(TEXT.as_bytes()),
            ValueRef::Blob(&BLOB),
        ];
        self.0
            .query(
                Source::Sql(INSERT),
                &params[..],
                &mut CountRows::default(),
                &Call::default(),
            )
            .unwrap();
    }
}

/// The C API, as a careful program would use it: NOMUTEX, prepared once, reset after each run.
struct CApi {
    db: *mut ffi::sqlite3,
}

impl CApi {
    fn new() -> CApi {
        let mut db = ptr::null_mut();
        let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_NOMUTEX;
        // SAFETY: the name ends with NUL; a benchmark's only user of the database.
        let code =
            unsafe { ffi::sqlite3_open_v2(c":memory:".as_ptr(), &raw mut db, flags, ptr::null()) };
        assert_eq!(code, ffi::SQLITE_OK);
        let api = CApi { db };
        api.execute(SCHEMA);
        api.execute(FILL);
        api
    }

    fn execute(&self, sql: &str) {
        let sql = CString::new(sql).unwrap();
        // SAFETY: the database is open, the SQL ends with NUL.
        let code = unsafe {
            ffi::sqlite3_exec(
                self.db,
                sql.as_ptr(),
                None,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        assert_eq!(code, ffi::SQLITE_OK);
    }

    fn prepare(&self, sql: &str) -> *mut ffi::sqlite3_stmt {
        let sql = CString::new(sql).unwrap();
        let mut stmt = ptr::null_mut();
        // SAFETY: as above.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(
                self.db,
                sql.as_ptr(),
                -1,
                ffi::SQLITE_PREPARE_PERSISTENT as u32,
                &raw mut stmt,
                ptr::null_mut(),
            )
        };
        assert_eq!(code, ffi::SQLITE_OK);
        stmt
    }

    /// Steps to the end, looking at every value.
    fn look(&self, stmt: *mut ffi::sqlite3_stmt) {
        // SAFETY: the statement is live; columns are read between step and the next call.
        unsafe {
            let columns = ffi::sqlite3_column_count(stmt);
            while ffi::sqlite3_step(stmt) == ffi::SQLITE_ROW {
                for column in 0..columns {
                    match ffi::sqlite3_column_type(stmt, column) {
                        ffi::SQLITE_INTEGER => {
                            black_box(ffi::sqlite3_column_int64(stmt, column));
                        }
                        ffi::SQLITE_FLOAT => {
                            black_box(ffi::sqlite3_column_double(stmt, column));
                        }
                        ffi::SQLITE_TEXT => {
                            black_box(ffi::sqlite3_column_text(stmt, column));
                            black_box(ffi::sqlite3_column_bytes(stmt, column));
                        }
                        ffi::SQLITE_BLOB => {
                            black_box(ffi::sqlite3_column_blob(stmt, column));
                            black_box(ffi::sqlite3_column_bytes(stmt, column));
                        }
                        _ => {}
                    }
                }
            }
            ffi::sqlite3_reset(stmt);
        }
    }

    fn point_read(&self, stmt: *mut ffi::sqlite3_stmt, id: i64) {
        // SAFETY: the statement is live.
        unsafe { ffi::sqlite3_bind_int64(stmt, 1, id) };
        self.look(stmt);
        // SAFETY: as above.
        unsafe { ffi::sqlite3_clear_bindings(stmt) };
    }

    fn insert(stmt: *mut ffi::sqlite3_stmt, id: i64) {
        let text = TEXT.as_ptr().cast();
        // SAFETY: the statement is live; what is bound without a copy is static.
        unsafe {
            ffi::sqlite3_bind_int64(stmt, 1, id);
            ffi::sqlite3_bind_int64(stmt, 2, id * 7);
            ffi::sqlite3_bind_double(stmt, 3, 0.5);
            ffi::sqlite3_bind_text(stmt, 4, text, TEXT.len() as i32, ffi::SQLITE_STATIC());
            ffi::sqlite3_bind_text(stmt, 5, text, TEXT.len() as i32, ffi::SQLITE_STATIC());
            ffi::sqlite3_bind_blob(stmt, 6, BLOB.as_ptr().cast(), 16, ffi::SQLITE_STATIC());
            assert_eq!(ffi::sqlite3_step(stmt), ffi::SQLITE_DONE);
            ffi::sqlite3_reset(stmt);
            ffi::sqlite3_clear_bindings(stmt);
        }
    }
}

/// Ids that jump about the table.
fn next(id: &mut i64) -> i64 {
    *id = (*id * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    *id % ROWS + 1
}

fn point_read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("point_read");
    let api = CApi::new();
    api.execute("BEGIN");
    let stmt = api.prepare(POINT_READ);
    let mut id = 1;
    group.bench_function("c_api", |bencher| {
        bencher.iter(|| api.point_read(stmt, next(&mut id)));
    });
    let mut engine = Engine::new();
    engine
        .0
        .begin(Behavior::Deferred, &Call::default())
        .unwrap();
    group.bench_function("engine", |bencher| {
        bencher.iter(|| engine.look(POINT_READ, &[Value::Integer(next(&mut id))]));
    });
}

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    long(&mut group);
    let api = CApi::new();
    let stmt = api.prepare(SCAN);
    group.bench_function("c_api", |bencher| bencher.iter(|| api.look(stmt)));
    let mut engine = Engine::new();
    group.bench_function("engine", |bencher| bencher.iter(|| engine.look(SCAN, &[])));
}

fn insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert");
    long(&mut group);
    let mut engine = Engine::new();
    group.bench_function("engine", |bencher| {
        bencher.iter(|| {
            engine.execute("BEGIN");
            engine.execute("DELETE FROM t");
            (1..=ROWS).for_each(|id| engine.insert(id));
            engine.execute("COMMIT");
        });
    });
    drop(engine);
    let api = CApi::new();
    let stmt = api.prepare(INSERT);
    group.bench_function("c_api", |bencher| {
        bencher.iter(|| {
            api.execute("BEGIN; DELETE FROM t");
            (1..=ROWS).for_each(|id| CApi::insert(stmt, id));
            api.execute("COMMIT");
        });
    });
}

/// What `bench/run.exs` does through the NIF: 10,000 rows of 8 columns.
fn as_the_driver(criterion: &mut Criterion) {
    let mut engine = Engine(Connection::open(OpenOptions::default()).unwrap());
    engine.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d TEXT, e INTEGER, \
         f TEXT, g TEXT)",
    );
    engine.execute(
        "INSERT INTO t SELECT i, i * 7, i / 3.0, 'row ' || i, \
         'some longer text that is on every row ' || i, i % 2, NULL, '2026-11-21T13:05:00' \
         FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
         SELECT i FROM n)",
    );
    criterion
        .benchmark_group("scan_10k_8")
        .bench_function("engine", |bencher| bencher.iter(|| engine.look(SCAN, &[])));
    engine
        .0
        .begin(Behavior::Deferred, &Call::default())
        .unwrap();
    let mut id = 0;
    criterion
        .benchmark_group("point_read_10k_8")
        .bench_function("engine", |bencher| {
            bencher.iter(|| {
                id = id % 10_000 + 1;
                engine.look(POINT_READ, &[Value::Integer(id)]);
            });
        });
}

/// An iteration is [`ROWS`] rows.
fn long(group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    group.throughput(Throughput::Elements(ROWS as u64));
    group.sample_size(20);
}

criterion_group!(benches, point_read, scan, insert, as_the_driver);
criterion_main!(benches);
