//! A decimal number as it stands in a text, compared without allocating.

use std::cmp::Ordering;

/// The parts of `-12.30E+4`: its value is the digits of `integer` and `fraction` in a row, times
/// ten to the power of `exponent - fraction.len()`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    pub negative: bool,
    pub integer: &'a [u8],
    pub fraction: &'a [u8],
    pub exponent: i64,
}

/// Beyond this an exponent is taken for a mistake; it also keeps sums of exponents in range.
const LARGEST_EXPONENT: i64 = 1 << 40;

impl<'a> Number<'a> {
    /// `None` for what is no number, NaN and infinity included.
    pub(super) fn parse(text: &'a [u8]) -> Option<Number<'a>> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (integer, rest) = digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            rest => (&rest[..0], rest),
        };
        if integer.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => std::str::from_utf8(rest).ok()?.parse::<i64>().ok()?,
            _ => return None,
        };
        (exponent.abs() <= LARGEST_EXPONENT).then_some(Number {
            negative,
            integer,
            fraction,
            exponent,
        })
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.integer.iter().chain(self.fraction).copied()
    }

    /// The power of ten that the first digit other than zero stands for; `None` for zero.
    fn magnitude(&self) -> Option<i64> {
        let leading = self.digits().position(|digit| digit != b'0')?;
        Some(self.exponent + self.integer.len() as i64 - leading as i64)
    }

    pub(super) fn compare(&self, other: &Number<'_>) -> Ordering {
        match (self.magnitude(), other.magnitude()) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => sign(Ordering::Less, other.negative),
            (Some(_), None) => sign(Ordering::Greater, self.negative),
            (Some(_), Some(_)) if self.negative != other.negative => {
                other.negative.cmp(&self.negative)
            }
            (Some(left), Some(right)) => sign(
                left.cmp(&right)
                    .then_with(|| self.compare_significant(other)),
                self.negative,
            ),
        }
    }

    fn compare_significant(&self, other: &Number<'_>) -> Ordering {
        let mut left = self.digits().skip_while(|digit| *digit == b'0');
        let mut right = other.digits().skip_while(|digit| *digit == b'0');
        loop {
            match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (left, right) => match left.unwrap_or(b'0').cmp(&right.unwrap_or(b'0')) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                },
            }
        }
    }
}

fn sign(magnitudes: Ordering, negative: bool) -> Ordering {
    if negative {
        magnitudes.reverse()
    } else {
        magnitudes
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(left: &str, right: &str) -> Ordering {
        let left = Number::parse(left.as_bytes()).unwrap();
        let right = Number::parse(right.as_bytes()).unwrap();
        assert_eq!(right.compare(&left), left.compare(&right).reverse());
        left.compare(&right)
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "+.",
            "1.2.3",
            "1e",
            "e5",
            " 1",
            "1 ",
            "0x10",
            "NaN",
            "Inf",
            "-Infinity",
            "1e99999999999999999999",
            "1_000",
            "١",
        ] {
            assert!(Number::parse(text.as_bytes()).is_none(), "{text:?}");
        }
        for text in ["1", "-1", "+1", "1.", ".5", "-.5E-3", "00.00", "1e+5"] {
            assert!(Number::parse(text.as_bytes()).is_some(), "{text:?}");
        }
    }

    #[test]
    fn numbers_compare_by_value() {
        for (left, right) in [
            ("1", "1.000"),
            ("-0", "0.00e5"),
            ("100", "1e2"),
            ("0.001", "1E-3"),
            ("+007", "7"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
        for (less, greater) in [
            ("9", "10"),
            ("-10", "-9"),
            ("-1", "0"),
            ("0", "0.0000001"),
            ("1e-1000000", "1"),
            (
                "123456789012345678901234567890.1",
                "123456789012345678901234567890.11",
            ),
            ("0.30", "0.31"),
        ] {
            assert_eq!(compare(less, greater), Ordering::Less, "{less} {greater}");
        }
    }
}
