//! The SQL functions that every connection has: what Ecto's queries need and SQLite lacks.
//!
//! `call.rs` holds the C callbacks; all else is safe code. Nothing here reads anything but its
//! arguments, so the functions are deterministic and innocuous: a schema may use them, though
//! then other programs cannot read it.

mod aggregates;
mod calendar;
#[allow(unsafe_code)]
mod call;
mod datetime_add;
mod decimal;
mod number;
mod scalars;

use std::borrow::Cow;

use crate::error::Result;
use crate::value::ValueRef;

use super::raw_connection::RawConnection;

/// What a function answers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Output {
    Null,
    Integer(i64),
    Text(String),
}

/// A message for the query that called.
type Answer<T = Output> = std::result::Result<T, String>;

/// A function of its arguments.
#[derive(Debug)]
struct Scalar {
    name: &'static std::ffi::CStr,
    arguments: u8,
    call: fn(&[ValueRef<'_>]) -> Answer,
}

/// An aggregate that also works as a window function.
trait Aggregate: Default + 'static {
    fn step(&mut self, value: ValueRef<'_>) -> Answer<()>;

    /// Takes back the oldest step that was not taken back yet, which was of this value.
    fn inverse(&mut self, value: ValueRef<'_>) -> Answer<()>;

    fn value(&self) -> Answer;
}

/// Registers all of them. They stay for as long as the connection, also over a reset.
pub(super) fn register(connection: &RawConnection) -> Result<()> {
    for scalar in &scalars::ALL {
        call::create_scalar(connection, scalar)?;
    }
    call::create_aggregate::<aggregates::Sum>(connection, c"ecto_decimal_sum")?;
    call::create_aggregate::<aggregates::Avg>(connection, c"ecto_decimal_avg")?;
    call::create_aggregate::<aggregates::Min>(connection, c"ecto_decimal_min")?;
    call::create_aggregate::<aggregates::Max>(connection, c"ecto_decimal_max")?;
    call::create_collation(connection, c"ECTO_DECIMAL", decimal::collate)
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
