//! Regular expressions of the crate `regex`: its work is linear in the text, so that no pattern can
//! hang a query. <https://docs.rs/regex/latest/regex/#syntax>

use std::cell::RefCell;

use hashlink::LruCache;
use regex::{Regex, RegexBuilder};

use super::{Answer, Output, Scalar, shown, text};
use crate::value::ValueRef;

pub(super) static SCALARS: [Scalar; 6] = [
    // `X REGEXP Y` is `regexp(Y, X)`.
    Scalar::new(c"regexp", 2, |values| match values {
        [pattern, text] => matches(*text, *pattern),
        _ => Ok(Output::Null),
    }),
    Scalar::new(c"regexp_like", 2, |values| match values {
        [text, pattern] => matches(*text, *pattern),
        _ => Ok(Output::Null),
    }),
    Scalar::new(c"regexp_substr", 2, |values| match values {
        [text, pattern] => captured(*text, *pattern, ValueRef::Integer(0)),
        _ => Ok(Output::Null),
    }),
    Scalar::new(c"regexp_capture", 2, |values| match values {
        [text, pattern] => captured(*text, *pattern, ValueRef::Integer(1)),
        _ => Ok(Output::Null),
    }),
    Scalar::new(c"regexp_capture", 3, |values| match values {
        [text, pattern, group] => captured(*text, *pattern, *group),
        _ => Ok(Output::Null),
    }),
    Scalar::new(c"regexp_replace", 3, |values| match values {
        [text, pattern, replacement] => replaced(*text, *pattern, *replacement),
        _ => Ok(Output::Null),
    }),
];

/// Bytes of a compiled pattern, and of what it keeps while it searches.
const SIZE: usize = 256 << 10;

/// Longer patterns are refused before they are read.
const LENGTH: usize = 16 * 1024;

/// Patterns that a thread keeps compiled.
const KEPT: usize = 16;

/// Of a text after replacing: a short one can become one that fills the memory, by `$0` many times.
const MOST_BYTES: usize = 256 << 20;

thread_local! {
    static COMPILED: RefCell<LruCache<String, Regex>> = RefCell::new(LruCache::new(KEPT));
}

fn with_pattern<T>(pattern: &str, work: impl FnOnce(&Regex) -> T) -> Answer<T> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return Ok(work(regex));
        }
        let regex = compile(pattern)?;
        let worked = work(&regex);
        compiled.insert(pattern.to_owned(), regex);
        Ok(worked)
    })
}

fn compile(pattern: &str) -> Answer<Regex> {
    if pattern.len() > LENGTH {
        return Err(format!("a regular expression of more than {LENGTH} bytes"));
    }
    RegexBuilder::new(pattern)
        .size_limit(SIZE)
        .dfa_size_limit(SIZE)
        .build()
        .map_err(|error| {
            let reason = match error {
                regex::Error::CompiledTooBig(_) => {
                    format!("compiled, it is larger than {SIZE} bytes")
                }
                // Its last line says what is wrong; those before point to where.
                error => error
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .to_owned(),
            };
            format!(
                "the regular expression {}: {reason}",
                shown(pattern.as_bytes())
            )
        })
}

fn matches(value: ValueRef<'_>, pattern: ValueRef<'_>) -> Answer {
    match (text(value)?, text(pattern)?) {
        (Some(text), Some(pattern)) => {
            let matches = with_pattern(&pattern, |regex| regex.is_match(&text))?;
            Ok(Output::Integer(i64::from(matches)))
        }
        _ => Ok(Output::Null),
    }
}

/// What a group, by number or name, has matched; 0 is the whole match. NULL where nothing has.
fn captured(value: ValueRef<'_>, pattern: ValueRef<'_>, group: ValueRef<'_>) -> Answer {
    let (Some(text), Some(pattern)) = (text(value)?, text(pattern)?) else {
        return Ok(Output::Null);
    };
    with_pattern(&pattern, |regex| {
        let group = match group {
            ValueRef::Null => return Ok(Output::Null),
            ValueRef::Integer(number) => usize::try_from(number)
                .ok()
                .filter(|number| *number < regex.captures_len()),
            ValueRef::Text(name) => regex
                .capture_names()
                .position(|found| found.is_some_and(|found| found.as_bytes() == name)),
            ValueRef::Real(_) | ValueRef::Blob(_) => None,
        };
        let group = group.ok_or_else(|| {
            format!(
                "the regular expression {} has no such group",
                shown(pattern.as_bytes())
            )
        })?;
        let found = regex
            .captures(&text)
            .and_then(|captures| captures.get(group).map(|found| found.as_str().to_owned()));
        Ok(found.map_or(Output::Null, Output::Text))
    })?
}

/// Every match replaced; `$1` and `${name}` in the replacement are what a group has matched.
fn replaced(value: ValueRef<'_>, pattern: ValueRef<'_>, replacement: ValueRef<'_>) -> Answer {
    match (text(value)?, text(pattern)?, text(replacement)?) {
        (Some(text), Some(pattern), Some(replacement)) => {
            with_pattern(&pattern, |regex| expanded(regex, &text, &replacement))?
        }
        _ => Ok(Output::Null),
    }
}

fn expanded(regex: &Regex, text: &str, replacement: &str) -> Answer {
    let references = replacement.matches('$').count();
    let mut answer = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(text) {
        let Some(found) = captures.get(0) else {
            continue;
        };
        let most = references
            .saturating_mul(found.len())
            .saturating_add(replacement.len() + found.start() - end);
        if most > MOST_BYTES.saturating_sub(answer.len()) {
            return Err(format!(
                "more than {MOST_BYTES} bytes after the replacement"
            ));
        }
        answer.push_str(&text[end..found.start()]);
        captures.expand(replacement, &mut answer);
        end = found.end();
    }
    answer.push_str(&text[end..]);
    Ok(Output::Text(answer))
}
