//! The C callbacks: SQLite's progress and busy handlers, and the authorizer.
//!
//! The handlers are registered once per connection with a pointer to its [`Control`] and read
//! nothing else, so they cost the same whether a call has a deadline or not.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libsql::ffi;

use super::authorizer::Request;
use super::call::Control;
use super::replica_reader;

/// Virtual-machine steps between two looks at [`Control`]: some 20 µs of work.
pub(super) const PROGRESS_STEPS: c_int = 1000;

/// SQLite's progress handler: non-zero interrupts the statement.
pub(super) extern "C" fn progress(control: *mut c_void) -> c_int {
    // SAFETY: the connection that registered this pointer owns an Arc of the Control and closes
    // the database, after which SQLite calls no handler, before it lets go of the Arc.
    let control = unsafe { &*control.cast::<Control>() };
    let answer = || {
        control.tracer.progressed();
        control.must_stop()
    };
    stop_on_panic(answer, true)
}

/// SQLite's busy handler: called where it makes sense to wait for a lock that another connection
/// holds. It never waits: nobody sleeps on a scheduler's thread. The call ends, and is made again
/// later.
pub(super) extern "C" fn busy(control: *mut c_void, _calls: c_int) -> c_int {
    // SAFETY: as in `progress`.
    let control = unsafe { &*control.cast::<Control>() };
    control.note_busy();
    0
}

/// SQLite's authorizer, called for each thing that a statement is to do while it is prepared. Decides
/// by the connection's policy, and notes what is not for a replica's reader. A DELETE that it ignores
/// is done row by row.
pub(super) extern "C" fn authorize(
    control: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    within: *const c_char,
) -> c_int {
    // SAFETY: as in `progress`.
    let control = unsafe { &*control.cast::<Control>() };
    let text = |text: *const c_char| match text.is_null() {
        true => None,
        // SAFETY: SQLite's strings end with NUL and live for the call.
        false => Some(unsafe { CStr::from_ptr(text) }.to_bytes()),
    };
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let texts = [first, second, database, within].map(text);
        let [first, second] = [texts[0], texts[1]].map(|text| str::from_utf8(text?).ok());
        control.note_place(replica_reader::place(action, first, second));
        let row_by_row = control.whole_table.ignores(action, first);
        match control.authorizer.decide(&Request::new(action, texts)) {
            ffi::SQLITE_OK if row_by_row => ffi::SQLITE_IGNORE,
            decided => decided,
        }
    }));
    decided.unwrap_or(ffi::SQLITE_DENY)
}

/// A panic must not unwind into C: it counts as the answer that ends the call.
fn stop_on_panic(answer: impl FnOnce() -> bool, stop: bool) -> c_int {
    c_int::from(catch_unwind(AssertUnwindSafe(answer)).unwrap_or(stop))
}
