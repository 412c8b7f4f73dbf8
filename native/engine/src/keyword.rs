//! A statement's first word, by which SQL's grammar tells the kinds of statements.

/// What a statement's first word says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only reads, whatever comes after the word.
    Read,
    Begin,
    Commit,
    Rollback,
    /// RELEASE of the outermost savepoint commits.
    Release,
    Other,
}

pub(crate) fn kind(sql: &str) -> Kind {
    let rest = skip_blank(sql);
    match first_word(rest).to_ascii_uppercase().as_str() {
        "SELECT" | "VALUES" | "EXPLAIN" => Kind::Read,
        "BEGIN" => Kind::Begin,
        "COMMIT" | "END" => Kind::Commit,
        // ROLLBACK TO goes back to a savepoint; the transaction stays open.
        "ROLLBACK" if !has_word(rest, "to") => Kind::Rollback,
        "RELEASE" => Kind::Release,
        _ => Kind::Other,
    }
}

fn has_word(sql: &str, wanted: &str) -> bool {
    sql.split(|c: char| !c.is_ascii_alphabetic())
        .any(|word| word.eq_ignore_ascii_case(wanted))
}

/// The letters that a text begins with.
pub(crate) fn first_word(sql: &str) -> &str {
    let end = sql
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(sql.len());
    &sql[..end]
}

/// Skips white space, semicolons and both kinds of comment.
pub(crate) fn skip_blank(mut sql: &str) -> &str {
    loop {
        let rest = sql.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ';');
        sql = if let Some(comment) = rest.strip_prefix("--") {
            comment.find('\n').map_or("", |end| &comment[end..])
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or("", |end| &comment[end + 2..])
        } else {
            return rest;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_comments() {
        for (sql, word) in [
            ("COMMIT", "COMMIT"),
            (" ; -- BEGIN\n/* END */ rollback;", "rollback"),
            ("/* open", ""),
            ("-- only", ""),
        ] {
            assert_eq!(first_word(skip_blank(sql)), word, "{sql}");
        }
    }

    #[test]
    fn a_statements_kind_is_its_first_words() {
        for (sql, expected) in [
            (" select 1", Kind::Read),
            ("WITH a AS (SELECT 1) DELETE FROM t", Kind::Other),
            ("BEGIN IMMEDIATE", Kind::Begin),
            ("End", Kind::Commit),
            ("ROLLBACK", Kind::Rollback),
            ("ROLLBACK TRANSACTION TO a", Kind::Other),
            ("RELEASE a", Kind::Release),
            ("", Kind::Other),
        ] {
            assert_eq!(kind(sql), expected, "{sql}");
        }
    }
}
