//! Offline writes: a local database that is written at local speed, and exchanges its frames with
//! a server when that can be reached. libSQL's sync protocol V2 (`new_synced_database` of its
//! crate).
//!
//! # How it works
//!
//! The server has a database file for each *generation*, and the frames that were pushed since. The
//! local file begins as the generation's file, and its write-ahead log has the generation's frames
//! in the server's order, followed by those of local transactions that were not pushed yet. So the
//! log must not be checkpointed within a generation: every connection leaves it alone, and a
//! [`Syncer`] keeps a read transaction open, which keeps everybody else from beginning it anew.
//!
//! [`Syncer::push`] sends what the server lacks, [`Syncer::pull`] appends what others pushed.
//! Frames are pages, so only one of the two can have something new: where both do, that is a
//! conflict ([`Trouble::Conflict`]), and nothing is changed on either side.
//!
//! # Files
//!
//! Beside the database there are `-info`, libSQL's own (the generation and the last frame that both
//! have), `-offline`, which ties that to the log ([`ledger`](self)), and `-offline-lock`.

mod atomic_file;
mod bootstrap;
mod conflict;
mod door;
mod event;
mod file_lock;
mod files;
mod frames;
mod interval;
mod ledger;
mod local;
mod metadata;
mod options;
mod position;
mod pull;
mod push;
mod rounds;
mod service;
mod set_aside;
mod shared;
mod syncer;
mod trouble;

pub use event::{Event, Listener};
pub use options::OfflineOptions;
pub use rounds::Synced;
pub use set_aside::set_aside;
pub use shared::any_open;
pub use syncer::{OfflineStatus, Syncer, let_go};
pub use trouble::Trouble;
