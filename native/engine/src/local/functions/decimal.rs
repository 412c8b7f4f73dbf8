//! Arithmetic on decimals, exact over any number of digits.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use super::number::Number;
use super::{Answer, no_number};

/// `coefficient` times ten to the power of `exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    coefficient: BigInt,
    exponent: i64,
}

/// A coefficient may not grow longer: `'1e999999999' + 1` is a mistake, and must not take the
/// machine's memory.
const MOST_DIGITS: i64 = 100_000;

/// Significant digits of a quotient, as of the default context of Elixir's Decimal 3. Where an
/// operand has more than that itself, the quotient has ten more than the longer operand.
const PRECISION: usize = 34;

/// Text is written without an exponent up to this many places, as the Elixir side does it.
const MOST_PLACES: i64 = 1_000;

impl Decimal {
    pub(super) fn parse(text: &[u8]) -> Answer<Decimal> {
        let number = Number::parse(text).ok_or_else(|| no_number(text))?;
        let digits = [number.integer, number.fraction].concat();
        if digits.len() as i64 > MOST_DIGITS {
            return Err(too_long());
        }
        let magnitude = BigInt::parse_bytes(&digits, 10).unwrap_or_default();
        Ok(Decimal {
            coefficient: if number.negative {
                -magnitude
            } else {
                magnitude
            },
            exponent: number.exponent - number.fraction.len() as i64,
        })
    }

    pub(super) fn zero() -> Decimal {
        Decimal {
            coefficient: BigInt::ZERO,
            exponent: 0,
        }
    }

    pub(super) fn from_count(count: u64) -> Decimal {
        Decimal {
            coefficient: BigInt::from(count),
            exponent: 0,
        }
    }

    fn is_zero(&self) -> bool {
        self.coefficient.sign() == Sign::NoSign
    }

    pub(super) fn add(&self, other: &Decimal) -> Answer<Decimal> {
        // Zeros of any exponent can be added to anything.
        if other.is_zero() && self.exponent <= other.exponent {
            return Ok(self.clone());
        }
        if self.is_zero() && other.exponent <= self.exponent {
            return Ok(other.clone());
        }
        let exponent = self.exponent.min(other.exponent);
        Ok(Decimal {
            coefficient: self.scaled_to(exponent)? + other.scaled_to(exponent)?,
            exponent,
        })
    }

    pub(super) fn negate(&self) -> Decimal {
        Decimal {
            coefficient: -&self.coefficient,
            exponent: self.exponent,
        }
    }

    pub(super) fn subtract(&self, other: &Decimal) -> Answer<Decimal> {
        self.add(&other.negate())
    }

    pub(super) fn multiply(&self, other: &Decimal) -> Answer<Decimal> {
        Ok(Decimal {
            coefficient: &self.coefficient * &other.coefficient,
            exponent: self.exponent + other.exponent,
        })
    }

    pub(super) fn divide(&self, other: &Decimal) -> Answer<Decimal> {
        if other.is_zero() {
            return Err("division by zero".to_owned());
        }
        let ideal = self.exponent - other.exponent;
        if self.is_zero() {
            return Ok(Decimal {
                coefficient: BigInt::ZERO,
                exponent: ideal,
            });
        }
        let (digits, other_digits) = (self.digit_count(), other.digit_count());
        let precision = match digits.max(other_digits) {
            longest if longest <= PRECISION => PRECISION,
            longest => longest + 10,
        };
        // So many that the quotient has the digits and one more to round by.
        let places = (precision + 1 + other_digits).saturating_sub(digits);
        let dividend = &self.coefficient * power_of_ten(places as i64)?;
        let quotient = &dividend / &other.coefficient;
        let exact = &quotient * &other.coefficient == dividend;
        let quotient = Decimal {
            coefficient: quotient,
            exponent: ideal - places as i64,
        };
        let rounded = quotient.round(precision)?;
        Ok(if exact {
            rounded.without_zeros_below(ideal)
        } else {
            rounded
        })
    }

    /// The nearest integer, halves away from zero.
    pub(super) fn round_to_integer(&self) -> Answer<BigInt> {
        if self.exponent >= 0 {
            return self.scaled_to(0);
        }
        if self.digit_count() as i64 + self.exponent < 0 {
            return Ok(BigInt::ZERO);
        }
        half_up(&self.coefficient, -self.exponent)
    }

    /// The integer part, and what is left.
    pub(super) fn split(&self) -> Answer<(BigInt, Decimal)> {
        if self.exponent >= 0 {
            return Ok((self.scaled_to(0)?, Decimal::zero()));
        }
        if self.digit_count() as i64 + self.exponent <= 0 {
            return Ok((BigInt::ZERO, self.clone()));
        }
        let divisor = power_of_ten(-self.exponent)?;
        let rest = Decimal {
            coefficient: &self.coefficient % &divisor,
            exponent: self.exponent,
        };
        Ok((&self.coefficient / divisor, rest))
    }

    /// At most `precision` significant digits, halves away from zero.
    fn round(self, precision: usize) -> Answer<Decimal> {
        let surplus = self.digit_count().saturating_sub(precision) as i64;
        if surplus == 0 {
            return Ok(self);
        }
        Ok(Decimal {
            coefficient: half_up(&self.coefficient, surplus)?,
            exponent: self.exponent + surplus,
        })
    }

    fn without_zeros_below(mut self, ideal: i64) -> Decimal {
        let ten = BigInt::from(10);
        while self.exponent < ideal {
            let tenth = &self.coefficient / &ten;
            if &tenth * &ten != self.coefficient {
                break;
            }
            self.coefficient = tenth;
            self.exponent += 1;
        }
        self
    }

    fn digit_count(&self) -> usize {
        self.coefficient.magnitude().to_str_radix(10).len()
    }

    fn scaled_to(&self, exponent: i64) -> Answer<BigInt> {
        match self.exponent - exponent {
            0 => Ok(self.coefficient.clone()),
            places => Ok(&self.coefficient * power_of_ten(places)?),
        }
    }
}

/// `number` with `places` digits less, halves away from zero.
fn half_up(number: &BigInt, places: i64) -> Answer<BigInt> {
    let divisor = power_of_ten(places)?;
    let half = &divisor / 2;
    Ok(match number.sign() {
        Sign::Minus => (number - half) / divisor,
        _ => (number + half) / divisor,
    })
}

fn power_of_ten(places: i64) -> Answer<BigInt> {
    match u32::try_from(places) {
        Ok(places) if i64::from(places) <= MOST_DIGITS => Ok(BigInt::from(10).pow(places)),
        _ => Err(too_long()),
    }
}

fn too_long() -> String {
    format!("a decimal number of more than {MOST_DIGITS} digits")
}

impl std::fmt::Display for Decimal {
    /// As `Decimal.to_string/2` of Elixir: `:normal`, or `:scientific` for very large and small.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.coefficient.magnitude().to_str_radix(10);
        if self.coefficient.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        if self.exponent.abs() > MOST_PLACES {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let exponent = self.exponent + rest.len() as i64;
            return write!(f, "{first}{point}{rest}E{exponent:+}");
        }
        if self.exponent >= 0 {
            let zeros = if self.coefficient.sign() == Sign::NoSign {
                0
            } else {
                self.exponent as usize
            };
            return write!(f, "{digits}{}", "0".repeat(zeros));
        }
        let places = self.exponent.unsigned_abs() as usize;
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (integer, fraction) = padded.split_at(padded.len() - places);
        write!(f, "{integer}.{fraction}")
    }
}

/// The collation ECTO_DECIMAL: numbers by value, before texts that are none, which come by bytes.
pub(super) fn collate(left: &[u8], right: &[u8]) -> Ordering {
    match (Number::parse(left), Number::parse(right)) {
        (Some(left), Some(right)) => left.compare(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn text_is_kept_as_it_is_written() {
        for text in [
            "0",
            "1.00",
            "-0.001",
            "123456789012345678901234567890.123456789012345678901234567890",
        ] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("1E+3").to_string(), "1000");
        assert_eq!(decimal("-12.5e-4").to_string(), "-0.00125");
        assert_eq!(decimal("1.25E+2000").to_string(), "1.25E+2000");
        assert_eq!(decimal("5E-2000").to_string(), "5E-2000");
        assert_eq!(decimal("0E+500").to_string(), "0");
    }

    /// What Elixir's Decimal answers in its default context.
    #[test]
    fn quotients_are_elixirs() {
        for (left, right, quotient) in [
            ("1", "3", "0.3333333333333333333333333333333333"),
            ("2", "3", "0.6666666666666666666666666666666667"),
            ("-2", "3", "-0.6666666666666666666666666666666667"),
            ("100", "4", "25"),
            ("1.00", "4", "0.25"),
            ("10", "3", "3.333333333333333333333333333333333"),
            ("0", "7", "0"),
            ("1", "0.001", "1000"),
        ] {
            assert_eq!(
                decimal(left).divide(&decimal(right)).unwrap().to_string(),
                quotient,
                "{left} / {right}"
            );
        }
    }

    #[test]
    fn a_long_dividend_keeps_its_digits() {
        let long = "1000000000000000000000000000000000001";
        let half = decimal(long).divide(&decimal("2")).unwrap();
        assert_eq!(half.to_string(), "500000000000000000000000000000000000.5");
    }

    #[test]
    fn division_by_zero_is_an_error() {
        assert!(decimal("1").divide(&decimal("0.00")).is_err());
    }

    #[test]
    fn a_number_that_would_fill_the_memory_is_an_error() {
        assert!(decimal("1e999999999").add(&decimal("1")).is_err());
        assert!(decimal("1").divide(&decimal("1e999999999")).is_ok());
        assert_eq!(
            decimal("0e999999999").add(&decimal("1.5")).unwrap(),
            decimal("1.5")
        );
    }

    /// Digits with a point somewhere among them.
    fn numbers() -> impl Strategy<Value = (i128, u32)> {
        (-10_i128.pow(17)..10_i128.pow(17), 0_u32..10)
    }

    fn text((digits, places): (i128, u32)) -> String {
        let sign = if digits < 0 { "-" } else { "" };
        let width = places as usize + 1;
        let padded = format!("{:0>width$}", digits.unsigned_abs());
        let (integer, fraction) = padded.split_at(padded.len() - places as usize);
        match fraction {
            "" => format!("{sign}{integer}"),
            fraction => format!("{sign}{integer}.{fraction}"),
        }
    }

    /// The number times 10^20: an exact integer.
    fn exact((digits, places): (i128, u32)) -> i128 {
        digits * 10_i128.pow(10 - places)
    }

    proptest! {
        #[test]
        fn sums_products_and_order_are_those_of_integers(left in numbers(), right in numbers()) {
            let (a, b) = (decimal(&text(left)), decimal(&text(right)));
            let scaled = |number: &Decimal| number.scaled_to(-20).unwrap();
            prop_assert_eq!(scaled(&a.add(&b).unwrap()),
                BigInt::from(exact(left) + exact(right)) * BigInt::from(10_i64.pow(10)));
            prop_assert_eq!(scaled(&a.subtract(&b).unwrap()),
                BigInt::from(exact(left) - exact(right)) * BigInt::from(10_i64.pow(10)));
            prop_assert_eq!(scaled(&a.multiply(&b).unwrap()),
                BigInt::from(exact(left)) * BigInt::from(exact(right)));
            prop_assert_eq!(collate(text(left).as_bytes(), text(right).as_bytes()),
                exact(left).cmp(&exact(right)));
        }

        #[test]
        fn a_quotient_is_off_by_less_than_its_last_digit(left in numbers(), right in numbers()) {
            prop_assume!(right.0 != 0);
            let (a, b) = (decimal(&text(left)), decimal(&text(right)));
            let quotient = a.divide(&b).unwrap();
            let back = quotient.multiply(&b).unwrap();
            // |q * b - a| <= |b| * half a unit of q's last digit.
            let off = back.subtract(&a).unwrap();
            let unit = Decimal { coefficient: BigInt::from(5), exponent: quotient.exponent - 1 };
            let bound = b.multiply(&unit).unwrap();
            let exponent = off.exponent.min(bound.exponent);
            prop_assert!(off.scaled_to(exponent).unwrap().magnitude()
                <= bound.scaled_to(exponent).unwrap().magnitude());
            prop_assert!(quotient.digit_count() <= PRECISION);
        }

        #[test]
        fn the_collation_is_an_order(texts in prop::array::uniform3("[-+]?[0-9a.]{0,4}(e-?[0-9])?")) {
            let [a, b, c] = texts.map(String::into_bytes);
            prop_assert_eq!(collate(&a, &b), collate(&b, &a).reverse());
            if collate(&a, &b).is_le() && collate(&b, &c).is_le() {
                prop_assert!(collate(&a, &c).is_le());
            }
        }

        #[test]
        fn what_is_written_reads_as_the_same(coefficient in any::<i64>(), exponent in -3000_i64..3000) {
            let number = Decimal { coefficient: BigInt::from(coefficient), exponent };
            let again = decimal(&number.to_string());
            prop_assert!(number.subtract(&again).unwrap().is_zero());
        }
    }
}
