//! Where a script's statements end: the state machine of `sqlite3_complete`, which knows that a
//! trigger's body holds semicolons.
//!
//! <https://sqlite.org/src/file/src/complete.c>; the states and the table are SQLite's.

/// The statements of a script, without blank ones.
pub(super) fn split(script: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut rest = script;
    while !rest.is_empty() {
        let (statement, after) = rest.split_at(first_end(rest));
        if !crate::keyword::skip_blank(statement).is_empty() {
            statements.push(statement.trim());
        }
        rest = after;
    }
    statements
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Semicolon,
    Blank,
    Other,
    Explain,
    Create,
    Temp,
    Trigger,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but blanks so far.
    Invalid,
    /// Behind a statement's end.
    Start,
    Normal,
    Explain,
    Create,
    Trigger,
    /// Behind a semicolon of a trigger.
    Semicolon,
    /// Behind `; END` of a trigger.
    End,
}

impl State {
    fn next(self, token: Token) -> State {
        use State::*;
        match (self, token) {
            (state, Token::Blank) => state,
            (Trigger | Semicolon, Token::Semicolon) => Semicolon,
            (Semicolon, Token::End) => End,
            (End, Token::Semicolon) => Start,
            (Trigger | Semicolon | End, _) => Trigger,
            (_, Token::Semicolon) => Start,
            (Invalid | Start, Token::Explain) => Explain,
            (Invalid | Start | Explain, Token::Create) => Create,
            (Explain, Token::Other) => Explain,
            (Create, Token::Temp) => Create,
            (Create, Token::Trigger) => Trigger,
            (Invalid | Start | Normal | Explain | Create, _) => Normal,
        }
    }
}

/// The length of the first statement, its semicolon included.
pub(super) fn first_end(sql: &str) -> usize {
    let mut state = State::Invalid;
    let mut at = 0;
    while at < sql.len() {
        let (token, length) = token(&sql[at..]);
        at += length;
        state = state.next(token);
        if state == State::Start && token == Token::Semicolon {
            return at;
        }
    }
    sql.len()
}

/// The token that a text begins with, and its length.
fn token(sql: &str) -> (Token, usize) {
    let bytes = sql.as_bytes();
    let quoted = |end: char| sql[1..].find(end).map_or(sql.len(), |found| found + 2);
    match bytes.first() {
        Some(b';') => (Token::Semicolon, 1),
        Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0c) => (Token::Blank, 1),
        Some(b'/') if bytes.get(1) == Some(&b'*') => (
            Token::Blank,
            sql[2..].find("*/").map_or(sql.len(), |found| found + 4),
        ),
        Some(b'-') if bytes.get(1) == Some(&b'-') => {
            (Token::Blank, sql.find('\n').unwrap_or(sql.len()))
        }
        Some(b'[') => (Token::Other, quoted(']')),
        Some(b'`') => (Token::Other, quoted('`')),
        Some(b'"') => (Token::Other, quoted('"')),
        Some(b'\'') => (Token::Other, quoted('\'')),
        Some(first) if is_word(*first) => {
            let length = bytes
                .iter()
                .position(|byte| !is_word(*byte))
                .unwrap_or(sql.len());
            (keyword(&sql[..length]), length)
        }
        _ => (Token::Other, 1),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

fn keyword(word: &str) -> Token {
    match word.to_ascii_uppercase().as_str() {
        "EXPLAIN" => Token::Explain,
        "CREATE" => Token::Create,
        "TEMP" | "TEMPORARY" => Token::Temp,
        "TRIGGER" => Token::Trigger,
        "END" => Token::End,
        _ => Token::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn statements_end_at_their_semicolons() {
        assert_eq!(
            split("SELECT 1; ; -- ; no\n SELECT ';' || \"a;b\" || [c;d] /* ; */;\n-- end"),
            [
                "SELECT 1;",
                "-- ; no\n SELECT ';' || \"a;b\" || [c;d] /* ; */;"
            ]
        );
        assert_eq!(split("SELECT 'it''s;' "), ["SELECT 'it''s;'"]);
        assert_eq!(split(" ;; /* open"), Vec::<&str>::new());
        assert_eq!(
            split("SELECT 'é;ü'; SELECT ж"),
            ["SELECT 'é;ü';", "SELECT ж"]
        );
    }

    #[test]
    fn a_triggers_body_is_part_of_it() {
        let trigger = "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; \
                       DELETE FROM t; END;";
        let script = format!("{trigger} SELECT 1; EXPLAIN {trigger}");
        assert_eq!(
            split(&script),
            [trigger, "SELECT 1;", &format!("EXPLAIN {trigger}")]
        );
        assert_eq!(
            split("CREATE TABLE end (trigger); SELECT 1"),
            ["CREATE TABLE end (trigger);", "SELECT 1"]
        );
    }
}
