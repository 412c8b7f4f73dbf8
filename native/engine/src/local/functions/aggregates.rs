//! Aggregates of decimals. NULL is left out, as SQL's own aggregates do it.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::decimal::{Decimal, collate};
use super::number::Number;
use super::{Aggregate, Answer, Output, first, no_number, number_text};
use crate::value::ValueRef;

/// The exact sum; NULL of nothing.
#[derive(Debug)]
pub(super) struct Sum {
    sum: Decimal,
    count: u64,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum {
            sum: Decimal::zero(),
            count: 0,
        }
    }
}

impl Aggregate for Sum {
    fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        if let Some(text) = number_text(first(values))? {
            let number = Decimal::parse(&text)?;
            // The first one's scale stays: 1.50 is the sum of 1.50 alone.
            self.sum = if self.count == 0 {
                number
            } else {
                self.sum.add(&number)?
            };
            self.count += 1;
        }
        Ok(())
    }

    fn inverse(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        if let Some(text) = number_text(first(values))? {
            self.sum = self.sum.subtract(&Decimal::parse(&text)?)?;
            self.count = self.count.saturating_sub(1);
        }
        Ok(())
    }

    fn value(&self) -> Answer {
        Ok(match self.count {
            0 => Output::Null,
            _ => Output::Text(self.sum.to_string()),
        })
    }
}

/// The sum divided by the count.
#[derive(Debug, Default)]
pub(super) struct Avg(Sum);

impl Aggregate for Avg {
    fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        self.0.step(values)
    }

    fn inverse(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
        self.0.inverse(values)
    }

    fn value(&self) -> Answer {
        Ok(match self.0.count {
            0 => Output::Null,
            count => Output::Text(self.0.sum.divide(&Decimal::from_count(count))?.to_string()),
        })
    }
}

/// The candidates for the best value of a frame that only moves forward: each is beaten by the
/// one before it, and the first is the best. Steps are numbered, so that taking one back, which
/// SQLite does in the order of the steps, is a look at the first candidate.
///
/// Outside of a window this holds more than the best one only while values come in the order
/// from best to worst.
#[derive(Debug, Default)]
struct Best {
    candidates: VecDeque<(u64, String)>,
    steps: u64,
    taken_back: u64,
}

impl Best {
    fn step(&mut self, value: ValueRef<'_>, better: Ordering) -> Answer<()> {
        self.steps += 1;
        let Some(text) = number_text(value)? else {
            return Ok(());
        };
        if Number::parse(&text).is_none() {
            return Err(no_number(&text));
        }
        // Of equal ones the first stays the best.
        while let Some((_, last)) = self.candidates.back()
            && collate(&text, last.as_bytes()) == better
        {
            self.candidates.pop_back();
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        self.candidates.push_back((self.steps, text));
        Ok(())
    }

    fn inverse(&mut self) {
        self.taken_back += 1;
        if let Some((step, _)) = self.candidates.front()
            && *step <= self.taken_back
        {
            self.candidates.pop_front();
        }
    }

    fn value(&self) -> Output {
        match self.candidates.front() {
            None => Output::Null,
            Some((_, text)) => Output::Text(text.clone()),
        }
    }
}

macro_rules! best {
    ($name:ident, $better:expr) => {
        #[derive(Debug, Default)]
        pub(super) struct $name(Best);

        impl Aggregate for $name {
            fn step(&mut self, values: &[ValueRef<'_>]) -> Answer<()> {
                self.0.step(first(values), $better)
            }

            fn inverse(&mut self, _values: &[ValueRef<'_>]) -> Answer<()> {
                self.0.inverse();
                Ok(())
            }

            fn value(&self) -> Answer {
                Ok(self.0.value())
            }
        }
    };
}

best!(Min, Ordering::Less);
best!(Max, Ordering::Greater);
