//! The same work for the engine and for libSQL's C API.

#![allow(dead_code, reason = "each benchmark uses its part")]

use std::ffi::CString;
use std::hint::black_box;
use std::ptr;

use ecto_libsql_engine::local::{
    Call, Connection, CountRows, Flow, OpenOptions, Row, RowSink, Source, Statement,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::{Value, ValueRef};
use libsql::ffi;

pub const ROWS: i64 = 100_000;
const SCHEMA: &str =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d TEXT, e BLOB)";
const FILL: &str = "INSERT INTO t SELECT i, i * 7, i / 3.0, 'row ' || i, \
    'some longer text that is on every row ' || i, zeroblob(16) \
    FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n)";
pub const POINT_READ: &str = "SELECT * FROM t WHERE id = ?";
pub const SCAN: &str = "SELECT * FROM t";
pub const SORT: &str = "SELECT c, d, a FROM t WHERE id <= 1000 ORDER BY c";
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
    pub fn new() -> Engine {
        Engine::with_options(OpenOptions::default())
    }

    pub fn with_options(options: OpenOptions) -> Engine {
        let mut engine = Engine(Connection::open(options).unwrap());
        engine.execute(SCHEMA);
        engine.execute(FILL);
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

/// The C API, as a careful program would use it: NOMUTEX, prepared once, reset after each run.
pub struct CApi {
    db: *mut ffi::sqlite3,
}

impl CApi {
    pub fn new() -> CApi {
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

    pub fn execute(&self, sql: &str) {
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

    pub fn prepare(&self, sql: &str) -> *mut ffi::sqlite3_stmt {
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

    pub fn finalize(stmt: *mut ffi::sqlite3_stmt) {
        // SAFETY: the statement is live, and not used after this.
        unsafe { ffi::sqlite3_finalize(stmt) };
    }

    /// Steps to the end, looking at every value.
    pub fn look(&self, stmt: *mut ffi::sqlite3_stmt) {
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

    pub fn point_read(&self, stmt: *mut ffi::sqlite3_stmt, id: i64) {
        // SAFETY: the statement is live.
        unsafe { ffi::sqlite3_bind_int64(stmt, 1, id) };
        self.look(stmt);
        // SAFETY: as above.
        unsafe { ffi::sqlite3_clear_bindings(stmt) };
    }

    pub fn insert(stmt: *mut ffi::sqlite3_stmt, id: i64) {
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
