//! Connections in the registry: owners, turns, and calls that are stopped.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ecto_libsql_engine::form::Forms;
use ecto_libsql_engine::local::{Behavior, Call};
use ecto_libsql_engine::remote::{
    Answer, CallHandle, RemoteOptions, RemoteParams, RemoteRegistry, RemoteSession, Request,
    Statement, Stop,
};
use ecto_libsql_engine::session::{ItemKind, Scope};
use ecto_libsql_engine::{Error, Id, Result, Value};

use crate::calls::seconds;
use crate::support::Sqld;

const OWNER: u32 = 1;
const OTHER: u32 = 2;
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

type Session = Arc<RemoteSession<u32>>;

fn open(registry: &RemoteRegistry<u32>, server: &Sqld, scope: Scope) -> Session {
    let options = RemoteOptions {
        uri: server.uri(),
        ..RemoteOptions::default()
    };
    let database = server.uri();
    registry
        .open(options, database, Forms::default(), OWNER, scope)
        .unwrap()
}

fn query(sql: &str) -> Request {
    Request::Query(Statement::Sql(sql.to_owned()), RemoteParams::NONE)
}

/// Begins a call; its answer comes by the channel, which is closed where there is none.
fn begin(
    session: &Session,
    caller: u32,
    request: Request,
) -> (CallHandle<u32>, Receiver<Result<Answer>>) {
    let (sender, answers) = channel();
    let answered = move |answer| sender.send(answer).unwrap();
    let handle = session.call(caller, request, seconds(30), answered);
    (handle.unwrap(), answers)
}

fn ask(session: &Session, caller: u32, request: Request) -> Result<Answer> {
    begin(session, caller, request).1.recv().unwrap()
}

fn fails(session: &Session, caller: u32, request: Request) -> &'static str {
    ask(session, caller, request).unwrap_err().code()
}

fn value(session: &Session, sql: &str) -> Value {
    match ask(session, OWNER, query(sql)).unwrap() {
        Answer::Result { mut result, .. } => result.rows.remove(0).remove(0),
        other => panic!("{other:?}"),
    }
}

fn wait_until_running(session: &Session) {
    while session.running().is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn a_call_that_is_interrupted_says_so_and_the_connection_lives_on() {
    let Some(server) = Sqld::start() else { return };
    let session = open(&RemoteRegistry::default(), &server, Scope::Process);
    let (handle, answers) = begin(&session, OTHER, query(ENDLESS));
    wait_until_running(&session);
    assert_eq!(session.running().unwrap().caller, OTHER);
    session.interrupt();
    let error = answers.recv().unwrap().unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    assert!(session.running().is_none());
    assert!(!handle.stop(Stop::Cancelled));
    assert_eq!(value(&session, "SELECT 1"), Value::from(1));
}

#[test]
fn only_the_statement_that_is_meant_is_interrupted() {
    let Some(server) = Sqld::start() else { return };
    let registry = RemoteRegistry::default();
    let session = open(&registry, &server, Scope::Process);
    let other = open(&registry, &server, Scope::Process);
    let prepare = |sql: &str| match ask(&session, OWNER, Request::Prepare(sql.to_owned())) {
        Ok(Answer::Id(id)) => id,
        other => panic!("{other:?}"),
    };
    let (short, endless) = (prepare("SELECT 1"), prepare(ENDLESS));
    let run = |id| Request::Query(Statement::Prepared(id), RemoteParams::NONE);
    let (_, answers) = begin(&session, OWNER, run(endless));
    wait_until_running(&session);
    session.interrupt_statement(short).unwrap();
    assert!(session.running().is_some());
    session.interrupt_statement(endless).unwrap();
    assert_eq!(answers.recv().unwrap().unwrap_err().code(), "interrupted");

    assert_eq!(fails(&other, OWNER, run(short)), "wrong_connection");
    assert_eq!(
        other.forget(short, ItemKind::Statement).unwrap_err().code(),
        "wrong_connection"
    );
    session.forget(short, ItemKind::Statement).unwrap();
    session.forget(short, ItemKind::Statement).unwrap();
    assert_eq!(fails(&session, OWNER, run(short)), "statement_closed");
}

#[test]
fn a_call_that_is_cancelled_is_not_answered_and_leaves_no_transaction() {
    let Some(server) = Sqld::start() else { return };
    let session = open(&RemoteRegistry::default(), &server, Scope::Process);
    let script = Request::Script {
        sql: format!("BEGIN IMMEDIATE; CREATE TABLE t (a); {ENDLESS}"),
        transactional: false,
    };
    let (handle, answers) = begin(&session, OWNER, script);
    wait_until_running(&session);
    assert!(handle.stop(Stop::Cancelled));
    assert!(answers.recv().is_err());
    let tables = "SELECT count(*) FROM sqlite_schema";
    assert_eq!(value(&session, tables), Value::from(0));
    assert!(session.status().autocommit);
}

#[test]
fn no_other_process_comes_into_a_transaction() {
    let Some(server) = Sqld::start() else { return };
    let registry = RemoteRegistry::default();
    for scope in [Scope::Process, Scope::Connection] {
        let session = open(&registry, &server, scope);
        for _ in 0..20 {
            let (_, began) = begin(&session, OWNER, Request::Begin(Behavior::Deferred));
            let (_, early) = begin(&session, OTHER, query("SELECT 1"));
            began.recv().unwrap().unwrap();
            // It came first, or was refused.
            match (early.recv().unwrap(), scope) {
                (Ok(Answer::Result { result, .. }), Scope::Process) => assert!(result.autocommit),
                (Err(error), Scope::Process) => assert_eq!(error.code(), "not_transaction_owner"),
                (answer, _) => drop(answer.unwrap()),
            }
            let late = ask(&session, OTHER, query("SELECT 1"));
            assert_eq!(late.is_ok(), scope == Scope::Connection);
            assert_eq!(session.transaction().unwrap().owner, OWNER);
            ask(&session, OWNER, Request::Commit).unwrap();
            assert!(session.transaction().is_none());
        }
    }
}

#[test]
fn a_dead_process_loses_its_transaction_and_its_items() {
    let Some(server) = Sqld::start() else { return };
    let session = open(&RemoteRegistry::default(), &server, Scope::Process);
    let (watched, processes) = channel();
    session.watch_by(move |process| watched.send(process).is_ok());
    value(&session, "SELECT 1");
    ask(&session, OTHER, Request::Begin(Behavior::Immediate)).unwrap();
    ask(&session, OTHER, query("CREATE TABLE t (a)")).unwrap();
    ask(&session, OTHER, Request::Prepare("SELECT 1".to_owned())).unwrap();
    // Once, however much it has; the owner is the boundary's to watch.
    assert_eq!(processes.recv().unwrap(), OTHER);
    assert!(processes.try_recv().is_err());

    session.owner_down(OTHER);
    assert_eq!(session.items().len(), 0);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let rolled_back = || match ask(&session, OWNER, query(tables)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code(), "not_transaction_owner");
            false
        }
    };
    while !rolled_back() {
        std::thread::yield_now();
    }
    assert_eq!(value(&session, tables), Value::from(0));
    // The server's lock is free.
    let other = open(&RemoteRegistry::default(), &server, Scope::Process);
    ask(&other, OWNER, query("CREATE TABLE t (a)")).unwrap();
}

#[test]
fn a_process_that_is_dead_already_leaves_nothing() {
    let Some(server) = Sqld::start() else { return };
    let session = open(&RemoteRegistry::default(), &server, Scope::Process);
    session.watch_by(|_| false);
    ask(&session, OTHER, Request::Prepare("SELECT 1".to_owned())).unwrap();
    assert_eq!(session.items().len(), 0);
}

#[test]
fn the_owners_death_closes() {
    let Some(server) = Sqld::start() else { return };
    let registry = RemoteRegistry::default();
    let session = open(&registry, &server, Scope::Process);
    value(&session, "SELECT 1");
    assert_eq!(server.metric("libsql_server_stream_handles"), 1);
    let (_, answers) = begin(&session, OTHER, query(ENDLESS));
    wait_until_running(&session);
    session.owner_down(OWNER);
    assert_eq!(
        answers.recv().unwrap().unwrap_err().code(),
        "connection_closed"
    );
    session.close();
    let call = session.call(OWNER, query("SELECT 1"), Call::default(), |_| {});
    assert_eq!(call.unwrap_err().code(), "connection_closed");
    assert!(registry.session(session.id()).is_err());
    assert!(registry.sessions().is_empty());
    assert!(registry.session(Id::nil()).is_err());
    while server.metric("libsql_server_stream_handles") > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_commit_that_is_stopped_on_its_way_says_that_its_outcome_is_unknown() {
    let Some(server) = Sqld::start() else { return };
    let session = open(&RemoteRegistry::default(), &server, Scope::Process);
    ask(&session, OWNER, Request::Begin(Behavior::Immediate)).unwrap();
    server.freeze();
    loop {
        let (_, answers) = begin(&session, OWNER, Request::Commit);
        std::thread::sleep(Duration::from_millis(20));
        session.interrupt();
        match answers.recv().unwrap().unwrap_err().code() {
            "commit_unknown" => break,
            // It was not on its way yet.
            code => assert_eq!(code, "interrupted"),
        }
        assert!(!session.status().autocommit);
    }
    assert!(session.status().autocommit);
    server.thaw();
    value(&session, "SELECT 1");
}

#[test]
fn a_reset_rolls_back_and_forgets() {
    let Some(server) = Sqld::start() else { return };
    let session = open(&RemoteRegistry::default(), &server, Scope::Process);
    ask(&session, OWNER, query("CREATE TABLE t (a)")).unwrap();
    ask(&session, OTHER, Request::Begin(Behavior::Immediate)).unwrap();
    ask(&session, OTHER, query("INSERT INTO t VALUES (1)")).unwrap();
    assert_eq!(session.status().changes, 1);
    ask(&session, OWNER, Request::Prepare("SELECT 1".to_owned())).unwrap_err();
    ask(&session, OTHER, Request::Prepare("SELECT 1".to_owned())).unwrap();
    ask(&session, OWNER, Request::Reset).unwrap();
    assert!(session.items().is_empty());
    assert!(session.status().autocommit);
    assert_eq!(session.status().changes, 0);
    assert_eq!(value(&session, "SELECT count(*) FROM t"), Value::from(0));
}
