//! Embedded replicas: a local copy of a server's database that follows it.
//!
//! The copy is an ordinary SQLite file in WAL mode. A [`Replica`] fetches the frames that the
//! server (the *primary*) wrote to its own write-ahead log and inserts them into the file's, a
//! transaction of the primary never in part. Reads are plain read-only connections of
//! [`local`](crate::local) to the file; nothing of them goes through here. Writes are calls to the
//! primary ([`remote`](crate::remote)), whose answers name the frame that they became
//! ([`Replica::wrote`]).
//!
//! There is one `Replica` for a file in a process, however often it is opened, and its lock keeps
//! other processes away from the file.

mod copy;
mod frame;
mod frames_file;
mod handle;
mod insert;
mod log_size;
mod metadata;
mod open_files;
mod options;
mod primary;
mod pull;
mod rounds;
mod shared;
mod status;
mod worker;

pub use frames_file::sync_frames;
pub use handle::Replica;
pub use open_files::any_open;
pub use options::ReplicaOptions;
pub use status::{Event, Listener, ReplicaStatus, ResetReason, Synced};
