//! Changesets: applied to a connection's database, and as values.

use ecto_libsql_engine::changeset::{
    Change, Changeset, Item, Position, Reader, Record, SqliteBytes, Table,
};
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{
    Applied, Apply, Conflict, ConflictPolicy, Resolution, UnknownTables,
};
use rustler::{Atom, Encoder, Env, OwnedBinary, Term};

use crate::atoms;
use crate::error::{named_atom, reply};
use crate::list::proper;
use crate::owner::CallContext;
use crate::params::bytes;
use crate::recording::table_names;
use crate::result::call;
use crate::terms;

/// The policy, the tables, switches, and how many conflicts are described.
type Options<'a> = (
    (Atom, Atom, Atom, Atom, Atom),
    Term<'a>,
    (bool, bool, bool, bool),
    Term<'a>,
);

/// `{:ok, %{…}}`. The policy is what is to become of conflicts of the kinds data, not found, conflict,
/// constraint and foreign key; the tables are `:all` or a list of names.
#[rustler::nif(schedule = "DirtyIo")]
fn changeset_apply<'a>(
    env: Env<'a>,
    state: Term<'a>,
    changeset: Term<'a>,
    options: Options<'a>,
    timeout: Term<'a>,
) -> Term<'a> {
    let (policy, tables, flags, most_conflicts) = options;
    let (skip_unknown, invert, ignore_noop, no_action) = flags;
    let applied = CallContext::new(env, state).and_then(|context| {
        let tables = table_names(tables)?;
        let options = Apply {
            policy: decoded_policy(policy)?,
            tables: tables.as_deref(),
            unknown_tables: if skip_unknown {
                UnknownTables::Skip
            } else {
                UnknownTables::Refuse
            },
            invert,
            ignore_noop,
            no_action,
            most_conflicts: number(most_conflicts, "the number of conflicts")?,
        };
        let changeset = checked(changeset)?;
        let call = call(timeout)?;
        context.connection.call(context.caller, |connection| {
            connection.apply_changeset(&changeset, &options, &call)
        })
    });
    reply(env, applied, |applied| {
        (atoms::ok(), applied_term(env, &applied)).encode(env)
    })
}

/// `{:ok, binary}`
#[rustler::nif(schedule = "DirtyCpu")]
fn changeset_invert<'a>(env: Env<'a>, changeset: Term<'a>) -> Term<'a> {
    reply_bytes(
        env,
        checked(changeset).and_then(|changeset| changeset.invert()),
    )
}

/// `{:ok, binary}`
#[rustler::nif(schedule = "DirtyCpu")]
fn changeset_concat<'a>(env: Env<'a>, changesets: Term<'a>) -> Term<'a> {
    let combined =
        list(changesets, Changeset::check).and_then(|changesets| Changeset::combine(&changesets));
    reply_bytes(env, combined)
}

/// `{:ok, binary}`
#[rustler::nif(schedule = "DirtyCpu")]
fn changeset_rebase<'a>(env: Env<'a>, changeset: Term<'a>, decided: Term<'a>) -> Term<'a> {
    let rebased = checked(changeset).and_then(|changeset| {
        let decided = list(decided, Changeset::check_rebase)?;
        changeset.rebase(&decided)
    });
    reply_bytes(env, rebased)
}

/// `{:ok, %{kind: :changeset | :patchset | nil, changes: count, tables: […]}}`
#[rustler::nif(schedule = "DirtyCpu")]
fn changeset_info<'a>(env: Env<'a>, changeset: Term<'a>) -> Term<'a> {
    reply(env, checked(changeset), |changeset| {
        let kind = changeset.kind().map(|kind| named_atom(env, kind.name()));
        let tables = changeset
            .tables()
            .iter()
            .map(|table| table_term(env, table));
        let info = terms::map(
            env,
            &[
                (atoms::kind(), kind.encode(env)),
                (atoms::changes(), changeset.changes().encode(env)),
                (atoms::tables(), tables.collect::<Vec<_>>().encode(env)),
            ],
        );
        (atoms::ok(), info).encode(env)
    })
}

/// What one call reads, at most, so that it holds its thread for a moment only.
const CHANGES_A_CALL: usize = 500;
const BYTES_A_CALL: usize = 1 << 20;

/// `{:ok, [change], {table, next} | nil}`: some changes from a position on, and where to go on.
#[rustler::nif(schedule = "DirtyCpu")]
fn changeset_read<'a>(
    env: Env<'a>,
    changeset: Term<'a>,
    position: (Term<'a>, Term<'a>),
) -> Term<'a> {
    let read = number(position.0, "a position").and_then(|table| {
        let next = number(position.1, "a position")?;
        let bytes = changeset_bytes(changeset)?;
        let mut reader = Reader::resume(bytes, Position { table, next })?;
        let mut changes = Vec::new();
        while let Some(item) = reader.next()? {
            if let Item::Change(change) = item {
                changes.push(change_term(env, &change));
            }
            let at = reader.position();
            if changes.len() == CHANGES_A_CALL || at.next.saturating_sub(next) >= BYTES_A_CALL {
                return Ok((changes, Some((at.table, at.next))));
            }
        }
        Ok((changes, None))
    });
    reply(env, read, |(changes, position)| {
        (atoms::ok(), changes, position).encode(env)
    })
}

fn changeset_bytes<'a>(term: Term<'a>) -> Result<&'a [u8]> {
    bytes(term).ok_or_else(|| Error::InvalidArgument("a changeset is to be a binary".to_owned()))
}

fn checked<'a>(term: Term<'a>) -> Result<Changeset<'a>> {
    Changeset::check(changeset_bytes(term)?)
}

fn list<'a>(
    term: Term<'a>,
    check: fn(&'a [u8]) -> Result<Changeset<'a>>,
) -> Result<Vec<Changeset<'a>>> {
    proper(term)
        .ok_or_else(|| Error::InvalidArgument("changesets are to be given as a list".to_owned()))?
        .map(|item| changeset_bytes(item).and_then(check))
        .collect()
}

fn number(term: Term<'_>, what: &str) -> Result<usize> {
    term.decode()
        .map_err(|_| Error::InvalidArgument(format!("{what} is to be an integer from 0 on")))
}

fn decoded_policy(policy: (Atom, Atom, Atom, Atom, Atom)) -> Result<ConflictPolicy> {
    let (data, not_found, conflict, constraint, foreign_key) = policy;
    Ok(ConflictPolicy {
        data: resolution(data)?,
        not_found: resolution(not_found)?,
        conflict: resolution(conflict)?,
        constraint: resolution(constraint)?,
        foreign_key: resolution(foreign_key)?,
    })
}

fn resolution(atom: Atom) -> Result<Resolution> {
    if atom == atoms::omit() {
        Ok(Resolution::Omit)
    } else if atom == atoms::replace() {
        Ok(Resolution::Replace)
    } else if atom == atoms::abort() {
        Ok(Resolution::Abort)
    } else {
        Err(Error::InvalidArgument(
            "a conflict's resolution is :omit, :replace or :abort".to_owned(),
        ))
    }
}

fn reply_bytes<'a>(env: Env<'a>, made: Result<SqliteBytes>) -> Term<'a> {
    reply(env, made, |made| {
        (atoms::ok(), binary(env, &made)).encode(env)
    })
}

fn binary<'a>(env: Env<'a>, made: &SqliteBytes) -> Term<'a> {
    OwnedBinary::from_slice(made.as_slice())
        .release(env)
        .encode(env)
}

fn table_term<'a>(env: Env<'a>, table: &Table) -> Term<'a> {
    terms::map(
        env,
        &[
            (atoms::name(), table.name.encode(env)),
            (atoms::columns(), table.key.len().encode(env)),
            (atoms::pk(), key_columns(&table.key).encode(env)),
            (atoms::changes(), table.changes.encode(env)),
        ],
    )
}

/// The columns of the primary key, counted from 0.
fn key_columns(key: &[u8]) -> Vec<usize> {
    let columns = key.iter().enumerate();
    columns
        .filter_map(|(column, place)| (*place != 0).then_some(column))
        .collect()
}

fn change_term<'a>(env: Env<'a>, change: &Change<'_>) -> Term<'a> {
    let values =
        |record: Option<Record<'_>>| record.map(|record| terms::known_values(env, record.values()));
    terms::map(
        env,
        &[
            (atoms::op(), named_atom(env, change.operation.name())),
            (atoms::table(), change.table.encode(env)),
            (atoms::pk(), key_columns(change.key).encode(env)),
            (atoms::indirect(), change.indirect.encode(env)),
            (atoms::old(), values(change.old).encode(env)),
            (atoms::new(), values(change.new).encode(env)),
        ],
    )
}

fn applied_term<'a>(env: Env<'a>, applied: &Applied) -> Term<'a> {
    let conflicts = applied
        .conflicts
        .iter()
        .map(|conflict| conflict_term(env, conflict));
    terms::map(
        env,
        &[
            (
                atoms::applied(),
                applied.changes.saturating_sub(applied.omitted).encode(env),
            ),
            (atoms::omitted(), applied.omitted.encode(env)),
            (atoms::replaced(), applied.replaced.encode(env)),
            (
                atoms::conflicts(),
                conflicts.collect::<Vec<_>>().encode(env),
            ),
            (atoms::skipped(), applied.skipped.encode(env)),
            (atoms::rebase(), binary(env, &applied.rebase)),
        ],
    )
}

fn conflict_term<'a>(env: Env<'a>, conflict: &Conflict) -> Term<'a> {
    let values = |values: &Option<Vec<Option<ecto_libsql_engine::Value>>>| {
        values.as_ref().map(|values| {
            terms::known_values(
                env,
                values
                    .iter()
                    .map(|value| value.as_ref().map(ecto_libsql_engine::Value::as_ref)),
            )
        })
    };
    let mut pairs = vec![
        (atoms::kind(), named_atom(env, conflict.kind.name())),
        (
            atoms::resolution(),
            named_atom(env, conflict.resolution.name()),
        ),
    ];
    if let Some(change) = &conflict.change {
        pairs.extend([
            (atoms::op(), named_atom(env, change.operation.name())),
            (atoms::table(), change.table.encode(env)),
            (atoms::indirect(), change.indirect.encode(env)),
            (atoms::old(), values(&change.old).encode(env)),
            (atoms::new(), values(&change.new).encode(env)),
            (
                atoms::conflicting(),
                values(&change.conflicting).encode(env),
            ),
        ]);
    }
    terms::map(env, &pairs)
}
