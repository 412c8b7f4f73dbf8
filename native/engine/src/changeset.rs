//! Changesets: what changed in a database, as bytes: <https://sqlite.org/sessionintro.html>.
//!
//! SQLite trusts their form in most of what it does with them, and reads past their end where it is
//! wrong. So they are looked through as a whole first: what [`Changeset::check`] answers is all that the
//! functions take that hand one to SQLite.

#[allow(unsafe_code)]
mod raw;
mod reader;

use std::collections::HashMap;

use crate::error::{Error, Result};

pub(crate) use raw::Output;
pub use raw::SqliteBytes;
pub use reader::{Change, Item, Operation, Position, Reader, Record};

/// What a changeset is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Has the old values too: it can be inverted, and conflicts with them are found.
    Changeset,
    /// Of old values has the primary keys only.
    Patchset,
    /// What was decided about the conflicts of one that was applied.
    Rebase,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Changeset => "changeset",
            Kind::Patchset => "patchset",
            Kind::Rebase => "rebase",
        }
    }
}

/// A table in a changeset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    /// For each column its place in the primary key, counted from 1; 0 outside of it.
    pub key: Vec<u8>,
    /// How many of the changes are to it.
    pub changes: usize,
}

impl Table {
    /// SQLite compares names so.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// A changeset that is well-formed.
#[derive(Debug)]
pub struct Changeset<'a> {
    bytes: &'a [u8],
    /// `None` where there is no change.
    kind: Option<Kind>,
    tables: Vec<Table>,
}

impl<'a> Changeset<'a> {
    /// Looks a changeset or patchset through.
    pub fn check(bytes: &'a [u8]) -> Result<Changeset<'a>> {
        look_through(bytes, Reader::new(bytes))
    }

    /// As [`check`](Changeset::check), for what applying a changeset answered for rebasing.
    pub fn check_rebase(bytes: &'a [u8]) -> Result<Changeset<'a>> {
        look_through(bytes, Reader::of_rebase(bytes))
    }

    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// In the order in which they come.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// How many changes it has.
    pub fn changes(&self) -> usize {
        self.tables.iter().map(|table| table.changes).sum()
    }

    /// The changeset that undoes this one.
    pub fn invert(&self) -> Result<SqliteBytes> {
        if self.kind == Some(Kind::Patchset) {
            return Err(Error::InvalidArgument(
                "a patchset cannot be inverted: it lacks the old values".to_owned(),
            ));
        }
        raw::invert(self)
    }

    /// One changeset that does what these do, one after the other.
    pub fn combine(all: &[Changeset<'_>]) -> Result<SqliteBytes> {
        let mut kinds = all.iter().filter_map(|changeset| changeset.kind);
        if let Some(first) = kinds.next()
            && kinds.any(|kind| kind != first)
        {
            return Err(Error::InvalidArgument(
                "changesets and patchsets cannot be combined".to_owned(),
            ));
        }
        same_shape(all.iter())?;
        raw::combine(all)
    }

    /// What is left of this changeset where others have been applied first, with conflicts that were
    /// decided as these say: those with changes that it has made, too.
    pub fn rebase(&self, decided: &[Changeset<'_>]) -> Result<SqliteBytes> {
        if self.kind == Some(Kind::Patchset) {
            return Err(Error::InvalidArgument(
                "a patchset cannot be rebased: it lacks the old values".to_owned(),
            ));
        }
        same_shape(std::iter::once(self).chain(decided))?;
        raw::rebase(self, decided)
    }
}

fn look_through<'a>(bytes: &'a [u8], mut reader: Reader<'a>) -> Result<Changeset<'a>> {
    if i32::try_from(bytes.len()).is_err() {
        return Err(Error::InvalidArgument(
            "a changeset cannot have more than 2 GB".to_owned(),
        ));
    }
    let mut tables: Vec<Table> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut current = 0;
    while let Some(item) = reader.next()? {
        match item {
            Item::Table { name, key } => {
                current = *places
                    .entry(name.to_ascii_lowercase())
                    .or_insert(tables.len());
                match tables.get(current) {
                    Some(known) if known.key != key => return Err(reader.another_shape(name)),
                    Some(_) => {}
                    None => tables.push(Table {
                        name: name.to_owned(),
                        key: key.to_vec(),
                        changes: 0,
                    }),
                }
            }
            Item::Change(_) => {
                if let Some(table) = tables.get_mut(current) {
                    table.changes += 1;
                }
            }
        }
    }
    Ok(Changeset {
        bytes,
        kind: reader.kind(),
        tables,
    })
}

/// Fails where a table has other columns or another key in one than in another.
fn same_shape<'c>(all: impl Iterator<Item = &'c Changeset<'c>>) -> Result<()> {
    let mut keys: HashMap<String, &[u8]> = HashMap::new();
    for table in all.flat_map(|changeset| changeset.tables.iter()) {
        let key = *keys
            .entry(table.name.to_ascii_lowercase())
            .or_insert(&table.key);
        if key != table.key {
            return Err(Error::InvalidArgument(format!(
                "the table {} has other columns, or another primary key, in one than in another",
                table.name
            )));
        }
    }
    Ok(())
}
