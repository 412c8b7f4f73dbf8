//! The C callbacks: SQLite's progress and busy handlers.
//!
//! Both are registered once per connection with a pointer to its [`Control`] and read nothing
//! else, so they cost the same whether a call has a deadline or not.

use std::os::raw::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::Duration;

use super::call::Control;

/// Virtual-machine steps between two looks at [`Control`]: some 20 µs of work.
pub(super) const PROGRESS_STEPS: c_int = 1000;

/// SQLite's progress handler: non-zero interrupts the statement.
pub(super) extern "C" fn progress(control: *mut c_void) -> c_int {
    // SAFETY: the connection that registered this pointer owns an Arc of the Control and closes
    // the database, after which SQLite calls no handler, before it lets go of the Arc.
    let control = unsafe { &*control.cast::<Control>() };
    stop_on_panic(|| control.must_stop(), true)
}

/// SQLite's busy handler: called while another connection holds the lock, with the number of
/// calls before; zero gives up.
pub(super) extern "C" fn busy(control: *mut c_void, calls: c_int) -> c_int {
    // SAFETY: as in `progress`.
    let control = unsafe { &*control.cast::<Control>() };
    stop_on_panic(|| wait(control, calls.unsigned_abs()), false)
}

/// A panic must not unwind into C: it counts as the answer that ends the call.
fn stop_on_panic(answer: impl FnOnce() -> bool, stop: bool) -> c_int {
    c_int::from(catch_unwind(AssertUnwindSafe(answer)).unwrap_or(stop))
}

/// Sleeps 1, 2, 4, 8, then 10 ms at a time, until `busy_timeout` is spent.
fn wait(control: &Control, calls: u32) -> bool {
    const LONGEST: u64 = 10;
    let pause = (1_u64 << calls.min(4)).min(LONGEST);
    let waited = match calls {
        0..4 => (1_u64 << calls) - 1,
        _ => 15 + u64::from(calls - 4) * LONGEST,
    };
    if control.must_stop() || Duration::from_millis(waited) >= control.busy_timeout() {
        return false;
    }
    sleep(Duration::from_millis(pause));
    true
}
