//! The engine against libSQL's C API, on the same work: what the safe interface costs.
//!
//! `make bench` runs this. Both sides run the same SQL on the same kind of database, look
//! at every value, and copy none.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on is to fail"
)]

mod workload;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ecto_libsql_engine::Value;
use ecto_libsql_engine::local::{Behavior, Call, Connection, OpenOptions};
use workload::{CApi, Engine, INSERT, POINT_READ, ROWS, SCAN};

/// Ids that jump about the table.
fn next(id: &mut i64) -> i64 {
    *id = (*id * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    *id % ROWS + 1
}

fn point_read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("point_read");
    let api = CApi::new(ROWS);
    api.execute("BEGIN");
    let stmt = api.prepare(POINT_READ);
    let mut id = 1;
    group.bench_function("c_api", |bencher| {
        bencher.iter(|| api.point_read(stmt, next(&mut id)));
    });
    let mut engine = Engine::new(ROWS);
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
    let api = CApi::new(ROWS);
    let stmt = api.prepare(SCAN);
    group.bench_function("c_api", |bencher| bencher.iter(|| api.look(stmt)));
    let mut engine = Engine::new(ROWS);
    group.bench_function("engine", |bencher| bencher.iter(|| engine.look(SCAN, &[])));
}

fn insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert");
    long(&mut group);
    let mut engine = Engine::new(ROWS);
    group.bench_function("engine", |bencher| {
        bencher.iter(|| {
            engine.execute("BEGIN");
            engine.execute("DELETE FROM t");
            (1..=ROWS).for_each(|id| engine.insert(id));
            engine.execute("COMMIT");
        });
    });
    drop(engine);
    let api = CApi::new(ROWS);
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
