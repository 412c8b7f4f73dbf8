//! Allocations of the engine, counted: what a run costs besides SQLite's own, which go past Rust's
//! allocator. No clock, so a budget is exact.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use ecto_libsql_engine::ValueRef;
use ecto_libsql_engine::local::{
    Call, Connection, CountRows, Flow, OpenOptions, Row, RowSink, Source, Statement,
};
use ecto_libsql_engine::params::NoParams;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller's.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Looks at every value.
#[derive(Default)]
struct Look(usize);

impl RowSink for Look {
    fn columns(&mut self, statement: &Statement) {
        self.0 = statement.column_count();
    }

    fn row(&mut self, row: Row<'_>) -> Flow {
        for column in 0..self.0 {
            black_box(row.get(column));
        }
        Flow::More
    }
}

const READ: &str = "SELECT * FROM t WHERE id = ?";
const INSERT: &str = "INSERT INTO t (a, b) VALUES (?, ?)";

fn open() -> Connection {
    let mut connection = Connection::open(OpenOptions::default()).unwrap();
    for sql in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)",
        "INSERT INTO t (a, b) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n \
         WHERE i < 2000) SELECT 'row ' || i, randomblob(50) FROM n",
    ] {
        run(&mut connection, sql, &[]);
    }
    connection
}

fn run(connection: &mut Connection, sql: &str, params: &[ValueRef<'_>]) {
    let (source, call) = (Source::Sql(sql), Call::default());
    connection
        .query(source, params, &mut Look::default(), &call)
        .unwrap();
}

#[test]
fn a_point_read_allocates_nothing() {
    let mut connection = open();
    run(&mut connection, READ, &[ValueRef::Integer(1)]);
    let counted = allocations(|| {
        for id in 1..=1_000 {
            run(&mut connection, READ, &[ValueRef::Integer(id)]);
        }
    });
    assert_eq!(counted, 0);
}

#[test]
fn an_insert_allocates_nothing() {
    let mut connection = open();
    let values = [ValueRef::Text(b"a text"), ValueRef::Blob(&[7; 40])];
    run(&mut connection, INSERT, &values);
    let counted = allocations(|| {
        for _ in 1..=1_000 {
            run(&mut connection, INSERT, &values);
        }
    });
    assert_eq!(counted, 0);
}

#[test]
fn a_scan_allocates_nothing_for_a_row() {
    let mut connection = open();
    let sql = "SELECT * FROM t";
    run(&mut connection, sql, &[]);
    assert_eq!(allocations(|| run(&mut connection, sql, &[])), 0);
}

#[test]
fn going_from_statement_to_statement_allocates_nothing() {
    let mut connection = open();
    let queries: Vec<String> = (0..20)
        .map(|n| format!("SELECT a FROM t WHERE id = ? + {n}"))
        .collect();
    let mut all = || {
        for sql in &queries {
            run(&mut connection, sql, &[ValueRef::Integer(1)]);
        }
    };
    all();
    assert_eq!(allocations(|| (0..50).for_each(|_| all())), 0);
}

#[test]
fn a_quick_read_allocates_nothing() {
    let mut connection = open();
    let sql = "SELECT a FROM t WHERE id = 7";
    let quick = |connection: &mut Connection| {
        let mut rows = CountRows::default();
        connection
            .query_short(Source::Sql(sql), &NoParams, &mut rows)
            .unwrap()
            .is_some()
    };
    let mut answered = 0;
    for _ in 0..1_000 {
        run(&mut connection, sql, &[]);
        answered += u32::from(quick(&mut connection));
    }
    let counted = allocations(|| {
        quick(&mut connection);
    });
    assert_eq!(counted, 0);
    let none_here =
        cfg!(feature = "encryption") || cfg!(not(all(target_os = "linux", target_env = "gnu")));
    assert!(answered > 0 || none_here);
}
