//! Embedded replicas of a real sqld.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]
#![allow(clippy::panic, reason = "a test that cannot go on is to fail")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test that cannot go on is to fail"
)]
#![allow(clippy::print_stderr, reason = "a test that did not run says so")]

#[allow(
    dead_code,
    unused_imports,
    reason = "the tests of remote databases use the rest"
)]
#[path = "../support/mod.rs"]
mod support;

mod copies;
mod faults;
mod figures;
mod files;
mod follow;
