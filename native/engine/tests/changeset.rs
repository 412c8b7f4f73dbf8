//! Changesets: what random work recorded does elsewhere, and what hostile bytes do.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on is to fail"
)]

use ecto_libsql_engine::changeset::{Change, Changeset, Item, Kind, Operation, Position, Reader};
use ecto_libsql_engine::local::{
    Applied, Apply, Behavior, Call, Collect, ConflictPolicy, Connection, CountRows, OpenOptions,
    Recorded, Resolution, Source, Tables, UnknownTables,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::{Error, Id, Result, Value};
use proptest::prelude::*;

const SCHEMA: [&str; 4] = [
    "CREATE TABLE items (id INTEGER PRIMARY KEY, a, b TEXT DEFAULT 'x')",
    "CREATE TABLE pairs (x, y, value BLOB, PRIMARY KEY (y, x)) WITHOUT ROWID",
    "CREATE TABLE \"a \"\"name\" (k TEXT PRIMARY KEY, \"from\" REAL UNIQUE)",
    "CREATE TABLE keyless (a, b)",
];
const TABLES: [&str; 3] = ["items", "pairs", "\"a \"\"name\""];

const ABORT: ConflictPolicy = every(Resolution::Abort);
const OMIT: ConflictPolicy = every(Resolution::Omit);
const REPLACE: ConflictPolicy = ConflictPolicy {
    data: Resolution::Replace,
    conflict: Resolution::Replace,
    ..OMIT
};

const fn every(resolution: Resolution) -> ConflictPolicy {
    ConflictPolicy {
        data: resolution,
        not_found: resolution,
        conflict: resolution,
        constraint: resolution,
        foreign_key: resolution,
    }
}

fn with(policy: ConflictPolicy) -> Apply<'static> {
    Apply {
        policy,
        tables: None,
        unknown_tables: UnknownTables::Refuse,
        invert: false,
        ignore_noop: false,
        no_action: false,
        most_conflicts: 100,
    }
}

fn open() -> Connection {
    let mut connection = Connection::open(OpenOptions::default()).unwrap();
    for sql in SCHEMA {
        execute(&mut connection, sql);
    }
    connection
}

fn run(connection: &mut Connection, sql: &str) -> Result<()> {
    let (source, sink) = (Source::Sql(sql), &mut CountRows::default());
    connection.query(source, &NoParams, sink, &Call::default())?;
    Ok(())
}

fn execute(connection: &mut Connection, sql: &str) {
    run(connection, sql).unwrap();
}

fn rows(connection: &mut Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut sink = Collect::default();
    let source = Source::Sql(sql);
    connection
        .query(source, &NoParams, &mut sink, &Call::default())
        .unwrap();
    sink.rows
}

fn content(connection: &mut Connection) -> Vec<Vec<Vec<Value>>> {
    TABLES
        .iter()
        .map(|table| rows(connection, &format!("SELECT * FROM {table} ORDER BY 1, 2")))
        .collect()
}

fn record(connection: &mut Connection) -> Id {
    let recorded = Recorded {
        schema: "main",
        tables: Tables::All,
        indirect: false,
        rowids: false,
    };
    connection.record(recorded, &Call::default()).unwrap()
}

fn recorded(connection: &mut Connection, id: Id, kind: Kind) -> Vec<u8> {
    let changes = connection.recorded_changes(id, kind, &Call::default());
    changes.unwrap().as_slice().to_vec()
}

/// What some work changes.
fn changes_of(connection: &mut Connection, work: &[String], kind: Kind) -> Vec<u8> {
    let id = record(connection);
    do_work(connection, work);
    let changes = recorded(connection, id, kind);
    connection.close_recording(id);
    changes
}

/// Statements that violate a constraint are part of it.
fn do_work(connection: &mut Connection, work: &[String]) {
    for sql in work {
        match run(connection, sql) {
            Ok(()) | Err(Error::Sqlite(_)) => {}
            Err(other) => panic!("{sql}: {other}"),
        }
    }
}

fn apply(connection: &mut Connection, bytes: &[u8], options: &Apply<'_>) -> Result<Applied> {
    connection.apply_changeset(&Changeset::check(bytes)?, options, &Call::default())
}

fn copy_of(before: &[String]) -> Connection {
    let mut copy = open();
    do_work(&mut copy, before);
    copy
}

fn changes(bytes: &[u8]) -> Vec<Change<'_>> {
    let mut reader = Reader::new(bytes);
    let mut changes = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Change(change) = item {
            changes.push(change);
        }
    }
    changes
}

/// SQL of a value.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("NULL".to_owned()),
        (-3_i64..4).prop_map(|integer| integer.to_string()),
        any::<i64>().prop_map(|integer| format!("CAST('{integer}' AS INTEGER)")),
        (-2_i32..3).prop_map(|real| format!("{real}.5")),
        Just("9e999".to_owned()),
        "[a-zäß ]{0,4}".prop_map(|text| format!("'{text}'")),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(|blob| {
            let digits: String = blob.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{digits}'")
        }),
        (100_u32..300).prop_map(|length| format!("zeroblob({length})")),
    ]
}

/// A key that is not NULL, of which there are few.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        (-2_i64..4).prop_map(|integer| integer.to_string()),
        "[ab]".prop_map(|text| format!("'{text}'")),
        Just("x'00'".to_owned()),
    ]
}

fn statement() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..6, value(), value())
            .prop_map(|(id, a, b)| format!("INSERT INTO items VALUES ({id}, {a}, {b})")),
        1 => (0..6, value())
            .prop_map(|(id, a)| format!("REPLACE INTO items (id, a) VALUES ({id}, {a})")),
        2 => (0..6, value()).prop_map(|(id, a)| format!("UPDATE items SET a = {a} WHERE id = {id}")),
        1 => (0..6, 0..6).prop_map(|(id, to)| format!("UPDATE items SET id = {to} WHERE id = {id}")),
        1 => (0..6).prop_map(|id| format!("DELETE FROM items WHERE id > {id}")),
        1 => Just("DELETE FROM items".to_owned()),
        3 => (key(), key(), value())
            .prop_map(|(x, y, v)| format!("INSERT INTO pairs VALUES ({x}, {y}, {v})")),
        2 => (key(), value()).prop_map(|(x, v)| format!("UPDATE pairs SET value = {v} WHERE x = {x}")),
        1 => (key(), key()).prop_map(|(x, to)| format!("UPDATE pairs SET y = {to} WHERE x = {x}")),
        1 => key().prop_map(|y| format!("DELETE FROM pairs WHERE y = {y}")),
        3 => ("[abc]", value())
            .prop_map(|(k, v)| format!("INSERT INTO \"a \"\"name\" VALUES ('{k}', {v})")),
        2 => ("[abc]", value())
            .prop_map(|(k, v)| format!("UPDATE \"a \"\"name\" SET \"from\" = {v} WHERE k = '{k}'")),
        1 => "[abc]".prop_map(|k| format!("DELETE FROM \"a \"\"name\" WHERE k = '{k}'")),
        1 => value().prop_map(|a| format!("INSERT INTO keyless VALUES ({a}, 1)")),
    ]
}

fn work() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(statement(), 0..25)
}

/// A changeset, and how to damage it.
#[derive(Debug, Clone)]
enum Damage {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let byte = || {
        prop_oneof![
            any::<u8>(),
            prop::sample::select(vec![
                0, 1, 2, 3, 4, 5, 9, 18, 23, b'T', b'P', 0x7f, 0x80, 0xff
            ]),
        ]
    };
    prop_oneof![
        (index(), byte()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        index().prop_map(Damage::Remove),
        (index(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        index().prop_map(Damage::Cut),
        (index(), index()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match damage {
            Damage::Set(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Remove(at) => {
                bytes.remove(at.index(length));
            }
            Damage::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Repeat(from, to) => {
                let part = bytes[from.index(length)..].to_vec();
                let at = to.index(length);
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// Does all that can be done with bytes, whatever they are.
fn try_all(bytes: &[u8], valid: &[u8]) {
    let mut connection = open();
    for invert in [false, true] {
        for ignore_noop in [false, true] {
            let options = Apply {
                invert,
                ignore_noop,
                unknown_tables: UnknownTables::Skip,
                ..with(REPLACE)
            };
            let _ = apply(&mut connection, bytes, &options);
        }
    }
    assert!(connection.autocommit());
    assert_eq!(
        rows(&mut connection, "PRAGMA integrity_check"),
        [[Value::from("ok")]]
    );
    // To rebase, there are other rules: undefined values, and no updates.
    if let (Ok(decided), Ok(valid)) = (Changeset::check_rebase(bytes), Changeset::check(valid)) {
        let _ = valid.rebase(&[decided]);
    }
    let Ok(checked) = Changeset::check(bytes) else {
        return;
    };
    assert_eq!(changes(bytes).len(), checked.changes());
    for change in changes(bytes) {
        for record in [change.old, change.new].into_iter().flatten() {
            assert_eq!(record.values().count(), change.key.len());
        }
    }
    if let Ok(inverted) = checked.invert() {
        assert!(Changeset::check(inverted.as_slice()).is_ok());
    }
    let pair = [checked, Changeset::check(valid).unwrap()];
    if let Ok(combined) = Changeset::combine(&pair) {
        assert!(Changeset::check(combined.as_slice()).is_ok());
    }
}

/// A case takes several databases.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn applied_to_a_copy_it_makes_it_equal(before in work(), work in work()) {
        for kind in [Kind::Changeset, Kind::Patchset] {
            let mut original = copy_of(&before);
            let mut copy = copy_of(&before);
            let bytes = changes_of(&mut original, &work, kind);
            let applied = apply(&mut copy, &bytes, &with(ABORT)).unwrap();
            prop_assert_eq!(applied.changes, Changeset::check(&bytes).unwrap().changes());
            prop_assert!(applied.conflicts.is_empty());
            prop_assert_eq!(content(&mut copy), content(&mut original));
        }
    }

    #[test]
    fn inverted_it_brings_the_former_content_back(before in work(), work in work()) {
        let mut connection = copy_of(&before);
        let former = content(&mut connection);
        let bytes = changes_of(&mut connection, &work, Kind::Changeset);
        let after = content(&mut connection);
        let inverted = Changeset::check(&bytes).unwrap().invert().unwrap();
        apply(&mut connection, inverted.as_slice(), &with(ABORT)).unwrap();
        prop_assert_eq!(content(&mut connection), former.clone());

        apply(&mut connection, &bytes, &with(ABORT)).unwrap();
        prop_assert_eq!(content(&mut connection), after);
        let undo = Apply { invert: true, ..with(ABORT) };
        apply(&mut connection, &bytes, &undo).unwrap();
        prop_assert_eq!(content(&mut connection), former);
    }

    #[test]
    fn combined_they_are_one_after_the_other(
        before in work(),
        parts in prop::collection::vec(work(), 0..4),
    ) {
        for kind in [Kind::Changeset, Kind::Patchset] {
            let mut original = copy_of(&before);
            let parts: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| changes_of(&mut original, part, kind))
                .collect();
            let checked: Vec<Changeset<'_>> =
                parts.iter().map(|part| Changeset::check(part).unwrap()).collect();
            let combined = Changeset::combine(&checked).unwrap();
            let mut copy = copy_of(&before);
            apply(&mut copy, combined.as_slice(), &with(ABORT)).unwrap();
            prop_assert_eq!(content(&mut copy), content(&mut original));
        }
    }

    /// Both end with the same, where the other's changes replaced what was here. Where they were left
    /// out, they are so as a whole, also of columns that were not changed here.
    #[test]
    fn rebased_it_can_be_applied_where_the_others_is(
        before in work(),
        here in work(),
        there in work(),
        replace in any::<bool>(),
    ) {
        let policy = if replace { REPLACE } else { OMIT };
        let mut local = copy_of(&before);
        let mut remote = copy_of(&before);
        let local_changes = changes_of(&mut local, &here, Kind::Changeset);
        let remote_changes = changes_of(&mut remote, &there, Kind::Changeset);
        let applied = apply(&mut local, &remote_changes, &with(policy)).unwrap();
        // SQLite says that rebasing does not do where a constraint left a change out.
        let constraint = applied
            .conflicts
            .iter()
            .any(|conflict| conflict.kind.name() == "constraint");
        let decided = Changeset::check_rebase(applied.rebase.as_slice()).unwrap();
        let rebased = Changeset::check(&local_changes).unwrap().rebase(&[decided]).unwrap();
        let reapplied = apply(&mut remote, rebased.as_slice(), &with(REPLACE)).unwrap();
        if replace && !constraint && reapplied.conflicts.is_empty() {
            prop_assert_eq!(content(&mut remote), content(&mut local));
        }
    }

    #[test]
    fn random_bytes_are_refused_or_applied(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        try_all(&bytes, &[]);
        let mut table = b"T\x03\x01\0\0items\0".to_vec();
        table.extend(&bytes);
        try_all(&table, &[]);
    }

    #[test]
    fn damaged_changesets_are_refused_or_applied(
        before in work(),
        work in work(),
        patchset in any::<bool>(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let kind = if patchset { Kind::Patchset } else { Kind::Changeset };
        let bytes = changes_of(&mut copy_of(&before), &work, kind);
        try_all(&damaged(bytes.clone(), &damages), &bytes);
    }

    #[test]
    fn reading_goes_on_anywhere(
        work in work(),
        table in 0_usize..300,
        next in 0_usize..300,
    ) {
        let bytes = changes_of(&mut open(), &work, Kind::Changeset);
        let mut reader = Reader::new(&bytes);
        while let Some(item) = reader.next().unwrap() {
            let mut resumed = Reader::resume(&bytes, reader.position()).unwrap();
            if let Item::Change(_) = item {
                let mut reader = Reader::resume(&bytes, reader.position()).unwrap();
                prop_assert_eq!(
                    format!("{:?}", resumed.next()), format!("{:?}", reader.next())
                );
            }
        }
        if let Ok(mut reader) = Reader::resume(&bytes, Position { table, next }) {
            while let Ok(Some(_)) = reader.next() {}
        }
    }
}

/// A table of columns, of which the first is the key, with changes.
fn table(name: &[u8], columns: u8, changes: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![b'T', columns, 1];
    bytes.extend(vec![0; usize::from(columns) - 1]);
    bytes.extend(name);
    bytes.push(0);
    bytes.extend(changes.concat());
    bytes
}

const INSERT_NULLS: [u8; 5] = [18, 0, 5, 5, 5];
const INSERT_ONE: [u8; 13] = [18, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 5];

#[test]
fn what_is_malformed_is_named() {
    let huge_length = [18, 0, 4, 0x8f, 0xff, 0xff, 0xff, 0x7f];
    let long_zero = [18, 0, 4, 0x80, 0x01, 0];
    let not_a_number = [18, 0, 2, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0];
    let one = |changes: &[u8]| table(b"items", 3, &[changes]);
    for (bytes, expected) in [
        (INSERT_NULLS.to_vec(), "it does not begin with a table"),
        (b"T\0".to_vec(), "a table cannot have 0 columns"),
        (
            b"T\x82\x80\x01".to_vec(),
            "a table cannot have 32769 columns",
        ),
        (b"T\x01\0items\0".to_vec(), "a table has no primary key"),
        (b"T\x01\x01\0".to_vec(), "a table's name is empty"),
        (b"T\x01\x01items".to_vec(), "a table's name does not end"),
        (
            b"T\x01\x01\xff\0".to_vec(),
            "a table's name is not valid UTF-8",
        ),
        (b"T\x09\x01".to_vec(), "it ends too early"),
        (one(&INSERT_NULLS), "a primary key is not there"),
        (one(&[18, 0, 1, 0, 0]), "it ends too early"),
        (one(&[18, 2]), "2 is no flag"),
        (one(&[7]), "there is no operation 7"),
        (one(&[18, 0, 9]), "there is no type 9"),
        (one(&[18, 0, 4, 1, 0, 0, 5]), "a value is not there"),
        (one(&[9, 0, 0, 5, 5]), "a primary key is not there"),
        (
            one(&[23, 0, 0, 5, 5, 0, 5, 5]),
            "a primary key is not there",
        ),
        (one(&huge_length), "it ends too early"),
        (one(&long_zero), "a length is not written as SQLite does"),
        (one(&not_a_number), "a real is not a number"),
        (
            [one(&INSERT_ONE), table(b"ITEMS", 2, &[])].concat(),
            "the table ITEMS has other columns, or another primary key, than before",
        ),
        (
            [one(&[]), b"P\x01\x01x\0".to_vec()].concat(),
            "it is a changeset in parts, and a patchset in others",
        ),
    ] {
        let error = Changeset::check(&bytes).unwrap_err();
        assert_eq!(error.code(), "invalid_changeset");
        assert!(
            error.to_string().ends_with(&format!(": {expected}")),
            "{error}, not {expected}"
        );
    }
    assert!(Changeset::check(&one(&INSERT_ONE)).is_ok());
    assert!(Changeset::check_rebase(&one(&[23, 0])).is_err());
}

#[test]
fn tables_of_several_shapes_are_not_brought_together() {
    let three = table(b"items", 3, &[&INSERT_ONE]);
    let one = table(b"Items", 1, &[&INSERT_ONE[..11]]);
    let [three, one] = [&three, &one].map(|bytes| Changeset::check(bytes).unwrap());
    let error = Changeset::combine(&[three, one]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the table Items has other columns, or another primary key, in one than in another"
    );

    let three = table(b"items", 3, &[&INSERT_ONE]);
    let one = table(b"Items", 1, &[&INSERT_ONE[..11]]);
    let decided = Changeset::check_rebase(&one).unwrap();
    let changes = Changeset::check(&three).unwrap();
    assert!(changes.rebase(&[decided]).is_err());
}

#[test]
fn a_table_that_was_deleted_at_once_is_recorded_row_by_row() {
    let mut connection = open();
    execute(
        &mut connection,
        "INSERT INTO items VALUES (1, 2, 3), (2, 3, 4)",
    );
    // In the cache, and prepared when nothing was recorded.
    execute(&mut connection, "DELETE FROM items WHERE id > 9");
    execute(&mut connection, "BEGIN");
    execute(&mut connection, "DELETE FROM items");
    execute(&mut connection, "ROLLBACK");
    let deleted = changes_of(
        &mut connection,
        &["DELETE FROM items".to_owned()],
        Kind::Changeset,
    );
    let deleted = changes(&deleted);
    assert_eq!(deleted.len(), 2);
    assert!(
        deleted
            .iter()
            .all(|change| change.operation == Operation::Delete)
    );
}

#[test]
fn several_record_at_once_and_apart() {
    let mut connection = open();
    let first = record(&mut connection);
    execute(&mut connection, "INSERT INTO items VALUES (1, 1, 1)");
    let second = record(&mut connection);
    execute(&mut connection, "INSERT INTO items VALUES (2, 2, 2)");
    let count =
        |connection: &mut Connection, id| changes(&recorded(connection, id, Kind::Changeset)).len();
    assert_eq!(count(&mut connection, first), 2);
    assert_eq!(count(&mut connection, second), 1);
    connection.close_recording(first);
    execute(&mut connection, "INSERT INTO items VALUES (3, 3, 3)");
    assert_eq!(count(&mut connection, second), 2);
    let closed = connection.recording_status(first).unwrap_err();
    assert!(matches!(closed, Error::SessionClosed));
    connection.close_recording(first);
    connection.reset().unwrap();
    assert!(connection.recording_status(second).is_err());
}

#[test]
fn a_transaction_that_must_not_write_stays_so() {
    let mut connection = open();
    connection
        .begin(Behavior::ReadOnly, &Call::default())
        .unwrap();
    let bytes = table(b"items", 3, &[&INSERT_ONE]);
    let refused = apply(&mut connection, &bytes, &with(ABORT)).unwrap_err();
    assert_eq!(refused.code(), "readonly");
}

#[test]
fn the_transaction_keeps_what_it_had_when_a_changeset_is_aborted() {
    let mut connection = open();
    connection
        .begin(Behavior::Immediate, &Call::default())
        .unwrap();
    execute(&mut connection, "PRAGMA defer_foreign_keys = 1");
    execute(&mut connection, "INSERT INTO items VALUES (7, 7, 7)");
    let bytes = table(b"items", 3, &[&INSERT_ONE, &INSERT_ONE]);
    let aborted = apply(&mut connection, &bytes, &with(ABORT)).unwrap_err();
    assert_eq!(aborted.code(), "changeset_conflict");
    assert_eq!(
        rows(&mut connection, "PRAGMA defer_foreign_keys"),
        [[Value::Integer(1)]]
    );
    connection.commit(&Call::default()).unwrap();
    assert_eq!(
        rows(&mut connection, "SELECT id FROM items"),
        [[Value::Integer(7)]]
    );
}
