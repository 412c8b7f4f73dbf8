//! Answers as terms, in messages of the shapes that the local calls return.

use ecto_libsql_engine::error::Result;
use ecto_libsql_engine::remote::{Answer, CursorEnd, Description, RemoteColumn, RemoteResult};
use ecto_libsql_engine::value::Value;
use rustler::env::{OwnedEnv, SavedTerm};
use rustler::{Encoder, Env, LocalPid, Term};

use crate::atoms;
use crate::error::{named_atom, reply};
use crate::result::id_text;
use crate::terms;

/// Who gets an answer, and by which reference.
pub struct Addressee {
    process: LocalPid,
    env: OwnedEnv,
    reference: SavedTerm,
}

impl Addressee {
    pub fn new(env: Env<'_>, reference: Term<'_>) -> Addressee {
        let own = OwnedEnv::new();
        Addressee {
            process: env.pid(),
            reference: own.save(reference),
            env: own,
        }
    }

    /// `{EctoLibSql.Remote, reference, reply}`, from a thread that is not the BEAM's.
    pub fn send(self, answer: Result<Answer>) {
        self.send_term(|env| reply(env, answer, |answer| term(env, answer)));
    }

    /// As [`send`](Addressee::send), for other replies.
    pub fn send_term(mut self, reply: impl for<'a> FnOnce(Env<'a>) -> Term<'a>) {
        let reference = self.reference;
        // A process that is gone needs no answer.
        let _ = self.env.send_and_clear(&self.process, |env| {
            let reply = reply(env);
            (atoms::remote(), reference.load(env), reply).encode(env)
        });
    }
}

fn term<'a>(env: Env<'a>, answer: Answer) -> Term<'a> {
    match answer {
        Answer::Done => atoms::ok().encode(env),
        Answer::Id(id) => (atoms::ok(), id_text(id)).encode(env),
        Answer::Result {
            result,
            last_insert_rowid,
        } => (atoms::ok(), result_term(env, &result, last_insert_rowid)).encode(env),
        Answer::Results(results) => {
            let results = results
                .iter()
                .map(|result| result_term(env, result, result.last_insert_rowid))
                .collect::<Vec<_>>();
            (atoms::ok(), results).encode(env)
        }
        Answer::Fetched { columns, rows, end } => fetched_term(env, &columns, &rows, end),
        Answer::Elsewhere(answer, failed_over) => (
            atoms::elsewhere(),
            failed_over.server,
            named_atom(env, failed_over.because),
            term(env, *answer),
        )
            .encode(env),
        Answer::Description(description) => {
            let columns = description.columns.into_iter();
            let columns = columns
                .map(|column| (atoms::nil(), column.decltype))
                .collect::<Vec<_>>();
            (atoms::ok(), columns).encode(env)
        }
    }
}

/// `{columns, rows, num_rows, changes, last_insert_rowid, autocommit}`
fn result_term<'a>(
    env: Env<'a>,
    result: &RemoteResult,
    last_insert_rowid: Option<i64>,
) -> Term<'a> {
    let (columns, rows) = table_terms(env, &result.columns, &result.rows);
    let num_rows = match result.columns.is_empty() {
        true => result.affected_rows,
        false => result.rows.len() as u64,
    };
    (
        columns,
        rows,
        num_rows,
        result.affected_rows,
        last_insert_rowid,
        result.autocommit,
    )
        .encode(env)
}

fn fetched_term<'a>(
    env: Env<'a>,
    columns: &[RemoteColumn],
    rows: &[Vec<Value>],
    end: Option<CursorEnd>,
) -> Term<'a> {
    let (columns, row_terms) = table_terms(env, columns, rows);
    let Some(end) = end else {
        return (atoms::more(), columns, row_terms, rows.len()).encode(env);
    };
    let result = (
        columns,
        row_terms,
        rows.len(),
        end.affected_rows,
        end.last_insert_rowid,
        true,
    );
    (atoms::done(), result).encode(env)
}

/// The columns' names and the rows; nil for a statement that has none.
fn table_terms<'a>(
    env: Env<'a>,
    columns: &[RemoteColumn],
    rows: &[Vec<Value>],
) -> (Term<'a>, Term<'a>) {
    if columns.is_empty() {
        let nil = atoms::nil().encode(env);
        return (nil, nil);
    }
    let names = columns
        .iter()
        .map(|column| column.name.as_str())
        .collect::<Vec<_>>();
    let rows = rows
        .iter()
        .map(|row| terms::row(env, row))
        .collect::<Vec<_>>();
    (names.encode(env), rows.encode(env))
}

/// `{columns, parameters}`: maps as those of local statements, and names with their signs.
pub fn description_term<'a>(env: Env<'a>, description: &Description) -> Term<'a> {
    let nil = atoms::nil().encode(env);
    let columns = description
        .columns
        .iter()
        .map(|column| {
            terms::map(
                env,
                &[
                    (atoms::name(), column.name.encode(env)),
                    (atoms::decl_type(), column.decltype.encode(env)),
                    (atoms::origin_name(), nil),
                    (atoms::table(), nil),
                    (atoms::database(), nil),
                ],
            )
        })
        .collect::<Vec<_>>();
    (columns, &description.parameters).encode(env)
}
