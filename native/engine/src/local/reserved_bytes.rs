//! Bytes at the end of each page that SQLite leaves to others:
//! <https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntlreservebytes>.

use super::connection::Connection;
use super::raw_connection::c_string;
use crate::error::{Error, Result};

impl Connection {
    /// Those that the database has, or will have after the next VACUUM.
    pub fn reserved_bytes(&self, schema: &str) -> Result<u8> {
        self.reserve(schema, -1)
    }

    /// Asks for so many in a database that is empty, or from its next VACUUM on, which makes them
    /// no fewer than they are.
    pub fn set_reserved_bytes(&mut self, schema: &str, bytes: u8) -> Result<()> {
        if self.encrypted {
            return Err(Error::Unsupported(
                "reserved bytes: those of an encrypted database are the encryption's".to_owned(),
            ));
        }
        // What a replica's or an offline copy's pages look like is the server's to say.
        if self.reads_replica || self.options.offline.is_some() {
            return Err(Error::Unsupported(
                "reserved bytes: the pages of this database are its server's".to_owned(),
            ));
        }
        self.check_no_transaction("set_reserved_bytes")?;
        self.reserve(schema, i32::from(bytes)).map(drop)
    }

    fn reserve(&self, schema: &str, bytes: i32) -> Result<u8> {
        let name = c_string("the database's name", schema)?;
        let answered = self
            .raw()
            .reserve_bytes(&name, bytes)
            .map_err(|_| Error::InvalidArgument(format!("there is no database {schema:?}")))?;
        Ok(u8::try_from(answered).unwrap_or(0))
    }
}
