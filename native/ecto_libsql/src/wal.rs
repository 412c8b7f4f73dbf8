//! The write-ahead log: its frames, insertions, and who writes it into the database.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Call, Connection};
use rustler::{Binary, Encoder, Env, OwnedBinary, Term};

use crate::atoms;
use crate::error::{reply, reply_ok, reply_unit};
use crate::list::proper;
use crate::owner::CallContext;
use crate::params::bytes;
use crate::result::call;

/// Bytes of frames that one call hands over, about.
const MOST_BYTES: usize = 1 << 20;

/// `{:ok, count}`
#[rustler::nif(schedule = "DirtyIo")]
fn wal_frame_count<'a>(env: Env<'a>, state: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let counted = with(env, state, timeout, |connection, call| {
        connection.wal_count_frames(call)
    });
    reply_ok(env, counted)
}

/// `{:ok, frames}`: the one that is asked for and some after it, as binaries.
#[rustler::nif(schedule = "DirtyIo")]
fn wal_read_frames<'a>(
    env: Env<'a>,
    state: Term<'a>,
    first: Term<'a>,
    most: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let read = number(first, "the frame's number").and_then(|first| {
        let most = number(most, "the number of frames")?;
        with(env, state, timeout, |connection, call| {
            let most = most.min(connection.wal_frames_in(MOST_BYTES, call)?);
            let mut frames = Vec::new();
            connection.wal_read_frames(
                first,
                most,
                |frame| frames.push(OwnedBinary::from_slice(frame)),
                call,
            )?;
            Ok(frames)
        })
    });
    reply(env, read, |frames| {
        let frames: Vec<Binary<'a>> = frames.into_iter().map(|frame| frame.release(env)).collect();
        (atoms::ok(), frames).encode(env)
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn wal_insert_begin<'a>(env: Env<'a>, state: Term<'a>, timeout: Term<'a>) -> Term<'a> {
    let begun = CallContext::new(env, state).and_then(|context| {
        let call = call(timeout)?;
        context.connection.call(context.caller, |connection| {
            connection.wal_insert_begin(&call)
        })?;
        context.watch_caller(env);
        Ok(())
    });
    reply_unit(env, begun)
}

/// `{:ok, count}`, how many were inserted; those before one that fails stay inserted.
#[rustler::nif(schedule = "DirtyIo")]
fn wal_insert_frames<'a>(
    env: Env<'a>,
    state: Term<'a>,
    frames: Term<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let inserted = proper(frames)
        .ok_or_else(|| Error::InvalidArgument("the frames are to be a list".to_owned()))
        .and_then(|mut frames| {
            with(env, state, timeout, |connection, _call| {
                frames.try_fold(0_u32, |count, frame| {
                    let frame = bytes(frame).ok_or_else(|| {
                        Error::InvalidArgument("a frame is to be a binary".to_owned())
                    })?;
                    connection.wal_insert_frame(frame)?;
                    Ok(count + 1)
                })
            })
        });
    reply_ok(env, inserted)
}

#[rustler::nif(schedule = "DirtyIo")]
fn wal_insert_end<'a>(env: Env<'a>, state: Term<'a>) -> Term<'a> {
    let ended = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .call(context.caller, Connection::wal_insert_end)
    });
    reply_unit(env, ended)
}

#[rustler::nif(schedule = "DirtyIo")]
fn wal_checkpoints<'a>(env: Env<'a>, state: Term<'a>, on: bool) -> Term<'a> {
    let set = CallContext::new(env, state).and_then(|context| {
        context
            .connection
            .call(context.caller, |connection| connection.wal_checkpoints(on))
    });
    reply_unit(env, set)
}

fn with<T>(
    env: Env<'_>,
    state: Term<'_>,
    timeout: Term<'_>,
    work: impl FnOnce(&mut Connection, &Call) -> Result<T>,
) -> Result<T> {
    let context = CallContext::new(env, state)?;
    let call = call(timeout)?;
    context
        .connection
        .call(context.caller, |connection| work(connection, &call))
}

fn number(term: Term<'_>, what: &str) -> Result<u32> {
    term.decode()
        .map_err(|_| Error::InvalidArgument(format!("{what} is to be an integer of 32 bits")))
}
