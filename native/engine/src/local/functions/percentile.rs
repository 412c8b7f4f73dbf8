//! The median and percentiles, named as in SQLite's extension of that name:
//! <https://sqlite.org/percentile.html>. NULL is left out.

use std::collections::VecDeque;

use super::real::real;
use super::{Aggregate, Answer, Output, first};
use crate::value::ValueRef;

/// Values in the order of their steps, and which part of them is asked for.
#[derive(Debug, Default)]
struct Ranked {
    values: VecDeque<f64>,
    fraction: Option<f64>,
}

impl Ranked {
    /// `whole` is what the second argument calls all of the values: 1 or 100.
    fn step(&mut self, values: &[ValueRef<'_>], whole: f64) -> Answer<()> {
        let [value, fraction] = values else {
            return Ok(());
        };
        let fraction = real(*fraction)?
            .filter(|fraction| (0.0..=whole).contains(fraction))
            .ok_or_else(|| format!("the percentile is to be a number from 0 to {whole}"))?;
        match self.fraction {
            Some(first) if first != fraction => {
                return Err("the percentile is to be the same for all rows".to_owned());
            }
            _ => self.fraction = Some(fraction),
        }
        self.push(*value)
    }

    fn push(&mut self, value: ValueRef<'_>) -> Answer<()> {
        if let Some(value) = real(value)? {
            self.values.push_back(value);
        }
        Ok(())
    }

    fn take_back(&mut self, value: ValueRef<'_>) {
        if !value.is_null() {
            self.values.pop_front();
        }
    }

    /// Between the two values that are nearest, in proportion.
    fn continuous(&self, fraction: f64) -> Output {
        let sorted = self.sorted();
        let Some(last) = sorted.len().checked_sub(1) else {
            return Output::Null;
        };
        let place = fraction * last as f64;
        let below = place.floor();
        let index = (below as usize).min(last);
        let (low, high) = (sorted[index], sorted[(index + 1).min(last)]);
        let between = if low == high {
            low
        } else {
            low + (place - below) * (high - low)
        };
        Output::Real(between)
    }

    /// The first value at or above that part of them.
    fn discrete(&self, fraction: f64) -> Output {
        let sorted = self.sorted();
        let Some(last) = sorted.len().checked_sub(1) else {
            return Output::Null;
        };
        let rank = (fraction * sorted.len() as f64).ceil() as usize;
        Output::Real(sorted[rank.saturating_sub(1).min(last)])
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.iter().copied().collect::<Vec<_>>();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    }
}

#[derive(Debug, Default)]
pub(super) struct Median(Ranked);

impl Aggregate for Median {
    fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        self.0.push(first(values))
    }

    fn inverse(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        self.0.take_back(first(values));
        Ok(())
    }

    fn value(&self) -> Answer {
        Ok(self.0.continuous(0.5))
    }
}

macro_rules! ranked {
    ($name:ident, $whole:expr, $value:expr) => {
        #[derive(Debug, Default)]
        pub(super) struct $name(Ranked);

        impl Aggregate for $name {
            const ARGUMENTS: u8 = 2;

            fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
                self.0.step(values, $whole)
            }

            fn inverse(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
                self.0.take_back(first(values));
                Ok(())
            }

            fn value(&self) -> Answer {
                Ok(match self.0.fraction {
                    Some(fraction) => $value(&self.0, fraction / $whole),
                    None => Output::Null,
                })
            }
        }
    };
}

ranked!(Percentile, 100.0, Ranked::continuous);
ranked!(Continuous, 1.0, Ranked::continuous);
ranked!(Discrete, 1.0, Ranked::discrete);
