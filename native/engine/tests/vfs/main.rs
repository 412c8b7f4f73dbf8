//! What comes of faults of the disk. Each run has a seed, by which it can be repeated.

// A build with encryption takes no other VFS.
#![cfg(not(feature = "encryption"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on is to fail, and figures are printed"
)]

mod crash;
mod errors;
mod ledger;
mod memory;
mod scripts;
mod space;
mod support;
