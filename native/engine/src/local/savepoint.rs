//! What a statement does to savepoints: <https://sqlite.org/lang_savepoint.html>. SQLite does not
//! tell of them.

use crate::keyword::skip_blank;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Savepoint {
    Set(String),
    Release(String),
    RollBackTo(String),
}

/// None for any other statement.
pub(super) fn savepoint(sql: &str) -> Option<Savepoint> {
    let mut tokens = Tokens(sql);
    let verb = tokens.next()?;
    if verb.is("SAVEPOINT") {
        Some(Savepoint::Set(tokens.next()?.text))
    } else if verb.is("RELEASE") {
        Some(Savepoint::Release(tokens.name()?))
    } else if verb.is("ROLLBACK") {
        let to = tokens.find(|token| token.is("TO"))?;
        debug_assert!(!to.quoted);
        Some(Savepoint::RollBackTo(tokens.name()?))
    } else {
        None
    }
}

struct Token {
    text: String,
    quoted: bool,
}

impl Token {
    fn is(&self, keyword: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(keyword)
    }
}

/// Words and quoted names.
struct Tokens<'s>(&'s str);

impl Tokens<'_> {
    /// A name, before which the word SAVEPOINT may stand.
    fn name(&mut self) -> Option<String> {
        let token = self.next()?;
        if token.is("SAVEPOINT") {
            return Some(self.next()?.text);
        }
        Some(token.text)
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let sql = skip_blank(self.0);
        let close = match sql.chars().next()? {
            '[' => Some(']'),
            quote @ ('"' | '\'' | '`') => Some(quote),
            _ => None,
        };
        let (text, read) = match close {
            Some(close) => quoted(&sql[1..], close)?,
            None => {
                let end = sql
                    .find(|c: char| c.is_ascii_whitespace() || ";/-\"'`[".contains(c))
                    .unwrap_or(sql.len());
                (sql[..end].to_owned(), end)
            }
        };
        if read == 0 {
            return None;
        }
        self.0 = &sql[read..];
        Some(Token {
            text,
            quoted: close.is_some(),
        })
    }
}

/// What stands before `close`, which is doubled where it is meant, and how long that is with both
/// quotes.
fn quoted(sql: &str, close: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = sql.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character != close {
            text.push(character);
        } else if close != ']' && characters.next_if(|(_, next)| *next == close).is_some() {
            text.push(close);
        } else {
            return Some((text, at + 2));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_sqlite_reads_it() {
        let set = |name: &str| Some(Savepoint::Set(name.to_owned()));
        let release = |name: &str| Some(Savepoint::Release(name.to_owned()));
        let back = |name: &str| Some(Savepoint::RollBackTo(name.to_owned()));
        for (sql, expected) in [
            ("SAVEPOINT a", set("a")),
            ("  savepoint\n\"a \"\"b\";", set("a \"b")),
            ("SAVEPOINT[a]", set("a")),
            ("SAVEPOINT 'it''s'", set("it's")),
            ("SAVEPOINT `ä`", set("ä")),
            ("SAVEPOINT äö -- c", set("äö")),
            ("RELEASE a", release("a")),
            ("RELEASE/* x */SAVEPOINT a;", release("a")),
            ("ROLLBACK TO a", back("a")),
            ("ROLLBACK TRANSACTION TO SAVEPOINT \"to\"", back("to")),
            ("ROLLBACK TRANSACTION 'to' TO b", back("b")),
            ("ROLLBACK", None),
            ("ROLLBACK TRANSACTION", None),
            ("SAVEPOINT", None),
            ("SAVEPOINT \"open", None),
            ("COMMIT", None),
            ("", None),
        ] {
            assert_eq!(savepoint(sql), expected, "{sql}");
        }
    }
}
