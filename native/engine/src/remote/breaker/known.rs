//! The breakers of the process.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{Breaker, BreakerOptions, BreakerStatus};
use crate::remote::address::Address;
use crate::remote::http::Http;

static BREAKERS: Mutex<Vec<Weak<Breaker>>> = Mutex::new(Vec::new());

/// Which server, and which of its databases. Whoever comes with other certificates may be refused
/// where others are not, so that is another breaker.
#[derive(Debug, Clone)]
pub(in crate::remote) struct Key {
    pub address: Address,
    pub namespace: Option<String>,
    pub http: Weak<Http>,
}

impl Key {
    pub(super) fn server(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.address == other.address
            && self.namespace == other.namespace
            && Weak::ptr_eq(&self.http, &other.http)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            None => write!(f, "{}", self.address),
            Some(namespace) => write!(f, "{} (namespace {namespace:?})", self.address),
        }
    }
}

/// The breaker of all connections to this server's database. The options that were given last hold.
pub(in crate::remote) fn of(key: Key, options: BreakerOptions) -> Arc<Breaker> {
    let mut breakers = BREAKERS.lock();
    breakers.retain(|breaker| breaker.strong_count() > 0);
    let mut known = breakers.iter().filter_map(Weak::upgrade);
    if let Some(breaker) = known.find(|breaker| breaker.key == key) {
        breaker.circuit.lock().set_options(options);
        return breaker;
    }
    let breaker = Arc::new(Breaker::new(key, options));
    breakers.push(Arc::downgrade(&breaker));
    breaker
}

/// Forgets a breaker that only the caller has any more; answers whether it was one.
pub(super) fn forget_unused(breaker: &Arc<Breaker>) -> bool {
    // With the lock, nobody becomes its user in the meantime.
    let mut breakers = BREAKERS.lock();
    let unused = Arc::strong_count(breaker) == 1;
    if unused {
        breakers.retain(|known| !Weak::ptr_eq(known, &Arc::downgrade(breaker)));
    }
    unused
}

/// The state of each breaker of the process, in the order in which they were first used.
pub fn breakers() -> Vec<BreakerStatus> {
    let known = BREAKERS.lock().clone();
    known
        .iter()
        .filter_map(Weak::upgrade)
        .map(|breaker| breaker.status())
        .collect()
}
