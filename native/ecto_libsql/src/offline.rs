//! Copies that are written offline. What has to ask the server, or to wait for the file, answers by a
//! message `{EctoLibSql.Remote, reference, reply}`, as calls to servers do.

mod events;
mod handle;

pub use handle::OfflineHandle;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::Call;
use ecto_libsql_engine::offline::{
    OfflineOptions, OfflineStatus, Synced, Syncer, let_go, set_aside,
};
use ecto_libsql_engine::remote::spawn;
use rustler::{Atom, Encoder, Env, ResourceArc, Term};

use crate::atoms;
use crate::connection::get;
use crate::error::{named_atom, reply, reply_ok, reply_unit};
use crate::owner::{CallContext, Pid, REGISTRY};
use crate::remote::{Addressee, remote_options};
use crate::result::call;
use crate::terms;

/// `options`: the map that `EctoLibSql.Offline.Options` makes of the connect options. `:ok`; the
/// message's reply is `{:ok, handle}`, which `open` takes.
#[rustler::nif]
fn offline_open<'a>(
    env: Env<'a>,
    options: Term<'a>,
    reference: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let begun = offline_options(options).and_then(|options| {
        let limits = call(timeout)?;
        let addressee = Addressee::new(env, reference);
        let owner = Pid(env.pid());
        spawn(async move {
            let opened = Syncer::open(options, &REGISTRY, owner, &limits).await;
            let opened = opened.map(|syncer| ResourceArc::new(OfflineHandle::new(syncer)));
            addressee.send_term(|env| reply_ok(env, opened));
        })
    });
    reply_unit(env, begun.map(drop))
}

fn offline_options(options: Term<'_>) -> Result<OfflineOptions> {
    let interval: Option<u64> = get(options, atoms::interval())?;
    let path: String = get(options, atoms::path())?;
    Ok(OfflineOptions {
        server: remote_options(get(options, atoms::remote_options())?)?,
        interval: interval.map(Duration::from_millis),
        listener: Some(events::listener(Path::new(&path))),
        path: PathBuf::from(path),
        ..OfflineOptions::default()
    })
}

/// `request`: `:sync`, `:push`, `:pull` or `:status`. `:ok`; the reply is a message.
#[rustler::nif]
fn offline_call<'a>(
    env: Env<'a>,
    state: Term<'a>,
    reference: Term<'a>,
    request: Atom,
    timeout: Term<'a>,
) -> Term<'a> {
    let begun = syncer_of(env, state).and_then(|syncer| {
        let limits = call(timeout)?;
        let addressee = Addressee::new(env, reference);
        spawn(async move {
            let answered = perform(&syncer, request, &limits).await;
            let_go(syncer);
            addressee.send_term(|env| reply(env, answered, |answer| answer.term(env)));
        })
    });
    reply_unit(env, begun.map(drop))
}

fn syncer_of(env: Env<'_>, state: Term<'_>) -> Result<Arc<Syncer>> {
    let context = CallContext::new(env, state)?;
    context.connection.offline().ok_or(Error::ConnectionClosed)
}

enum Answer {
    Synced(Synced),
    Status(OfflineStatus),
}

async fn perform(syncer: &Arc<Syncer>, request: Atom, limits: &Call) -> Result<Answer> {
    match request {
        request if request == atoms::sync() => syncer.sync(limits).await.map(Answer::Synced),
        request if request == atoms::push() => syncer.push(limits).await.map(Answer::Synced),
        request if request == atoms::pull() => syncer.pull(limits).await.map(Answer::Synced),
        request if request == atoms::status() => syncer.status(limits).await.map(Answer::Status),
        _ => Err(Error::InvalidArgument(
            "no such request of an offline copy".to_owned(),
        )),
    }
}

impl Answer {
    fn term<'a>(&self, env: Env<'a>) -> Term<'a> {
        let map = match self {
            Answer::Synced(synced) => terms::map(
                env,
                &[
                    (atoms::frame_no(), synced.frame_no.encode(env)),
                    (atoms::pushed(), synced.pushed.encode(env)),
                    (atoms::pulled(), synced.pulled.encode(env)),
                ],
            ),
            Answer::Status(status) => status_term(env, status),
        };
        (atoms::ok(), map).encode(env)
    }
}

fn status_term<'a>(env: Env<'a>, status: &OfflineStatus) -> Term<'a> {
    let last_error = status
        .last_error
        .as_ref()
        .map(|(code, message)| (named_atom(env, code), message));
    terms::map(
        env,
        &[
            (atoms::generation(), status.generation.encode(env)),
            (atoms::frame_no(), status.frame_no.encode(env)),
            (atoms::pending(), status.pending.encode(env)),
            (atoms::bytes_sent(), status.bytes_sent.encode(env)),
            (atoms::bytes_received(), status.bytes_received.encode(env)),
            (
                atoms::last_sync(),
                microseconds(status.last_sync).encode(env),
            ),
            (atoms::last_error(), last_error.encode(env)),
        ],
    )
}

/// Of the Unix epoch.
fn microseconds(time: Option<SystemTime>) -> Option<u64> {
    let since = time?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_micros()).ok()
}

/// The token for the copy at a path from now on; nil: without one.
#[rustler::nif(schedule = "DirtyIo")]
fn offline_set_token<'a>(env: Env<'a>, path: String, token: Option<String>) -> Term<'a> {
    reply_unit(env, Syncer::set_token_of(Path::new(&path), token))
}

/// `:ok`; the message's reply is `{:ok, path}`, or `{:ok, nil}` where there is no copy.
#[rustler::nif]
fn offline_set_aside<'a>(env: Env<'a>, path: String, reference: Term<'a>) -> Term<'a> {
    let addressee = Addressee::new(env, reference);
    let begun = spawn(async move {
        let aside = set_aside(Path::new(&path)).await;
        let aside = aside.map(|path| path.map(|path| path.to_string_lossy().into_owned()));
        addressee.send_term(|env| reply_ok(env, aside));
    });
    reply_unit(env, begun.map(drop))
}

/// The calling process is told from now on what happens to copies.
#[rustler::nif]
fn offline_listen(env: Env<'_>) -> Atom {
    events::tell(env.pid());
    atoms::ok()
}
