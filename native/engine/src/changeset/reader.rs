//! Reads a changeset, and trusts none of it: the form is at the top of SQLite's `sqlite3session.c`.

use super::Kind;
use crate::error::{Error, Result};
use crate::value::ValueRef;

const INSERT: u8 = 18;
const UPDATE: u8 = 23;
const DELETE: u8 = 9;

/// As many as a table can have.
const MAX_COLUMNS: usize = 32_767;
/// As long as SQL can be that names it.
const MAX_NAME: usize = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Insert,
    Update,
    Delete,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Operation::Insert => "insert",
            Operation::Update => "update",
            Operation::Delete => "delete",
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Operation> {
        match number {
            INSERT => Some(Operation::Insert),
            UPDATE => Some(Operation::Update),
            DELETE => Some(Operation::Delete),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// What follows is of this table. The key is that of [`Table`](super::Table).
    Table {
        name: &'a str,
        key: &'a [u8],
    },
    Change(Change<'a>),
}

#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub table: &'a str,
    pub key: &'a [u8],
    pub operation: Operation,
    /// Whether a trigger or a foreign key's action made it.
    pub indirect: bool,
    pub old: Option<Record<'a>>,
    pub new: Option<Record<'a>>,
}

/// The values of a row, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    bytes: &'a [u8],
    key: &'a [u8],
    stored: Stored,
    shown: Shown,
}

/// Which columns a record has fields for, and which of the fields may be undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    /// All, and all defined.
    Row,
    /// Those of the key.
    Key,
    /// All, and those of the key defined.
    KeyAndSome,
    /// All.
    Some,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    All,
    Key,
    Rest,
}

impl<'a> Record<'a> {
    /// Column by column; none where it is undefined.
    pub fn values(&self) -> impl Iterator<Item = Option<ValueRef<'a>>> + use<'a> {
        let mut fields = Fields::new(self.bytes, 0);
        let Record { stored, shown, .. } = *self;
        self.key.iter().map(move |place| {
            let in_key = *place != 0;
            if stored == Stored::Key && !in_key {
                return None;
            }
            // It was looked through when the record was made.
            let value = fields.value().ok().flatten();
            value.filter(|_| shown == Shown::All || (shown == Shown::Key) == in_key)
        })
    }
}

/// Where a reader is: to go on there later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Where the header of the current table begins.
    pub table: usize,
    pub next: usize,
}

#[derive(Debug)]
pub struct Reader<'a> {
    fields: Fields<'a>,
    rebase: bool,
    kind: Option<Kind>,
    table_at: usize,
    table: Option<(&'a str, &'a [u8])>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            fields: Fields::new(bytes, 0),
            rebase: false,
            kind: None,
            table_at: 0,
            table: None,
        }
    }

    pub(super) fn of_rebase(bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            rebase: true,
            ..Reader::new(bytes)
        }
    }

    /// Goes on where another reader of the same bytes was.
    pub fn resume(bytes: &'a [u8], position: Position) -> Result<Reader<'a>> {
        let mut reader = Reader::new(bytes);
        reader.fields.at = position.table;
        if position.next > position.table {
            reader.next()?;
        }
        reader.fields.at = position.next;
        Ok(reader)
    }

    pub fn position(&self) -> Position {
        Position {
            table: self.table_at,
            next: self.fields.at,
        }
    }

    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    pub(super) fn another_shape(&self, name: &str) -> Error {
        self.fields.malformed(format!(
            "the table {name} has other columns, or another primary key, than before"
        ))
    }

    /// What comes next; none at the end.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator would go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Item<'a>>> {
        let at = self.fields.at;
        if at == self.fields.bytes.len() {
            return Ok(None);
        }
        match self.fields.byte()? {
            b'T' if self.rebase => self.header(at, Kind::Rebase),
            b'T' => self.header(at, Kind::Changeset),
            b'P' if !self.rebase => self.header(at, Kind::Patchset),
            number => self.change(number),
        }
        .map(Some)
    }

    fn header(&mut self, at: usize, kind: Kind) -> Result<Item<'a>> {
        if self.kind.is_some_and(|other| other != kind) {
            return Err(self
                .fields
                .malformed("it is a changeset in parts, and a patchset in others"));
        }
        let columns = self.fields.length()?;
        if !(1..=MAX_COLUMNS).contains(&columns) {
            return Err(self
                .fields
                .malformed(format!("a table cannot have {columns} columns")));
        }
        let key = self.fields.take(columns)?;
        if key.iter().all(|place| *place == 0) {
            return Err(self.fields.malformed("a table has no primary key"));
        }
        let name = self.fields.name()?;
        self.kind = Some(kind);
        self.table_at = at;
        self.table = Some((name, key));
        Ok(Item::Table { name, key })
    }

    fn change(&mut self, number: u8) -> Result<Item<'a>> {
        let (Some(kind), Some((table, key))) = (self.kind, self.table) else {
            return Err(self.fields.malformed("it does not begin with a table"));
        };
        let operation = Operation::from_number(number)
            .filter(|operation| kind != Kind::Rebase || *operation != Operation::Update)
            .ok_or_else(|| {
                self.fields
                    .malformed(format!("there is no operation {number}"))
            })?;
        let indirect = match self.fields.byte()? {
            0 => false,
            1 => true,
            other => return Err(self.fields.malformed(format!("{other} is no flag"))),
        };
        let (old, new) = match (operation, kind) {
            (Operation::Insert, Kind::Rebase) => (None, Some(self.record(Stored::KeyAndSome)?)),
            (Operation::Insert, _) => (None, Some(self.record(Stored::Row)?)),
            (Operation::Delete, Kind::Patchset) => (Some(self.record(Stored::Key)?), None),
            (Operation::Delete, _) => (Some(self.record(Stored::Row)?), None),
            (Operation::Update, Kind::Patchset) => {
                let only = self.record(Stored::KeyAndSome)?;
                let shown = |shown| Some(Record { shown, ..only });
                (shown(Shown::Key), shown(Shown::Rest))
            }
            (Operation::Update, _) => {
                let old = self.record(Stored::KeyAndSome)?;
                (Some(old), Some(self.record(Stored::Some)?))
            }
        };
        Ok(Item::Change(Change {
            table,
            key,
            operation,
            indirect,
            old,
            new,
        }))
    }

    fn record(&mut self, stored: Stored) -> Result<Record<'a>> {
        let key = self.table.map_or(&[][..], |(_, key)| key);
        let start = self.fields.at;
        for place in key {
            let in_key = *place != 0;
            if stored == Stored::Key && !in_key {
                continue;
            }
            match self.fields.value()? {
                None | Some(ValueRef::Null) if in_key && stored != Stored::Some => {
                    return Err(self.fields.malformed("a primary key is not there"));
                }
                None if stored == Stored::Row => {
                    return Err(self.fields.malformed("a value is not there"));
                }
                _ => {}
            }
        }
        Ok(Record {
            bytes: &self.fields.bytes[start..self.fields.at],
            key,
            stored,
            shown: Shown::All,
        })
    }
}

/// Bytes, and how far they have been read.
#[derive(Debug)]
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Fields<'a> {
        Fields { bytes, at }
    }

    fn malformed(&self, reason: impl Into<String>) -> Error {
        Error::InvalidChangeset {
            offset: self.at,
            reason: reason.into(),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        match taken {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(self.malformed("it ends too early")),
        }
    }

    fn byte(&mut self) -> Result<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn eight_bytes(&mut self) -> Result<[u8; 8]> {
        let mut eight = [0; 8];
        eight.copy_from_slice(self.take(8)?);
        Ok(eight)
    }

    /// A number of bytes or columns: seven bits a byte, the highest first. SQLite writes it as short
    /// as it can be.
    fn length(&mut self) -> Result<usize> {
        const LONGEST: usize = 5;
        let start = self.at;
        let mut length: u64 = 0;
        loop {
            let byte = self.byte()?;
            length = length << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
            if length == 0 || self.at - start == LONGEST {
                return Err(self.malformed("a length is not written as SQLite does"));
            }
        }
        usize::try_from(length).map_err(|_| self.malformed("a length is too large"))
    }

    fn name(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let Some(length) = rest.iter().take(MAX_NAME).position(|byte| *byte == 0) else {
            return Err(self.malformed("a table's name does not end"));
        };
        let name = std::str::from_utf8(&rest[..length])
            .map_err(|_| self.malformed("a table's name is not valid UTF-8"))?;
        if name.is_empty() {
            return Err(self.malformed("a table's name is empty"));
        }
        self.at += length + 1;
        Ok(name)
    }

    /// None where it is undefined.
    fn value(&mut self) -> Result<Option<ValueRef<'a>>> {
        let value = match self.byte()? {
            0 => return Ok(None),
            1 => ValueRef::Integer(i64::from_be_bytes(self.eight_bytes()?)),
            2 => match f64::from_be_bytes(self.eight_bytes()?) {
                real if real.is_nan() => return Err(self.malformed("a real is not a number")),
                real => ValueRef::Real(real),
            },
            3 => ValueRef::Text(self.bytes_with_length()?),
            4 => ValueRef::Blob(self.bytes_with_length()?),
            5 => ValueRef::Null,
            other => return Err(self.malformed(format!("there is no type {other}"))),
        };
        Ok(Some(value))
    }

    fn bytes_with_length(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }
}
