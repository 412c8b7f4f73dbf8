//! How many letters two texts differ by.

use super::{Answer, Output, Scalar, text};
use crate::value::ValueRef;

/// The work is the product of both lengths, and cannot be stopped in its middle.
const MOST_LETTERS: usize = 1_000;

pub(super) static SCALAR: Scalar = Scalar::new(c"levenshtein", 2, levenshtein);

fn levenshtein(values: &[ValueRef<'_>]) -> Answer {
    let [left, right] = values else {
        return Ok(Output::Null);
    };
    match (text(*left)?, text(*right)?) {
        (Some(left), Some(right)) => {
            let distance = distance(&letters(&left)?, &letters(&right)?);
            Ok(Output::Integer(distance as i64))
        }
        _ => Ok(Output::Null),
    }
}

fn letters(text: &str) -> Answer<Vec<char>> {
    let letters = text.chars().take(MOST_LETTERS + 1).collect::<Vec<_>>();
    if letters.len() > MOST_LETTERS {
        return Err(format!(
            "levenshtein takes texts of up to {MOST_LETTERS} letters"
        ));
    }
    Ok(letters)
}

fn distance(left: &[char], right: &[char]) -> usize {
    let mut row = (0..=right.len()).collect::<Vec<_>>();
    for (deleted, from) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = deleted + 1;
        for (inserted, to) in right.iter().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[inserted + 1];
            row[inserted + 1] = changed.min(row[inserted] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
