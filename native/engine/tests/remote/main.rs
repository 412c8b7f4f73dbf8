//! Remote databases, against a real sqld.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]
#![allow(clippy::panic, reason = "a test that cannot go on is to fail")]
#![allow(clippy::print_stderr, reason = "a test that did not run says so")]

#[allow(dead_code, reason = "the tests of replicas use the rest")]
#[path = "../support/mod.rs"]
mod support;

mod batches;
mod breaker;
mod calls;
mod cursors;
mod errors;
mod failover;
mod faults;
mod network;
mod nonsense;
mod sessions;
mod statements;
mod tokens;
mod transactions;
