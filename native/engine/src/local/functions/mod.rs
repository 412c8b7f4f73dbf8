//! The SQL functions that every connection has, which Ecto's queries need and SQLite lacks, and the
//! groups of functions and collations that a connection's options choose.
//!
//! `call.rs` holds the C callbacks; all else is safe code. Nothing here reads anything but its
//! arguments and the clock, so that all of it is innocuous: a schema may use it, though then other
//! programs cannot read it.

mod aggregates;
mod calendar;
#[allow(unsafe_code)]
mod call;
mod comparing;
mod datetime_add;
mod decimal;
mod digest;
mod foreign;
#[allow(unsafe_code)]
mod foreign_call;
mod geo;
mod group;
mod haversine;
mod levenshtein;
mod number;
mod order;
mod percentile;
mod real;
mod regexp;
mod scalars;
mod unicode;
mod uuids;
mod variance;

pub use foreign::{Evaluated, Evaluation, Evaluator, FunctionDefinition, FunctionKind, Part};
pub(super) use foreign::{FUNCTION_FAILED, ForeignFunctions};
pub use group::Group;

use std::borrow::Cow;
use std::ffi::CStr;

use crate::error::Result;
use crate::value::ValueRef;

use super::raw_connection::RawConnection;

/// What a function answers.
#[derive(Debug, Clone, PartialEq)]
enum Output {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// A message for the query that called.
type Answer<T = Output> = std::result::Result<T, String>;

/// A function of its arguments.
#[derive(Debug)]
struct Scalar {
    name: &'static CStr,
    arguments: u8,
    /// Whether the same arguments always have the same answer: what an index, a CHECK and a
    /// generated column ask for.
    deterministic: bool,
    call: fn(&[ValueRef<'_>]) -> Answer,
}

impl Scalar {
    const fn new(
        name: &'static CStr,
        arguments: u8,
        call: fn(&[ValueRef<'_>]) -> Answer,
    ) -> Scalar {
        Scalar {
            name,
            arguments,
            deterministic: true,
            call,
        }
    }

    const fn varying(
        name: &'static CStr,
        arguments: u8,
        call: fn(&[ValueRef<'_>]) -> Answer,
    ) -> Scalar {
        Scalar {
            deterministic: false,
            ..Scalar::new(name, arguments, call)
        }
    }
}

/// An aggregate that also works as a window function.
trait Aggregate: Default + 'static {
    /// How many it takes.
    const ARGUMENTS: u8 = 1;

    fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()>;

    /// Takes back the oldest step that was not taken back yet, which was of these values.
    fn inverse(&mut self, values: &[ValueRef<'_>]) -> Answer<()>;

    fn value(&self) -> Answer;
}

/// The first argument of a function that has one.
fn first<'a>(values: &[ValueRef<'a>]) -> ValueRef<'a> {
    values.first().copied().unwrap_or(ValueRef::Null)
}

/// Registers what every connection has, and these groups. They stay for as long as the connection,
/// also over a reset.
pub(super) fn register(connection: &RawConnection, groups: &[Group]) -> Result<()> {
    for scalar in &scalars::ALL {
        call::create_scalar(connection, scalar)?;
    }
    call::create_scalar(connection, &geo::DISTANCE)?;
    for group in groups {
        group.register(connection)?;
    }
    call::create_aggregate::<aggregates::Sum>(connection, c"ecto_decimal_sum")?;
    call::create_aggregate::<aggregates::Avg>(connection, c"ecto_decimal_avg")?;
    call::create_aggregate::<aggregates::Min>(connection, c"ecto_decimal_min")?;
    call::create_aggregate::<aggregates::Max>(connection, c"ecto_decimal_max")?;
    call::create_collation(connection, c"ECTO_DECIMAL", decimal::collate)
}

/// The text of an argument; `None` for NULL. A number is taken as SQLite writes it.
fn text(value: ValueRef<'_>) -> Answer<Option<Cow<'_, str>>> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Text(text) => Ok(Some(String::from_utf8_lossy(text))),
        ValueRef::Integer(integer) => Ok(Some(Cow::Owned(integer.to_string()))),
        ValueRef::Real(real) => Ok(Some(Cow::Owned(format!("{real:?}")))),
        ValueRef::Blob(_) => Err("a blob is no text".to_owned()),
    }
}

/// A number as text, of any of SQLite's types that can hold one; `None` for NULL.
fn number_text<'a>(value: ValueRef<'a>) -> Answer<Option<Cow<'a, [u8]>>> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Text(text) => Ok(Some(Cow::Borrowed(text))),
        ValueRef::Integer(integer) => Ok(Some(Cow::Owned(integer.to_string().into_bytes()))),
        // The shortest text that reads as this float, as Elixir's Decimal takes one.
        ValueRef::Real(real) if real.is_finite() => {
            Ok(Some(Cow::Owned(format!("{real:e}").into_bytes())))
        }
        ValueRef::Real(real) => Err(format!("{real} is no decimal number")),
        ValueRef::Blob(_) => Err("a blob is no decimal number".to_owned()),
    }
}

fn no_number(text: &[u8]) -> String {
    format!("{} is no decimal number", shown(text))
}

/// Text for a message: of a readable length.
fn shown(text: &[u8]) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(text);
    if text.chars().count() > MOST {
        format!("'{}…'", text.chars().take(MOST).collect::<String>())
    } else {
        format!("'{text}'")
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Result;
    use crate::local::{Call, Collect, Connection, OpenOptions, Source};
    use crate::params::NoParams;
    use crate::value::Value;

    fn open() -> Connection {
        Connection::open(OpenOptions::default()).unwrap()
    }

    fn query(connection: &mut Connection, sql: &str) -> Result<Vec<Value>> {
        let mut rows = Collect::default();
        connection.query(Source::Sql(sql), &NoParams, &mut rows, &Call::default())?;
        Ok(rows.rows.into_iter().flatten().collect())
    }

    fn texts(texts: &[&str]) -> Vec<Value> {
        texts.iter().map(|text| Value::from(*text)).collect()
    }

    const VALUES: &str = "WITH t(i, a) AS (VALUES (1, '10'), (2, '9.5'), (3, NULL), (4, '-1'))";

    #[test]
    fn aggregates_take_distinct_and_filter() {
        let sql = format!(
            "{VALUES} SELECT ecto_decimal_sum(a), ecto_decimal_max(a), ecto_decimal_min(a), \
             ecto_decimal_sum(DISTINCT abs(i - 2)), ecto_decimal_avg(a) FILTER (WHERE i > 9) FROM t"
        );
        let answer = query(&mut open(), &sql).unwrap();
        assert_eq!(answer[..4], texts(&["18.5", "10", "-1", "3"]));
        assert_eq!(answer[4], Value::Null);
    }

    #[test]
    fn windows_slide_and_leave_rows_out() {
        let over = |frame: &str| {
            format!(
                "{VALUES} SELECT coalesce(ecto_decimal_sum(a) OVER w, 'null') FROM t \
                 WINDOW w AS (ORDER BY i {frame})"
            )
        };
        let mut connection = open();
        for (frame, sums) in [
            ("", ["10", "19.5", "19.5", "18.5"]),
            ("ROWS 1 PRECEDING", ["10", "19.5", "9.5", "-1"]),
            (
                "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
                ["9.5", "10", "8.5", "null"],
            ),
        ] {
            assert_eq!(
                query(&mut connection, &over(frame)).unwrap(),
                texts(&sums),
                "{frame}"
            );
        }
    }

    #[test]
    fn an_error_in_the_middle_of_an_aggregate_leaves_the_connection_usable() {
        let mut connection = open();
        for sql in [
            "SELECT ecto_decimal_sum(a) FROM (SELECT '1' AS a UNION ALL SELECT 'x')",
            "SELECT ecto_decimal_max(a) OVER () FROM (SELECT '1' AS a UNION ALL SELECT 'x')",
        ] {
            let error = query(&mut connection, sql).unwrap_err();
            assert_eq!(error.to_string(), "'x' is no decimal number");
        }
        assert_eq!(
            query(&mut connection, "SELECT ecto_decimal_sum(1)").unwrap(),
            texts(&["1"])
        );
    }

    #[test]
    fn the_collation_sorts_and_groups_numbers() {
        let mut connection = open();
        query(&mut connection, "CREATE TABLE t (a TEXT)").unwrap();
        let insert = "INSERT INTO t VALUES ('10'), ('9'), ('9.0'), ('-1e1'), ('x'), ('')";
        query(&mut connection, insert).unwrap();
        let sql = "SELECT a FROM t ORDER BY a COLLATE ECTO_DECIMAL, rowid";
        assert_eq!(
            query(&mut connection, sql).unwrap(),
            texts(&["-1e1", "9", "9.0", "10", "", "x"])
        );
        let sql = "SELECT count(DISTINCT a COLLATE ECTO_DECIMAL) FROM t";
        assert_eq!(query(&mut connection, sql).unwrap(), [Value::Integer(5)]);
    }

    #[test]
    fn databases_in_utf_16_work_as_well() {
        let mut connection = open();
        query(&mut connection, "PRAGMA encoding = 'UTF-16le'").unwrap();
        query(&mut connection, "CREATE TABLE t (a TEXT)").unwrap();
        query(&mut connection, "INSERT INTO t VALUES ('1.5'), ('10')").unwrap();
        let sql =
            "SELECT ecto_decimal_sum(a), ecto_decimal_add(max(a COLLATE ECTO_DECIMAL), 1) FROM t";
        assert_eq!(query(&mut connection, sql).unwrap(), texts(&["11.5", "11"]));
    }
}
