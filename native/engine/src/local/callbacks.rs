//! The C callbacks: SQLite's progress and busy handlers, and the authorizer of a replica's readers.
//!
//! The handlers are registered once per connection with a pointer to its [`Control`] and read
//! nothing else, so they cost the same whether a call has a deadline or not.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libsql::ffi;

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

/// SQLite's authorizer, called for each thing that a statement is to do while it is prepared. Allows
/// all of it, and notes what is not for a replica's reader.
pub(super) extern "C" fn authorize(
    control: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    _database: *const c_char,
    _within: *const c_char,
) -> c_int {
    // SAFETY: as in `progress`.
    let control = unsafe { &*control.cast::<Control>() };
    let text = |text: *const c_char| match text.is_null() {
        true => None,
        // SAFETY: SQLite's strings end with NUL and live for the call.
        false => unsafe { CStr::from_ptr(text) }.to_str().ok(),
    };
    let noted = catch_unwind(AssertUnwindSafe(|| {
        control.note_place(replica_reader::place(action, text(first), text(second)));
    }));
    match noted {
        Ok(()) => ffi::SQLITE_OK,
        Err(_) => ffi::SQLITE_DENY,
    }
}

/// A panic must not unwind into C: it counts as the answer that ends the call.
fn stop_on_panic(answer: impl FnOnce() -> bool, stop: bool) -> c_int {
    c_int::from(catch_unwind(AssertUnwindSafe(answer)).unwrap_or(stop))
}
