//! The power goes at any moment, and takes what was not synced.

use std::path::Path;

use ecto_libsql_engine::local::JournalMode;
use ecto_libsql_engine::vfs::fault::{Action, Operation, Rule, Script};

use crate::ledger::{self, Random};
use crate::support::{
    Durability, Stopped, durability, integrity, open, open_plainly, rules, run, start,
};

/// What a run has left.
#[derive(Debug)]
struct Crash {
    /// Commits that were acknowledged, and how many there were after the power had gone.
    acknowledged: i64,
    found: i64,
}

/// Writes the ledger until the power goes, at the `at`th operation, and looks at what is there.
fn crash(directory: &Path, durability: Durability, at: u64, seed: u64) -> Crash {
    let what = format!("{durability:?}, operation {at}, seed {seed}");
    let path = directory.join(format!("{at}-{seed}.db"));
    let faults = start(&rules(seed, vec![Rule::always(Action::PowerLoss).nth(at)]));
    let acknowledged = write(&faults, &path, durability, seed);
    faults.power_loss().unwrap();
    faults.set(&Script::default()).unwrap();
    let mut connection = open(&faults, &path, durability).unwrap();
    let found = ledger::check(&mut connection, &what);
    // And it goes on from there.
    if found > 0 {
        ledger::transfer(&mut connection, found + 1, &mut Random(seed)).unwrap();
        assert_eq!(ledger::check(&mut connection, &what), found + 1, "{what}");
    }
    Crash {
        acknowledged,
        found,
    }
}

/// The number of the last entry that was acknowledged.
fn write(faults: &Stopped, path: &Path, durability: Durability, seed: u64) -> i64 {
    let mut random = Random(seed);
    let Ok(mut connection) = open(faults, path, durability) else {
        return 0;
    };
    if ledger::create(&mut connection).is_err() {
        return 0;
    }
    for number in 1..=60 {
        if ledger::transfer(&mut connection, number, &mut random).is_err() {
            return number - 1;
        }
        if number % 17 == 0 && run(&mut connection, "PRAGMA wal_checkpoint(TRUNCATE)").is_err() {
            return number;
        }
    }
    60
}

/// `VFS_RUNS` has more of them made.
fn runs() -> u64 {
    let wanted = std::env::var("VFS_RUNS").ok();
    wanted.and_then(|runs| runs.parse().ok()).unwrap_or(60)
}

fn crashes(durability: Durability) -> Vec<Crash> {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random(7);
    (0..runs())
        .map(|seed| {
            let at = u64::try_from(random.below(1_600) + 1).unwrap();
            crash(directory.path(), durability, at, seed)
        })
        .collect()
}

/// All that was acknowledged is there, and at most the one in doubt besides.
fn assert_durable(durability: Durability) {
    let crashes = crashes(durability);
    for crash in &crashes {
        assert!(
            (0..=1).contains(&(crash.found - crash.acknowledged)),
            "{durability:?}: {crash:?}"
        );
    }
    let cut = crashes
        .iter()
        .filter(|crash| (1..60).contains(&crash.acknowledged));
    assert!(
        cut.count() > crashes.len() / 3,
        "the power goes while there is work"
    );
}

/// What is there is what was there at some time.
fn assert_consistent(durability: Durability) {
    for crash in crashes(durability) {
        assert!(crash.found <= crash.acknowledged + 1, "{crash:?}");
    }
}

#[test]
fn with_full_synchronisation_the_write_ahead_log_keeps_what_was_acknowledged() {
    assert_durable(durability(JournalMode::Wal, "FULL"));
}

#[test]
fn with_extra_synchronisation_journals_keep_what_was_acknowledged() {
    for journal in [
        JournalMode::Delete,
        JournalMode::Truncate,
        JournalMode::Persist,
    ] {
        assert_durable(durability(journal, "EXTRA"));
    }
}

#[test]
fn with_normal_synchronisation_the_write_ahead_log_stays_consistent() {
    assert_consistent(durability(JournalMode::Wal, "NORMAL"));
}

#[test]
fn with_full_synchronisation_a_journal_may_lose_the_last_commit_only() {
    let durability = durability(JournalMode::Delete, "FULL");
    for crash in crashes(durability) {
        assert!(
            (-1..=1).contains(&(crash.found - crash.acknowledged)),
            "{crash:?}"
        );
    }
}

/// What these tests see at all: commits are lost by a normal log, and by a disk that lies.
#[test]
fn commits_that_are_not_synced_are_lost() {
    let lost = |crashes: Vec<Crash>| {
        crashes
            .iter()
            .filter(|crash| crash.found < crash.acknowledged)
            .count()
    };
    assert!(lost(crashes(durability(JournalMode::Wal, "NORMAL"))) > 10);
}

#[test]
fn a_disk_that_lies_about_syncs_loses_what_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let durability = durability(JournalMode::Wal, "FULL");
    let mut harmed = 0;
    for seed in 0..40 {
        let path = directory.path().join(format!("{seed}.db"));
        let script = rules(seed, vec![]);
        let faults = start(&script);
        let mut connection = open(&faults, &path, durability).unwrap();
        ledger::create(&mut connection).unwrap();
        faults
            .set(&rules(seed, vec![Rule::new(Operation::Sync, Action::Lie)]))
            .unwrap();
        let mut random = Random(seed);
        for number in 1..=20 {
            ledger::transfer(&mut connection, number, &mut random).unwrap();
        }
        faults.power_loss().unwrap();
        drop(connection);
        let mut connection = open_plainly(&path);
        let kept =
            integrity(&mut connection) == "ok" && ledger::check(&mut connection, "lie") == 20;
        harmed += usize::from(!kept);
    }
    assert!(harmed > 20, "{harmed} of 40 lost something");
}

#[test]
fn what_is_open_when_the_power_goes_is_dead_and_keeps_others_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let durability = durability(JournalMode::Wal, "FULL");
    let faults = start(&Script::default());
    let mut dead = open(&faults, &path, durability).unwrap();
    ledger::create(&mut dead).unwrap();
    faults.power_loss().unwrap();
    let error = run(&mut dead, "INSERT INTO entries (number) VALUES (1)").unwrap_err();
    assert!(error.code().starts_with("ioerr"), "{error:?}");
    let refused = open(&faults, &path, durability).unwrap_err();
    assert_eq!(refused.code(), "cantopen");
    drop(dead);
    let mut alive = open(&faults, &path, durability).unwrap();
    assert_eq!(ledger::check(&mut alive, "after the power loss"), 0);
    run(&mut alive, "INSERT INTO entries (number) VALUES (1)").unwrap();
}
