//! Before something is dropped, the connection reads its databases' schemas.
//!
//! While libSQL parses the DROP of a vector index or of its table, it drops the index's own tables by
//! statements within the parser. Where another connection has changed the schema meanwhile, these find
//! it out of date and free what the parser still holds, which crashes the process.

use super::connection::Connection;
use super::rows::CountRows;
use super::tokens::{self, Token};
use crate::error::Result;
use crate::params::NoParams;

/// SQLite's number of the database `temp`, which nobody else changes.
const TEMP: usize = 1;

impl Connection {
    /// Another process may still change the schema between this and the parser's statements.
    pub(super) fn read_schemas_before(&self, sql: &str) -> Result<()> {
        if !drops(sql) {
            return Ok(());
        }
        let mut n = 0;
        while let Some(database) = self.raw().db_name(n) {
            if n != TEMP {
                self.read_schema(&database)?;
            }
            n += 1;
        }
        Ok(())
    }

    fn read_schema(&self, database: &str) -> Result<()> {
        let name = database.replace('"', "\"\"");
        let sql = format!("SELECT 1 FROM \"{name}\".sqlite_schema LIMIT 1");
        self.exempt(|| {
            if let (Some(mut statement), _) = self.prepare_first(&sql, 0)? {
                self.run(&mut statement, &NoParams, &mut CountRows::default())?;
            }
            Ok(())
        })
    }
}

/// Whether it is a DROP, or the EXPLAIN of one, which libSQL parses alike.
fn drops(sql: &str) -> bool {
    let mut rest = sql;
    while let Some((token, length)) = tokens::first(rest) {
        let word = &rest[..length];
        match token {
            Token::Space | Token::Comment => {}
            Token::Name if is_any(word, &["EXPLAIN", "QUERY", "PLAN"]) => {}
            _ => return is_any(word, &["DROP"]),
        }
        rest = &rest[length..];
    }
    false
}

fn is_any(word: &str, keywords: &[&str]) -> bool {
    keywords
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use super::drops;

    #[test]
    fn what_drops_is_known_by_its_first_words() {
        for sql in [
            "DROP INDEX i",
            " /* a */ drop\ttable t",
            "-- a\nDROP VIEW v",
            "EXPLAIN DROP INDEX i",
            "explain query plan Drop index i",
        ] {
            assert!(drops(sql), "{sql}");
        }
        for sql in [
            "",
            "SELECT 'DROP'",
            "ALTER TABLE t DROP COLUMN a",
            "EXPLAIN SELECT 1",
            "\"DROP\"",
        ] {
            assert!(!drops(sql), "{sql}");
        }
    }
}
