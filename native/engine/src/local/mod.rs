//! Databases in this process, through libSQL's C library.
//!
//! The files `raw_….rs` own the C objects; `callbacks.rs` holds the C callbacks; `image.rs` calls
//! functions that are about whole databases. All above them is safe code.

mod backup;
mod batch;
mod blob;
mod cache;
mod call;
#[allow(unsafe_code)]
mod callbacks;
mod connection;
mod cursor;
mod data_version;
mod describe;
mod expanded_sql;
mod extension;
#[cfg(feature = "encryption")]
mod file_access;
mod foreign_keys;
mod functions;
#[allow(unsafe_code)]
mod image;
#[allow(unsafe_code)]
mod memory_statistics;
mod open;
#[allow(unsafe_code)]
mod raw_backup;
#[allow(unsafe_code)]
mod raw_blob;
#[allow(unsafe_code)]
mod raw_connection;
#[allow(unsafe_code)]
mod raw_statement;
#[allow(unsafe_code)]
mod raw_status;
#[allow(unsafe_code)]
mod raw_trace;
#[allow(unsafe_code)]
mod raw_wal;
mod replica_reader;
mod reset;
mod rows;
mod script;
mod short;
mod statement;
mod status;
#[allow(unsafe_code)]
mod system_calls;
mod tokens;
mod trace;
mod tracer;
mod transaction;
mod wal;
mod wal_frames;

pub use backup::BackupProgress;
pub(crate) use batch::refuse_transaction_keyword;
pub use batch::{Ran, Stopped};
pub use blob::BlobPlace;
pub use cache::CacheStats;
pub use call::{Call, Interrupt};
pub use connection::{CheckpointMode, Connection, Entrance, Source, TransactionState};
pub use cursor::Fetched;
pub use expanded_sql::Redact;
pub use functions::Group as FunctionGroup;
pub use image::Image;
pub use memory_statistics::memory_statistics;
pub use open::{JournalMode, OpenMode, OpenOptions};
pub use raw_connection::Checkpoint;
pub use rows::{Collect, CountRows, Flow, Outcome, RowSink};
pub use statement::{Column, Row, Statement};
pub use status::{Counters, Figures, library_status};
pub use trace::{Event, Listener, SlowQueries, Wants};
pub use transaction::{Behavior, Transaction};
pub use wal_frames::{WAL_FRAME_HEADER, WalInsertion};
