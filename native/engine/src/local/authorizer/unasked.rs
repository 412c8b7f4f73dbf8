//! What SQLite does without asking its authorizer, told by a statement's text.
//!
//! - The columns of a join by USING or NATURAL are compared, and nobody is asked whether they may be
//!   read.
//! - `INSERT INTO a SELECT * FROM b` copies a table of the same columns page by page.
//! - The name of a common table expression is given as that of a view.

use super::policy::{Names, Policy};

/// Why a statement is not to run that SQLite has prepared, if it is not.
pub(super) fn refused(policy: &Policy, sql: &str) -> Option<&'static str> {
    if !policy.hides && policy.trusted.is_empty() {
        return None;
    }
    let tokens = tokens(sql.as_bytes());
    if policy.hides {
        if joins_unasked(&tokens) {
            return Some(
                "SQLite does not ask about the columns of a NATURAL join or of USING; join ON them",
            );
        }
        if copies_unasked(&tokens) {
            return Some("SQLite does not ask about INSERT ... SELECT *; name the columns");
        }
    }
    defines_trusted(&tokens, &policy.trusted)
        .then_some("a common table expression has the name of a view or trigger of the policy")
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const VERTICAL_TAB: u8 = 0x0B;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a [u8]),
    /// A name in quotes, without them.
    Quoted(Vec<u8>),
    Sign(u8),
    /// A number, or a parameter.
    Other,
}

impl Token<'_> {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword.as_bytes()))
    }

    fn name(&self) -> Option<&[u8]> {
        match self {
            Token::Word(word) => Some(word),
            Token::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

fn joins_unasked(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| token.is("NATURAL"))
        || tokens
            .windows(2)
            .any(|pair| pair[0].is("USING") && pair[1] == Token::Sign(b'('))
}

fn copies_unasked(tokens: &[Token<'_>]) -> bool {
    let mut into = false;
    for (at, token) in tokens.iter().enumerate() {
        into |= token.is("INTO");
        let columns = match tokens.get(at + 1) {
            Some(next) if next.is("ALL") => tokens.get(at + 2),
            next => next,
        };
        if into && token.is("SELECT") && columns == Some(&Token::Sign(b'*')) {
            return true;
        }
    }
    false
}

/// `name AS (`, `name (columns) AS (`, and both with MATERIALIZED.
fn defines_trusted(tokens: &[Token<'_>], trusted: &Names) -> bool {
    !trusted.is_empty()
        && tokens.iter().enumerate().any(|(at, token)| {
            token.name().is_some_and(|name| trusted.contains(name))
                && is_definition(&tokens[at + 1..])
        })
}

fn is_definition(after_name: &[Token<'_>]) -> bool {
    let mut rest = after_name;
    if rest.first() == Some(&Token::Sign(b'(')) {
        let Some(end) = rest.iter().position(|token| *token == Token::Sign(b')')) else {
            return false;
        };
        rest = &rest[end + 1..];
    }
    if !rest.first().is_some_and(|token| token.is("AS")) {
        return false;
    }
    let body = rest[1..]
        .iter()
        .find(|token| !(token.is("NOT") || token.is("MATERIALIZED")));
    body == Some(&Token::Sign(b'('))
}

/// As SQLite reads them, of a statement that it has prepared. Without white space and comments.
fn tokens(mut sql: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    while let Some(&first) = sql.first() {
        let length = match first {
            // A byte order mark is white space.
            0xEF if sql.starts_with(BYTE_ORDER_MARK) => BYTE_ORDER_MARK.len(),
            b'-' if sql.get(1) == Some(&b'-') => until(sql, b"\n"),
            b'/' if sql.get(1) == Some(&b'*') => 2 + until(&sql[2..], b"*/"),
            b'\'' | b'"' | b'`' => {
                let (name, length) = quoted(sql, first);
                tokens.push(Token::Quoted(name));
                length
            }
            b'[' => {
                let length = until(sql, b"]");
                let name = &sql[1..length];
                tokens.push(Token::Quoted(
                    name.strip_suffix(b"]").unwrap_or(name).to_vec(),
                ));
                length
            }
            b'0'..=b'9' => {
                tokens.push(Token::Other);
                word(sql)
            }
            b'$' | b'@' | b':' | b'#' => {
                tokens.push(Token::Other);
                parameter(sql)
            }
            first if in_word(first) => {
                let length = word(sql);
                tokens.push(Token::Word(&sql[..length]));
                length
            }
            first if first.is_ascii_whitespace() || first == VERTICAL_TAB => 1,
            first => {
                tokens.push(Token::Sign(first));
                1
            }
        };
        sql = &sql[length..];
    }
    tokens
}

/// The bytes up to the end of what ends there.
fn until(sql: &[u8], end: &[u8]) -> usize {
    sql.windows(end.len())
        .position(|window| window == end)
        .map_or(sql.len(), |at| at + end.len())
}

fn word(sql: &[u8]) -> usize {
    sql.iter()
        .position(|byte| !in_word(*byte))
        .unwrap_or(sql.len())
}

/// `$name`, also `$name::suffix` and `$name(anything)`.
fn parameter(sql: &[u8]) -> usize {
    let mut at = 1;
    loop {
        at += word(&sql[at..]);
        match (sql.get(at), sql.get(at + 1)) {
            (Some(b'('), _) if at > 1 => return at + until(&sql[at..], b")"),
            (Some(b':'), Some(b':')) => at += 2,
            _ => return at,
        }
    }
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// What stands in quotes, and the length with them. A quote that is doubled is one of the text.
fn quoted(sql: &[u8], quote: u8) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut at = 1;
    while let Some(&byte) = sql.get(at) {
        at += 1;
        if byte == quote {
            if sql.get(at) != Some(&quote) {
                break;
            }
            at += 1;
        }
        text.push(byte);
    }
    (text, at)
}
