//! What comes of faults of the disk. Each run has a seed, by which it can be repeated.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on is to fail"
)]

mod crash;
mod errors;
mod ledger;
mod scripts;
mod space;
mod support;
