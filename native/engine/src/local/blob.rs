//! Blobs read and written in parts: <https://sqlite.org/c3ref/blob_open.html>.

use std::sync::Arc;

use libsql::ffi;

use super::call::Call;
use super::connection::Connection;
use super::raw_blob::RawBlob;
use super::raw_connection::c_string;
use super::transaction::Behavior;
use crate::Id;
use crate::error::{Error, Result};

/// Where a blob is. A text can be opened, too.
#[derive(Debug, Clone, Copy)]
pub struct BlobPlace<'a> {
    pub schema: &'a str,
    pub table: &'a str,
    pub column: &'a str,
    pub rowid: i64,
}

impl std::fmt::Display for BlobPlace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}.{}.{} of row {}",
            self.schema, self.table, self.column, self.rowid
        )
    }
}

#[derive(Debug)]
pub(super) struct Blob {
    raw: RawBlob,
    writes: bool,
}

impl Connection {
    /// Opens a blob; answers its size in bytes, too. To write, a transaction has to be open, whose
    /// end closes the blob; to read, the connection keeps a read transaction for as long as the
    /// blob is open.
    pub fn open_blob(
        &mut self,
        place: BlobPlace<'_>,
        writes: bool,
        call: &Call,
    ) -> Result<(Id, usize)> {
        self.check_transaction()?;
        self.check_blob(place, writes)?;
        if writes {
            self.check_blob_may_write(place)?;
        }
        let schema = c_string("the schema's name", place.schema)?;
        let table = c_string("the table's name", place.table)?;
        let column = c_string("the column's name", place.column)?;
        let raw = self.in_call(call, |connection| {
            if writes {
                connection.enter("opening a blob to write")?;
            }
            RawBlob::open(
                Arc::clone(connection.shared_raw()),
                &schema,
                &table,
                &column,
                place.rowid,
                writes,
            )
            .map_err(|code| connection.raw().error(code, None))
        })?;
        let size = raw.bytes();
        let id = Id::new_v4();
        self.blobs.insert(id, Blob { raw, writes });
        Ok((id, size))
    }

    fn check_blob_may_write(&self, place: BlobPlace<'_>) -> Result<()> {
        if self.autocommit() {
            return Err(Error::NoTransaction);
        }
        match self.transaction() {
            Some(open) if open.behavior == Some(Behavior::ReadOnly) => {
                Err(Error::read_only_transaction(&place.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Fails where an open blob has no such bytes.
    pub fn check_blob_bounds(&self, id: Id, offset: usize, length: usize) -> Result<()> {
        check_bounds(self.blob(id)?, offset, length)
    }

    fn blob(&self, id: Id) -> Result<&Blob> {
        self.blobs.get(&id).ok_or(Error::BlobClosed)
    }

    /// Fills `into` with what stands from `offset` on.
    pub fn read_blob(&mut self, id: Id, offset: usize, into: &mut [u8], call: &Call) -> Result<()> {
        let length = into.len();
        self.with_blob(id, call, |blob| {
            check_bounds(blob, offset, length)?;
            Ok(blob.raw.read(into, offset))
        })
    }

    /// Writes over what stands from `offset` on. A blob's size stays what it is.
    pub fn write_blob(&mut self, id: Id, offset: usize, data: &[u8], call: &Call) -> Result<()> {
        self.with_blob(id, call, |blob| {
            check_bounds(blob, offset, data.len())?;
            Ok(blob.raw.write(data, offset))
        })
    }

    /// Goes to the same column of another row: cheaper than opening. Where that fails, the blob is
    /// closed: SQLite has let it go.
    pub fn reopen_blob(&mut self, id: Id, rowid: i64, call: &Call) -> Result<usize> {
        let reopened = self.with_blob(id, call, |blob| Ok(blob.raw.reopen(rowid)));
        if reopened.is_err() {
            self.close_blob(id);
        }
        reopened?;
        Ok(self.blob(id)?.raw.bytes())
    }

    fn with_blob(
        &mut self,
        id: Id,
        call: &Call,
        work: impl FnOnce(&mut Blob) -> Result<i32>,
    ) -> Result<()> {
        self.check_transaction()?;
        let mut blob = self.blobs.remove(&id).ok_or(Error::BlobClosed)?;
        let worked = self.in_call(call, |connection| match work(&mut blob)? {
            ffi::SQLITE_OK => Ok(()),
            ffi::SQLITE_ABORT => Err(Error::BlobExpired),
            code => Err(connection.raw().error(code, None)),
        });
        self.blobs.insert(id, blob);
        worked
    }

    /// Closing it twice is fine.
    pub fn close_blob(&mut self, id: Id) {
        self.blobs.remove(&id);
    }

    /// SQLite does not commit while a blob is open for writing.
    pub(super) fn close_written_blobs(&mut self) {
        self.blobs.retain(|_, blob| !blob.writes);
    }
}

fn check_bounds(blob: &Blob, offset: usize, length: usize) -> Result<()> {
    let size = blob.raw.bytes();
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(Error::InvalidArgument(format!(
            "{length} bytes from byte {offset} on are not in a blob of {size} bytes"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::OpenOptions;

    fn place(rowid: i64) -> BlobPlace<'static> {
        BlobPlace {
            schema: "main",
            table: "files",
            column: "content",
            rowid,
        }
    }

    fn connection(call: &Call) -> Connection {
        let mut connection = Connection::open(OpenOptions {
            database: ":memory:".to_owned(),
            ..OpenOptions::default()
        })
        .unwrap();
        for sql in [
            "CREATE TABLE files (id INTEGER PRIMARY KEY, content BLOB)",
            "INSERT INTO files VALUES (1, zeroblob(10)), (2, x'010203')",
        ] {
            connection.execute(sql, call).unwrap();
        }
        connection
    }

    fn read(connection: &mut Connection, blob: Id, size: usize, call: &Call) -> Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        connection.read_blob(blob, 0, &mut bytes, call)?;
        Ok(bytes)
    }

    #[test]
    fn is_written_in_a_transaction_and_read_back() {
        let call = &Call::default();
        let mut connection = connection(call);
        connection.begin(Behavior::Immediate, call).unwrap();
        let (blob, size) = connection.open_blob(place(1), true, call).unwrap();
        assert_eq!(size, 10);
        connection.write_blob(blob, 8, b"ab", call).unwrap();
        connection.commit(call).unwrap();
        assert!(matches!(
            read(&mut connection, blob, 1, call),
            Err(Error::BlobClosed)
        ));

        let (blob, size) = connection.open_blob(place(1), false, call).unwrap();
        assert_eq!(
            read(&mut connection, blob, size, call).unwrap(),
            b"\0\0\0\0\0\0\0\0ab"
        );
        assert_eq!(connection.reopen_blob(blob, 2, call).unwrap(), 3);
        assert_eq!(read(&mut connection, blob, 3, call).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_rollback_takes_what_was_written_back() {
        let call = &Call::default();
        let mut connection = connection(call);
        connection.begin(Behavior::Immediate, call).unwrap();
        let (blob, _) = connection.open_blob(place(2), true, call).unwrap();
        connection.write_blob(blob, 0, b"xyz", call).unwrap();
        connection.rollback(call).unwrap();
        let (blob, _) = connection.open_blob(place(2), false, call).unwrap();
        assert_eq!(read(&mut connection, blob, 3, call).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn refuses_what_is_out_of_bounds_and_stays_open() {
        let call = &Call::default();
        let mut connection = connection(call);
        let (blob, _) = connection.open_blob(place(2), false, call).unwrap();
        let error = connection
            .read_blob(blob, 2, &mut [0; 2], call)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "2 bytes from byte 2 on are not in a blob of 3 bytes"
        );
        assert!(
            connection
                .read_blob(blob, usize::MAX, &mut [0; 2], call)
                .is_err()
        );
        assert_eq!(read(&mut connection, blob, 3, call).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn expires_when_its_row_changes() {
        let call = &Call::default();
        let mut connection = connection(call);
        let (blob, _) = connection.open_blob(place(2), false, call).unwrap();
        connection
            .execute("UPDATE files SET content = x'00' WHERE id = 2", call)
            .unwrap();
        assert!(matches!(
            read(&mut connection, blob, 1, call),
            Err(Error::BlobExpired)
        ));
        connection.close_blob(blob);
        connection.close_blob(blob);
    }

    #[test]
    fn cannot_be_opened_to_write_where_nothing_can_be_written() {
        let call = &Call::default();
        let mut connection = connection(call);
        assert!(matches!(
            connection.open_blob(place(1), true, call),
            Err(Error::NoTransaction)
        ));
        connection.begin(Behavior::ReadOnly, call).unwrap();
        let refused = connection.open_blob(place(1), true, call).unwrap_err();
        assert_eq!(refused.code(), "readonly");
    }

    #[test]
    fn names_what_is_not_there() {
        let call = &Call::default();
        let mut connection = connection(call);
        for (place, expected) in [
            (place(3), "no such rowid: 3"),
            (
                BlobPlace {
                    table: "nope",
                    ..place(1)
                },
                "no such table: main.nope",
            ),
            (
                BlobPlace {
                    column: "nope",
                    ..place(1)
                },
                "no such column: \"nope\"",
            ),
            (
                BlobPlace {
                    column: "id",
                    ..place(1)
                },
                "cannot open value of type null",
            ),
        ] {
            let error = connection.open_blob(place, false, call).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        assert!(connection.open_blob(place(1), false, call).is_ok());
    }
}
