//! What is asked of a connection, read from terms.

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::form::Forms;
use ecto_libsql_engine::local::Source;
use ecto_libsql_engine::remote::{Request, Statement};
use rustler::types::tuple::get_tuple;
use rustler::{Atom, MapIterator, Term, TermType};

use crate::atoms;
use crate::list::Elements;
use crate::params::{TermParams, bytes, sql};
use crate::result::{id, source};
use crate::terms::Limit;
use crate::transaction::behavior_of;

pub enum Decoded {
    Request(Request),
    /// Elixir has to encode some of the parameters first.
    HoldsStructs,
}

pub fn decode(term: Term<'_>, forms: Forms) -> Result<Decoded> {
    if let Ok(atom) = Atom::from_term(term) {
        return plain(atom).map(Decoded::Request);
    }
    let parts = get_tuple(term).map_err(|_| unknown())?;
    let name = parts
        .first()
        .and_then(|name| Atom::from_term(*name).ok())
        .ok_or_else(unknown)?;
    let request = match parts[1..] {
        [statement, params] if name == atoms::query() || name == atoms::declare() => {
            let params = TermParams::new(params);
            if params.hold_structs() {
                return Ok(Decoded::HoldsStructs);
            }
            let (statement, params) = (owned(statement)?, params.for_server(forms)?);
            match name == atoms::query() {
                true => Request::Query(statement, params),
                false => Request::Declare(statement, params),
            }
        }
        [cursor, most] if name == atoms::fetch() => Request::Fetch {
            cursor: id(cursor, Error::CursorClosed)?,
            most: most
                .decode::<usize>()
                .map_err(|_| unknown())?
                .min(Limit::CALL.rows),
        },
        [list, transactional] if name == atoms::batch() => {
            let list = crate::batch::decode_list(list)?;
            if list.iter().any(|(_, params)| params.hold_structs()) {
                return Ok(Decoded::HoldsStructs);
            }
            Request::Batch {
                statements: list
                    .into_iter()
                    .map(|(sql, params)| Ok((sql.to_owned(), params.for_server(forms)?)))
                    .collect::<Result<_>>()?,
                transactional: flag(transactional)?,
            }
        }
        [script, transactional] if name == atoms::script() => Request::Script {
            sql: sql(script)?.to_owned(),
            transactional: flag(transactional)?,
        },
        [statement] if name == atoms::prepare() => Request::Prepare(sql(statement)?.to_owned()),
        [statement] if name == atoms::describe() => Request::Describe(sql(statement)?.to_owned()),
        [behavior] if name == atoms::begin() => {
            Request::Begin(behavior_of(behavior.decode().map_err(|_| unknown())?)?)
        }
        _ => return Err(unknown()),
    };
    Ok(Decoded::Request(request))
}

fn plain(atom: Atom) -> Result<Request> {
    match atom {
        atom if atom == atoms::commit() => Ok(Request::Commit),
        atom if atom == atoms::rollback() => Ok(Request::Rollback),
        atom if atom == atoms::reset() => Ok(Request::Reset),
        atom if atom == atoms::ping() => Ok(Request::Ping),
        _ => Err(unknown()),
    }
}

fn owned(statement: Term<'_>) -> Result<Statement> {
    Ok(match source(statement)? {
        Source::Sql(sql) => Statement::Sql(sql.to_owned()),
        Source::Prepared(id) => Statement::Prepared(id),
    })
}

fn flag(term: Term<'_>) -> Result<bool> {
    term.decode().map_err(|_| unknown())
}

fn unknown() -> Error {
    Error::InvalidArgument("no such request".to_owned())
}

/// What a scheduler reads of a request: bytes, each term counted as some.
const SMALL: usize = 64 << 10;
const TERM: usize = 64;

pub fn is_small(request: Term<'_>) -> bool {
    fits(request, &mut { SMALL })
}

fn fits(term: Term<'_>, room: &mut usize) -> bool {
    let size = TERM + bytes(term).map_or(0, <[u8]>::len);
    if size > *room {
        return false;
    }
    *room -= size;
    match term.get_type() {
        TermType::List => Elements::of(term).all(|element| fits(element, room)),
        TermType::Tuple => {
            get_tuple(term).is_ok_and(|parts| parts.into_iter().all(|part| fits(part, room)))
        }
        TermType::Map => {
            term.map_size().is_ok_and(|count| count * TERM <= *room)
                && MapIterator::new(term).is_some_and(|mut map| {
                    map.all(|(key, value)| fits(key, room) && fits(value, room))
                })
        }
        _ => true,
    }
}
