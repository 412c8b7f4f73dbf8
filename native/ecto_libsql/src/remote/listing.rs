//! Connections to servers among those that are listed.

use ecto_libsql_engine::remote::RemoteItem;
use ecto_libsql_engine::session::ItemKind;
use rustler::{Encoder, Env, Term};

use super::owner::{REMOTE, Remote};
use crate::atoms;
use crate::error::named_atom;
use crate::owner::Pid;
use crate::result::id_text;
use crate::terms;

/// Every open connection to a server, the oldest first, as local ones are listed.
pub fn connection_terms(env: Env<'_>) -> Vec<Term<'_>> {
    REMOTE
        .sessions()
        .iter()
        .map(|session| connection_term(env, session))
        .collect()
}

fn connection_term<'a>(env: Env<'a>, session: &Remote) -> Term<'a> {
    let items = session.items();
    let of_kind = |kind| {
        items
            .iter()
            .filter(|item| item.kind() == kind)
            .map(|item| item_term(env, item))
            .collect::<Vec<_>>()
    };
    terms::map(
        env,
        &[
            (atoms::id(), id_text(session.id()).encode(env)),
            (atoms::owner(), session.owner().encode(env)),
            (atoms::database(), session.database().encode(env)),
            (atoms::age(), terms::age(session.opened()).encode(env)),
            (
                atoms::statements(),
                of_kind(ItemKind::Statement).encode(env),
            ),
            (atoms::cursors(), of_kind(ItemKind::Cursor).encode(env)),
            (atoms::blobs(), Vec::<Term<'_>>::new().encode(env)),
            (atoms::transaction(), transaction_term(env, session)),
            (atoms::running(), running_term(env, session)),
            // Statements are prepared, and kept, by the server.
            (atoms::cache(), atoms::nil().encode(env)),
        ],
    )
}

fn item_term<'a>(env: Env<'a>, item: &RemoteItem<Pid>) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::id(), id_text(item.id).encode(env)),
            (atoms::sql(), item.sql.encode(env)),
            (atoms::owner(), item.owner.encode(env)),
            (atoms::age(), terms::age(item.created).encode(env)),
        ],
    )
}

fn transaction_term<'a>(env: Env<'a>, session: &Remote) -> Term<'a> {
    let nil = atoms::nil().encode(env);
    session.transaction().map_or(nil, |open| {
        let behavior = open.behavior.map(|behavior| behavior.name());
        terms::map(
            env,
            &[
                (atoms::owner(), open.owner.encode(env)),
                (
                    atoms::behavior(),
                    behavior.map_or(nil, |name| named_atom(env, name)),
                ),
                (atoms::age(), terms::age(open.began).encode(env)),
            ],
        )
    })
}

fn running_term<'a>(env: Env<'a>, session: &Remote) -> Term<'a> {
    let nil = atoms::nil().encode(env);
    session.running().map_or(nil, |running| {
        terms::map(
            env,
            &[
                (atoms::owner(), running.caller.encode(env)),
                (atoms::age(), terms::age(running.since).encode(env)),
            ],
        )
    })
}
