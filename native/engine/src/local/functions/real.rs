//! Numbers as floats, and sums of them with twice the digits.

use super::{Answer, no_number};
use crate::value::ValueRef;

/// A number of any of SQLite's types that can hold one; `None` for NULL.
pub(super) fn real(value: ValueRef<'_>) -> Answer<Option<f64>> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(integer) => Ok(Some(integer as f64)),
        ValueRef::Real(real) => Ok(Some(real)),
        ValueRef::Text(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.trim().parse::<f64>().ok())
            .filter(|real| real.is_finite())
            .map(Some)
            .ok_or_else(|| no_number(text).replace("decimal ", "")),
        ValueRef::Blob(_) => Err("a blob is no number".to_owned()),
    }
}

/// The unevaluated sum of two floats, of which the second is the first's rounding error. Window
/// frames add and take back: with the digits of one float, a value that comes and goes takes those
/// of the smaller ones along.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Wide {
    high: f64,
    low: f64,
}

impl Wide {
    /// <https://en.wikipedia.org/wiki/2Sum>
    fn sum(left: f64, right: f64) -> Wide {
        let high = left + right;
        let from_right = high - left;
        let low = (left - (high - from_right)) + (right - from_right);
        Wide { high, low }
    }

    pub(super) fn product(left: f64, right: f64) -> Wide {
        let high = left * right;
        let low = left.mul_add(right, -high);
        Wide { high, low }
    }

    pub(super) fn plus(self, other: Wide) -> Wide {
        let Wide { high, low } = Wide::sum(self.high, other.high);
        Wide::sum(high, low + self.low + other.low)
    }

    pub(super) fn minus(self, other: Wide) -> Wide {
        self.plus(Wide {
            high: -other.high,
            low: -other.low,
        })
    }

    pub(super) fn times(self, other: Wide) -> Wide {
        let Wide { high, low } = Wide::product(self.high, other.high);
        Wide::sum(high, low + self.high * other.low + self.low * other.high)
    }

    pub(super) fn divided_by(self, divisor: f64) -> Wide {
        let high = self.high / divisor;
        let rest = self.minus(Wide::product(high, divisor));
        Wide::sum(high, rest.high / divisor)
    }

    pub(super) fn rounded(self) -> f64 {
        self.high + self.low
    }
}

impl From<f64> for Wide {
    fn from(high: f64) -> Wide {
        Wide { high, low: 0.0 }
    }
}
