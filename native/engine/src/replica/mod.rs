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

mod options;
mod replica;
mod status;

pub use options::ReplicaOptions;
pub use replica::{Replica, sync_frames};
pub use status::{Event, Listener, ReplicaStatus, ResetReason, Synced};
