//! SQLite's callbacks for functions, aggregates and collations.
//! <https://sqlite.org/c3ref/create_function.html>

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libsql::ffi;

use super::{Aggregate, Answer, Output, Scalar};
use crate::error::Result;
use crate::local::raw_connection::RawConnection;
use crate::local::raw_statement::bytes;
use crate::value::ValueRef;

const FLAGS: c_int = ffi::SQLITE_UTF8 | ffi::SQLITE_INNOCUOUS;

/// No function here takes more.
const MOST_ARGUMENTS: usize = 4;

pub(super) fn create_scalar(connection: &RawConnection, scalar: &'static Scalar) -> Result<()> {
    let user_data: *const Scalar = scalar;
    let flags = match scalar.deterministic {
        true => FLAGS | ffi::SQLITE_DETERMINISTIC,
        false => FLAGS,
    };
    // SAFETY: the database is live, the name ends with NUL, and the scalar is static.
    let code = unsafe {
        ffi::sqlite3_create_function_v2(
            connection.handle(),
            scalar.name.as_ptr(),
            c_int::from(scalar.arguments),
            flags,
            user_data.cast_mut().cast(),
            Some(call_scalar),
            None,
            None,
            None,
        )
    };
    created(connection, code)
}

pub(super) fn create_aggregate<A: Aggregate>(
    connection: &RawConnection,
    name: &'static CStr,
) -> Result<()> {
    // SAFETY: the database is live, the name ends with NUL, and there is no user data.
    let code = unsafe {
        ffi::sqlite3_create_window_function(
            connection.handle(),
            name.as_ptr(),
            c_int::from(A::ARGUMENTS),
            FLAGS | ffi::SQLITE_DETERMINISTIC,
            ptr::null_mut(),
            Some(step::<A>),
            Some(finish::<A>),
            Some(value::<A>),
            Some(inverse::<A>),
            None,
        )
    };
    created(connection, code)
}

/// An order of texts; the first argument of the callback is not used.
pub(super) type Order = fn(&[u8], &[u8]) -> std::cmp::Ordering;

pub(super) fn create_collation(
    connection: &RawConnection,
    name: &'static CStr,
    order: Order,
) -> Result<()> {
    // SAFETY: the database is live and the name ends with NUL; a function pointer is as wide as a
    // data pointer on every platform that SQLite runs on, and `compare` turns it back.
    let code = unsafe {
        ffi::sqlite3_create_collation_v2(
            connection.handle(),
            name.as_ptr(),
            ffi::SQLITE_UTF8,
            order as *mut c_void,
            Some(compare),
            None,
        )
    };
    created(connection, code)
}

pub(super) fn created(connection: &RawConnection, code: c_int) -> Result<()> {
    if code == ffi::SQLITE_OK {
        Ok(())
    } else {
        Err(connection.error(code, None))
    }
}

extern "C" fn call_scalar(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: `create_scalar` gave a static Scalar as user data, and SQLite lends the arguments
    // for the length of this call.
    unsafe {
        let scalar = &*ffi::sqlite3_user_data(context).cast::<Scalar>();
        answer(context, || {
            let mut arguments = [ValueRef::Null; MOST_ARGUMENTS];
            let count = read_arguments(count, values, &mut arguments);
            (scalar.call)(&arguments[..count])
        });
    }
}

extern "C" fn step<A: Aggregate>(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: as SQLite promises: the arguments, and this aggregate's context.
    unsafe {
        let Some(state) = state::<A>(context) else {
            return ffi::sqlite3_result_error_nomem(context);
        };
        let stepped = caught(|| {
            let mut arguments = [ValueRef::Null; MOST_ARGUMENTS];
            let count = read_arguments(count, values, &mut arguments);
            state.step(&arguments[..count])
        });
        if let Err(message) = stepped {
            fail(context, &message);
        }
    }
}

extern "C" fn inverse<A: Aggregate>(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: as in `step`.
    unsafe {
        let Some(state) = state::<A>(context) else {
            return ffi::sqlite3_result_error_nomem(context);
        };
        let taken_back = caught(|| {
            let mut arguments = [ValueRef::Null; MOST_ARGUMENTS];
            let count = read_arguments(count, values, &mut arguments);
            state.inverse(&arguments[..count])
        });
        if let Err(message) = taken_back {
            fail(context, &message);
        }
    }
}

extern "C" fn value<A: Aggregate>(context: *mut ffi::sqlite3_context) {
    // SAFETY: as in `step`.
    unsafe {
        let Some(state) = state::<A>(context) else {
            return ffi::sqlite3_result_error_nomem(context);
        };
        answer(context, || state.value());
    }
}

extern "C" fn finish<A: Aggregate>(context: *mut ffi::sqlite3_context) {
    // SAFETY: SQLite calls this once for each context, also after an error; with size 0 it
    // answers NULL where no step ran. The box that `state` made is taken out and dropped here.
    unsafe {
        let slot: *mut *mut A = ffi::sqlite3_aggregate_context(context, 0).cast();
        if slot.is_null() || (*slot).is_null() {
            return answer(context, || A::default().value());
        }
        let state = Box::from_raw(ptr::replace(slot, ptr::null_mut()));
        answer(context, || state.value());
    }
}

extern "C" fn compare(
    order: *mut c_void,
    left_length: c_int,
    left: *const c_void,
    right_length: c_int,
    right: *const c_void,
) -> c_int {
    // SAFETY: `create_collation` made this pointer of an Order; the texts have these lengths.
    unsafe {
        let order: Order = std::mem::transmute::<*mut c_void, Order>(order);
        let left = bytes(left.cast(), left_length);
        let right = bytes(right.cast(), right_length);
        // A collation has no way to fail: what panics compares as text.
        let ordering = catch_unwind(AssertUnwindSafe(|| order(left, right)))
            .unwrap_or_else(|_| left.cmp(right));
        ordering as c_int
    }
}

/// The aggregate's state, made on first use; `None` when memory is out.
///
/// # Safety
/// `context` is one of an aggregate that was registered as `A`, and lives for `'a`.
unsafe fn state<'a, A: Aggregate>(context: *mut ffi::sqlite3_context) -> Option<&'a mut A> {
    let size = size_of::<*mut A>() as c_int;
    // SAFETY: SQLite answers zeroed memory of that size, aligned for a pointer, and the same
    // memory for each call on this context; only `finish` takes the box out of it.
    unsafe {
        let slot: *mut *mut A = ffi::sqlite3_aggregate_context(context, size).cast();
        if slot.is_null() {
            return None;
        }
        if (*slot).is_null() {
            *slot = Box::into_raw(Box::default());
        }
        (*slot).as_mut()
    }
}

/// # Safety
/// `values` are `count` arguments that live for `'a`.
unsafe fn read_arguments<'a>(
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
    arguments: &mut [ValueRef<'a>; MOST_ARGUMENTS],
) -> usize {
    let count = usize::try_from(count).unwrap_or(0).min(MOST_ARGUMENTS);
    for (index, argument) in arguments.iter_mut().enumerate().take(count) {
        // SAFETY: our caller's promise.
        *argument = unsafe { value_of(*values.add(index)) };
    }
    count
}

/// # Safety
/// `value` lives, and nobody converts it, for `'a`.
pub(super) unsafe fn value_of<'a>(value: *mut ffi::sqlite3_value) -> ValueRef<'a> {
    // SAFETY: our caller's promise; text is read before its length, as SQLite asks for.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                let text = ffi::sqlite3_value_text(value);
                ValueRef::Text(bytes(text, ffi::sqlite3_value_bytes(value)))
            }
            ffi::SQLITE_BLOB => {
                let blob = ffi::sqlite3_value_blob(value);
                ValueRef::Blob(bytes(blob.cast(), ffi::sqlite3_value_bytes(value)))
            }
            _ => ValueRef::Null,
        }
    }
}

/// # Safety
/// `context` is that of the running call.
unsafe fn answer(context: *mut ffi::sqlite3_context, work: impl FnOnce() -> Answer) {
    // SAFETY: our caller's promise; SQLite copies text and blob.
    unsafe {
        match caught(work) {
            Ok(Output::Null) => ffi::sqlite3_result_null(context),
            Ok(Output::Integer(integer)) => ffi::sqlite3_result_int64(context, integer),
            Ok(Output::Real(real)) => ffi::sqlite3_result_double(context, real),
            Ok(Output::Blob(blob)) => ffi::sqlite3_result_blob64(
                context,
                blob.as_ptr().cast(),
                blob.len() as u64,
                ffi::SQLITE_TRANSIENT(),
            ),
            Ok(Output::Text(text)) => ffi::sqlite3_result_text64(
                context,
                text.as_ptr().cast(),
                text.len() as u64,
                ffi::SQLITE_TRANSIENT(),
                ffi::SQLITE_UTF8 as u8,
            ),
            Err(message) => fail(context, &message),
        }
    }
}

/// # Safety
/// As for [`answer`].
unsafe fn fail(context: *mut ffi::sqlite3_context, message: &str) {
    let length = c_int::try_from(message.len()).unwrap_or(c_int::MAX);
    // SAFETY: our caller's promise; SQLite copies the message.
    unsafe { ffi::sqlite3_result_error(context, message.as_ptr().cast(), length) };
}

/// A panic must not unwind into C.
fn caught<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("a function of ecto_libsql panicked; please report it".to_owned()))
}
