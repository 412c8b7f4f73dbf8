//! Text in all scripts: case folding and letters without their accents.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::{Answer, Output, Scalar, first, text};
use crate::value::ValueRef;

pub(super) static SCALARS: [Scalar; 2] = [
    Scalar::new(c"casefold", 1, |values| {
        with_text(values, |text| folded(text).collect())
    }),
    Scalar::new(c"unaccent", 1, |values| with_text(values, unaccented)),
];

/// Unicode's default case folding, in full: `ß` is `ss`.
pub(super) fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().default_case_fold()
}

/// Accents of Latin, Greek and Cyrillic letters are Unicode's combining diacritical marks; the
/// marks of other scripts are more than accents, and stay.
fn unaccented(text: &str) -> String {
    text.nfd()
        .filter(|letter| !('\u{300}'..='\u{36f}').contains(letter))
        .flat_map(|letter| match plain(letter) {
            "" => Letters::One(Some(letter)),
            plain => Letters::Some(plain.chars()),
        })
        .nfc()
        .collect()
}

enum Letters {
    One(Option<char>),
    Some(std::str::Chars<'static>),
}

impl Iterator for Letters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Letters::One(letter) => letter.take(),
            Letters::Some(letters) => letters.next(),
        }
    }
}

/// Latin letters whose stroke or ligature is no combining mark.
fn plain(letter: char) -> &'static str {
    match letter {
        'Æ' => "AE",
        'æ' => "ae",
        'Œ' => "OE",
        'œ' => "oe",
        'Ø' => "O",
        'ø' => "o",
        'Đ' | 'Ð' => "D",
        'đ' | 'ð' => "d",
        'Ħ' => "H",
        'ħ' => "h",
        'ı' => "i",
        'Ł' => "L",
        'ł' => "l",
        'Ŧ' => "T",
        'ŧ' => "t",
        'Þ' => "TH",
        'þ' => "th",
        'ẞ' => "SS",
        'ß' => "ss",
        _ => "",
    }
}

fn with_text(values: &[ValueRef<'_>], work: fn(&str) -> String) -> Answer {
    Ok(match text(first(values))? {
        Some(text) => Output::Text(work(&text)),
        None => Output::Null,
    })
}
