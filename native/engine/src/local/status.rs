//! What SQLite counts: of a statement's runs, of a connection, and of the whole process.

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, Source};
use super::raw_status;
use super::rows::{Outcome, RowSink};
use super::script::NeverPause;
use super::statement::Statement;
use crate::error::{Error, Result};
use crate::params::Params;

/// Figures by the names that SQLite gives them, in lower case.
pub type Figures = Vec<(&'static str, i64)>;

/// <https://sqlite.org/c3ref/c_stmtstatus_counter.html>, and libSQL's own two.
const STATEMENT: [(&str, i32); 10] = [
    ("fullscan_step", ffi::SQLITE_STMTSTATUS_FULLSCAN_STEP),
    ("sort", ffi::SQLITE_STMTSTATUS_SORT),
    ("autoindex", ffi::SQLITE_STMTSTATUS_AUTOINDEX),
    ("vm_step", ffi::SQLITE_STMTSTATUS_VM_STEP),
    ("reprepare", ffi::SQLITE_STMTSTATUS_REPREPARE),
    ("run", ffi::SQLITE_STMTSTATUS_RUN),
    ("filter_miss", ffi::SQLITE_STMTSTATUS_FILTER_MISS),
    ("filter_hit", ffi::SQLITE_STMTSTATUS_FILTER_HIT),
    ("rows_read", ffi::LIBSQL_STMTSTATUS_ROWS_READ),
    ("rows_written", ffi::LIBSQL_STMTSTATUS_ROWS_WRITTEN),
];

/// <https://sqlite.org/c3ref/c_dbstatus_options.html>: those that are a figure of now. SQLite's
/// name, and ours where it answers a second one.
const CONNECTION: [(&str, i32); 11] = [
    ("cache_used", ffi::SQLITE_DBSTATUS_CACHE_USED),
    ("cache_used_shared", ffi::SQLITE_DBSTATUS_CACHE_USED_SHARED),
    ("cache_hit", ffi::SQLITE_DBSTATUS_CACHE_HIT),
    ("cache_miss", ffi::SQLITE_DBSTATUS_CACHE_MISS),
    (CACHE_WRITE, ffi::SQLITE_DBSTATUS_CACHE_WRITE),
    ("cache_spill", ffi::SQLITE_DBSTATUS_CACHE_SPILL),
    ("schema_used", ffi::SQLITE_DBSTATUS_SCHEMA_USED),
    ("stmt_used", ffi::SQLITE_DBSTATUS_STMT_USED),
    ("deferred_fks", ffi::SQLITE_DBSTATUS_DEFERRED_FKS),
    ("lookaside_used", ffi::SQLITE_DBSTATUS_LOOKASIDE_USED),
    ("lookaside_highwater", ffi::SQLITE_DBSTATUS_LOOKASIDE_USED),
];

const CACHE_WRITE: &str = "cache_write";

/// Those that SQLite answers as a highest value.
const LOOKASIDE: [(&str, i32); 3] = [
    ("lookaside_hit", ffi::SQLITE_DBSTATUS_LOOKASIDE_HIT),
    (
        "lookaside_miss_size",
        ffi::SQLITE_DBSTATUS_LOOKASIDE_MISS_SIZE,
    ),
    (
        "lookaside_miss_full",
        ffi::SQLITE_DBSTATUS_LOOKASIDE_MISS_FULL,
    ),
];

/// <https://sqlite.org/c3ref/c_status_malloc_count.html>
const LIBRARY: [(&str, i32); 6] = [
    ("memory_used", ffi::SQLITE_STATUS_MEMORY_USED),
    ("malloc_size", ffi::SQLITE_STATUS_MALLOC_SIZE),
    ("malloc_count", ffi::SQLITE_STATUS_MALLOC_COUNT),
    ("pagecache_used", ffi::SQLITE_STATUS_PAGECACHE_USED),
    ("pagecache_overflow", ffi::SQLITE_STATUS_PAGECACHE_OVERFLOW),
    ("pagecache_size", ffi::SQLITE_STATUS_PAGECACHE_SIZE),
];

/// What SQLite counted in a statement's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters([u32; STATEMENT.len()]);

impl Counters {
    pub(super) fn of(mut counter: impl FnMut(i32) -> u32) -> Counters {
        Counters(STATEMENT.map(|(_name, number)| counter(number)))
    }

    /// What was counted since.
    pub(super) fn since(self, before: Counters) -> Counters {
        let mut counted = self;
        for (now, before) in counted.0.iter_mut().zip(before.0) {
            *now = now.saturating_sub(before);
        }
        counted
    }

    pub fn figures(self) -> Figures {
        let named = STATEMENT.iter().zip(self.0);
        named
            .map(|((name, _number), count)| (*name, i64::from(count)))
            .collect()
    }
}

impl Statement {
    /// What was counted since the statement was prepared, or since the last call that had the
    /// counters begin anew; and the bytes that it takes.
    pub fn status(&self, reset: bool) -> Figures {
        let counters = Counters::of(|counter| self.raw().status(counter, reset));
        let memory = self.raw().status(ffi::SQLITE_STMTSTATUS_MEMUSED, false);
        let mut figures = counters.figures();
        figures.push(("memused", i64::from(memory)));
        figures
    }
}

impl Connection {
    /// As [`query`](Connection::query), and answers what SQLite counted in this run. It is made
    /// whole: no part of its rows is left to be fetched.
    pub fn query_counting<'p, P, S>(
        &mut self,
        source: Source<'_>,
        params: &P,
        sink: &mut S,
        call: &Call,
    ) -> Result<(Outcome, Figures)>
    where
        P: Params<'p> + ?Sized,
        S: RowSink,
    {
        self.check_transaction()?;
        let ran = self.in_call(call, |connection| {
            let (mut statement, prepared) = match source {
                Source::Sql(sql) => (connection.take_statement(sql)?, None),
                Source::Prepared(id) => (connection.take_prepared(id)?, Some(id)),
            };
            statement.status(true);
            let ran = connection.run(&mut statement, params, &mut NeverPause(sink));
            let figures = statement.status(false);
            connection.give_back(statement, prepared);
            ran.map(|(outcome, _progress)| (outcome, figures))
        });
        self.note_transaction(&ran);
        ran
    }

    /// The figures of <https://sqlite.org/c3ref/db_status.html>. With `reset`, those that count or
    /// are a highest value begin anew.
    pub fn status(&self, reset: bool) -> Figures {
        let current = CONNECTION.iter().map(|(name, number)| match *name {
            // The write gate compares this one: it begins anew for who asks only.
            CACHE_WRITE => (*name, self.pages_written_since_reset(reset)),
            "lookaside_highwater" => (*name, self.raw().db_status(*number, reset).1),
            "lookaside_used" => (*name, self.raw().db_status(*number, false).0),
            _ => (*name, self.raw().db_status(*number, reset).0),
        });
        let lookaside = LOOKASIDE
            .iter()
            .map(|(name, number)| (*name, self.raw().db_status(*number, reset).1));
        current.chain(lookaside).collect()
    }

    fn pages_written_since_reset(&self, reset: bool) -> i64 {
        let written = self.pages_written();
        let before = self.pages_written_before.get();
        if reset {
            self.pages_written_before.set(written);
        }
        i64::try_from(written.saturating_sub(before)).unwrap_or(i64::MAX)
    }
}

/// The figures of <https://sqlite.org/c3ref/status.html>: each now and at its highest. Where no
/// memory statistics are kept, an error.
pub fn library_status(reset: bool) -> Result<Vec<(&'static str, (i64, i64))>> {
    if !super::memory_statistics::kept() {
        return Err(Error::Unsupported(
            "SQLite's own figures need its memory statistics: \
             `config :ecto_libsql, memory_statistics: true`, which is read when the first \
             connection is opened"
                .to_owned(),
        ));
    }
    Ok(LIBRARY
        .iter()
        .map(|(name, number)| (*name, raw_status::status(*number, reset)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::OpenOptions;
    use crate::local::rows::Collect;
    use crate::params::NoParams;

    fn figure(figures: &Figures, name: &str) -> i64 {
        figures.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn connection() -> Connection {
        let mut connection = Connection::open(OpenOptions::default()).unwrap();
        for sql in [
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)",
            "CREATE INDEX t_a ON t (a)",
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
             INSERT INTO t SELECT i, i, i % 10 FROM n",
        ] {
            connection.execute(sql, &Call::default()).unwrap();
        }
        connection
    }

    fn counted(connection: &mut Connection, sql: &str) -> Figures {
        connection
            .query_counting(
                Source::Sql(sql),
                &NoParams,
                &mut Collect::default(),
                &Call::default(),
            )
            .unwrap()
            .1
    }

    #[test]
    fn a_scan_a_search_and_a_sort_are_told_apart() {
        let mut connection = connection();
        let scan = counted(&mut connection, "SELECT id FROM t WHERE b = 3");
        assert_eq!(figure(&scan, "fullscan_step"), 99);
        assert_eq!(figure(&scan, "rows_read"), 100);
        assert_eq!(figure(&scan, "sort"), 0);
        let search = counted(&mut connection, "SELECT id FROM t WHERE a = 3");
        assert_eq!(figure(&search, "fullscan_step"), 0);
        assert_eq!(figure(&search, "run"), 1);
        let sort = counted(&mut connection, "SELECT id FROM t ORDER BY b");
        assert_eq!(figure(&sort, "sort"), 1);
        let join = counted(
            &mut connection,
            "SELECT count(*) FROM t x JOIN t y ON x.b + 0 = y.b",
        );
        assert_eq!(figure(&join, "autoindex"), 99);
        assert!(figure(&join, "memused") > 0);
    }

    #[test]
    fn each_run_is_counted_by_itself() {
        let mut connection = connection();
        let sql = "UPDATE t SET b = b + 1 WHERE id <= 10";
        for _ in 0..3 {
            assert_eq!(figure(&counted(&mut connection, sql), "rows_written"), 10);
        }
    }

    #[test]
    fn what_the_write_gate_compares_is_not_reset() {
        let connection = connection();
        let written = connection.pages_written();
        assert_eq!(
            figure(&connection.status(true), "cache_write"),
            written as i64
        );
        assert_eq!(figure(&connection.status(false), "cache_write"), 0);
        assert_eq!(connection.pages_written(), written);
    }
}
