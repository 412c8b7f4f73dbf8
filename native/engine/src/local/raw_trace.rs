//! SQLite's trace callback: <https://sqlite.org/c3ref/trace_v2.html>.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use libsql::ffi;

use super::call::Control;
use super::raw_connection::RawConnection;
use super::status::Counters;
use super::trace::LONGEST;
use super::tracer::{Traced, Tracer};

impl RawConnection {
    /// Has the tracer called for what is traced now, and for nothing where that is nothing.
    pub(super) fn trace(&self) {
        let tracer = &self.control().tracer;
        let mut mask = 0;
        if tracer.on() {
            mask |= ffi::SQLITE_TRACE_STMT | ffi::SQLITE_TRACE_PROFILE | ffi::SQLITE_TRACE_CLOSE;
        }
        if tracer.on() && tracer.wants_rows() {
            mask |= ffi::SQLITE_TRACE_ROW;
        }
        let control: *mut c_void = Arc::as_ptr(self.control()).cast_mut().cast();
        // SAFETY: the database is live; the callback gets a pointer into the Arc that self owns and
        // gives up only after the database is closed. With an empty mask there is no callback.
        unsafe {
            ffi::sqlite3_trace_v2(
                self.handle(),
                mask.cast_unsigned(),
                (mask != 0).then_some(trace as _),
                control,
            );
        }
    }
}

/// What SQLite gives the callback depends on the kind of event.
unsafe extern "C" fn trace(
    kind: c_uint,
    control: *mut c_void,
    subject: *mut c_void,
    detail: *mut c_void,
) -> c_int {
    // SAFETY: as in `callbacks::progress`.
    let tracer = unsafe { &(*control.cast::<Control>()).tracer };
    // A panic must not unwind into C.
    let _ = catch_unwind(AssertUnwindSafe(|| match kind.cast_signed() {
        ffi::SQLITE_TRACE_STMT => began(tracer, &Shown(subject.cast()), detail.cast()),
        ffi::SQLITE_TRACE_PROFILE => {
            // SAFETY: SQLite points to the nanoseconds, an integer of 64 bits.
            let took = unsafe { *detail.cast::<i64>() };
            let took = Duration::from_nanos(u64::try_from(took).unwrap_or(0));
            tracer.ended(&Shown(subject.cast()), took);
        }
        ffi::SQLITE_TRACE_ROW => tracer.row(&Shown(subject.cast())),
        ffi::SQLITE_TRACE_CLOSE => tracer.closed(),
        _ => {}
    }));
    0
}

/// The text is the statement's own, or a comment that says what is done inside of one.
fn began(tracer: &Tracer, shown: &Shown, text: *const c_char) {
    // SAFETY: SQLite shows a live statement.
    let own = unsafe { ffi::sqlite3_sql(shown.0) };
    if ptr::eq(own, text) {
        tracer.began(shown);
    } else {
        tracer.began_inside(shown, || shortened(text));
    }
}

/// A statement that SQLite shows, for the time of the callback.
struct Shown(*mut ffi::sqlite3_stmt);

impl Traced for Shown {
    fn address(&self) -> usize {
        self.0.addr()
    }

    fn counters(&self) -> Counters {
        // SAFETY: the statement is live, and the counter is one of SQLite's.
        Counters::of(|counter| unsafe {
            ffi::sqlite3_stmt_status(self.0, counter, 0).cast_unsigned()
        })
    }

    fn sql(&self) -> Arc<str> {
        // SAFETY: the statement is live.
        shortened(unsafe { ffi::sqlite3_sql(self.0) })
    }
}

fn shortened(text: *const c_char) -> Arc<str> {
    if text.is_null() {
        return Arc::default();
    }
    // SAFETY: SQLite's text ends with NUL and lives for the callback.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => Arc::from(&text[..text.floor_char_boundary(LONGEST)]),
        // What follows the text's last whole character is left out.
        Err(error) => {
            let valid = &bytes[..error.valid_up_to().min(LONGEST)];
            String::from_utf8_lossy(valid).into()
        }
    }
}
