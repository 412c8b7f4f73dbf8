//! SQL cut where SQLite's tokenizer cuts it.

/// What a stretch of SQL is. None of these kinds is in doubt: whoever hides what is secret leaves
/// only names and operators as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Space,
    Comment,
    /// A string, a blob or a number.
    Literal,
    /// In double quotes: a name, or, where the connection allows that, a string.
    DoubleQuoted,
    /// `?`, `?1`, `:a`, `@a` or `$a`.
    Parameter,
    /// A keyword or a name, also one in brackets or backticks.
    Name,
    Operator,
}

/// The first token and its length in bytes; none of nothing.
pub(super) fn first(sql: &str) -> Option<(Token, usize)> {
    let bytes = sql.as_bytes();
    let token = match *bytes.first()? {
        b' ' | b'\t' | b'\n' | 0x0c | b'\r' => (Token::Space, 1),
        // A byte order mark counts as white space.
        0xef if bytes.starts_with(b"\xef\xbb\xbf") => (Token::Space, 3),
        b'-' if bytes.starts_with(b"--") => (Token::Comment, until(bytes, 2, b"\n")),
        b'/' if bytes.starts_with(b"/*") && bytes.len() > 2 => {
            (Token::Comment, until(bytes, 2, b"*/"))
        }
        b'\'' => (Token::Literal, quoted(bytes, 0)),
        b'x' | b'X' if bytes.get(1) == Some(&b'\'') => (Token::Literal, quoted(bytes, 1)),
        b'"' => (Token::DoubleQuoted, quoted(bytes, 0)),
        b'`' => (Token::Name, quoted(bytes, 0)),
        b'[' => (Token::Name, until(bytes, 1, b"]")),
        b'?' => (Token::Parameter, 1 + digits(&bytes[1..])),
        b':' | b'@' | b'#' | b'$' => variable(bytes),
        b'0'..=b'9' => (Token::Literal, number(bytes)),
        b'.' if bytes.get(1).is_some_and(u8::is_ascii_digit) => (Token::Literal, number(bytes)),
        byte if in_name(byte) => (Token::Name, count(bytes, in_name)),
        _ => (Token::Operator, 1),
    };
    Some(token)
}

/// Whether a byte can be part of a name.
pub(super) fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn count(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|byte| !wanted(*byte))
        .unwrap_or(bytes.len())
}

fn digits(bytes: &[u8]) -> usize {
    count(bytes, |byte| byte.is_ascii_digit())
}

/// Up to and with `end`, looked for from `from` on; all, where it is missing.
fn until(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    bytes[from..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(bytes.len(), |at| from + at + end.len())
}

/// What is in quotes, of which the first is at `open`; a doubled one does not end it.
fn quoted(bytes: &[u8], open: usize) -> usize {
    let quote = bytes[open];
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte == quote {
            match bytes.get(at) {
                Some(next) if *next == quote => at += 1,
                _ => return at,
            }
        }
    }
    bytes.len()
}

/// A named parameter, with Tcl's `::` and `(…)` in its name; a sign without a name is an operator.
fn variable(bytes: &[u8]) -> (Token, usize) {
    let mut named = false;
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        if in_name(*byte) {
            named = true;
            at += 1;
        } else if *byte == b'(' && named {
            let rest = &bytes[at + 1..];
            let inside = count(rest, |byte| byte != b')' && !byte.is_ascii_whitespace());
            let closed = usize::from(rest.get(inside) == Some(&b')'));
            return (Token::Parameter, at + 1 + inside + closed);
        } else if *byte == b':' && bytes.get(at + 1) == Some(&b':') {
            at += 2;
        } else {
            break;
        }
    }
    match named {
        true => (Token::Parameter, at),
        false => (Token::Operator, 1),
    }
}

fn number(bytes: &[u8]) -> usize {
    let hexadecimal = matches!(bytes, [b'0', b'x' | b'X', ..]);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let exponents_sign = !hexadecimal
            && at > 0
            && matches!(byte, b'+' | b'-')
            && matches!(bytes[at - 1], b'e' | b'E')
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !(in_name(*byte) || *byte == b'.' || exponents_sign) {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut sql: &str) -> Vec<(Token, &str)> {
        let mut tokens = Vec::new();
        while let Some((token, length)) = first(sql) {
            let (text, rest) = sql.split_at(length);
            tokens.push((token, text));
            sql = rest;
        }
        tokens
    }

    #[test]
    fn cuts_where_sqlite_does() {
        use Token::{Comment, DoubleQuoted, Literal, Name, Operator, Parameter};
        for (sql, expected) in [
            ("'it''s'", vec![(Literal, "'it''s'")]),
            ("x'00'", vec![(Literal, "x'00'")]),
            ("'open", vec![(Literal, "'open")]),
            ("1.5e-3", vec![(Literal, "1.5e-3")]),
            (
                "0x1e+5",
                vec![(Literal, "0x1e"), (Operator, "+"), (Literal, "5")],
            ),
            (".5", vec![(Literal, ".5")]),
            ("1_000", vec![(Literal, "1_000")]),
            ("a.b", vec![(Name, "a"), (Operator, "."), (Name, "b")]),
            ("\"a\"\"b\"", vec![(DoubleQuoted, "\"a\"\"b\"")]),
            ("[a'b]", vec![(Name, "[a'b]")]),
            ("`a``'`", vec![(Name, "`a``'`")]),
            ("?12", vec![(Parameter, "?12")]),
            ("$a::b(c)", vec![(Parameter, "$a::b(c)")]),
            (
                ":a+@b",
                vec![(Parameter, ":a"), (Operator, "+"), (Parameter, "@b")],
            ),
            ("-- '\n1", vec![(Comment, "-- '\n"), (Literal, "1")]),
            ("/*/'*/x", vec![(Comment, "/*/'*/"), (Name, "x")]),
            ("/* open", vec![(Comment, "/* open")]),
            ("größe", vec![(Name, "größe")]),
            (
                "\u{feff}1",
                vec![(Token::Space, "\u{feff}"), (Literal, "1")],
            ),
        ] {
            assert_eq!(all(sql), expected, "{sql}");
        }
    }

    #[test]
    fn every_text_is_cut_into_whole_characters_and_nothing_is_lost() {
        for sql in [
            "?é",
            ":é",
            "$",
            "(",
            "x'",
            "é'ü",
            "\u{1f600}",
            "--",
            "/*",
            "#1",
            "\u{0}",
        ] {
            let whole: String = all(sql).into_iter().map(|(_, text)| text).collect();
            assert_eq!(whole, sql);
        }
    }
}
