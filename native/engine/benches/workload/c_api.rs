//! The C API, as a careful program would use it: NOMUTEX, prepared once, reset after each run.

use std::ffi::CString;
use std::hint::black_box;
use std::ptr;

use ecto_libsql_engine::Value;
use libsql::ffi;

use super::{BLOB, SCHEMA, TEXT, fill};

pub struct CApi {
    db: *mut ffi::sqlite3,
}

// SAFETY: without a mutex, a connection is for one thread at a time: whoever owns it.
unsafe impl Send for CApi {}

impl CApi {
    /// A database in memory, filled.
    pub fn new(rows: i64) -> CApi {
        let api = CApi::open(":memory:");
        api.execute(SCHEMA);
        api.execute(&fill(rows));
        api
    }

    pub fn open(path: &str) -> CApi {
        let path = CString::new(path).unwrap();
        let mut db = ptr::null_mut();
        let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_NOMUTEX;
        // SAFETY: the name ends with NUL.
        let code = unsafe { ffi::sqlite3_open_v2(path.as_ptr(), &raw mut db, flags, ptr::null()) };
        assert_eq!(code, ffi::SQLITE_OK);
        CApi { db }
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
            // What was wrong in step, reset says again.
            assert_eq!(ffi::sqlite3_reset(stmt), ffi::SQLITE_OK);
        }
    }

    pub fn point_read(&self, stmt: *mut ffi::sqlite3_stmt, id: i64) {
        // SAFETY: the statement is live.
        unsafe { ffi::sqlite3_bind_int64(stmt, 1, id) };
        self.look(stmt);
        // SAFETY: as above.
        unsafe { ffi::sqlite3_clear_bindings(stmt) };
    }

    pub fn finalize(stmt: *mut ffi::sqlite3_stmt) {
        // SAFETY: the statement is live, and not used after this.
        unsafe { ffi::sqlite3_finalize(stmt) };
    }

    /// All rows of a query whose values are integers, floats, texts and NULL.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        let stmt = self.prepare(sql);
        let mut rows = Vec::new();
        // SAFETY: the statement is live until it is finalized; a text lives until the next call.
        unsafe {
            while ffi::sqlite3_step(stmt) == ffi::SQLITE_ROW {
                let columns = 0..ffi::sqlite3_column_count(stmt);
                rows.push(columns.map(|column| value(stmt, column)).collect());
            }
            assert_eq!(ffi::sqlite3_finalize(stmt), ffi::SQLITE_OK);
        }
        rows
    }

    /// Binds the values, and looks at what is answered.
    pub fn run(&self, stmt: *mut ffi::sqlite3_stmt, values: &[Value]) {
        for (index, value) in (1..).zip(values) {
            // SAFETY: the statement is live; what is bound without a copy outlives the run.
            let code = unsafe {
                match value {
                    Value::Integer(integer) => ffi::sqlite3_bind_int64(stmt, index, *integer),
                    Value::Real(float) => ffi::sqlite3_bind_double(stmt, index, *float),
                    Value::Text(text) => ffi::sqlite3_bind_text(
                        stmt,
                        index,
                        text.as_ptr().cast(),
                        text.len() as i32,
                        ffi::SQLITE_STATIC(),
                    ),
                    _ => ffi::sqlite3_bind_null(stmt, index),
                }
            };
            assert_eq!(code, ffi::SQLITE_OK);
        }
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

/// # Safety
///
/// The statement is at a row.
unsafe fn value(stmt: *mut ffi::sqlite3_stmt, column: i32) -> Value {
    // SAFETY: the caller's; the bytes are counted after the text was asked for.
    unsafe {
        match ffi::sqlite3_column_type(stmt, column) {
            ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_column_int64(stmt, column)),
            ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_column_double(stmt, column)),
            ffi::SQLITE_TEXT => {
                let text = ffi::sqlite3_column_text(stmt, column);
                let length = ffi::sqlite3_column_bytes(stmt, column) as usize;
                Value::Text(std::slice::from_raw_parts(text, length).to_vec())
            }
            _ => Value::Null,
        }
    }
}
