//! Connections to servers among those that are listed.

use ecto_libsql_engine::Id;
use rustler::{Encoder, Env, Term};

use super::item::{ItemKind, RemoteItem};
use super::session::{RemoteSession, sessions};
use crate::atoms;
use crate::error::named_atom;
use crate::result::id_text;
use crate::terms;

/// Every open connection to a server, the oldest first, as local ones are listed.
pub fn connection_terms(env: Env<'_>) -> Vec<Term<'_>> {
    let mut sessions = sessions();
    sessions.sort_by_key(|session| session.opened());
    sessions
        .iter()
        .map(|session| connection_term(env, session))
        .collect()
}

fn connection_term<'a>(env: Env<'a>, session: &RemoteSession) -> Term<'a> {
    let items = session.items();
    let of_kind = |kind| {
        items
            .iter()
            .filter(|(_, item)| item.kind() == kind)
            .map(|(id, item)| item_term(env, *id, item))
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
            (atoms::transaction(), transaction_term(env, session)),
            (atoms::running(), running_term(env, session)),
            // Statements are prepared, and kept, by the server.
            (atoms::cache(), atoms::nil().encode(env)),
        ],
    )
}

fn item_term<'a>(env: Env<'a>, id: Id, item: &RemoteItem) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::id(), id_text(id).encode(env)),
            (atoms::sql(), item.sql.encode(env)),
            (atoms::owner(), item.owner.encode(env)),
            (atoms::age(), terms::age(item.created).encode(env)),
        ],
    )
}

fn transaction_term<'a>(env: Env<'a>, session: &RemoteSession) -> Term<'a> {
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

fn running_term<'a>(env: Env<'a>, session: &RemoteSession) -> Term<'a> {
    let nil = atoms::nil().encode(env);
    session.running().map_or(nil, |(caller, since)| {
        terms::map(
            env,
            &[
                (atoms::owner(), caller.encode(env)),
                (atoms::age(), terms::age(since).encode(env)),
            ],
        )
    })
}
