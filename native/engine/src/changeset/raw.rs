//! SQLite's functions on changesets that need no database. Each takes such as were looked through.

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::ptr::{self, NonNull};

use libsql::ffi;

use super::{Changeset, Kind};
use crate::error::{Error, Result, SqliteError};

/// Bytes that SQLite has made.
#[derive(Debug)]
pub struct SqliteBytes {
    /// `None` where there are none.
    bytes: Option<NonNull<u8>>,
    length: usize,
}

// SAFETY: plain memory, which any thread may read and free.
unsafe impl Send for SqliteBytes {}
// SAFETY: as above.
unsafe impl Sync for SqliteBytes {}

impl SqliteBytes {
    pub fn as_slice(&self) -> &[u8] {
        match self.bytes {
            // SAFETY: SQLite has written so many bytes there, and nobody else knows of them.
            Some(bytes) => unsafe { std::slice::from_raw_parts(bytes.as_ptr(), self.length) },
            None => &[],
        }
    }
}

impl Drop for SqliteBytes {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes {
            // SAFETY: memory of SQLite's that nobody else frees.
            unsafe { ffi::sqlite3_free(bytes.as_ptr().cast()) };
        }
    }
}

/// Where SQLite puts the bytes that a function answers.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) length: c_int,
    pub(crate) bytes: *mut c_void,
}

impl Output {
    pub(crate) fn new() -> Output {
        Output {
            length: 0,
            bytes: ptr::null_mut(),
        }
    }

    /// # Safety
    /// Both fields are as SQLite left them, and the memory is the caller's to free.
    pub(crate) unsafe fn taken(self) -> SqliteBytes {
        SqliteBytes {
            bytes: NonNull::new(self.bytes.cast()),
            length: usize::try_from(self.length).unwrap_or(0),
        }
    }
}

impl Changeset<'_> {
    /// As the C functions take it. They write to none of it.
    pub(crate) fn raw(&self) -> (c_int, *mut c_void) {
        (
            // It was looked at whether it fits.
            c_int::try_from(self.bytes.len()).unwrap_or(0),
            self.bytes.as_ptr().cast_mut().cast(),
        )
    }
}

pub(super) fn invert(changeset: &Changeset<'_>) -> Result<SqliteBytes> {
    let (length, bytes) = changeset.raw();
    let mut output = Output::new();
    // SAFETY: a well-formed changeset of `length` bytes, and an output that is there to be written.
    let code = unsafe {
        ffi::sqlite3changeset_invert(length, bytes, &raw mut output.length, &raw mut output.bytes)
    };
    // SAFETY: the output is as the function left it.
    let inverted = unsafe { output.taken() };
    check(code)?;
    Ok(inverted)
}

pub(super) fn combine(all: &[Changeset<'_>]) -> Result<SqliteBytes> {
    let mut group = Group::new()?;
    for changeset in all {
        check(group.add(changeset))?;
    }
    group.output()
}

pub(super) fn rebase(changeset: &Changeset<'_>, decided: &[Changeset<'_>]) -> Result<SqliteBytes> {
    let mut rebaser = Rebaser::create()?;
    for decisions in decided {
        check(rebaser.configure(decisions))?;
    }
    rebaser.rebase(changeset)
}

#[derive(Debug)]
struct Group(NonNull<ffi::sqlite3_changegroup>);

impl Group {
    fn new() -> Result<Group> {
        let mut group = ptr::null_mut();
        // SAFETY: `group` is written before it is read.
        let code = unsafe { ffi::sqlite3changegroup_new(&raw mut group) };
        NonNull::new(group).map(Group).ok_or_else(|| error(code))
    }

    fn add(&mut self, changeset: &Changeset<'_>) -> c_int {
        let (length, mut bytes) = changeset.raw();
        let mut padded = Vec::new();
        if changeset.kind == Some(Kind::Patchset) {
            // Of a patchset that ends with a DELETE, SQLite reads one byte too many here, for nothing.
            padded.reserve_exact(changeset.bytes.len() + 1);
            padded.extend(changeset.bytes);
            padded.push(0);
            bytes = padded.as_mut_ptr().cast();
        }
        // SAFETY: the group is live until drop, and copies what is well-formed.
        unsafe { ffi::sqlite3changegroup_add(self.0.as_ptr(), length, bytes) }
    }

    fn output(&mut self) -> Result<SqliteBytes> {
        let mut output = Output::new();
        // SAFETY: as in `add`; the output is there to be written.
        let code = unsafe {
            ffi::sqlite3changegroup_output(
                self.0.as_ptr(),
                &raw mut output.length,
                &raw mut output.bytes,
            )
        };
        // SAFETY: the output is as the function left it.
        let bytes = unsafe { output.taken() };
        check(code)?;
        Ok(bytes)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: the group is live, and deleted only here.
        unsafe { ffi::sqlite3changegroup_delete(self.0.as_ptr()) };
    }
}

#[derive(Debug)]
struct Rebaser(NonNull<ffi::sqlite3_rebaser>);

impl Rebaser {
    fn create() -> Result<Rebaser> {
        let mut rebaser = ptr::null_mut();
        // SAFETY: `rebaser` is written before it is read.
        let code = unsafe { ffi::sqlite3rebaser_create(&raw mut rebaser) };
        NonNull::new(rebaser)
            .map(Rebaser)
            .ok_or_else(|| error(code))
    }

    fn configure(&mut self, decisions: &Changeset<'_>) -> c_int {
        let (length, bytes) = decisions.raw();
        // SAFETY: the rebaser is live until drop, and copies what is well-formed.
        unsafe { ffi::sqlite3rebaser_configure(self.0.as_ptr(), length, bytes) }
    }

    fn rebase(&mut self, changeset: &Changeset<'_>) -> Result<SqliteBytes> {
        let (length, bytes) = changeset.raw();
        let mut output = Output::new();
        // SAFETY: as in `configure`. The tables of both have the same columns; the output is there to
        // be written.
        let code = unsafe {
            ffi::sqlite3rebaser_rebase(
                self.0.as_ptr(),
                length,
                bytes,
                &raw mut output.length,
                &raw mut output.bytes,
            )
        };
        // SAFETY: the output is as the function left it.
        let bytes = unsafe { output.taken() };
        check(code)?;
        Ok(bytes)
    }
}

impl Drop for Rebaser {
    fn drop(&mut self) {
        // SAFETY: the rebaser is live, and deleted only here.
        unsafe { ffi::sqlite3rebaser_delete(self.0.as_ptr()) };
    }
}

fn check(code: c_int) -> Result<()> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(error(code)),
    }
}

fn error(code: c_int) -> Error {
    // SAFETY: SQLite has a constant string for each code.
    let message = unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) };
    Error::Sqlite(Box::new(SqliteError {
        extended_code: code,
        message: message.to_string_lossy().into_owned(),
        statement: None,
        offset: None,
    }))
}
