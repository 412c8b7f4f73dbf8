//! Writers and readers of the pool while the copy is synced.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use crate::copy::{Copy, check_server, place, rows, run, server, with_table};

#[test]
fn writers_and_readers_while_a_copy_is_pushed() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers = (0..4)
            .map(|writer| {
                let session = copy.another_connection();
                scope.spawn(move || {
                    for row in 0..50 {
                        run(
                            &session,
                            &format!("INSERT INTO t (x) VALUES ('{writer}-{row}')"),
                        )
                        .unwrap();
                    }
                    session.close();
                })
            })
            .collect::<Vec<_>>();
        let reader = copy.another_connection();
        let done = &done;
        scope.spawn(move || {
            let mut last = 0;
            while !done.load(SeqCst) {
                let now = rows(&reader, "SELECT x FROM t").unwrap().len();
                assert!(now >= last);
                last = now;
            }
            reader.close();
        });
        let copy = &copy;
        let pusher = scope.spawn(move || {
            while !done.load(SeqCst) {
                copy.push().unwrap();
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, SeqCst);
        pusher.join().unwrap();
    });
    copy.push().unwrap();
    assert_eq!(copy.number("SELECT count(*) FROM t"), 200);
    copy.check();
    let texts = copy.texts();
    check_server(
        &server,
        &texts.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn two_copies_take_turns_and_generations_end_meanwhile() {
    let (place, server) = (place(), server());
    let one = with_table(&place.path().join("a"), &server);
    let two = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    let readers = [one.another_connection(), two.another_connection()];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in &readers {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(SeqCst) {
                    let now = rows(reader, "SELECT x FROM t").unwrap().len();
                    assert!(now >= last);
                    last = now;
                }
            });
        }
        for round in 0..60 {
            let copy = if round % 2 == 0 { &one } else { &two };
            copy.pull().unwrap();
            copy.insert(&format!("round {round}"));
            copy.insert(&format!("again {round}"));
            copy.push().unwrap();
            if round % 7 == 0 {
                server.store(|store| store.checkpoint());
            }
        }
        done.store(true, SeqCst);
    });
    one.sync().unwrap();
    two.sync().unwrap();
    assert_eq!(one.texts().len(), 120);
    assert_eq!(one.texts(), two.texts());
    one.check();
    two.check();
}

#[test]
fn a_writer_with_an_open_transaction_is_waited_for() {
    let (place, server) = (place(), server());
    let copy = with_table(&place.path().join("a"), &server);
    let other = Copy::open(&place.path().join("b"), &server.uri()).unwrap();
    other.insert("other's");
    other.push().unwrap();
    run(&copy.session, "BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        let pulling = scope.spawn(|| copy.pull());
        // The pull has its place in the queue, behind the transaction.
        while copy.session.gate().unwrap().queue_length() == 0 {
            thread::yield_now();
        }
        run(&copy.session, "ROLLBACK").unwrap();
        pulling.join().unwrap().unwrap();
    });
    assert_eq!(copy.texts(), ["other's"]);
}
