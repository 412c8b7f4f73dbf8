//! `ecto_datetime_add(value, count, unit, precision)`: a date and time with 0 or 6 digits of the
//! second's fraction, or, where the value is a date alone, a date; and
//! `ecto_date_add(value, count, unit)`: a date.
//!
//! As Postgres adds an interval: months first, where a day that the month does not have becomes
//! its last one, then the rest as so many microseconds. A fraction of a year is rounded to
//! months, one of a month is so much of 30 days.

use num_bigint::BigInt;

use super::calendar::{DATE_LENGTH, MICROSECONDS_A_DAY, Moment};
use super::decimal::Decimal;
use super::{Answer, Output, number_text, shown};
use crate::value::ValueRef;

pub(super) fn datetime_add(values: &[ValueRef<'_>]) -> Answer {
    let [value, count, unit, precision] = *values else {
        return Ok(Output::Null);
    };
    let fraction = match precision {
        ValueRef::Integer(0) => false,
        ValueRef::Integer(6) => true,
        ValueRef::Null => return Ok(Output::Null),
        _ => return Err("the precision of a date and time is 0 or 6".to_owned()),
    };
    add(value, count, unit, |text, sum| match text.len() {
        DATE_LENGTH => sum.date(),
        _ => sum.datetime(fraction),
    })
}

pub(super) fn date_add(values: &[ValueRef<'_>]) -> Answer {
    let [value, count, unit] = *values else {
        return Ok(Output::Null);
    };
    add(value, count, unit, |_, sum| sum.date())
}

/// `write` is given the value's text and the sum.
fn add(
    value: ValueRef<'_>,
    count: ValueRef<'_>,
    unit: ValueRef<'_>,
    write: impl FnOnce(&[u8], Moment) -> Option<String>,
) -> Answer {
    if value.is_null() || count.is_null() || unit.is_null() {
        return Ok(Output::Null);
    }
    let (ValueRef::Text(text), ValueRef::Text(unit)) = (value, unit) else {
        return Err("a date or time, and a unit, are text".to_owned());
    };
    let moment = Moment::parse(text)?;
    Unit::parse(unit)?
        .interval(count)?
        .and_then(|(months, microseconds)| {
            moment.add_months(months)?.add_microseconds(microseconds)
        })
        .and_then(|sum| write(text, sum))
        .map(Output::Text)
        .ok_or_else(|| {
            format!(
                "{} plus so many of '{}' is not within the years 0 to 9999",
                shown(text),
                String::from_utf8_lossy(unit)
            )
        })
}

enum Unit {
    Years,
    Months,
    /// So many microseconds.
    Time(i64),
}

impl Unit {
    fn parse(name: &[u8]) -> Answer<Unit> {
        Ok(match name {
            b"year" => Unit::Years,
            b"month" => Unit::Months,
            b"week" => Unit::Time(7 * MICROSECONDS_A_DAY),
            b"day" => Unit::Time(MICROSECONDS_A_DAY),
            b"hour" => Unit::Time(3_600_000_000),
            b"minute" => Unit::Time(60_000_000),
            b"second" => Unit::Time(1_000_000),
            b"millisecond" => Unit::Time(1_000),
            b"microsecond" => Unit::Time(1),
            name => {
                return Err(format!(
                    "{} is no unit of time: those are year, month, week, day, hour, minute, \
                     second, millisecond and microsecond",
                    shown(name)
                ));
            }
        })
    }

    /// Months and microseconds; `None` where they are too many.
    fn interval(&self, count: ValueRef<'_>) -> Answer<Option<(i64, i64)>> {
        if let ValueRef::Integer(count) = count {
            return Ok(match self {
                Unit::Years => count.checked_mul(12).map(|months| (months, 0)),
                Unit::Months => Some((count, 0)),
                Unit::Time(unit) => count.checked_mul(*unit).map(|time| (0, time)),
            });
        }
        let Some(text) = number_text(count)? else {
            return Ok(None);
        };
        let count = Decimal::parse(&text)?;
        let (months, microseconds) = match self {
            Unit::Years => (times(&count, 12)?, BigInt::ZERO),
            Unit::Months => {
                let (months, part) = count.split()?;
                (months, times(&part, 30 * MICROSECONDS_A_DAY)?)
            }
            Unit::Time(unit) => (BigInt::ZERO, times(&count, *unit)?),
        };
        Ok(i64::try_from(months)
            .ok()
            .zip(i64::try_from(microseconds).ok()))
    }
}

/// The nearest integer.
fn times(count: &Decimal, factor: i64) -> Answer<BigInt> {
    count
        .multiply(&Decimal::from_count(factor.unsigned_abs()))?
        .round_to_integer()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(value: &str, count: ValueRef<'_>, unit: &str, precision: i64) -> Answer {
        datetime_add(&[
            ValueRef::Text(value.as_bytes()),
            count,
            ValueRef::Text(unit.as_bytes()),
            ValueRef::Integer(precision),
        ])
    }

    fn text(output: Answer) -> String {
        match output.unwrap() {
            Output::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Each as Postgres 17 answers it.
    #[test]
    fn intervals_are_postgres_s() {
        for (value, count, unit, sum) in [
            (
                "2024-01-31T10:00:00",
                "1",
                "month",
                "2024-02-29T10:00:00.000000",
            ),
            (
                "2023-01-31T10:00:00",
                "1",
                "month",
                "2023-02-28T10:00:00.000000",
            ),
            (
                "2024-02-29T10:00:00",
                "1",
                "year",
                "2025-02-28T10:00:00.000000",
            ),
            (
                "2024-02-29T10:00:00",
                "-4",
                "year",
                "2020-02-29T10:00:00.000000",
            ),
            (
                "2024-01-31T10:00:00",
                "-2",
                "month",
                "2023-11-30T10:00:00.000000",
            ),
            (
                "2024-01-01T00:00:00",
                "1.5",
                "year",
                "2025-07-01T00:00:00.000000",
            ),
            (
                "2024-01-01T00:00:00",
                "1.5",
                "month",
                "2024-02-16T00:00:00.000000",
            ),
            (
                "2024-01-01T00:00:00",
                "-0.5",
                "month",
                "2023-12-17T00:00:00.000000",
            ),
            (
                "2024-01-01T00:00:00",
                "0.5",
                "week",
                "2024-01-04T12:00:00.000000",
            ),
            (
                "2024-01-01T00:00:00",
                "1.25",
                "day",
                "2024-01-02T06:00:00.000000",
            ),
            (
                "2024-01-01T00:00:00",
                "-1",
                "microsecond",
                "2023-12-31T23:59:59.999999",
            ),
            (
                "2024-01-01T00:00:00",
                "1500",
                "millisecond",
                "2024-01-01T00:00:01.500000",
            ),
            (
                "1970-01-01T00:00:00",
                "1700000000",
                "second",
                "2023-11-14T22:13:20.000000",
            ),
        ] {
            let count = ValueRef::Text(count.as_bytes());
            assert_eq!(text(added(value, count, unit, 6)), sum, "{value} {unit}");
        }
    }

    #[test]
    fn a_count_may_be_a_number_of_any_kind() {
        let value = "2024-01-01T00:00:00";
        for count in [
            ValueRef::Integer(3),
            ValueRef::Real(3.0),
            ValueRef::Text(b"3.0"),
            ValueRef::Text(b"3E0"),
        ] {
            assert_eq!(text(added(value, count, "day", 0)), "2024-01-04T00:00:00");
        }
    }

    #[test]
    fn null_in_null_out_and_the_rest_is_an_error() {
        let value = "2024-01-01T00:00:00";
        assert_eq!(added(value, ValueRef::Null, "day", 0), Ok(Output::Null));
        assert!(added(value, ValueRef::Integer(1), "days", 0).is_err());
        assert!(added(value, ValueRef::Integer(1), "day", 3).is_err());
        assert!(added(value, ValueRef::Text(b"x"), "day", 0).is_err());
        assert!(added("yesterday", ValueRef::Integer(1), "day", 0).is_err());
        assert!(added(value, ValueRef::Integer(8000), "year", 0).is_err());
        assert!(added(value, ValueRef::Integer(-2025), "year", 0).is_err());
        assert!(added(value, ValueRef::Integer(i64::MAX), "year", 0).is_err());
        assert!(added(value, ValueRef::Text(b"1e400"), "microsecond", 0).is_err());
    }

    #[test]
    fn a_date_stays_one() {
        for (count, unit, sum) in [
            (48, "hour", "2014-01-03"),
            (-1, "second", "2013-12-31"),
            (1, "month", "2014-02-01"),
        ] {
            let count = ValueRef::Integer(count);
            assert_eq!(text(added("2014-01-01", count, unit, 6)), sum);
            let [date, unit] =
                ["2014-01-01T00:00:00", unit].map(|text| ValueRef::Text(text.as_bytes()));
            assert_eq!(text(date_add(&[date, count, unit])), sum);
        }
    }
}
