//! SQLite's callbacks for functions and collations that somebody else evaluates.

use std::ffi::CString;
use std::os::raw::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use libsql::ffi;

use super::call::{created, value_of};
use super::foreign::{
    Evaluated, Evaluation, Evaluator, FUNCTION_FAILED, FunctionDefinition, FunctionKind, Part,
};
use crate::error::Result;
use crate::local::call::Control;
use crate::local::raw_connection::{RawConnection, c_string};
use crate::local::raw_statement::bytes;
use crate::value::{Value, ValueRef};

/// What SQLite hands to the callbacks, and frees by [`destroy`].
struct Context {
    evaluator: Arc<dyn Evaluator>,
    control: Arc<Control>,
}

/// An aggregate's run, in SQLite's memory, which is zeroed first.
#[repr(C)]
struct Run {
    id: u64,
    begun: bool,
    failed: bool,
}

impl Run {
    /// Its number, and whether it begins now.
    fn begin(&mut self) -> (u64, bool) {
        static RUNS: AtomicU64 = AtomicU64::new(1);
        if !self.begun {
            self.id = RUNS.fetch_add(1, Relaxed);
        }
        (self.id, !std::mem::replace(&mut self.begun, true))
    }
}

/// Where there is no run.
const NO_RUN: (u64, bool) = (0, false);

pub(super) fn create(
    connection: &RawConnection,
    control: &Arc<Control>,
    definition: &FunctionDefinition,
) -> Result<()> {
    let name = c_string("the function's name", &definition.name)?;
    let context: *mut c_void = Box::into_raw(Box::new(Context {
        evaluator: Arc::clone(&definition.evaluator),
        control: Arc::clone(control),
    }))
    .cast();
    if definition.kind == FunctionKind::Collation {
        return create_collation(connection, &name, context);
    }
    let kind = definition.kind;
    let scalar = kind == FunctionKind::Scalar;
    let window = kind == FunctionKind::Window;
    // SAFETY: the database is live and the name ends with NUL; SQLite frees the context when the
    // function goes, also where this call fails.
    let code = unsafe {
        if scalar {
            ffi::sqlite3_create_function_v2(
                connection.handle(),
                name.as_ptr(),
                definition.arguments,
                flags(definition),
                context,
                Some(call),
                None,
                None,
                Some(destroy),
            )
        } else {
            ffi::sqlite3_create_window_function(
                connection.handle(),
                name.as_ptr(),
                definition.arguments,
                flags(definition),
                context,
                Some(step),
                Some(finish),
                window.then_some(value as unsafe extern "C" fn(_)),
                window.then_some(inverse as unsafe extern "C" fn(_, _, _)),
                Some(destroy),
            )
        }
    };
    created(connection, code)
}

fn flags(definition: &FunctionDefinition) -> c_int {
    let mut flags = ffi::SQLITE_UTF8;
    for (set, flag) in [
        (definition.deterministic, ffi::SQLITE_DETERMINISTIC),
        (definition.direct_only, ffi::SQLITE_DIRECTONLY),
        (definition.innocuous, ffi::SQLITE_INNOCUOUS),
    ] {
        if set {
            flags |= flag;
        }
    }
    flags
}

fn create_collation(
    connection: &RawConnection,
    name: &CString,
    context: *mut c_void,
) -> Result<()> {
    // SAFETY: as in `create`, but for the context: where this call fails, it is ours to free.
    let code = unsafe {
        let code = ffi::sqlite3_create_collation_v2(
            connection.handle(),
            name.as_ptr(),
            ffi::SQLITE_UTF8,
            context,
            Some(compare),
            Some(destroy),
        );
        if code != ffi::SQLITE_OK {
            destroy(context);
        }
        code
    };
    created(connection, code)
}

pub(super) fn remove(
    connection: &RawConnection,
    name: &str,
    arguments: Option<c_int>,
) -> Result<()> {
    let name = c_string("the function's name", name)?;
    // SAFETY: the database is live and the name ends with NUL; without callbacks, the function or
    // the collation is removed.
    let code = unsafe {
        match arguments {
            Some(arguments) => ffi::sqlite3_create_function_v2(
                connection.handle(),
                name.as_ptr(),
                arguments,
                ffi::SQLITE_UTF8,
                ptr::null_mut(),
                None,
                None,
                None,
                None,
            ),
            None => ffi::sqlite3_create_collation_v2(
                connection.handle(),
                name.as_ptr(),
                ffi::SQLITE_UTF8,
                ptr::null_mut(),
                None,
                None,
            ),
        }
    };
    created(connection, code)
}

unsafe extern "C" fn destroy(context: *mut c_void) {
    // SAFETY: `create` made it of a box, and SQLite frees it once.
    drop(unsafe { Box::from_raw(context.cast::<Context>()) });
}

unsafe extern "C" fn call(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite's promise for the length of this call.
    unsafe {
        let arguments = arguments(count, values);
        let evaluated = evaluate(context_of(context), Part::Call, NO_RUN, &arguments);
        answer(context, evaluated);
    }
}

unsafe extern "C" fn step(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: as in `call`.
    unsafe { take_row(context, Part::Step, count, values) };
}

unsafe extern "C" fn inverse(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: as in `call`.
    unsafe { take_row(context, Part::Inverse, count, values) };
}

/// # Safety
/// As SQLite calls an aggregate's callbacks.
unsafe fn take_row(
    context: *mut ffi::sqlite3_context,
    part: Part,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: our caller's promise.
    unsafe {
        let Some(run) = run(context) else {
            return ffi::sqlite3_result_error_nomem(context);
        };
        let arguments = arguments(count, values);
        let evaluated = evaluate(context_of(context), part, run.begin(), &arguments);
        if !matches!(evaluated, Evaluated::Value(_)) {
            run.failed = true;
            answer(context, evaluated);
        }
    }
}

unsafe extern "C" fn value(context: *mut ffi::sqlite3_context) {
    // SAFETY: as in `call`.
    unsafe {
        let Some(run) = run(context) else {
            return ffi::sqlite3_result_error_nomem(context);
        };
        let evaluated = evaluate(context_of(context), Part::Value, run.begin(), &[]);
        run.failed = !matches!(evaluated, Evaluated::Value(_));
        answer(context, evaluated);
    }
}

unsafe extern "C" fn finish(context: *mut ffi::sqlite3_context) {
    // SAFETY: SQLite calls this once for each run, also after an error; with size 0 it answers NULL
    // where there was no row.
    unsafe {
        let slot: *mut Run = ffi::sqlite3_aggregate_context(context, 0).cast();
        let foreign = context_of(context);
        let evaluated = match slot.as_ref() {
            None => evaluate(foreign, Part::Finish, (0, true), &[]),
            Some(run) if run.failed || foreign.control.must_stop() => {
                let forgot = AssertUnwindSafe(|| foreign.evaluator.forget(run.id));
                let _ = catch_unwind(forgot);
                Evaluated::Stopped
            }
            Some(run) => evaluate(foreign, Part::Finish, (run.id, false), &[]),
        };
        answer(context, evaluated);
    }
}

unsafe extern "C" fn compare(
    context: *mut c_void,
    left_length: c_int,
    left: *const c_void,
    right_length: c_int,
    right: *const c_void,
) -> c_int {
    // SAFETY: `create` made this pointer of a Context; the texts have these lengths.
    unsafe {
        let foreign = &*context.cast::<Context>();
        let left = bytes(left.cast(), left_length);
        let right = bytes(right.cast(), right_length);
        if left == right {
            return 0;
        }
        // A collation has no way to fail: the control has the failure, with which the call ends,
        // and the rest of it compares by bytes.
        if !foreign.control.comparing_failed() {
            let texts = [ValueRef::Text(left), ValueRef::Text(right)];
            match evaluate(foreign, Part::Compare, NO_RUN, &texts) {
                Evaluated::Value(Value::Integer(order)) => return order.signum() as c_int,
                Evaluated::Value(_) => foreign.control.fail_comparing(None),
                Evaluated::Failed(message) => foreign.control.fail_comparing(Some(message)),
                Evaluated::Stopped => foreign.control.fail_comparing(None),
            }
        }
        left.cmp(right) as c_int
    }
}

fn evaluate(
    foreign: &Context,
    part: Part,
    (run, begins): (u64, bool),
    arguments: &[ValueRef<'_>],
) -> Evaluated {
    let evaluation = Evaluation {
        part,
        run,
        begins,
        arguments,
    };
    let evaluated = catch_unwind(AssertUnwindSafe(|| {
        foreign
            .evaluator
            .evaluate(&evaluation, &|| foreign.control.must_stop())
    }));
    evaluated.unwrap_or_else(|_| Evaluated::Failed("a function's call panicked".to_owned()))
}

/// # Safety
/// `context` is of a function that [`create`] made, and lives for `'a`.
unsafe fn context_of<'a>(context: *mut ffi::sqlite3_context) -> &'a Context {
    // SAFETY: our caller's promise.
    unsafe { &*ffi::sqlite3_user_data(context).cast::<Context>() }
}

/// The run that an aggregate's context is of; `None` when memory is out.
///
/// # Safety
/// `context` is of an aggregate that [`create`] made, and lives for `'a`.
unsafe fn run<'a>(context: *mut ffi::sqlite3_context) -> Option<&'a mut Run> {
    // SAFETY: SQLite answers zeroed memory of that size, aligned for 8 bytes, which is a Run, and
    // the same memory for each call on this context.
    unsafe {
        ffi::sqlite3_aggregate_context(context, size_of::<Run>() as c_int)
            .cast::<Run>()
            .as_mut()
    }
}

/// # Safety
/// `values` are `count` arguments that live for `'a`.
unsafe fn arguments<'a>(count: c_int, values: *mut *mut ffi::sqlite3_value) -> Vec<ValueRef<'a>> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: our caller's promise.
    (0..count)
        .map(|index| unsafe { value_of(*values.add(index)) })
        .collect()
}

/// # Safety
/// `context` is that of the running call.
unsafe fn answer(context: *mut ffi::sqlite3_context, evaluated: Evaluated) {
    // SAFETY: our caller's promise; SQLite copies text, blobs and messages.
    unsafe {
        match evaluated {
            Evaluated::Value(Value::Null) => ffi::sqlite3_result_null(context),
            Evaluated::Value(Value::Integer(integer)) => {
                ffi::sqlite3_result_int64(context, integer);
            }
            Evaluated::Value(Value::Real(real)) => ffi::sqlite3_result_double(context, real),
            Evaluated::Value(Value::Text(text)) => ffi::sqlite3_result_text64(
                context,
                text.as_ptr().cast(),
                text.len() as u64,
                ffi::SQLITE_TRANSIENT(),
                ffi::SQLITE_UTF8 as u8,
            ),
            Evaluated::Value(Value::Blob(blob)) => ffi::sqlite3_result_blob64(
                context,
                blob.as_ptr().cast(),
                blob.len() as u64,
                ffi::SQLITE_TRANSIENT(),
            ),
            Evaluated::Failed(message) => {
                let length = c_int::try_from(message.len()).unwrap_or(c_int::MAX);
                ffi::sqlite3_result_error(context, message.as_ptr().cast(), length);
                ffi::sqlite3_result_error_code(context, FUNCTION_FAILED);
            }
            Evaluated::Stopped => ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERRUPT),
        }
    }
}
