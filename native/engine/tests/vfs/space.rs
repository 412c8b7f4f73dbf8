//! The disk is full: in the middle of a transaction, a checkpoint, a backup, frames that are inserted.
//! What was there stays, and when there is space again all goes on.

use ecto_libsql_engine::Error;
use ecto_libsql_engine::local::{Behavior, Call, CheckpointMode, Connection, JournalMode};
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::session::Scope;
use ecto_libsql_engine::vfs::fault::{Faults, Script};

use crate::ledger::{self, Random};
use crate::support::{durability, integer, integrity, open, options, run, start};

fn leave(faults: &Faults, space: Option<u64>) {
    let script = Script {
        space,
        ..Script::default()
    };
    faults.set(&script).unwrap();
}

fn is_full(error: &Error) -> bool {
    match error {
        Error::Sqlite(_) => error.code() == "full",
        _ => false,
    }
}

/// With each amount of space, a few bytes more, until there is enough.
fn until_it_fits(step: u64, mut attempt: impl FnMut(u64) -> bool) {
    let mut space = 0;
    let mut full = 0;
    while !attempt(space) {
        full += 1;
        space += step;
        assert!(full < 500, "it never fits");
    }
    assert!(full > 3, "the disk was full {full} times");
}

#[test]
fn a_transaction_is_done_or_not() {
    let directory = tempfile::tempdir().unwrap();
    for journal in [JournalMode::Wal, JournalMode::Delete, JournalMode::Persist] {
        let path = directory.path().join(format!("{journal:?}.db"));
        let faults = start(&Script::default());
        let mut connection = open(&faults, &path, durability(journal, "FULL")).unwrap();
        ledger::create(&mut connection).unwrap();
        until_it_fits(1_000, |space| {
            leave(&faults, Some(space));
            let moved = ledger::transfer(&mut connection, 1, &mut Random(5));
            leave(&faults, None);
            let what = format!("{journal:?}, {space} bytes");
            let found = ledger::check(&mut connection, &what);
            match moved {
                Ok(()) => assert_eq!(found, 1, "{what}"),
                Err(error) => {
                    assert!(is_full(&error), "{what}: {error:?}");
                    assert_eq!(found, 0, "{what}");
                }
            }
            found == 1
        });
        ledger::transfer(&mut connection, 2, &mut Random(6)).unwrap();
        assert_eq!(ledger::check(&mut connection, "afterwards"), 2);
    }
}

#[test]
fn a_statement_that_does_not_fit_leaves_the_transaction_to_its_caller() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let faults = start(&Script::default());
    let mut connection = open(&faults, &path, durability(JournalMode::Wal, "FULL")).unwrap();
    ledger::create(&mut connection).unwrap();
    run(&mut connection, "PRAGMA cache_size = 5").unwrap();
    leave(&faults, Some(50_000));
    connection
        .begin(Behavior::Immediate, &Call::default())
        .unwrap();
    let large = "INSERT INTO entries (number, filler) \
                 WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
                 SELECT i, zeroblob(1000) FROM n";
    let error = run(&mut connection, large).unwrap_err();
    assert!(is_full(&error), "{error:?}");
    // SQLite may have ended the transaction; what follows is not run outside of it.
    let next = run(&mut connection, "DELETE FROM accounts");
    if let Err(error) = &next {
        assert_eq!(error.code(), "transaction_lost");
        assert!(error.to_string().contains("full"), "{error}");
    }
    connection.rollback(&Call::default()).unwrap();
    leave(&faults, None);
    assert_eq!(ledger::check(&mut connection, "rolled back"), 0);
    ledger::transfer(&mut connection, 1, &mut Random(5)).unwrap();
    assert_eq!(ledger::check(&mut connection, "afterwards"), 1);
}

#[test]
fn a_checkpoint_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let faults = start(&Script::default());
    let mut connection = open(&faults, &path, durability(JournalMode::Wal, "FULL")).unwrap();
    ledger::create(&mut connection).unwrap();
    let checkpoint = |connection: &mut Connection| {
        connection.checkpoint(CheckpointMode::Truncate, &Call::default())
    };
    until_it_fits(8_000, |space| {
        leave(&faults, Some(space));
        let done = checkpoint(&mut connection);
        let what = format!("{space} bytes");
        assert_eq!(ledger::check(&mut connection, &what), 0);
        match done {
            Ok(done) => !done.busy,
            Err(error) => {
                assert!(is_full(&error), "{what}: {error:?}");
                false
            }
        }
    });
    // What the log had given back is there for the next writes.
    leave(&faults, None);
    ledger::transfer(&mut connection, 1, &mut Random(5)).unwrap();
    assert_eq!(ledger::check(&mut connection, "afterwards"), 1);
}

#[test]
fn a_backup_is_whole_or_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let faults = start(&Script::default());
    let registry = Registry::<u32>::default();
    let wal = durability(JournalMode::Wal, "FULL");
    let session = |name: &str| {
        let path = directory.path().join(name);
        registry
            .open(options(&faults, &path, wal), 1, Scope::Connection)
            .unwrap()
    };
    let source = session("source.db");
    source.call(1, ledger::create).unwrap();
    let target = session("target.db");
    target
        .call(1, |connection| {
            run(connection, "CREATE TABLE own (a)")?;
            run(connection, "INSERT INTO own VALUES (7)")
        })
        .unwrap();
    until_it_fits(8_000, |space| {
        leave(&faults, Some(space));
        let copied = target.backup_from(1, "main", &source, "main", &Call::default());
        leave(&faults, None);
        let what = format!("{space} bytes");
        target
            .call(1, |connection| {
                match copied {
                    Ok(_) => assert_eq!(ledger::check(connection, &what), 0),
                    Err(error) => {
                        assert!(is_full(&error), "{what}: {error:?}");
                        assert_eq!(integrity(connection), "ok", "{what}");
                        assert_eq!(integer(connection, "SELECT a FROM own"), 7, "{what}");
                    }
                }
                Ok(integer(
                    connection,
                    "SELECT count(*) FROM sqlite_schema WHERE name = 'own'",
                ) == 0)
            })
            .unwrap()
    });
}
