//! The thread that a connection's calls run on where processes evaluate its functions. The process
//! that calls waits for a message, evaluates what it is asked for meanwhile, and no thread of the BEAM
//! waits for it.

use std::collections::HashMap;
use std::ffi::CStr;
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::session::on_own_thread;
use parking_lot::Mutex;
use rustler::codegen_runtime::inventory;
use rustler::env::{OwnedEnv, SavedTerm};
use rustler::sys::enif_is_exception;
use rustler::{Encoder, Env, LocalPid, Nif, ResourceArc, Term};

use crate::atoms;
use crate::calling::on_behalf;
use crate::evaluation::{FunctionCall, evaluating};
use crate::owner::Connection;

/// The NIFs by name and arity: a call on this thread is that of one of them.
static NIFS: LazyLock<HashMap<(&'static [u8], usize), &'static Nif>> = LazyLock::new(|| {
    let mut nifs = HashMap::new();
    for nif in inventory::iter::<Nif> {
        // SAFETY: rustler made the name of a literal, which ends with NUL.
        let name = unsafe { CStr::from_ptr(nif.name) };
        nifs.insert((name.to_bytes(), nif.arity as usize), nif);
    }
    nifs
});

/// A call that waits for its turn on the thread.
struct Job {
    nif: &'static Nif,
    env: OwnedEnv,
    arguments: Vec<SavedTerm>,
    caller: LocalPid,
    since: Instant,
    call: ResourceArc<FunctionCall>,
}

/// Ends its thread when it is dropped.
struct OwnThread(Mutex<Sender<Job>>);

/// Has the connection's calls run on a thread of its own from now on.
pub fn start(connection: &Connection) -> Result<()> {
    if connection.own_thread::<OwnThread>().is_some() {
        return Ok(());
    }
    let (sender, receiver) = channel::<Job>();
    thread::Builder::new()
        .name("ecto_libsql_calls".to_owned())
        .spawn(move || {
            on_own_thread();
            for job in receiver {
                job.run();
            }
        })
        .map_err(|error| Error::Unsupported(format!("no thread for the calls: {error}")))?;
    connection.set_own_thread(Box::new(OwnThread(Mutex::new(sender))));
    Ok(())
}

/// Makes a call of the NIF `name` there. Its reply comes as a message,
/// `{EctoLibSql.Function, call, {:reply, reply}}`.
pub fn call<'a>(
    env: Env<'a>,
    connection: &Connection,
    name: &str,
    arguments: &[Term<'a>],
) -> Result<ResourceArc<FunctionCall>> {
    let nif = NIFS
        .get(&(name.as_bytes(), arguments.len()))
        .ok_or_else(|| Error::InvalidArgument(format!("there is no call {name}")))?;
    let thread = connection
        .own_thread::<OwnThread>()
        .ok_or_else(|| Error::InvalidArgument("the connection has no such functions".to_owned()))?;
    let call = ResourceArc::new(FunctionCall::default());
    let owned = OwnedEnv::new();
    let job = Job {
        nif,
        arguments: arguments.iter().map(|term| owned.save(*term)).collect(),
        env: owned,
        caller: env.pid(),
        since: Instant::now(),
        call: call.clone(),
    };
    let sent = thread.0.lock().send(job);
    sent.map_err(|_| Error::ConnectionClosed)?;
    Ok(call)
}

impl Job {
    fn run(self) {
        let Job {
            nif,
            mut env,
            arguments,
            caller,
            since,
            call,
        } = self;
        if !call.begin() {
            return;
        }
        // That the process is dead by now is no error.
        let _ = env.send_and_clear(&caller, |env| {
            let arguments = arguments
                .iter()
                .map(|term| term.load(env).as_c_arg())
                .collect::<Vec<_>>();
            let reply = on_behalf(env, caller, since, || {
                evaluating(&call, caller, || {
                    // SAFETY: the NIF takes so many arguments, which are terms of this live
                    // environment. It catches its panics, and asks `calling` for what a process's
                    // environment has and this one lacks.
                    unsafe {
                        let argc = arguments.len() as i32;
                        let reply = (nif.raw_func)(env.as_c_arg(), argc, arguments.as_ptr());
                        match enif_is_exception(env.as_c_arg(), reply) {
                            0 => Term::new(env, reply),
                            _ => atoms::badarg().encode(env),
                        }
                    }
                })
            });
            call.end();
            (atoms::function(), &call, (atoms::reply(), reply)).encode(env)
        });
    }
}
