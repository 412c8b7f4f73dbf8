//! Offline writes against a server of the sync protocol of our own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on is to fail"
)]

mod conflicts;
mod copy;
mod damage;
mod faults;
mod first_start;
mod generations;
mod pushing;
mod writers;
