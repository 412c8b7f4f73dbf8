//! The scalar functions of every connection, and of decimals. NULL in, NULL out.

use super::datetime_add::{date_add, datetime_add};
use super::decimal::Decimal;
use super::number::Number;
use super::{Answer, Output, Scalar, first, no_number, number_text};
use crate::value::ValueRef;

pub(super) static ALL: [Scalar; 7] = [
    Scalar::new(c"ecto_decimal_add", 2, |values| {
        arithmetic(values, Decimal::add)
    }),
    Scalar::new(c"ecto_decimal_sub", 2, |values| {
        arithmetic(values, Decimal::subtract)
    }),
    Scalar::new(c"ecto_decimal_mul", 2, |values| {
        arithmetic(values, Decimal::multiply)
    }),
    Scalar::new(c"ecto_decimal_div", 2, |values| {
        arithmetic(values, Decimal::divide)
    }),
    Scalar::new(c"ecto_decimal_cmp", 2, compare),
    Scalar::new(c"ecto_datetime_add", 4, datetime_add),
    Scalar::new(c"ecto_date_add", 3, date_add),
];

/// Of the group `decimal`.
pub(super) static DECIMAL: [Scalar; 6] = [
    Scalar::new(c"decimal", 1, plain),
    Scalar::new(c"decimal_add", 2, |values| arithmetic(values, Decimal::add)),
    Scalar::new(c"decimal_sub", 2, |values| {
        arithmetic(values, Decimal::subtract)
    }),
    Scalar::new(c"decimal_mul", 2, |values| {
        arithmetic(values, Decimal::multiply)
    }),
    Scalar::new(c"decimal_div", 2, |values| {
        arithmetic(values, Decimal::divide)
    }),
    Scalar::new(c"decimal_cmp", 2, compare),
];

fn arithmetic(
    values: &[ValueRef<'_>],
    operation: fn(&Decimal, &Decimal) -> Answer<Decimal>,
) -> Answer {
    let [left, right] = values else {
        return Ok(Output::Null);
    };
    match (number_text(*left)?, number_text(*right)?) {
        (Some(left), Some(right)) => {
            let result = operation(&Decimal::parse(&left)?, &Decimal::parse(&right)?)?;
            Ok(Output::Text(result.to_string()))
        }
        _ => Ok(Output::Null),
    }
}

/// -1, 0 or 1.
fn compare(values: &[ValueRef<'_>]) -> Answer {
    let [left, right] = values else {
        return Ok(Output::Null);
    };
    match (number_text(*left)?, number_text(*right)?) {
        (Some(left), Some(right)) => {
            let parse = |text| Number::parse(text).ok_or_else(|| no_number(text));
            Ok(Output::Integer(
                parse(&left)?.compare(&parse(&right)?) as i64
            ))
        }
        _ => Ok(Output::Null),
    }
}

/// A number as text without an exponent, as far as it is not very large or small.
fn plain(values: &[ValueRef<'_>]) -> Answer {
    match number_text(first(values))? {
        Some(text) => Ok(Output::Text(Decimal::parse(&text)?.to_string())),
        None => Ok(Output::Null),
    }
}
