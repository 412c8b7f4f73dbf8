//! JSON text to SQLite's JSONB, byte for byte as SQLite's `jsonb()` makes it.
//! <https://sqlite.org/jsonb.html>
//!
//! A value is a header (four bits of size, four of type, up to eight bytes of size) and a
//! payload. Numbers stay the text they were; so do strings, escapes included.

/// SQLite's own limit.
const MOST_NESTED: usize = 1000;

const NULL: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const INTEGER: u8 = 3;
const FLOAT: u8 = 5;
const TEXT: u8 = 7;
/// Text with JSON's escapes in it.
const ESCAPED_TEXT: u8 = 8;
const ARRAY: u8 = 11;
const OBJECT: u8 = 12;

/// # Failure
/// Answers the offset at which the text stops being JSON.
pub fn from_json(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut reader = Reader {
        text,
        offset: 0,
        jsonb: Vec::with_capacity(text.len()),
    };
    reader.value(0)?;
    reader.skip_space();
    match reader.offset {
        offset if offset == text.len() => Ok(reader.jsonb),
        offset => Err(offset),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    offset: usize,
    jsonb: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<(), usize> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.container(OBJECT, depth),
            Some(b'[') => self.container(ARRAY, depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.literal(b"null", NULL),
            Some(b't') => self.literal(b"true", TRUE),
            Some(b'f') => self.literal(b"false", FALSE),
            _ => Err(self.offset),
        }
    }

    fn container(&mut self, kind: u8, depth: usize) -> Result<(), usize> {
        if depth >= MOST_NESTED {
            return Err(self.offset);
        }
        let close = if kind == OBJECT { b'}' } else { b']' };
        self.offset += 1;
        let start = self.jsonb.len();
        self.skip_space();
        if self.peek() == Some(close) {
            self.offset += 1;
        } else {
            loop {
                if kind == OBJECT {
                    self.skip_space();
                    self.string()?;
                    self.skip_space();
                    self.expect(b':')?;
                }
                self.value(depth + 1)?;
                self.skip_space();
                if self.peek() == Some(b',') {
                    self.offset += 1;
                } else {
                    self.expect(close)?;
                    break;
                }
            }
        }
        let header = header(kind, self.jsonb.len() - start);
        self.jsonb.splice(start..start, header);
        Ok(())
    }

    fn string(&mut self) -> Result<(), usize> {
        self.expect(b'"')?;
        let start = self.offset;
        let mut kind = TEXT;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    kind = ESCAPED_TEXT;
                    self.escape()?;
                }
                Some(byte) if byte >= 0x20 => self.offset += 1,
                _ => return Err(self.offset),
            }
        }
        let text = self.text;
        self.element(kind, &text[start..self.offset]);
        self.offset += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), usize> {
        match self.text.get(self.offset + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.offset += 2,
            Some(b'u') => match self.text.get(self.offset + 2..self.offset + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => self.offset += 6,
                _ => return Err(self.offset),
            },
            _ => return Err(self.offset),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), usize> {
        let start = self.offset;
        let mut kind = INTEGER;
        self.skip(b"-");
        let leading_zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && leading_zero {
            return Err(start);
        }
        if self.skip(b".") {
            kind = FLOAT;
            self.digits()?;
        }
        if self.skip(b"eE") {
            kind = FLOAT;
            self.skip(b"+-");
            self.digits()?;
        }
        let text = self.text;
        self.element(kind, &text[start..self.offset]);
        Ok(())
    }

    /// How many there were: at least one.
    fn digits(&mut self) -> Result<usize, usize> {
        let count = self.text[self.offset..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.offset += count;
        if count == 0 {
            Err(self.offset)
        } else {
            Ok(count)
        }
    }

    fn literal(&mut self, word: &[u8], kind: u8) -> Result<(), usize> {
        if !self.text[self.offset..].starts_with(word) {
            return Err(self.offset);
        }
        self.offset += word.len();
        self.element(kind, b"");
        Ok(())
    }

    fn element(&mut self, kind: u8, payload: &[u8]) {
        self.jsonb.extend(header(kind, payload.len()));
        self.jsonb.extend_from_slice(payload);
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.offset).copied()
    }

    fn skip(&mut self, bytes: &[u8]) -> bool {
        let skip = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.offset += usize::from(skip);
        skip
    }

    fn expect(&mut self, byte: u8) -> Result<(), usize> {
        if self.skip(&[byte]) {
            Ok(())
        } else {
            Err(self.offset)
        }
    }

    fn skip_space(&mut self) {
        while self.skip(b" \t\n\r") {}
    }
}

fn header(kind: u8, size: usize) -> impl Iterator<Item = u8> {
    let big_endian = (size as u64).to_be_bytes();
    let (nibble, bytes) = match size {
        0..=11 => (size as u8, 0),
        12..=0xff => (12, 1),
        0x100..=0xffff => (13, 2),
        0x1_0000..=0xffff_ffff => (14, 4),
        _ => (15, 8),
    };
    std::iter::once(nibble << 4 | kind).chain(big_endian.into_iter().skip(8 - bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::{Call, Collect, Connection, OpenOptions, Source};
    use crate::value::Value;
    use proptest::prelude::*;

    /// What SQLite makes of it; `None` where it says that it is no JSON.
    fn sqlites(connection: &mut Connection, json: &str) -> Option<Vec<u8>> {
        let sql = "SELECT CASE WHEN json_valid(?1, 1) THEN jsonb(?1) END";
        let mut rows = Collect::default();
        let params = [Value::from(json)];
        connection
            .query(Source::Sql(sql), &&params[..], &mut rows, &Call::default())
            .unwrap();
        match rows.rows.remove(0).remove(0) {
            Value::Blob(jsonb) => Some(jsonb),
            _ => None,
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][-+]?[0-9]{1,2})?",
            "\"([ -!#-\\[\\]-~äß€😀]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-f]{2}){0,300}\"",
        ];
        leaf.prop_recursive(4, 60, 6, |inner| {
            let space = "[ \n\t]?";
            prop_oneof![
                (prop::collection::vec(inner.clone(), 0..6), space)
                    .prop_map(|(values, space)| format!("[{space}{}{space}]", values.join(","))),
                (
                    prop::collection::vec(("\"[a-z\\\\n]{0,14}\"", inner), 0..6),
                    space
                )
                    .prop_map(|(pairs, space)| {
                        let pairs = pairs
                            .iter()
                            .map(|(key, value)| format!("{key}{space}:{space}{value}"))
                            .collect::<Vec<_>>();
                        format!("{{{}}}", pairs.join(&format!("{space},{space}")))
                    }),
            ]
        })
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_stops() {
        for (text, offset) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\"}", 4),
            ("01", 0),
            ("1.", 2),
            ("\"\\x\"", 1),
            ("\"a\nb\"", 2),
            ("nul", 0),
            ("[1] 2", 4),
            ("{a:1}", 1),
        ] {
            assert_eq!(from_json(text.as_bytes()), Err(offset), "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(from_json(nested(MOST_NESTED).as_bytes()).is_ok());
        assert!(from_json(nested(MOST_NESTED + 1).as_bytes()).is_err());
    }

    #[test]
    fn sizes_of_every_header_are_sqlites() {
        let mut connection = Connection::open(OpenOptions::default()).unwrap();
        for size in [0, 11, 12, 255, 256, 65_535, 65_536, 70_000] {
            let json = format!("[\"{}\"]", "x".repeat(size));
            assert_eq!(
                from_json(json.as_bytes()).ok(),
                sqlites(&mut connection, &json)
            );
        }
    }

    proptest! {
        #[test]
        fn every_json_is_what_sqlite_makes_of_it(json in json()) {
            let mut connection = Connection::open(OpenOptions::default()).unwrap();
            prop_assert_eq!(from_json(json.as_bytes()).ok(), sqlites(&mut connection, &json));
        }

        #[test]
        fn text_that_may_be_no_json_is_judged_as_sqlite_does(
            json in "[\\[\\]{}:,\"\\\\0-9.eE+ truefalsn-]{0,12}"
        ) {
            let mut connection = Connection::open(OpenOptions::default()).unwrap();
            prop_assert_eq!(from_json(json.as_bytes()).ok(), sqlites(&mut connection, &json));
        }
    }
}
