//! Databases in this process, through libSQL's C library.
//!
//! The files `raw_….rs` own the C objects; `callbacks.rs` holds the C callbacks; `image.rs` calls
//! functions that are about whole databases. All above them is safe code.

mod apply_changeset;
mod authorizer;
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
mod db_config;
mod describe;
mod expanded_sql;
mod extension;
mod foreign_keys;
mod functions;
#[allow(unsafe_code)]
mod heap_limit;
mod hooks;
#[allow(unsafe_code)]
mod image;
mod limits;
#[allow(unsafe_code)]
mod memory_statistics;
mod open;
#[allow(unsafe_code)]
mod raw_apply;
#[allow(unsafe_code)]
mod raw_backup;
#[allow(unsafe_code)]
mod raw_blob;
#[allow(unsafe_code)]
mod raw_configuration;
#[allow(unsafe_code)]
mod raw_connection;
#[allow(unsafe_code)]
mod raw_hooks;
#[allow(unsafe_code)]
mod raw_preupdate;
#[allow(unsafe_code)]
mod raw_session;
#[allow(unsafe_code)]
mod raw_statement;
#[allow(unsafe_code)]
mod raw_status;
#[allow(unsafe_code)]
mod raw_trace;
#[allow(unsafe_code)]
mod raw_vfs;
#[allow(unsafe_code)]
mod raw_wal;
mod recorder;
mod recording;
mod removed_functions;
mod replica_reader;
mod reserved_bytes;
mod reset;
mod rows;
mod runs;
mod savepoint;
mod script;
mod short;
mod stale_schema;
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
mod whole_table;

pub use apply_changeset::{
    Applied, Apply, Conflict, ConflictKind, ConflictPolicy, ConflictingChange, Resolution,
    UnknownTables,
};
pub use authorizer::{Action, Condition, Denial, Field, Names, Policy, Rule, Verdict};
pub use backup::BackupProgress;
pub(crate) use batch::refuse_transaction_keyword;
pub use batch::{Ran, Stopped};
pub use blob::BlobPlace;
pub use cache::CacheStats;
pub use call::{Call, Interrupt};
pub use connection::{CheckpointMode, Connection, Entrance, Source, TransactionState};
pub use cursor::Fetched;
pub use db_config::DbSetting;
pub use expanded_sql::Redact;
pub use functions::{
    Evaluated, Evaluation, Evaluator, FunctionDefinition, FunctionKind, Group as FunctionGroup,
    Part,
};
pub use heap_limit::{
    HeapLimits, begin_with_heap_limits, heap_limits, memory_used, set_heap_limits,
};
pub use image::Image;
pub use limits::{Limit, LimitSet};
pub use memory_statistics::memory_statistics;
pub use open::{JournalMode, OpenMode, OpenOptions};
pub use raw_connection::Checkpoint;
pub use recorder::{Hook, Told};
pub use recording::{Recorded, RecordingStatus, Tables};
pub use rows::{Collect, CountRows, Flow, Outcome, RowSink};
pub use statement::{Column, Row, Statement};
pub use status::{Counters, Figures, library_status};
pub(crate) use system_calls::must_not_wait;
pub use trace::{Event, Listener, SlowQueries, Wants};
pub use transaction::{Behavior, Transaction};
pub use wal_frames::{WAL_FRAME_HEADER, WalInsertion};
