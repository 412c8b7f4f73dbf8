//! Who is told of changes.

use std::sync::OnceLock;

use super::BreakerStatus;

type Observer = Box<dyn Fn(BreakerStatus) + Send + Sync>;

static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// Has a function called at each change of a breaker's state, in their order, on a thread of the
/// network. It must not block. The first one that is given stays; answers whether it was this one.
pub fn observe(observer: impl Fn(BreakerStatus) + Send + Sync + 'static) -> bool {
    OBSERVER.set(Box::new(observer)).is_ok()
}

pub(super) fn tell(status: BreakerStatus) {
    tracing::info!(
        server = status.server,
        state = status.state.name(),
        "breaker"
    );
    if let Some(observer) = OBSERVER.get() {
        observer(status);
    }
}
