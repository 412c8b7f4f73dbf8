//! Databases in memory that connections share by a name.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ecto_libsql_engine::local::{
    Behavior, Call, CheckpointMode, Connection, JournalMode, OpenMode, OpenOptions,
};
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::session::Scope;
use ecto_libsql_engine::{Error, vfs};
use proptest::prelude::*;

use crate::ledger::{self, Random};
use crate::support::{integer, integrity, rows, run};

fn options(database: &str, journal: JournalMode) -> OpenOptions {
    OpenOptions {
        database: database.to_owned(),
        vfs: Some(vfs::MEMORY.to_owned()),
        journal_mode: Some((journal, true)),
        busy_timeout: Duration::ZERO,
        ..OpenOptions::default()
    }
}

fn open(database: &str) -> Connection {
    Connection::open(options(database, JournalMode::Wal)).unwrap()
}

#[test]
fn has_all_journal_modes_and_keeps_the_ledger() {
    for journal in [
        JournalMode::Wal,
        JournalMode::Delete,
        JournalMode::Truncate,
        JournalMode::Persist,
        JournalMode::Memory,
        JournalMode::Off,
    ] {
        let database = format!("/journal {journal:?}");
        let mut one = Connection::open(options(&database, journal)).unwrap();
        let mut other = Connection::open(options(&database, journal)).unwrap();
        ledger::create(&mut one).unwrap();
        for number in 1..=20 {
            let writer = if number % 2 == 0 {
                &mut one
            } else {
                &mut other
            };
            ledger::transfer(writer, number, &mut Random(4)).unwrap();
        }
        for connection in [&mut one, &mut other] {
            assert_eq!(ledger::check(connection, &database), 20);
        }
        if journal != JournalMode::Off {
            one.begin(Behavior::Immediate, &Call::default()).unwrap();
            run(&mut one, "DELETE FROM entries").unwrap();
            one.rollback(&Call::default()).unwrap();
            assert_eq!(ledger::check(&mut other, &database), 20);
        }
        assert_eq!(one.vfs().unwrap(), "memory");
    }
}

#[test]
fn readers_go_on_while_a_transaction_writes() {
    let mut writer = open("/readers");
    ledger::create(&mut writer).unwrap();
    let mut reader = open("/readers");
    writer.begin(Behavior::Immediate, &Call::default()).unwrap();
    run(&mut writer, "UPDATE accounts SET balance = 0").unwrap();
    let sum = "SELECT sum(balance) FROM accounts";
    assert_eq!(integer(&mut reader, sum), ledger::ACCOUNTS * 100);
    reader.begin(Behavior::ReadOnly, &Call::default()).unwrap();
    assert_eq!(integer(&mut reader, sum), ledger::ACCOUNTS * 100);
    writer.commit(&Call::default()).unwrap();
    assert_eq!(integer(&mut reader, sum), ledger::ACCOUNTS * 100);
    reader.commit(&Call::default()).unwrap();
    assert_eq!(integer(&mut reader, sum), 0);
}

#[test]
fn lives_for_as_long_as_a_connection_has_it_open() {
    let mut first = open("/lives");
    run(&mut first, "CREATE TABLE t (a)").unwrap();
    let mut second = open("/lives");
    drop(first);
    assert_eq!(integer(&mut second, "SELECT count(*) FROM t"), 0);
    let third = open("/lives");
    drop(second);
    drop(third);
    let mut anew = open("/lives");
    let error = run(&mut anew, "SELECT * FROM t").unwrap_err();
    assert!(error.to_string().contains("no such table"), "{error}");
    let absent = Connection::open(OpenOptions {
        mode: OpenMode::ReadWrite,
        ..options("/never made", JournalMode::Wal)
    });
    assert_eq!(absent.unwrap_err().code(), "cantopen");
}

#[test]
fn is_told_by_its_name_also_in_a_uri_and_when_it_is_attached() {
    let mut one = open("/named");
    run(&mut one, "CREATE TABLE t (a)").unwrap();
    let mut other = Connection::open(OpenOptions {
        database: "file:/named?vfs=memory".to_owned(),
        ..OpenOptions::default()
    })
    .unwrap();
    assert_eq!(integer(&mut other, "SELECT count(*) FROM t"), 0);
    let mut elsewhere = Connection::open(OpenOptions::default()).unwrap();
    run(&mut elsewhere, "ATTACH 'file:/named?vfs=memory' AS shared").unwrap();
    run(&mut elsewhere, "INSERT INTO shared.t VALUES (1)").unwrap();
    assert_eq!(integer(&mut one, "SELECT count(*) FROM t"), 1);
    assert!(!Path::new("/named").exists());
}

#[test]
fn a_connection_that_only_reads_cannot_write() {
    let mut one = open("/read only");
    run(&mut one, "CREATE TABLE t (a)").unwrap();
    let mut reader = Connection::open(OpenOptions {
        mode: OpenMode::ReadOnly,
        journal_mode: None,
        ..options("/read only", JournalMode::Wal)
    })
    .unwrap();
    assert_eq!(integer(&mut reader, "SELECT count(*) FROM t"), 0);
    let error = run(&mut reader, "INSERT INTO t VALUES (1)").unwrap_err();
    assert_eq!(error.code(), "readonly");
}

#[test]
fn connections_share_a_write_gate() {
    let registry = Registry::<u32>::default();
    let session = || {
        let options = options("/gate", JournalMode::Wal);
        registry.open(options, 1, Scope::Connection).unwrap()
    };
    let (one, other) = (session(), session());
    one.call(1, |connection| {
        connection.begin(Behavior::Immediate, &Call::default())
    })
    .unwrap();
    let waits = other.call(2, |connection| {
        connection.begin(Behavior::Immediate, &Call::default())
    });
    assert!(matches!(waits, Err(Error::GateTaken)), "{waits:?}");
}

#[test]
fn threads_that_write_read_and_checkpoint_leave_it_whole() {
    let mut connection = open("/threads");
    ledger::create(&mut connection).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (done, reads) = (Arc::clone(&done), Arc::clone(&reads));
            std::thread::Builder::new()
                .spawn(move || {
                    let mut connection = open("/threads");
                    while !done.load(Relaxed) {
                        let sum = integer(&mut connection, "SELECT sum(balance) FROM accounts");
                        assert_eq!(sum, ledger::ACCOUNTS * 100);
                        reads.fetch_add(1, Relaxed);
                    }
                })
                .unwrap()
        })
        .collect();
    let mut random = Random(8);
    let mut number = 0;
    while number < 300 || reads.load(Relaxed) < 100 {
        number += 1;
        ledger::transfer(&mut connection, number, &mut random).unwrap();
        if number % 20 == 0 {
            let _ = connection.checkpoint(CheckpointMode::Passive, &Call::default());
        }
    }
    done.store(true, Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    assert_eq!(ledger::check(&mut connection, "threads"), number);
}

#[derive(Debug, Clone)]
enum Step {
    Insert(usize, i64, usize),
    Delete(usize, i64),
    Begin(usize),
    Commit(usize),
    Rollback(usize),
    Checkpoint(usize),
    Vacuum(usize),
    Reopen(usize),
}

const CONNECTIONS: usize = 3;

fn any_step() -> impl Strategy<Value = Step> {
    let who = 0..CONNECTIONS;
    prop_oneof![
        6 => (who.clone(), 0_i64..40, 0_usize..9_000).prop_map(|(who, id, size)| Step::Insert(who, id, size)),
        2 => (who.clone(), 0_i64..40).prop_map(|(who, id)| Step::Delete(who, id)),
        2 => who.clone().prop_map(Step::Begin),
        2 => who.clone().prop_map(Step::Commit),
        1 => who.clone().prop_map(Step::Rollback),
        1 => who.clone().prop_map(Step::Checkpoint),
        1 => who.clone().prop_map(Step::Vacuum),
        1 => who.prop_map(Step::Reopen),
    ]
}

/// What the step answers: its error's code, and what the connection then finds.
fn take(
    connections: &mut [Connection],
    step: &Step,
    open: &dyn Fn() -> Connection,
) -> (String, Result<Vec<Vec<ecto_libsql_engine::Value>>, String>) {
    let call = Call::default();
    let (who, done) = match step {
        Step::Insert(who, id, size) => {
            let sql = format!("INSERT OR REPLACE INTO t VALUES ({id}, zeroblob({size}))");
            (who, run(&mut connections[*who], &sql))
        }
        Step::Delete(who, id) => {
            let sql = format!("DELETE FROM t WHERE id >= {id}");
            (who, run(&mut connections[*who], &sql))
        }
        Step::Begin(who) => (who, connections[*who].begin(Behavior::Immediate, &call)),
        Step::Commit(who) => (who, connections[*who].commit(&call)),
        Step::Rollback(who) => (who, connections[*who].rollback(&call)),
        Step::Checkpoint(who) => {
            let done = connections[*who].checkpoint(CheckpointMode::Truncate, &call);
            (who, done.map(|_| ()))
        }
        Step::Vacuum(who) => (who, run(&mut connections[*who], "VACUUM")),
        Step::Reopen(who) => {
            connections[*who] = open();
            (who, Ok(()))
        }
    };
    let code = done.err().map_or("ok", |error| error.code());
    let found = rows(
        &mut connections[*who],
        "SELECT id, length(a), page_count FROM t, pragma_page_count ORDER BY id",
    );
    (
        code.to_owned(),
        found.map_err(|error| error.code().to_owned()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn does_what_a_file_does(steps in prop::collection::vec(any_step(), 1..60), wal in any::<bool>()) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let journal = if wal { JournalMode::Wal } else { JournalMode::Delete };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.db").to_str().unwrap().to_owned();
        let memory = format!("/property {}", NUMBER.fetch_add(1, Relaxed));
        let open_file = || Connection::open(OpenOptions { vfs: None, ..options(&file, journal) }).unwrap();
        let open_memory = || Connection::open(options(&memory, journal)).unwrap();
        let mut files: Vec<_> = (0..CONNECTIONS).map(|_| open_file()).collect();
        let mut memories: Vec<_> = (0..CONNECTIONS).map(|_| open_memory()).collect();
        for connections in [&mut files, &mut memories] {
            run(&mut connections[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, a)").unwrap();
        }
        for step in &steps {
            let of_file = take(&mut files, step, &open_file);
            let of_memory = take(&mut memories, step, &open_memory);
            prop_assert_eq!(of_file, of_memory, "{:?} of {:?}", step, steps);
        }
        prop_assert_eq!(integrity(&mut memories[0]), "ok");
        let image = |connection: &mut Connection| {
            if connection.transaction().is_some() {
                connection.rollback(&Call::default()).unwrap();
            }
            rows(connection, "SELECT * FROM t ORDER BY id").unwrap()
        };
        prop_assert_eq!(image(&mut files[1]), image(&mut memories[1]));
    }
}

/// `cargo test --release --test vfs -- --ignored --nocapture figures`
#[test]
#[ignore = "measures"]
fn figures() {
    for (name, vfs) in [("memdb", "memdb"), ("memory", vfs::MEMORY)] {
        let database = format!("/figures {name}");
        let open = || {
            Connection::open(OpenOptions {
                vfs: Some(vfs.to_owned()),
                journal_mode: Some((JournalMode::Wal, false)),
                ..options(&database, JournalMode::Wal)
            })
            .unwrap()
        };
        let mut connection = open();
        run(&mut connection, "PRAGMA synchronous = normal").unwrap();
        run(
            &mut connection,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a)",
        )
        .unwrap();
        let each = |what: &str, count: i64, work: &mut dyn FnMut(i64)| {
            let began = Instant::now();
            (1..=count).for_each(work);
            let nanoseconds = began.elapsed().as_nanos() / u128::try_from(count).unwrap();
            eprintln!("{name:>7} {what}: {nanoseconds} ns");
        };
        each("insert, a transaction each", 20_000, &mut |id| {
            run(
                &mut connection,
                &format!("INSERT INTO t VALUES ({id}, 'abc')"),
            )
            .unwrap();
        });
        let mut reader = open();
        each("point read", 50_000, &mut |_| {
            rows(&mut reader, "SELECT a FROM t WHERE id = 7777").unwrap();
        });
        each("scan of 20,000 rows", 50, &mut |_| {
            integer(&mut reader, "SELECT sum(length(a)) FROM t");
        });
        connection
            .begin(Behavior::Immediate, &Call::default())
            .unwrap();
        run(&mut connection, "INSERT INTO t VALUES (0, 'x')").unwrap();
        let read = rows(&mut reader, "SELECT a FROM t WHERE id = 7777");
        eprintln!(
            "{name:>7} read while another writes: {:?}",
            read.map_err(|error| error.code())
        );
        connection.rollback(&Call::default()).unwrap();
    }
}
