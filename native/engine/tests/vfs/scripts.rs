//! Any script: nothing crashes, nothing is applied in part, and the connection goes on.

use std::time::Duration;

use ecto_libsql_engine::local::JournalMode;
use ecto_libsql_engine::vfs::fault::{Action, Faults, FileKind, Operation, Rule, Script};
use proptest::prelude::*;

use crate::ledger::{self, Random};
use crate::support::{durability, open, open_plainly, run, start};

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Fail(None)),
        1 => prop_oneof![Just(13), Just(10), Just(14), Just(8), Just(2826), Just(5)]
            .prop_map(|code| Action::Fail(Some(code))),
        1 => (0_usize..5_000).prop_map(|keep| Action::Torn { keep, silent: false }),
        1 => Just(Action::Delay(Duration::from_micros(10))),
        1 => Just(Action::PowerLoss),
        1 => Just(Action::Lie),
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    (
        prop::collection::vec(prop::sample::select(&Operation::ALL[..]), 0..3),
        prop::collection::vec(prop::sample::select(&FileKind::ALL[..]), 0..2),
        prop::option::of(1_u64..60),
        prop::option::of(1_u64..200),
        prop::option::of(1_u64..5),
        prop::option::of(0.0..0.3),
        prop::option::of(1_u64..4),
        any_action(),
    )
        .prop_map(
            |(on, files, nth, from, every, probability, times, action)| Rule {
                on: match action {
                    Action::Torn { .. } => vec![Operation::Write],
                    Action::Lie => vec![Operation::Sync],
                    // Elsewhere a VFS does not answer these, and SQLite takes none of them for a disk
                    // that fails: a rollback that cannot read goes on.
                    Action::Fail(Some(5)) => vec![Operation::Lock],
                    Action::Fail(Some(8 | 14)) => vec![Operation::Open],
                    _ => on,
                },
                files,
                nth,
                from,
                every,
                probability,
                times,
                action,
            },
        )
}

fn any_script() -> impl Strategy<Value = Script> {
    (
        any::<u64>(),
        prop::collection::vec(any_rule(), 0..4),
        prop::option::of(0_u64..200_000),
        5_u32..13,
    )
        .prop_map(|(seed, rules, space, bits)| Script {
            seed,
            rules,
            space,
            sector_size: 1 << bits,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_script_leaves_what_was_acknowledged(script in any_script(), wal in any::<bool>()) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let durability = match wal {
            true => durability(JournalMode::Wal, "FULL"),
            false => durability(JournalMode::Delete, "EXTRA"),
        };
        let what = format!("{script:?}, {durability:?}");
        let faults = start(&Script { rules: vec![], space: None, ..script.clone() });
        let mut connection = open(&faults, &path, durability).unwrap();
        ledger::create(&mut connection).unwrap();
        faults.set(&script).unwrap();
        let mut random = Random(script.seed);
        let mut last = 0;
        for _ in 0..6 {
            if ledger::transfer(&mut connection, last + 1, &mut random).is_ok() {
                last += 1;
            }
            let _ = run(&mut connection, "PRAGMA wal_checkpoint");
        }
        let power = faults.status().has_power;
        faults.set(&Script::default()).unwrap();
        if power {
            let found = ledger::check(&mut connection, &what);
            prop_assert!(found >= last, "{what}: {found} of {last}");
            ledger::transfer(&mut connection, found + 1, &mut random).unwrap();
            drop(connection);
            prop_assert_eq!(ledger::check(&mut open_plainly(&path), &what), found + 1);
        } else {
            let lies = script.rules.iter().any(|rule| rule.action == Action::Lie);
            faults.power_loss().unwrap();
            drop(connection);
            // What a disk that has lied is left with is nobody's promise.
            if !lies {
                let found = ledger::check(&mut open_plainly(&path), &what);
                prop_assert!(found >= last, "{what}: {found} of {last}");
            }
        }
        prop_assert_eq!(faults.status().open_files, 0);
    }
}

#[test]
fn the_same_script_does_the_same_again() {
    let script = Script {
        seed: 9,
        rules: vec![Rule::always(Action::Fail(None)).probability(0.02)],
        ..Script::default()
    };
    let logs: Vec<_> = (0..2)
        .map(|_| {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a.db");
            let faults = start(&Script::default());
            let durability = durability(JournalMode::Delete, "FULL");
            let mut connection = open(&faults, &path, durability).unwrap();
            ledger::create(&mut connection).unwrap();
            faults.set(&script).unwrap();
            for number in 1..=20 {
                let _ = ledger::transfer(&mut connection, number, &mut Random(1));
            }
            let log = faults.log().into_iter();
            log.map(|entry| (entry.number, entry.place.operation, entry.code))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(logs[0].len() > 5);
    assert_eq!(logs[0], logs[1]);
}

#[test]
fn a_script_is_checked() {
    let refused = |rule: Rule| {
        let error = Faults::start(None, &Script::new(vec![rule])).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        error.to_string()
    };
    let lie = refused(Rule::new(Operation::Read, Action::Lie));
    assert_eq!(lie, "rule 1: lie goes with the operation sync only");
    let nth = refused(Rule::always(Action::Fail(None)).nth(0));
    assert_eq!(nth, "rule 1: nth is counted from 1");
    let chance = refused(Rule::always(Action::Fail(None)).probability(f64::NAN));
    assert!(chance.contains("from 0 to 1"), "{chance}");
    let code = refused(Rule::always(Action::Fail(Some(0))));
    assert!(code.contains("the code 0"), "{code}");
    let delay = refused(Rule::always(Action::Delay(Duration::from_secs(61))));
    assert!(delay.contains("60000 ms at most"), "{delay}");
    let sectors = Script {
        sector_size: 500,
        ..Script::default()
    };
    let error = Faults::start(None, &sectors).unwrap_err().to_string();
    assert!(error.contains("power of two"), "{error}");
}

#[test]
fn names_are_given_once_and_again_when_they_are_free() {
    let first = Faults::start(Some("mine"), &Script::default()).unwrap();
    let taken = Faults::start(Some("mine"), &Script::default()).unwrap_err();
    assert!(taken.to_string().contains("already"), "{taken}");
    for wrong in ["", "a\0b", "unix"] {
        let error = Faults::start(Some(wrong), &Script::default()).unwrap_err();
        assert_eq!(error.code(), "invalid_argument", "{wrong:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let durability = durability(JournalMode::Wal, "FULL");
    let mut connection = open(&first, &path, durability).unwrap();
    first.stop();
    first.stop();
    run(&mut connection, "CREATE TABLE t (a)").unwrap();
    let unknown = open(&first, &path, durability).unwrap_err();
    assert!(
        unknown.to_string().contains("no VFS of the name \"mine\""),
        "{unknown}"
    );
    let in_use = Faults::start(Some("mine"), &Script::default()).unwrap_err();
    assert_eq!(in_use.code(), "busy");
    drop(connection);
    let again = Faults::start(Some("mine"), &Script::default()).unwrap();
    open(&again, &path, durability).unwrap();
    again.stop();
}
