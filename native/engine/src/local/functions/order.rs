//! The collations `unicode_nocase` and `natural_sort`. What is no UTF-8 counts as U+FFFD.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

use super::unicode::folded;

/// By the letters in every script, whichever case they have. Equal is what differs by case only.
pub(super) fn ignoring_case(left: &[u8], right: &[u8]) -> Ordering {
    let same = left
        .iter()
        .zip(right)
        .take_while(|(left, right)| {
            left.is_ascii() && right.is_ascii() && left.eq_ignore_ascii_case(right)
        })
        .count();
    let (left, right) = (&left[same..], &right[same..]);
    match (left.first(), right.first()) {
        (None, _) | (_, None) => left.len().cmp(&right.len()),
        (Some(left), Some(right)) if left.is_ascii() && right.is_ascii() => {
            left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase())
        }
        _ => folded(&lossy(left)).cmp(folded(&lossy(right))),
    }
}

/// As people sort: `file9` before `file10`, in any case. Only what is the same text is equal.
pub(super) fn natural(left: &[u8], right: &[u8]) -> Ordering {
    let (left_text, right_text) = (lossy(left), lossy(right));
    let (mut lefts, mut rights) = (left_text.chars().peekable(), right_text.chars().peekable());
    loop {
        let ordering = match (lefts.peek(), rights.peek()) {
            (None, None) => return left.cmp(right),
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                compare(&number(&mut lefts), &number(&mut rights))
            }
            _ => letter(&mut lefts).cmp(&letter(&mut rights)),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// The next number's digits, without the zeros before it.
fn number(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    digits
}

fn compare(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn letter(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut bytes = [0; 4];
    chars
        .next()
        .map(|letter| folded(letter.encode_utf8(&mut bytes)).collect())
}

fn lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}
