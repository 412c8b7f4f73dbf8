//! What the tests against a real server share.

mod canned;
mod jwt;
mod proxy;
mod sqld;
mod tls;

pub use canned::Canned;
pub use jwt::Issuer;
pub use proxy::{Fault, Proxy};
pub use sqld::{Settings, Sqld};
pub use tls::{Authority, TlsProxy};
