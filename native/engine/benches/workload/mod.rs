//! The same work for the engine and for libSQL's C API.

#![allow(dead_code, reason = "each benchmark uses its part")]

mod c_api;

use std::hint::black_box;

use ecto_libsql_engine::local::{
    Call, Connection, CountRows, Flow, OpenOptions, Row, RowSink, Source, Statement,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::{Value, ValueRef};

pub use c_api::CApi;

pub const ROWS: i64 = 100_000;
const SCHEMA: &str =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d TEXT, e BLOB)";
fn fill(rows: i64) -> String {
    format!(
        "INSERT INTO t SELECT i, i * 7, i / 3.0, 'row ' || i, \
         'some longer text that is on every row ' || i, zeroblob(16) FROM (WITH RECURSIVE n(i) AS \
         (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n)"
    )
}

pub const POINT_READ: &str = "SELECT * FROM t WHERE id = ?";
pub const SCAN: &str = "SELECT * FROM t";
pub const INSERT: &str = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)";
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

pub struct Engine(pub Connection);

impl Engine {
    pub fn new(rows: i64) -> Engine {
        Engine::with_options(OpenOptions::default(), rows)
    }

    pub fn with_options(options: OpenOptions, rows: i64) -> Engine {
        let mut engine = Engine(Connection::open(options).unwrap());
        engine.execute(SCHEMA);
        engine.execute(&fill(rows));
        engine
    }

    pub fn execute(&mut self, sql: &str) {
        self.0
            .query(
                Source::Sql(sql),
                &NoParams,
                &mut CountRows::default(),
                &Call::default(),
            )
            .unwrap();
    }

    pub fn look(&mut self, sql: &str, params: &[Value]) {
        self.0
            .query(
                Source::Sql(sql),
                &params,
                &mut Look::default(),
                &Call::default(),
            )
            .unwrap();
    }

    pub fn insert(&mut self, id: i64) {
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
