//! Embedded replicas. What has to ask the primary answers by a message
//! `{EctoLibSql.Remote, reference, reply}`, as calls to servers do.

mod events;
mod handle;
mod shared;
mod status;

pub use handle::{ReplicaHandle, close_all};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::Call;
use ecto_libsql_engine::remote::spawn;
use ecto_libsql_engine::replica::{Replica, ReplicaOptions, Synced, sync_frames};
use rustler::types::tuple::get_tuple;
use rustler::{Atom, Encoder, Env, ResourceArc, Term};

use crate::atoms;
use crate::connection::{get, open_options, open_owned};
use crate::error::{reply, reply_ok, reply_unit};
use crate::owner::CallContext;
use crate::params::bytes;
use crate::remote::{Addressee, remote_options, session_of};
use crate::result::{call, string};
use crate::terms;

use shared::Shared;

/// `options`: the map that `EctoLibSql.Replica.Options` makes of the connect options. `:ok`; the
/// message's reply is `{:ok, handle}`.
#[rustler::nif]
fn replica_open<'a>(
    env: Env<'a>,
    options: Term<'a>,
    reference: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let begun = replica_options(options).and_then(|options| {
        let limits = call(timeout)?;
        let addressee = Addressee::new(env, reference);
        spawn(async move {
            let key = options.encryption_key.clone();
            let opened = open(options, limits).await;
            let opened = opened.and_then(|replica| ReplicaHandle::new(Shared::of(replica, key)));
            addressee.send_term(|env| reply_ok(env, opened.map(ResourceArc::new)));
        })
    });
    reply_unit(env, begun.map(drop))
}

/// Until the file can be read: another connection may just have found it lost.
async fn open(options: ReplicaOptions, limits: Call) -> Result<Arc<Replica>> {
    let replica = Replica::open(options, limits).await?;
    if !replica.is_readable() {
        replica.sync(limits).await?;
    }
    Ok(replica)
}

fn replica_options(options: Term<'_>) -> Result<ReplicaOptions> {
    let key: Option<Term<'_>> = get(options, atoms::encryption_key())?;
    let interval: Option<u64> = get(options, atoms::interval())?;
    let path: String = get(options, atoms::path())?;
    Ok(ReplicaOptions {
        remote: remote_options(get(options, atoms::remote_options())?)?,
        encryption_key: key.and_then(bytes).map(<[u8]>::to_vec),
        interval: interval.map(Duration::from_millis),
        listener: Some(events::listener(Path::new(&path))),
        path: PathBuf::from(path),
        ..ReplicaOptions::default()
    })
}

/// Makes the handle that of a connection: of its states for the primary and for the file.
#[rustler::nif]
fn replica_connect<'a>(
    env: Env<'a>,
    handle: ResourceArc<ReplicaHandle>,
    primary: Term<'a>,
    local: Term<'a>,
    read_your_writes: bool,
) -> Term<'a> {
    let connected = session_of(primary).and_then(|primary| {
        let local = CallContext::new(env, local)?;
        let local = Arc::clone(&local.connection);
        ReplicaHandle::connect(&handle, env, primary, local, read_your_writes);
        Ok(())
    });
    reply_unit(env, connected)
}

/// The connection has done with the replica; the last one ends its work, in the background. Twice
/// is fine.
#[rustler::nif]
fn replica_close(handle: ResourceArc<ReplicaHandle>) -> Atom {
    handle.close();
    atoms::ok()
}

/// The calling process is told from now on what happens to replicas.
#[rustler::nif]
fn replica_listen(env: Env<'_>) -> Atom {
    events::tell(env.pid());
    atoms::ok()
}

/// Whether reads are made on the file just now.
#[rustler::nif]
fn replica_reads_here(handle: ResourceArc<ReplicaHandle>) -> bool {
    handle.reads_here()
}

#[rustler::nif]
fn replica_place(handle: ResourceArc<ReplicaHandle>) -> Atom {
    handle.place()
}

/// To be called after a call at the primary: the frame that it has written, or nil.
#[rustler::nif]
fn replica_written(handle: ResourceArc<ReplicaHandle>) -> Option<u64> {
    handle.written()
}

/// What this VM has written was not waited for until it came.
#[rustler::nif]
fn replica_missed(handle: ResourceArc<ReplicaHandle>) -> Atom {
    handle.with(Shared::missed);
    atoms::ok()
}

/// The file was found damaged: the next sync pulls it anew.
#[rustler::nif]
fn replica_damaged(handle: ResourceArc<ReplicaHandle>) -> Atom {
    handle.report_damage();
    atoms::ok()
}

/// `request`: `:sync`, `:flush`, `{:until, frame}` or `:freeze`. `:ok`; the reply is a message.
#[rustler::nif]
fn replica_call<'a>(
    env: Env<'a>,
    handle: ResourceArc<ReplicaHandle>,
    reference: Term<'a>,
    request: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let begun = request_of(request).and_then(|request| {
        let shared = handle.shared().ok_or(Error::ConnectionClosed)?;
        let limits = call(timeout)?;
        let addressee = Addressee::new(env, reference);
        spawn(async move {
            let answered = perform(&shared, request, limits).await;
            addressee.send_term(|env| reply(env, answered, |answer| answer.term(env)));
        })
    });
    reply_unit(env, begun.map(drop))
}

enum Request {
    Sync,
    Flush,
    Until(u64),
    Freeze,
}

enum Answer {
    Done,
    Synced(Synced),
    Frame(Option<u64>),
}

fn request_of(request: Term<'_>) -> Result<Request> {
    let unknown = || Error::InvalidArgument("no such request of a replica".to_owned());
    match Atom::from_term(request) {
        Ok(atom) if atom == atoms::sync() => Ok(Request::Sync),
        Ok(atom) if atom == atoms::flush() => Ok(Request::Flush),
        Ok(atom) if atom == atoms::freeze() => Ok(Request::Freeze),
        Ok(_) => Err(unknown()),
        Err(_) => match get_tuple(request).map_err(|_| unknown())?[..] {
            [name, frame] if atoms::until() == name => {
                Ok(Request::Until(frame.decode().map_err(|_| unknown())?))
            }
            _ => Err(unknown()),
        },
    }
}

async fn perform(shared: &Shared, request: Request, limits: Call) -> Result<Answer> {
    let replica = shared.replica();
    match request {
        Request::Sync => replica.sync(limits).await.map(Answer::Synced),
        Request::Flush => replica.flush(limits).await.map(Answer::Frame),
        Request::Until(frame) => {
            let reached = replica.sync_until(frame, limits).await?;
            Ok(Answer::Frame(Some(reached)))
        }
        Request::Freeze => {
            replica.freeze(limits).await?;
            shared.freeze();
            Ok(Answer::Done)
        }
    }
}

impl Answer {
    fn term<'a>(&self, env: Env<'a>) -> Term<'a> {
        match self {
            Answer::Done => atoms::ok().encode(env),
            Answer::Synced(synced) => (atoms::ok(), synced_term(env, synced)).encode(env),
            Answer::Frame(frame) => (atoms::ok(), frame).encode(env),
        }
    }
}

fn synced_term<'a>(env: Env<'a>, synced: &Synced) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::frame_no(), synced.frame_no.encode(env)),
            (atoms::frames_synced(), synced.frames_synced.encode(env)),
        ],
    )
}

/// `{:ok, map}` of all that is known of the replica.
#[rustler::nif]
fn replica_status<'a>(env: Env<'a>, handle: ResourceArc<ReplicaHandle>) -> Term<'a> {
    let status = handle.with(|shared| shared.replica().status());
    let status = status.map(|status| status::status_term(env, &status));
    reply_ok(env, status.ok_or(Error::ConnectionClosed))
}

/// `{:ok, {replication_index, max_write_index}}`, each nil where there is none.
#[rustler::nif]
fn replica_frames<'a>(env: Env<'a>, handle: ResourceArc<ReplicaHandle>) -> Term<'a> {
    let frames = handle.with(|shared| {
        let replica = shared.replica();
        (replica.replication_index(), replica.max_write_index())
    });
    reply_ok(env, frames.ok_or(Error::ConnectionClosed))
}

/// The token for a file's replica from now on; nil: without one.
#[rustler::nif(schedule = "DirtyIo")]
fn replica_set_token<'a>(env: Env<'a>, path: Term<'a>, token: Option<String>) -> Term<'a> {
    let set =
        string(path, "a replica's path").and_then(|path| match Shared::find(Path::new(path)) {
            Some(shared) => shared.replica().set_token(token),
            None => Ok(()),
        });
    reply_unit(env, set)
}

/// Opens the database that was a replica until it was frozen, with its key, if it has one.
#[rustler::nif(schedule = "DirtyIo")]
fn replica_open_frozen<'a>(
    env: Env<'a>,
    handle: ResourceArc<ReplicaHandle>,
    options: Term<'a>,
) -> Term<'a> {
    let opened = open_options(options).and_then(|(mut options, scope)| {
        let shared = handle.shared().ok_or(Error::ConnectionClosed)?;
        options.encryption_key = shared.encryption_key();
        open_owned(env, options, scope)
    });
    reply_ok(env, opened)
}

/// Brings a copy up to date from a file of frames.
#[rustler::nif(schedule = "DirtyIo")]
fn replica_sync_frames<'a>(
    env: Env<'a>,
    path: Term<'a>,
    frames: Term<'a>,
    key: Option<Term<'a>>,
) -> Term<'a> {
    let synced = string(path, "a replica's path").and_then(|path| {
        let frames = string(frames, "the path of a file of frames")?;
        let key = key.and_then(bytes).map(<[u8]>::to_vec);
        sync_frames(Path::new(path), Path::new(frames), key)
    });
    let synced = synced.map(|synced| synced_term(env, &synced));
    reply_ok(env, synced)
}
