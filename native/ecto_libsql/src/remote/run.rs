//! A call, on the network's threads.

use std::sync::Arc;

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::Call;
use ecto_libsql_engine::remote::{
    CursorEnd, Description, Failure, RemoteColumn, RemoteParams, RemoteResult,
};
use ecto_libsql_engine::value::Value;
use tokio::sync::MutexGuard;
use tokio::sync::oneshot::Receiver;
use tokio::time::timeout_at;

use super::answer::Addressee;
use super::item::{Content, ItemKind};
use super::request::{Request, Statement};
use super::running::Stop;
use super::session::RemoteSession;
use crate::owner::Pid;
use crate::terms::Limit;

/// What a call answers.
pub enum Answer {
    Done,
    Id(Id),
    Result {
        result: RemoteResult,
        last_insert_rowid: Option<i64>,
    },
    Results(Vec<RemoteResult>),
    Fetched {
        columns: Vec<RemoteColumn>,
        rows: Vec<Vec<Value>>,
        end: Option<CursorEnd>,
    },
    Description(Description),
}

/// Runs a request until it is answered, or stopped.
pub async fn to_the_end(
    session: Arc<RemoteSession>,
    number: u64,
    caller: Pid,
    request: Request,
    limits: Call,
    mut stopped: Receiver<Stop>,
    addressee: Addressee,
) {
    let answered = {
        let answer = run(&session, caller, request, &limits);
        first(answer, &mut stopped).await
    };
    session.over(number);
    if answered.is_err() {
        session.end_unnoted_transaction();
    }
    if let Ok(Stop::Cancelled) = stopped.try_recv() {
        return;
    }
    match answered {
        Ok(answer) => addressee.send(answer),
        Err(Stop::Cancelled) => {}
        Err(Stop::Interrupted) => addressee.send(Err(Error::Interrupted { statement: None })),
        Err(Stop::Closed) => addressee.send(Err(Error::ConnectionClosed)),
    }
}

/// The answer, or why it is not waited for.
async fn first(
    answer: impl Future<Output = Result<Answer>>,
    stopped: &mut Receiver<Stop>,
) -> Result<Result<Answer>, Stop> {
    let mut answer = std::pin::pin!(answer);
    std::future::poll_fn(|context| {
        use std::task::Poll::{Pending, Ready};
        if let Ready(stop) = std::pin::Pin::new(&mut *stopped).poll(context) {
            return Ready(Err(stop.unwrap_or(Stop::Cancelled)));
        }
        match answer.as_mut().poll(context) {
            Ready(answer) => Ready(Ok(answer)),
            Pending => Pending,
        }
    })
    .await
}

async fn run(
    session: &RemoteSession,
    caller: Pid,
    request: Request,
    limits: &Call,
) -> Result<Answer> {
    let _turn = turn(session, limits).await?;
    let connection = session.connection();
    if let Request::Reset = request {
        connection.close(limits).await;
        session.reset();
        return Ok(Answer::Done);
    }
    session.check_may_use(caller)?;
    let was_open = !connection.autocommit();
    let behavior = match request {
        Request::Begin(behavior) => Some(behavior),
        _ => None,
    };
    let answer = perform(session, caller, request, limits).await;
    session.note_transaction(caller, was_open, behavior);
    answer
}

async fn perform(
    session: &RemoteSession,
    caller: Pid,
    request: Request,
    limits: &Call,
) -> Result<Answer> {
    let connection = session.connection();
    match request {
        Request::Query(statement, params) => {
            let sql = sql(session, statement)?;
            query(session, &sql, params, limits).await
        }
        Request::Declare(statement, params) => {
            let sql = sql(session, statement)?;
            let cursor = connection.cursor(&sql, params, limits).await?;
            let content = Content::Cursor(Arc::new(cursor));
            Ok(Answer::Id(session.keep(caller, &sql, content)))
        }
        Request::Fetch { cursor, most } => fetch(session, cursor, most, limits).await,
        Request::Batch {
            statements,
            transactional,
        } => {
            let results = connection.batch(statements, transactional, limits).await?;
            Ok(counted(session, results))
        }
        Request::Script { sql, transactional } => {
            let results = connection.script(&sql, transactional, limits).await?;
            Ok(counted(session, results))
        }
        Request::Prepare(sql) => {
            let description = connection.describe(&sql, limits).await?;
            let content = Content::Statement(Arc::new(description));
            Ok(Answer::Id(session.keep(caller, &sql, content)))
        }
        Request::Describe(sql) => {
            let description = connection.describe(&sql, limits).await?;
            Ok(Answer::Description(description))
        }
        Request::Begin(behavior) => connection
            .begin(behavior, limits)
            .await
            .map(|()| Answer::Done),
        Request::Commit => connection.commit(limits).await.map(|()| Answer::Done),
        Request::Rollback => connection.rollback(limits).await.map(|()| Answer::Done),
        Request::Ping => connection.ping(limits).await.map(|()| Answer::Done),
        Request::Reset => Ok(Answer::Done),
    }
}

async fn turn<'s>(session: &'s RemoteSession, limits: &Call) -> Result<MutexGuard<'s, ()>> {
    let waited = match limits.deadline {
        None => Ok(session.turn().lock().await),
        Some(deadline) => timeout_at(deadline.into(), session.turn().lock()).await,
    };
    waited.map_err(|_| Error::Remote {
        failure: Failure::Timeout,
        message: "the connection was at work for another call until the deadline".to_owned(),
        statement: None,
    })
}

fn sql(session: &RemoteSession, statement: Statement) -> Result<Arc<str>> {
    match statement {
        Statement::Sql(sql) => Ok(sql.into()),
        Statement::Prepared(id) => session.statement(id).map(|(sql, _)| sql),
    }
}

async fn query(
    session: &RemoteSession,
    sql: &str,
    params: RemoteParams,
    limits: &Call,
) -> Result<Answer> {
    let result = session.connection().execute(sql, params, limits).await?;
    let writes = changes_rows(sql);
    session.count(&result, writes);
    let last_insert_rowid = match writes {
        true => Some(session.last_insert_rowid()),
        false => result.last_insert_rowid,
    };
    Ok(Answer::Result {
        result,
        last_insert_rowid,
    })
}

/// By its first word: `WITH … UPDATE` is known by the rows that it changes.
fn changes_rows(sql: &str) -> bool {
    let first = sql.trim_start().split(|c: char| !c.is_ascii_alphabetic());
    let word = first.into_iter().next().unwrap_or_default();
    ["INSERT", "UPDATE", "DELETE", "REPLACE"]
        .iter()
        .any(|verb| word.eq_ignore_ascii_case(verb))
}

fn counted(session: &RemoteSession, results: Vec<RemoteResult>) -> Answer {
    for result in &results {
        session.count(result, result.last_insert_rowid.is_some());
    }
    Answer::Results(results)
}

async fn fetch(session: &RemoteSession, cursor: Id, most: usize, limits: &Call) -> Result<Answer> {
    let open = session.cursor(cursor)?;
    let fetched = open.fetch(most.clamp(1, Limit::CALL.rows), limits).await;
    if !matches!(&fetched, Ok(fetched) if fetched.end.is_none()) {
        session.forget(cursor, ItemKind::Cursor)?;
    }
    let fetched = fetched?;
    Ok(Answer::Fetched {
        columns: open.columns().to_vec(),
        rows: fetched.rows,
        end: fetched.end,
    })
}
