//! What the tests against a real server share.

mod sqld;

pub use sqld::{Settings, Sqld};
