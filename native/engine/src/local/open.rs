//! Opening a database and setting it up.

use std::sync::Arc;
use std::time::Duration;

use libsql::ffi;

use super::call::{Call, Control};
use super::connection::{Connection, Source};
use super::db_config::{self, DbSetting};
use super::functions::{self, Group};
use super::limits::{self, Limit};
use super::raw_connection::{RawConnection, c_string};
use super::removed_functions;
use super::rows::Collect;
use super::trace::SlowQueries;
use crate::error::{Error, Result, SqliteError};
use crate::form::Forms;
use crate::offline::Syncer;
use crate::params::NoParams;
use crate::value::Value;
use crate::vfs;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    ReadOnly,
    /// The file has to be there.
    ReadWrite,
    /// The file is created if it is not there.
    Create,
}

/// <https://sqlite.org/pragma.html#pragma_journal_mode>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalMode {
    Delete,
    Truncate,
    Persist,
    Memory,
    Wal,
    Off,
}

impl JournalMode {
    fn name(self) -> &'static str {
        match self {
            JournalMode::Delete => "delete",
            JournalMode::Truncate => "truncate",
            JournalMode::Persist => "persist",
            JournalMode::Memory => "memory",
            JournalMode::Wal => "wal",
            JournalMode::Off => "off",
        }
    }
}

#[derive(Clone)]
pub struct OpenOptions {
    /// A path, `:memory:`, or a `file:` URI.
    pub database: String,
    pub mode: OpenMode,
    /// The name of the VFS that opens the files; none for the default.
    pub vfs: Option<String>,
    pub shared_cache: bool,
    pub busy_timeout: Duration,
    /// Statements that are kept prepared.
    pub statement_cache_size: usize,
    pub foreign_keys: bool,
    /// Whether functions and virtual tables that are not marked innocuous may be used in the
    /// schema (views, triggers, defaults, indexes).
    pub trusted_schema: bool,
    /// Whether a double-quoted string that names no column is taken for a string.
    pub double_quoted_strings: bool,
    /// The journal mode, and whether it is an error if the database cannot have it.
    pub journal_mode: Option<(JournalMode, bool)>,
    /// Pragmas of the file's layout, set before the journal mode, which writes its header.
    pub file_pragmas: Vec<(String, String)>,
    /// Pragmas of the connection, set after it, and again after a reset.
    pub pragmas: Vec<(String, String)>,
    pub encryption_key: Option<Vec<u8>>,
    /// Whether it is the file of a replica: what does not only read is left alone, with
    /// [`Error::AtPrimary`].
    pub replica: bool,
    /// How parameters that are UUIDs or JSON are stored.
    pub forms: Forms,
    /// Groups of functions and collations that the connection has besides SQLite's own.
    pub functions: Vec<Group>,
    /// Whether the connection writes the write-ahead log into the database now and then, and when
    /// it is closed.
    pub checkpoints: bool,
    /// Settings, over those that have a field of their own; when it is open: all of them.
    pub db_config: Vec<(DbSetting, bool)>,
    /// Limits; when it is open: all of them.
    pub limits: Vec<(Limit, i32)>,
    /// Files, and folders, of which extensions may be loaded: each list has to allow it. Without a
    /// list, any may.
    pub allowed_extensions: Vec<Vec<String>>,
    /// Whether a path that goes through a symbolic link is refused.
    pub nofollow: bool,
    /// For the copy of a server's database that is written offline: what syncs it.
    pub offline: Option<Arc<Syncer>>,
    /// Of which somebody is told.
    pub slow_queries: Option<SlowQueries>,
    /// Asked during a call, on the thread that runs it: whether anybody waits for its answer.
    pub caller_alive: fn() -> bool,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            database: ":memory:".to_owned(),
            mode: OpenMode::Create,
            vfs: None,
            shared_cache: false,
            busy_timeout: Duration::from_secs(5),
            statement_cache_size: 100,
            foreign_keys: true,
            trusted_schema: false,
            double_quoted_strings: false,
            journal_mode: None,
            file_pragmas: Vec::new(),
            pragmas: Vec::new(),
            encryption_key: None,
            replica: false,
            forms: Forms::default(),
            functions: Vec::new(),
            checkpoints: true,
            db_config: Vec::new(),
            limits: Vec::new(),
            allowed_extensions: Vec::new(),
            nofollow: false,
            offline: None,
            slow_queries: None,
            caller_alive: || true,
        }
    }
}

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the key.
        f.debug_struct("OpenOptions")
            .field("database", &self.database)
            .field("mode", &self.mode)
            .field("encrypted", &self.encryption_key.is_some())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a database, checks that it is one, and applies the options.
    pub fn open(mut options: OpenOptions) -> Result<Connection> {
        let file = c_string("the database's path", &options.database)?;
        let control = Arc::new(Control::new(options.caller_alive));
        vfs::register();
        // Encryption has a VFS of its own, which takes the files of others for its own.
        if cfg!(feature = "encryption") && options.vfs.is_some() {
            let reason = "vfs: not in a build with encryption, which has a VFS of its own";
            return Err(Error::Unsupported(reason.to_owned()));
        }
        let vfs = options.vfs.as_deref().map(vfs::registered).transpose()?;
        let raw = RawConnection::open(
            &file,
            flags(&options),
            vfs.as_deref(),
            Arc::clone(&control),
            options.forms,
        )?;
        removed_functions::remove(&raw)?;
        options.db_config = db_config::complete(&raw, &options)?;
        options.limits = limits::complete(&raw, &options.limits)?;
        functions::register(&raw, &options.functions)?;
        // The key is not kept: SQLite has it, and nothing of ours may show it.
        let key = options.encryption_key.take();
        let keyed = key.is_some();
        if let Some(key) = key {
            set_key(&raw, &key)?;
        }
        let mut connection = Connection::new(raw, control, options);
        connection.encrypted = keyed;
        let call = Call::default();
        // A damaged schema can be read with `WritableSchema` only.
        connection.apply_db_config()?;
        connection
            .execute("PRAGMA schema_version", &call)
            .and_then(|()| connection.set_pragmas(&connection.options.file_pragmas.clone(), &call))
            .and_then(|()| connection.set_journal_mode(&call))
            .map_err(|error| unreadable(error, &connection.options.database, keyed))?;
        connection.apply_options(&call)?;
        connection.short_reads = connection.can_read_shortly();
        if connection.options.replica {
            connection.read_replica()?;
        }
        connection.trace_slow_queries();
        tracing::debug!(database = connection.options.database, "opened");
        Ok(connection)
    }

    /// Sets what belongs to the connection, not to the file; also after a reset.
    pub(super) fn apply_options(&mut self, call: &Call) -> Result<()> {
        self.enable_extensions(false)?;
        self.apply_db_config()?;
        self.set_pragmas(&self.options.pragmas.clone(), call)?;
        // A pragma may have turned them on.
        if !self.makes_checkpoints() {
            self.wal_disable_checkpoint()?;
        }
        // The last: the driver's own work is done.
        self.apply_limits();
        Ok(())
    }

    pub(super) fn makes_checkpoints(&self) -> bool {
        self.options.checkpoints && self.options.offline.is_none()
    }

    fn set_pragmas(&mut self, pragmas: &[(String, String)], call: &Call) -> Result<()> {
        for (name, value) in pragmas {
            self.execute(&format!("PRAGMA {name} = {value}"), call)
                .map_err(|error| named(error, name, value))?;
        }
        Ok(())
    }

    fn set_journal_mode(&mut self, call: &Call) -> Result<()> {
        let Some((mode, required)) = self.options.journal_mode else {
            return Ok(());
        };
        if self.raw().db_readonly() {
            return Ok(());
        }
        let name = mode.name();
        if self.journal_mode("PRAGMA journal_mode", call)? == name {
            return Ok(());
        }
        let now = self
            .journal_mode(&format!("PRAGMA journal_mode = {name}"), call)
            .map_err(Error::worth_waiting)?;
        // A database in memory has no other mode: asking for one does no harm.
        if required && now != name && now != JournalMode::Memory.name() {
            return Err(Error::InvalidArgument(format!(
                "journal_mode: this database cannot be in mode {name}; it stays in mode {now}"
            )));
        }
        Ok(())
    }

    fn journal_mode(&mut self, sql: &str, call: &Call) -> Result<String> {
        let mut rows = Collect::default();
        self.query(Source::Sql(sql), &NoParams, &mut rows, call)?;
        match rows.rows.first().and_then(|row| row.first()) {
            Some(Value::Text(mode)) => Ok(String::from_utf8_lossy(mode).into_owned()),
            _ => Ok(String::new()),
        }
    }
}

fn flags(options: &OpenOptions) -> i32 {
    let mode = match options.mode {
        OpenMode::ReadOnly => ffi::SQLITE_OPEN_READONLY,
        OpenMode::ReadWrite => ffi::SQLITE_OPEN_READWRITE,
        OpenMode::Create => ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE,
    };
    let cache = if options.shared_cache {
        ffi::SQLITE_OPEN_SHAREDCACHE
    } else {
        ffi::SQLITE_OPEN_PRIVATECACHE
    };
    let nofollow = if options.nofollow {
        ffi::SQLITE_OPEN_NOFOLLOW
    } else {
        0
    };
    mode | cache
        | nofollow
        | ffi::SQLITE_OPEN_NOMUTEX
        | ffi::SQLITE_OPEN_URI
        | ffi::SQLITE_OPEN_EXRESCODE
}

#[cfg(feature = "encryption")]
fn set_key(raw: &RawConnection, key: &[u8]) -> Result<()> {
    match raw.key(key) {
        ffi::SQLITE_OK => Ok(()),
        code => Err(raw.error(code, None)),
    }
}

#[cfg(not(feature = "encryption"))]
fn set_key(_raw: &RawConnection, _key: &[u8]) -> Result<()> {
    Err(Error::Encryption(
        "encryption_key: this build of ecto_libsql has no encryption; see `encryption` in the README",
    ))
}

/// The first reads of a file tell whether it is a database, or one that needs another key.
fn unreadable(error: Error, database: &str, keyed: bool) -> Error {
    let Error::Sqlite(sqlite) = error else {
        return error;
    };
    let message = match (sqlite.extended_code, keyed) {
        (ffi::SQLITE_NOTADB, true) => format!(
            "{database} cannot be read with this encryption_key: the key is wrong, or the file is \
             not encrypted or not a database"
        ),
        (ffi::SQLITE_NOTADB, false) => {
            format!("{database} is not a database, or it is encrypted and needs an encryption_key")
        }
        _ => format!("{database}: {}", sqlite.message),
    };
    Error::Sqlite(Box::new(SqliteError { message, ..*sqlite }))
}

fn named(error: Error, name: &str, value: &str) -> Error {
    match error {
        Error::Sqlite(sqlite) => Error::Sqlite(Box::new(SqliteError {
            message: format!("PRAGMA {name} = {value}: {}", sqlite.message),
            ..*sqlite
        })),
        error => error,
    }
}
