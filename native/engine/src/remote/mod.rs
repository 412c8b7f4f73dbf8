//! Databases on a server: Turso, or any sqld. Hrana 3 over HTTP.
//!
//! A [`RemoteConnection`] is one *stream* of the server, which is one SQLite connection there. The
//! server names it by a *baton* that each answer renews, and closes it after about ten seconds
//! without a request. All calls are futures to be run on the runtime ([`spawn`]). Calls on one
//! connection are made one after the other, in the order in which they came. A call that is
//! dropped, or runs past its deadline, has no further effect on the connection than that its
//! stream is given up: the next call opens another.
//!
//! A [`RemoteSession`] is a connection as a [`RemoteRegistry`] knows it: shared, owned by a
//! process, with its prepared statements and cursors.
//!
//! # Transactions
//!
//! A transaction lives and dies with its stream. While one is open, every statement is sent with
//! the condition that the server is still in it, so that none ever runs outside. When it is gone
//! (the server was restarted, took it for abandoned, or a call on the way was lost), each call
//! but [`rollback`](RemoteConnection::rollback) fails with
//! [`Error::TransactionLost`](crate::Error::TransactionLost).
//!
//! # What is sent again
//!
//! A request that the server has certainly not run, because it does not know the stream any more,
//! is sent once more on a new stream, unless a transaction was open. One whose answer was lost is
//! sent again only if it is a SELECT outside of a transaction; for all else the error says that
//! nobody knows the outcome.
//!
//! # Servers that are away
//!
//! A server that does not answer is not asked for a while ([`Breaker`]), and what only reads can go to
//! another one in the meantime ([`RemoteOptions::failover`]). Every request to a server, also those of
//! replicas, is to pass its breaker: `Server::guarded`.

mod address;
mod answer;
mod ask;
mod batch;
mod beforehand;
mod breaker;
mod connection;
mod cursor;
mod describe;
mod failover;
mod failure;
mod grpc_web;
mod http;
mod outcome;
mod protocol;
mod refine;
mod rows;
mod run;
mod runtime;
mod secret;
mod server;
mod session;
mod split;
mod sql_error;
mod stream;
mod texts;
mod tls;
mod transaction;
mod value;
mod work;

pub use breaker::{Breaker, BreakerOptions, BreakerState, BreakerStatus, breakers, observe};
pub use connection::{RemoteConnection, RemoteOptions};
pub use cursor::{CursorEnd, Fetched, RemoteCursor};
pub use describe::Description;
pub use failover::{FailedOver, ReadServer};
pub use failure::Failure;
pub(crate) use grpc_web::{GrpcAnswer, GrpcWeb, Refused};
pub(crate) use http::{Broken, innermost};
pub use runtime::{block_on, spawn, start, stop};
pub(crate) use server::Server;
pub use session::{
    Answer, CallHandle, Content, RemoteItem, RemoteRegistry, RemoteSession, RemoteStatus, Request,
    Statement, Stop,
};
pub use value::{RemoteColumn, RemoteParams, RemoteResult};
