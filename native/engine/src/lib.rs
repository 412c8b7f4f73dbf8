//! The engine of ecto_libsql: libSQL behind a safe interface.
//!
//! Nothing here knows the BEAM: `cargo test`, criterion and fuzzers drive it as it is.
//! [`local`] runs databases in this process through libSQL's C library; [`remote`] asks servers;
//! [`replica`] keeps local copies of their databases, [`offline`] such that are written here;
//! [`vfs`] says how files are opened;
//! [`registry`] keeps what is open under ids, with the process that owns it.

#![deny(unsafe_code)]

#[cfg(all(feature = "encryption", feature = "sqlean"))]
compile_error!("libSQL's build with encryption has no sqlean");

pub mod backup;
pub mod changeset;
pub mod channel;
pub mod constraint;
pub mod error;
pub mod form;
pub mod gate;
mod gates;
pub mod jsonb;
mod keyword;
pub mod local;
pub mod offline;
pub mod params;
pub mod registry;
pub mod remote;
pub mod replica;
pub mod result_code;
pub mod session;
pub mod value;
pub mod vfs;
mod writer;

pub use error::{Error, Result, SqliteError};
pub use value::{Value, ValueRef};

/// What connections, statements and cursors are known by.
pub type Id = uuid::Uuid;
