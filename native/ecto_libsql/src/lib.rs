//! The NIF of ecto_libsql. Each function decodes its arguments, looks its connection up, calls
//! the engine and encodes the answer; it holds no logic.
//!
//! Everything that may touch the disk or wait runs on a dirty I/O scheduler.

#![deny(unsafe_code)]

mod atoms;
mod authorizer;
mod backup;
mod batch;
mod blob;
#[allow(unsafe_code)]
mod calling;
mod changeset;
mod configuration;
mod connection;
mod cursor;
mod describe;
mod error;
mod evaluation;
mod extension;
mod foreign_keys;
mod function;
mod gate;
mod heap_limit;
mod hooks;
mod lifecycle;
mod list;
mod metadata;
mod offline;
#[allow(unsafe_code)]
mod own_thread;
mod owner;
mod params;
mod query;
mod recording;
mod remote;
mod replica;
mod result;
mod statement;
mod status;
#[allow(unsafe_code)]
mod terms;
mod trace;
mod transaction;
mod vfs;
mod wal;

use rustler::{Env, Term};

fn load(env: Env<'_>, _info: Term<'_>) -> bool {
    remote::observe();
    owner::start_reaper()
        && env.register::<owner::OwnerWatch>().is_ok()
        && env.register::<hooks::ChannelHandle>().is_ok()
        && env.register::<remote::RemoteWatch>().is_ok()
        && env.register::<remote::RemoteCall>().is_ok()
        && env.register::<replica::ReplicaHandle>().is_ok()
        && env.register::<offline::OfflineHandle>().is_ok()
        && env.register::<trace::Outlet>().is_ok()
        && env.register::<evaluation::FunctionCall>().is_ok()
}

rustler::init!("Elixir.EctoLibSql.Native", load = load);
