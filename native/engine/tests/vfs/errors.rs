//! Each operation of a workload fails in turn, once or from then on: every call says so, nothing is
//! applied in part, the write gate is free, and the connection goes on when the disk does.

use std::path::Path;
use std::sync::Arc;

use ecto_libsql_engine::Error;
use ecto_libsql_engine::local::{Behavior, Call, CheckpointMode, JournalMode};
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::session::{Scope, Session};
use ecto_libsql_engine::vfs::fault::{Action, FileKind, Operation, Rule, Script};

use crate::ledger::{self, Random};
use crate::support::{
    Durability, Stopped, durability, integer, integrity, open, open_plainly, options, rows, rules,
    run, start,
};

const OWNER: u32 = 1;
const SEED: u64 = 3;

/// The workload, and what is known of it.
struct Run<'f> {
    faults: &'f Stopped,
    session: Arc<Session<u32>>,
    random: Random,
    last: i64,
    failures: Vec<Error>,
    what: String,
}

impl Run<'_> {
    fn transfer(&mut self) {
        let number = self.last + 1;
        let random = &mut self.random;
        let moved = self.session.call(OWNER, |connection| {
            ledger::transfer(connection, number, random)
        });
        self.note(moved.as_ref().err());
        match moved {
            Ok(()) => self.last = number,
            // Whether it was done is asked when the disk works again.
            Err(_) => self.last = self.found(),
        }
    }

    fn call(
        &mut self,
        work: impl FnOnce(&mut ecto_libsql_engine::local::Connection) -> Result<(), Error>,
    ) {
        let done = self.session.call(OWNER, work);
        self.note(done.as_ref().err());
    }

    fn note(&mut self, error: Option<&Error>) {
        if let Some(error) = error {
            let code = error.code();
            assert!(
                code.starts_with("ioerr") || code == "cantopen" || code == "full",
                "{}: {error:?}",
                self.what
            );
            assert!(error.extended_code().is_some(), "{}: {error:?}", self.what);
            self.failures.push(error.clone());
        }
        assert!(
            self.session
                .gate()
                .is_some_and(|gate| gate.holder().is_none()),
            "{}: the gate is kept",
            self.what
        );
        assert!(
            self.session.transaction().is_none(),
            "{}: a transaction is left",
            self.what
        );
    }

    /// What another connection finds, to which nothing happens.
    fn found(&self) -> i64 {
        let mut other = open_plainly(Path::new(self.session.database()));
        let found = ledger::check(&mut other, &self.what);
        assert!(
            (self.last..=self.last + 1).contains(&found),
            "{}: {found} entries after {}",
            self.what,
            self.last
        );
        found
    }
}

/// Runs the workload with these faults. Answers how many operations there were and what failed; none
/// where the database could not be opened.
fn with_faults(path: &Path, durability: Durability, rule: Rule, what: String) -> (u64, Vec<Error>) {
    let faults = start(&Script::default());
    let registry = Registry::default();
    let mut connection = open(&faults, path, durability).unwrap();
    ledger::create(&mut connection).unwrap();
    drop(connection);
    faults.set(&rules(SEED, vec![rule])).unwrap();
    let opened = registry.open(options(&faults, path, durability), OWNER, Scope::Connection);
    let session = match opened {
        Ok(session) => session,
        Err(error) => {
            assert!(error.extended_code().is_some(), "{what}: {error:?}");
            let seen = faults.status();
            assert_eq!(seen.open_files, 0, "{what}");
            return (seen.seen.operations, vec![error]);
        }
    };
    let mut workload = Run {
        faults: &faults,
        session,
        random: Random(SEED),
        last: 0,
        failures: Vec::new(),
        what,
    };
    work(&mut workload);
    let operations = workload.faults.status().seen.operations;

    // The disk works again: so does the connection, and what it has is whole.
    workload.faults.set(&Script::default()).unwrap();
    workload.last = workload.found();
    workload.transfer();
    let what = workload.what.clone();
    assert_eq!(workload.last, workload.found(), "{what}");
    let mine = workload.session.call(OWNER, |connection| {
        Ok((ledger::check(connection, &what), integrity(connection)))
    });
    assert_eq!(mine.unwrap(), (workload.last, "ok".to_owned()), "{what}");
    let failures = std::mem::take(&mut workload.failures);
    workload.session.close();
    drop(workload);
    assert_eq!(faults.status().open_files, 0, "{what}: a file is left open");
    (operations, failures)
}

fn work(workload: &mut Run<'_>) {
    for _ in 0..3 {
        workload.transfer();
    }
    workload.call(|connection| {
        rows(
            connection,
            "SELECT * FROM entries JOIN accounts ON source = id",
        )
        .map(|_| ())
    });
    workload.call(|connection| {
        connection.begin(Behavior::Immediate, &Call::default())?;
        let undone = connection
            .savepoint("s", &Call::default())
            .and_then(|()| run(connection, "UPDATE accounts SET balance = 0"))
            .and_then(|()| connection.rollback_to_savepoint("s", &Call::default()));
        let ended = undone.and_then(|()| connection.commit(&Call::default()));
        if ended.is_err() && connection.transaction().is_some() {
            connection.rollback(&Call::default())?;
        }
        ended
    });
    workload.call(|connection| {
        connection
            .checkpoint(CheckpointMode::Truncate, &Call::default())
            .map(|_| ())
    });
    workload.transfer();
}

/// One failure after the other, until none is met.
fn each_operation(durability: Durability, persistent: bool, step: u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut number = 1;
    let mut met = 0;
    loop {
        let path = directory.path().join(format!("{number}.db"));
        let rule = Rule::always(Action::Fail(None));
        let rule = match persistent {
            true => Rule {
                from: Some(number),
                ..rule
            },
            false => rule.nth(number),
        };
        let what = format!("{durability:?}, operation {number}, persistent: {persistent}");
        let (operations, failures) = with_faults(&path, durability, rule, what);
        met += usize::from(!failures.is_empty());
        if operations < number {
            assert!(met > 20, "{met} of {number} were told");
            return;
        }
        number += step;
    }
}

#[test]
fn each_operation_fails_once_with_a_write_ahead_log() {
    each_operation(durability(JournalMode::Wal, "FULL"), false, 1);
}

#[test]
fn each_operation_fails_once_with_a_journal() {
    each_operation(durability(JournalMode::Delete, "FULL"), false, 1);
}

#[test]
fn all_operations_fail_from_one_on() {
    for journal in [JournalMode::Wal, JournalMode::Delete, JournalMode::Truncate] {
        each_operation(durability(journal, "NORMAL"), true, 3);
    }
}

#[test]
fn torn_writes_are_undone() {
    let directory = tempfile::tempdir().unwrap();
    for (journal, file) in [
        (JournalMode::Wal, FileKind::Wal),
        (JournalMode::Delete, FileKind::Main),
        (JournalMode::Delete, FileKind::Journal),
    ] {
        for number in 1..30 {
            let path = directory
                .path()
                .join(format!("{journal:?}-{file:?}-{number}.db"));
            let torn = Action::Torn {
                keep: 100,
                silent: false,
            };
            let rule = Rule::new(Operation::Write, torn).file(file).nth(number);
            let what = format!("{journal:?}, torn write {number} of {file:?}");
            with_faults(&path, durability(journal, "FULL"), rule, what);
        }
    }
}

#[test]
fn what_a_disk_garbles_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let faults = start(&Script::default());
    let mut connection = open(&faults, &path, durability(JournalMode::Delete, "FULL")).unwrap();
    ledger::create(&mut connection).unwrap();
    let silent = Action::Torn {
        keep: 10,
        silent: true,
    };
    let rule = Rule::new(Operation::Write, silent).file(FileKind::Main);
    faults.set(&rules(SEED, vec![rule])).unwrap();
    run(
        &mut connection,
        "INSERT INTO accounts SELECT id + 1000, balance, filler FROM accounts",
    )
    .unwrap();
    faults.set(&Script::default()).unwrap();
    drop(connection);
    let mut connection = open_plainly(&path);
    assert_ne!(integrity(&mut connection), "ok");

    let short = Rule::new(Operation::Read, Action::Short { keep: 50 });
    faults.set(&rules(SEED, vec![short])).unwrap();
    let refused = open(&faults, &path, durability(JournalMode::Delete, "FULL"));
    assert_eq!(refused.unwrap_err().code(), "corrupt");
}

#[test]
fn latency_changes_nothing_but_the_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let delay = Action::Delay(std::time::Duration::from_millis(1));
    let faults = start(&rules(SEED, vec![Rule::new(Operation::Write, delay)]));
    let mut connection = open(&faults, &path, durability(JournalMode::Wal, "FULL")).unwrap();
    ledger::create(&mut connection).unwrap();
    ledger::transfer(&mut connection, 1, &mut Random(SEED)).unwrap();
    assert_eq!(ledger::check(&mut connection, "delayed"), 1);
    assert_eq!(faults.status().seen.faults, 0);
    assert_eq!(integer(&mut connection, "SELECT count(*) FROM entries"), 1);
}
