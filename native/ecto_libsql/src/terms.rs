//! Builds terms without intermediate values: rows straight from SQLite's memory, one copy.

use std::ptr;

use ecto_libsql_engine::local::{Flow, Row, RowSink, Statement};
use ecto_libsql_engine::value::{Value, ValueRef};
use rustler::sys::{
    ErlNifEnv, enif_make_double, enif_make_int64, enif_make_list_from_array,
    enif_make_map_from_arrays, enif_make_new_binary,
};
use rustler::{Atom, Encoder, Env, Term};

use crate::atoms;

/// `rustler::sys`'s type of a raw term.
type RawTerm = rustler::sys::ErlNifTerm;

/// When a result is handed over in parts.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub rows: usize,
    /// Of text and blobs.
    pub bytes: usize,
    /// Whether the row that goes over that is wanted.
    pub last_row: bool,
}

impl Limit {
    /// What one call may hold a dirty thread and its caller's heap for: about 1 ms of work. Larger
    /// parts are slower on the whole, since the collector copies what a call built: 10,000 rows
    /// of 8 columns took 6.1 ms in parts of 2,000 and 8.6 ms in one (docs/performance.md).
    pub const CALL: Limit = Limit {
        rows: 2_000,
        bytes: 1 << 20,
        last_row: true,
    };

    /// What a scheduler may be held for.
    pub const SHORT: Limit = Limit {
        rows: 100,
        bytes: 32 << 10,
        last_row: false,
    };

    pub const NONE: Limit = Limit {
        rows: usize::MAX,
        bytes: usize::MAX,
        last_row: true,
    };
}

/// Collects rows as lists of terms.
pub struct RowTerms<'a> {
    env: Env<'a>,
    limit: Limit,
    /// What to do when the limit is reached.
    at_limit: Flow,
    columns: Option<Vec<RawTerm>>,
    row: Vec<RawTerm>,
    rows: Vec<RawTerm>,
    bytes: usize,
}

impl<'a> RowTerms<'a> {
    pub fn new(env: Env<'a>, limit: Limit, at_limit: Flow) -> RowTerms<'a> {
        RowTerms {
            env,
            limit,
            at_limit,
            columns: None,
            row: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
        }
    }

    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The columns' names; nil for a statement that has none.
    pub fn columns(&self) -> Term<'a> {
        match &self.columns {
            Some(names) => list(self.env, names),
            None => atoms::nil().encode(self.env),
        }
    }

    /// The rows so far; nil for a statement that has no columns.
    pub fn rows(&self) -> Term<'a> {
        match &self.columns {
            Some(_) => list(self.env, &self.rows),
            None => atoms::nil().encode(self.env),
        }
    }

    pub fn first_row(&self) -> Option<Term<'a>> {
        // SAFETY: the row was made in this environment.
        self.rows
            .first()
            .map(|row| unsafe { Term::new(self.env, *row) })
    }
}

impl RowSink for RowTerms<'_> {
    fn columns(&mut self, statement: &Statement) {
        let count = statement.column_count();
        if count > 0 {
            let env = self.env.as_c_arg();
            let names =
                (0..count).map(|column| binary(env, statement.column_name(column).as_bytes()));
            self.columns = Some(names.collect());
            self.row = Vec::with_capacity(count);
        }
    }

    fn row(&mut self, row: Row<'_>) -> Flow {
        let env = self.env.as_c_arg();
        let count = self.columns.as_ref().map_or(0, Vec::len);
        self.row.clear();
        for column in 0..count {
            let value = row.get(column);
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = value {
                self.bytes += bytes.len();
                if self.bytes >= self.limit.bytes && !self.limit.last_row {
                    return self.at_limit;
                }
            }
            self.row.push(raw_value(env, value));
        }
        self.rows.push(raw_list(env, &self.row));
        if self.rows.len() >= self.limit.rows || self.bytes >= self.limit.bytes {
            self.at_limit
        } else {
            Flow::More
        }
    }
}

fn raw_value(env: *mut ErlNifEnv, value: ValueRef<'_>) -> RawTerm {
    match value {
        ValueRef::Null => atoms::nil().as_c_arg(),
        // SAFETY: env is the environment of the running call, or of a message.
        ValueRef::Integer(integer) => unsafe { enif_make_int64(env, integer) },
        ValueRef::Real(real) if real.is_finite() => {
            // SAFETY: as above; a non-finite double would not be a term.
            unsafe { enif_make_double(env, real) }
        }
        // SQLite stores NaN as NULL: what is not finite is an infinity.
        ValueRef::Real(real) if real > 0.0 => atoms::inf().as_c_arg(),
        ValueRef::Real(_) => atoms::negative_infinity().as_c_arg(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => binary(env, bytes),
    }
}

fn binary(env: *mut ErlNifEnv, bytes: &[u8]) -> RawTerm {
    let mut term = atoms::nil().as_c_arg();
    // SAFETY: env is the environment of the running call; the new binary has room for
    // `bytes.len()` bytes and is not SQLite's memory.
    unsafe {
        let start = enif_make_new_binary(env, bytes.len(), &raw mut term);
        ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len());
    }
    term
}

fn raw_list(env: *mut ErlNifEnv, terms: &[RawTerm]) -> RawTerm {
    // SAFETY: every term was made in env. The VM cannot hold lists of more than u32::MAX cells
    // made at once; Limit::CALL keeps results far below, scripts fail at SQLite's limits first.
    unsafe { enif_make_list_from_array(env, terms.as_ptr(), terms.len() as u32) }
}

/// A value that is in Rust's memory.
pub fn value<'a>(env: Env<'a>, value: &Value) -> Term<'a> {
    // SAFETY: made in env.
    unsafe { Term::new(env, raw_value(env.as_c_arg(), value.as_ref())) }
}

/// Values that belong to somebody else.
pub fn values<'a>(env: Env<'a>, values: &[ValueRef<'_>]) -> Term<'a> {
    let terms = values
        .iter()
        .map(|value| raw_value(env.as_c_arg(), *value))
        .collect::<Vec<_>>();
    list(env, &terms)
}

/// A row whose values are in Rust's memory.
pub fn row<'a>(env: Env<'a>, values: &[Value]) -> Term<'a> {
    let terms = values
        .iter()
        .map(|value| raw_value(env.as_c_arg(), value.as_ref()))
        .collect::<Vec<_>>();
    list(env, &terms)
}

/// The values of a row as far as they are known; `:undefined` where one is not.
pub fn known_values<'a, 'v>(
    env: Env<'a>,
    values: impl Iterator<Item = Option<ValueRef<'v>>>,
) -> Term<'a> {
    let terms = values
        .map(|value| match value {
            Some(value) => raw_value(env.as_c_arg(), value),
            None => atoms::undefined().as_c_arg(),
        })
        .collect::<Vec<_>>();
    list(env, &terms)
}

fn list<'a>(env: Env<'a>, terms: &[RawTerm]) -> Term<'a> {
    // SAFETY: made in env.
    unsafe { Term::new(env, raw_list(env.as_c_arg(), terms)) }
}

/// A map with atom keys, which differ.
pub fn map<'a>(env: Env<'a>, pairs: &[(Atom, Term<'a>)]) -> Term<'a> {
    map_of(
        env,
        pairs.iter().map(|(key, value)| (key.encode(env), *value)),
    )
}

/// A map of keys that differ.
pub fn map_of<'a>(env: Env<'a>, pairs: impl Iterator<Item = (Term<'a>, Term<'a>)>) -> Term<'a> {
    let (keys, values): (Vec<RawTerm>, Vec<RawTerm>) = pairs
        .map(|(key, value)| (key.as_c_arg(), value.as_c_arg()))
        .unzip();
    let mut term: RawTerm = atoms::nil().as_c_arg();
    // SAFETY: both arrays have as many terms of env. The call fails only for keys given
    // twice, and then leaves nil.
    unsafe {
        enif_make_map_from_arrays(
            env.as_c_arg(),
            keys.as_ptr(),
            values.as_ptr(),
            keys.len(),
            &raw mut term,
        );
        Term::new(env, term)
    }
}

/// In milliseconds.
pub fn age(since: std::time::Instant) -> u64 {
    milliseconds(since.elapsed())
}

pub fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
