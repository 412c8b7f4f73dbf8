//! SQL with its parameters' values written in: <https://sqlite.org/c3ref/expanded_sql.html>.
//!
//! Written here and not by SQLite, whose own text loses a float's last digits and all that follows
//! a NUL, and makes a comment of `1-?` with -5. And what is to be hidden is never written at all.

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, Source};
use super::statement::Statement;
use super::tokens::{self, Token};
use crate::error::{Error, Result, SqliteError};
use crate::params::{self, Params};
use crate::value::{Value, ValueRef};

/// What is not to be read in expanded SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redact {
    Nothing,
    /// The values of these parameters: a name fits as in [`crate::params::Bind::resolve`], a
    /// number counts from 1.
    Parameters(Vec<String>),
    /// All values: no parameter is expanded, and literals and comments are hidden, too.
    Everything,
}

/// What stands where something is hidden.
const HIDDEN: &str = "'[redacted]'";

/// Longer SQL is not made: nobody reads it.
const LONGEST: usize = 64 << 20;

impl Connection {
    /// The SQL of a statement as it would run with these parameters. Nothing is run.
    pub fn expanded_sql<'p, P>(
        &mut self,
        source: Source<'_>,
        params: &P,
        redact: &Redact,
        call: &Call,
    ) -> Result<String>
    where
        P: Params<'p> + ?Sized,
    {
        match source {
            Source::Prepared(id) => self.expand(self.statement(id)?, params, redact),
            Source::Sql(sql) => {
                let statement = self.in_call(call, |connection| connection.take_statement(sql))?;
                let expanded = self.expand(&statement, params, redact);
                self.give_back(statement, None);
                expanded
            }
        }
    }

    fn expand<'p, P>(&self, statement: &Statement, params: &P, redact: &Redact) -> Result<String>
    where
        P: Params<'p> + ?Sized,
    {
        let names = Names::of(statement);
        if let Redact::Parameters(hidden) = redact {
            names.check(hidden)?;
        }
        self.write_expanded(statement, &names, params, redact, self.longest_sql())
    }

    /// The same, of a statement that need not have the parameters that are to be hidden.
    pub(super) fn expand_up_to<'p, P>(
        &self,
        statement: &Statement,
        params: &P,
        redact: &Redact,
        longest: usize,
    ) -> Result<String>
    where
        P: Params<'p> + ?Sized,
    {
        self.write_expanded(statement, &Names::of(statement), params, redact, longest)
    }

    fn write_expanded<'p, P>(
        &self,
        statement: &Statement,
        names: &Names<'_>,
        params: &P,
        redact: &Redact,
        longest: usize,
    ) -> Result<String>
    where
        P: Params<'p> + ?Sized,
    {
        let values = params::values(statement, params)?;
        let mut writer = Writer {
            text: String::new(),
            longest,
            statement: statement.sql(),
        };
        match redact {
            Redact::Everything => writer.hide_all(self.options.double_quoted_strings),
            Redact::Nothing => writer.expand(names, &values, &[]),
            Redact::Parameters(hidden) => writer.expand(names, &values, hidden),
        }?;
        Ok(writer.text)
    }

    /// What SQLite would take, so that it can be run.
    fn longest_sql(&self) -> usize {
        let limit = self.raw().limit(ffi::SQLITE_LIMIT_SQL_LENGTH, -1);
        usize::try_from(limit).unwrap_or(LONGEST).min(LONGEST)
    }
}

/// A statement's parameters by their positions.
struct Names<'s>(Vec<Option<&'s str>>);

impl<'s> Names<'s> {
    fn of(statement: &'s Statement) -> Names<'s> {
        let positions = 1..=statement.parameter_count();
        Names(
            positions
                .map(|position| statement.parameter_name(position))
                .collect(),
        )
    }

    /// A name that fits no parameter may be misspelt, and would leave a secret in the open.
    fn check(&self, hidden: &[String]) -> Result<()> {
        let fits = |wanted: &String| {
            (0..self.0.len())
                .any(|index| is_hidden(std::slice::from_ref(wanted), index, self.0[index]))
        };
        match hidden.iter().find(|wanted| !fits(wanted)) {
            None => Ok(()),
            Some(unknown) => Err(Error::InvalidArgument(format!(
                "the statement has no parameter {unknown} that could be redacted"
            ))),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        let index = self.0.iter().position(|known| *known == Some(name))?;
        Some(index + 1)
    }
}

fn is_hidden(hidden: &[String], index: usize, name: Option<&str>) -> bool {
    let position = (index + 1).to_string();
    hidden.iter().any(|wanted| {
        *wanted == position || name.is_some_and(|name| name == wanted || name[1..] == **wanted)
    })
}

struct Writer<'s> {
    text: String,
    longest: usize,
    statement: &'s str,
}

impl Writer<'_> {
    /// Writes the values in, but for those that are hidden.
    fn expand(&mut self, names: &Names<'_>, values: &[Value], hidden: &[String]) -> Result<()> {
        let mut rest = self.statement;
        // The position of the next `?`, as SQLite counts them.
        let mut next = 1;
        while let Some((token, length)) = tokens::first(rest) {
            let (text, after) = rest.split_at(length);
            rest = after;
            if token != Token::Parameter {
                self.push(text)?;
                continue;
            }
            let position = match text {
                "?" => Some(next),
                text => match text.strip_prefix('?') {
                    Some(number) => number.parse().ok(),
                    None => names.position(text),
                },
            };
            next = next.max(position.unwrap_or(0) + 1);
            let index = position.and_then(|position| position.checked_sub(1));
            match index.and_then(|index| Some((index, values.get(index)?))) {
                Some((index, value)) if !is_hidden(hidden, index, names.0[index]) => {
                    self.value(value.as_ref(), after)?;
                }
                _ => self.apart(HIDDEN, after)?,
            }
        }
        Ok(())
    }

    /// Leaves nothing but keywords, names, operators and the parameters' signs.
    fn hide_all(&mut self, double_quoted_strings: bool) -> Result<()> {
        let mut rest = self.statement;
        // What a pragma is set to may be a bare word.
        let pragma = crate::keyword::first_word(crate::keyword::skip_blank(rest))
            .eq_ignore_ascii_case("pragma");
        let mut set = false;
        while let Some((token, length)) = tokens::first(rest) {
            let (text, after) = rest.split_at(length);
            rest = after;
            set = set || (pragma && matches!(text, "=" | "("));
            match token {
                Token::Comment => self.push(" ")?,
                Token::Literal => self.apart(HIDDEN, after)?,
                Token::DoubleQuoted if double_quoted_strings || set => self.apart(HIDDEN, after)?,
                Token::Name if set => self.apart(HIDDEN, after)?,
                _ => self.push(text)?,
            }
        }
        Ok(())
    }

    fn value(&mut self, value: ValueRef<'_>, after: &str) -> Result<()> {
        match value {
            ValueRef::Null => self.apart("NULL", after),
            ValueRef::Integer(integer) if integer < 0 => self.push(&format!("({integer})")),
            ValueRef::Integer(integer) => self.apart(&integer.to_string(), after),
            ValueRef::Real(real) if real.is_infinite() && real < 0.0 => self.push("(-9e999)"),
            ValueRef::Real(real) if real.is_infinite() => self.apart("9e999", after),
            // SQLite binds NULL for what is no number.
            ValueRef::Real(real) if real.is_nan() => self.apart("NULL", after),
            ValueRef::Real(real) if real.is_sign_negative() => self.push(&format!("({real:?})")),
            ValueRef::Real(real) => self.apart(&format!("{real:?}"), after),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) if !text.contains('\0') => {
                    self.room(text.len())?;
                    self.apart(&format!("'{}'", text.replace('\'', "''")), after)
                }
                _ => {
                    let blob = self.blob(text)?;
                    self.apart(&format!("CAST({blob} AS TEXT)"), after)
                }
            },
            ValueRef::Blob(blob) => {
                let blob = self.blob(blob)?;
                self.apart(&blob, after)
            }
        }
    }

    fn blob(&self, bytes: &[u8]) -> Result<String> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.room(bytes.len().saturating_mul(2))?;
        let mut text = String::with_capacity(3 + 2 * bytes.len());
        text.push_str("x'");
        for byte in bytes {
            text.push(DIGITS[usize::from(byte >> 4)].into());
            text.push(DIGITS[usize::from(byte & 15)].into());
        }
        text.push('\'');
        Ok(text)
    }

    /// Writes a value so that it does not run into what is beside it.
    fn apart(&mut self, text: &str, after: &str) -> Result<()> {
        let touches = |byte: Option<u8>| {
            byte.is_some_and(|byte| tokens::in_name(byte) || matches!(byte, b'\'' | b'"' | b'.'))
        };
        if touches(self.text.as_bytes().last().copied()) {
            self.push(" ")?;
        }
        self.push(text)?;
        if touches(after.as_bytes().first().copied()) {
            self.push(" ")?;
        }
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<()> {
        self.room(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    /// Looked at before anything is written.
    fn room(&self, length: usize) -> Result<()> {
        if self.text.len().saturating_add(length) <= self.longest {
            return Ok(());
        }
        Err(Error::Sqlite(Box::new(SqliteError {
            extended_code: ffi::SQLITE_TOOBIG,
            message: format!("the expanded SQL is longer than {} bytes", self.longest),
            statement: Some(self.statement.to_owned()),
            offset: None,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::OpenOptions;
    use crate::local::rows::Collect;
    use crate::params::Named;

    fn connection() -> Connection {
        Connection::open(OpenOptions::default()).unwrap()
    }

    fn expanded(
        connection: &mut Connection,
        sql: &str,
        values: &[Value],
        redact: &Redact,
    ) -> String {
        connection
            .expanded_sql(Source::Sql(sql), &values, redact, &Call::default())
            .unwrap()
    }

    fn row(connection: &mut Connection, sql: &str, values: &[Value]) -> Vec<Value> {
        let mut rows = Collect::default();
        connection
            .query(Source::Sql(sql), &values, &mut rows, &Call::default())
            .unwrap();
        rows.rows.remove(0)
    }

    #[test]
    fn runs_as_the_statement_would() {
        let mut connection = connection();
        let values = [
            Value::Integer(-5),
            Value::Integer(i64::MIN),
            Value::Real(0.1 + 0.2),
            Value::Real(-0.0),
            Value::Real(1e300),
            Value::Real(f64::INFINITY),
            Value::Real(f64::NEG_INFINITY),
            Value::Text(b"it's -- /* ?1 :a".to_vec()),
            Value::Text(b"a\0b".to_vec()),
            Value::Text(vec![0xff, b'\'']),
            Value::Blob(vec![0, 1, 255]),
            Value::Blob(Vec::new()),
            Value::Null,
            Value::Integer(7),
        ];
        let sql = "SELECT 1-?,?2,?, ?4,?5,?,?7,?,?,?,?,?,?AS n, :x||'?' /* ? */ -- ?";
        let text = expanded(&mut connection, sql, &values, &Redact::Nothing);
        assert_eq!(
            row(&mut connection, &text, &[]),
            row(&mut connection, sql, &values),
            "{text}"
        );
    }

    #[test]
    fn hides_the_parameters_that_are_named() {
        let mut connection = connection();
        let values = [
            ("name", Value::from("Ada")),
            ("secret", Value::from("xyzzy")),
        ];
        let hide = |hidden: &str| Redact::Parameters(vec![hidden.to_owned()]);
        let sql = "SELECT :name, @secret, 'literal', @secret";
        for hidden in ["secret", "@secret", "2"] {
            let text = connection
                .expanded_sql(
                    Source::Sql(sql),
                    &Named(&values),
                    &hide(hidden),
                    &Call::default(),
                )
                .unwrap();
            assert_eq!(text, "SELECT 'Ada', '[redacted]', 'literal', '[redacted]'");
        }
        let misspelt = connection
            .expanded_sql(
                Source::Sql(sql),
                &Named(&values),
                &hide("secrte"),
                &Call::default(),
            )
            .unwrap_err();
        assert_eq!(misspelt.code(), "invalid_argument");
    }

    #[test]
    fn hides_literals_and_comments_too_where_everything_is_hidden() {
        let mut connection = connection();
        let sql = "SELECT ?, 'x''y' AS \"name\", x'00', 1.5e3, -7 /* secret */ -- secret";
        assert_eq!(
            expanded(
                &mut connection,
                sql,
                &[Value::from("z")],
                &Redact::Everything
            ),
            "SELECT ?, '[redacted]' AS \"name\", '[redacted]', '[redacted]', -'[redacted]'    "
        );
        assert_eq!(
            expanded(
                &mut connection,
                "PRAGMA user_version = secret",
                &[],
                &Redact::Everything
            ),
            "PRAGMA user_version = '[redacted]'"
        );
    }

    #[test]
    fn is_an_error_where_it_would_be_too_long() {
        let mut connection = connection();
        let blob = [Value::Blob(vec![0; LONGEST / 2])];
        let error = connection
            .expanded_sql(
                Source::Sql("SELECT ?"),
                &blob.as_slice(),
                &Redact::Nothing,
                &Call::default(),
            )
            .unwrap_err();
        assert_eq!(error.code(), "toobig");
    }
}
