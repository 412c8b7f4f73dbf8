//! The scalar functions. NULL in, NULL out.

use super::datetime_add::{date_add, datetime_add};
use super::decimal::Decimal;
use super::number::Number;
use super::{Answer, Output, Scalar, no_number, number_text};
use crate::value::ValueRef;

pub(super) static ALL: [Scalar; 7] = [
    Scalar {
        name: c"ecto_decimal_add",
        arguments: 2,
        call: |values| arithmetic(values, Decimal::add),
    },
    Scalar {
        name: c"ecto_decimal_sub",
        arguments: 2,
        call: |values| arithmetic(values, Decimal::subtract),
    },
    Scalar {
        name: c"ecto_decimal_mul",
        arguments: 2,
        call: |values| arithmetic(values, Decimal::multiply),
    },
    Scalar {
        name: c"ecto_decimal_div",
        arguments: 2,
        call: |values| arithmetic(values, Decimal::divide),
    },
    Scalar {
        name: c"ecto_decimal_cmp",
        arguments: 2,
        call: compare,
    },
    Scalar {
        name: c"ecto_datetime_add",
        arguments: 4,
        call: datetime_add,
    },
    Scalar {
        name: c"ecto_date_add",
        arguments: 3,
        call: date_add,
    },
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
