//! Connections in the registry: owners, and what happens when one is gone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use ecto_libsql_engine::Error;
use ecto_libsql_engine::local::{Behavior, Call, Collect, CountRows, OpenOptions, Source};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::session::{Scope, Session};

const OWNER: u32 = 1;
const OTHER: u32 = 2;
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

fn open(registry: &Registry<u32>, scope: Scope) -> Arc<Session<u32>> {
    registry.open(OpenOptions::default(), OWNER, scope).unwrap()
}

fn begin(session: &Session<u32>, caller: u32) {
    session
        .call(caller, |connection| {
            connection.begin(Behavior::Immediate, &Call::default())
        })
        .unwrap();
}

fn select_one(session: &Session<u32>, caller: u32) -> Result<(), Error> {
    session
        .query(
            caller,
            Source::Sql("SELECT 1"),
            &NoParams,
            &mut Collect::default(),
            &Call::default(),
        )
        .map(|_| ())
}

#[test]
fn an_item_of_another_connection_is_told_from_one_that_is_gone() {
    let registry = Registry::default();
    let (one, two) = (
        open(&registry, Scope::Process),
        open(&registry, Scope::Process),
    );
    let id = one.prepare(OWNER, "SELECT 1", &Call::default()).unwrap();
    let run = |session: &Session<u32>| {
        session.query(
            OWNER,
            Source::Prepared(id),
            &NoParams,
            &mut CountRows::default(),
            &Call::default(),
        )
    };
    assert!(matches!(
        run(&two),
        Err(Error::WrongConnection("statement"))
    ));
    assert!(run(&one).is_ok());
    one.finalize(OWNER, id).unwrap();
    assert!(matches!(run(&two), Err(Error::StatementClosed)));

    let cursor = one
        .declare(OWNER, Source::Sql("SELECT 1"), &NoParams, &Call::default())
        .unwrap();
    let mut sink = CountRows::default();
    assert!(matches!(
        two.fetch(OWNER, cursor, &mut sink, &Call::default()),
        Err(Error::WrongConnection("cursor"))
    ));
    assert!(
        one.fetch(OWNER, cursor, &mut sink, &Call::default())
            .is_ok()
    );
}

#[test]
fn a_transaction_is_its_owners_unless_the_scope_is_the_connection() {
    let registry = Registry::default();
    let session = open(&registry, Scope::Process);
    begin(&session, OTHER);
    assert!(matches!(
        select_one(&session, OWNER),
        Err(Error::NotTransactionOwner)
    ));
    assert!(select_one(&session, OTHER).is_ok());

    let shared = open(&registry, Scope::Connection);
    begin(&shared, OTHER);
    assert!(select_one(&shared, OWNER).is_ok());
}

#[test]
fn the_owners_death_closes_the_connection() {
    let registry = Registry::default();
    let session = open(&registry, Scope::Process);
    session
        .prepare(OWNER, "SELECT 1", &Call::default())
        .unwrap();
    begin(&session, OWNER);
    session.owner_down(OWNER);
    session.run_cleanups();
    assert!(registry.sessions().is_empty());
    assert!(session.items().is_empty());
    assert!(matches!(
        select_one(&session, OWNER),
        Err(Error::ConnectionClosed)
    ));
}

#[test]
fn another_processs_death_frees_what_was_its_own() {
    let registry = Registry::default();
    let session = open(&registry, Scope::Process);
    assert!(session.must_watch(OTHER));
    assert!(!session.must_watch(OTHER));
    assert!(!session.must_watch(OWNER));
    let mine = session
        .prepare(OWNER, "SELECT 1", &Call::default())
        .unwrap();
    session
        .prepare(OTHER, "SELECT 2", &Call::default())
        .unwrap();
    session
        .declare(OTHER, Source::Sql("SELECT 3"), &NoParams, &Call::default())
        .unwrap();
    begin(&session, OTHER);
    session.owner_down(OTHER);
    session.run_cleanups();
    assert!(session.transaction().is_none());
    let left: Vec<_> = session.items().iter().map(|item| item.id).collect();
    assert_eq!(left, [mine]);
    assert!(session.must_watch(OTHER));
}

#[test]
fn a_call_under_way_does_the_cleaning_up_when_it_ends() {
    let registry = Registry::default();
    let session = open(&registry, Scope::Process);
    let (entered, wait_entered) = channel();
    let (leave, wait_leave) = channel::<()>();
    let working = Arc::clone(&session);
    let worker = thread::Builder::new()
        .spawn(move || {
            working.call(OWNER, |_| {
                entered.send(()).unwrap();
                wait_leave.recv().unwrap();
                Ok(())
            })
        })
        .unwrap();
    wait_entered.recv().unwrap();
    session.owner_down(OWNER);
    session.run_cleanups();
    assert_eq!(registry.sessions().len(), 1);
    leave.send(()).unwrap();
    worker.join().unwrap().unwrap();
    assert!(registry.sessions().is_empty());
}

#[test]
fn closing_stops_what_runs_whenever_it_began() {
    for _ in 0..200 {
        let registry = Registry::default();
        let session = open(&registry, Scope::Connection);
        let running = Arc::clone(&session);
        let (entered, wait_entered) = channel();
        let runner = thread::Builder::new()
            .spawn(move || {
                entered.send(()).unwrap();
                running.query(
                    OTHER,
                    Source::Sql(ENDLESS),
                    &NoParams,
                    &mut CountRows::default(),
                    &Call::default(),
                )
            })
            .unwrap();
        wait_entered.recv().unwrap();
        session.close();
        session.close();
        let stopped = runner.join().unwrap().unwrap_err();
        assert!(matches!(
            stopped,
            Error::Interrupted { .. } | Error::ConnectionClosed
        ));
        assert!(registry.sessions().is_empty());
    }
}

#[test]
fn nothing_is_left_of_what_was_opened_and_closed() {
    let registry = Registry::default();
    for _ in 0..100 {
        let session = open(&registry, Scope::Process);
        session
            .prepare(OWNER, "SELECT 1", &Call::default())
            .unwrap();
        session
            .declare(OWNER, Source::Sql("SELECT 1"), &NoParams, &Call::default())
            .unwrap();
        session.close();
        assert!(session.items().is_empty());
    }
    assert!(registry.sessions().is_empty());
}
