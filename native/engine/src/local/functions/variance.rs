//! Variance and standard deviation. NULL is left out.

use super::real::{Wide, real};
use super::{Aggregate, Answer, Output, first};
use crate::value::ValueRef;

#[derive(Debug, Default)]
struct Moments {
    count: u64,
    sum: Wide,
    squares: Wide,
}

impl Moments {
    fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        if let Some(value) = number(values)? {
            self.count += 1;
            self.sum = self.sum.plus(Wide::from(value));
            self.squares = self.squares.plus(Wide::product(value, value));
        }
        Ok(())
    }

    fn inverse(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        if let Some(value) = number(values)? {
            self.count = self.count.saturating_sub(1);
            self.sum = self.sum.minus(Wide::from(value));
            self.squares = self.squares.minus(Wide::product(value, value));
        }
        if self.count == 0 {
            *self = Moments::default();
        }
        Ok(())
    }

    /// The sum of the squared deviations, divided by the count less `missing`; none where that is
    /// nothing.
    fn variance(&self, missing: u64) -> Option<f64> {
        let divisor = self.count.checked_sub(missing).filter(|count| *count > 0)?;
        let of_mean = self.sum.times(self.sum).divided_by(self.count as f64);
        let deviations = self.squares.minus(of_mean).rounded();
        Some(deviations.max(0.0) / divisor as f64)
    }
}

/// Of what is infinite there is no deviation, and squares that are too large are none.
fn number(values: &[ValueRef<'_>]) -> Answer<Option<f64>> {
    match real(first(values))? {
        Some(value) if (value * value).is_finite() => Ok(Some(value)),
        Some(value) => Err(format!("{value:e} is too large for a variance")),
        None => Ok(None),
    }
}

fn output(real: Option<f64>) -> Output {
    real.map_or(Output::Null, Output::Real)
}

macro_rules! moments {
    ($name:ident, $value:expr) => {
        #[derive(Debug, Default)]
        pub(super) struct $name(Moments);

        impl Aggregate for $name {
            fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
                self.0.step(values)
            }

            fn inverse(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
                self.0.inverse(values)
            }

            fn value(&self) -> Answer {
                Ok(output($value(&self.0)))
            }
        }
    };
}

moments!(SampleVariance, |moments: &Moments| moments.variance(1));
moments!(PopulationVariance, |moments: &Moments| moments.variance(0));
moments!(SampleDeviation, |moments: &Moments| moments
    .variance(1)
    .map(f64::sqrt));
moments!(PopulationDeviation, |moments: &Moments| moments
    .variance(0)
    .map(f64::sqrt));
