//! What hooks tell of a connection: what was committed, in order, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on is to fail"
)]

use std::sync::Arc;

use ecto_libsql_engine::channel::{Channel, Event, Left, Operation};
use ecto_libsql_engine::local::{
    Behavior, Call, Collect, Connection, CountRows, Fetched, Hook, OpenOptions, Source, Told,
};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::{Id, Value};
use proptest::prelude::*;

struct Heard {
    connection: Connection,
    channel: Arc<Channel>,
}

const CALL: Call = Call { deadline: None };
const CHANGES: Hook = Hook::Update(Told::AfterCommit);
const VALUES: Hook = Hook::Update(Told::WithValues);

fn heard(hooks: &[Hook]) -> Heard {
    heard_in(":memory:", hooks)
}

fn heard_in(database: &str, hooks: &[Hook]) -> Heard {
    let mut connection = Connection::open(OpenOptions {
        database: database.to_owned(),
        ..OpenOptions::default()
    })
    .unwrap();
    script(
        &mut connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE);
         CREATE TABLE child (id INTEGER PRIMARY KEY, t REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    let channel = Arc::new(Channel::new(1_000));
    for hook in hooks {
        assert!(
            connection
                .add_hook(&channel, Id::nil(), *hook, false)
                .unwrap()
        );
    }
    Heard {
        connection,
        channel,
    }
}

fn script(connection: &mut Connection, sql: &str) {
    connection
        .execute_script(sql, 0, CountRows::default, &CALL)
        .unwrap();
}

/// Events as text: one line for each transaction.
fn text(event: &Event) -> String {
    match event {
        Event::Changes(changes) => {
            let changes: Vec<String> = changes
                .iter()
                .map(|change| text(&Event::Change(change.clone())))
                .collect();
            changes.join(" ")
        }
        Event::Change(change) => {
            let sign = match change.operation {
                Operation::Insert => '+',
                Operation::Update => '*',
                Operation::Delete => '-',
            };
            format!("{sign}{}.{}", change.place.table, change.rowid)
        }
        Event::Commit(count) => format!("commit {count}"),
        Event::Rollback(count) => format!("rollback {count}"),
        Event::Wal { database, .. } => format!("wal {database}"),
        Event::Overflow(count) => format!("overflow {count}"),
    }
}

impl Heard {
    fn run(&mut self, sql: &str) {
        script(&mut self.connection, sql);
    }

    fn fails(&mut self, sql: &str) {
        let ran = self.connection.query(
            Source::Sql(sql),
            &NoParams,
            &mut CountRows::default(),
            &CALL,
        );
        assert!(ran.is_err(), "{sql}");
    }

    fn events(&self) -> Vec<String> {
        let taken = self.channel.take(usize::MAX).events;
        taken.iter().map(|(_, event)| text(event)).collect()
    }

    fn hears(&self, expected: &[&str]) {
        assert_eq!(self.events(), expected);
    }
}

#[test]
fn a_transaction_is_told_after_its_commit_as_one() {
    let mut heard = heard(&[CHANGES]);
    heard.run("INSERT INTO t VALUES (1, 1), (2, 2)");
    heard.hears(&["+t.1 +t.2"]);
    heard.run("BEGIN; UPDATE t SET a = 3 WHERE id = 1; DELETE FROM t WHERE id = 2;");
    heard.hears(&[]);
    heard.run("COMMIT; INSERT INTO t VALUES (5, 5)");
    heard.hears(&["*t.1 -t.2", "+t.5"]);
    heard.run("BEGIN; INSERT INTO t VALUES (6, 6); ROLLBACK; SELECT 1; BEGIN; SELECT 1; COMMIT");
    heard.hears(&[]);
    heard.connection.begin(Behavior::Immediate, &CALL).unwrap();
    heard.run("INSERT INTO t VALUES (7, 7)");
    heard.connection.commit(&CALL).unwrap();
    heard.hears(&["+t.7"]);
}

#[test]
fn what_a_failing_statement_has_undone_is_not_told() {
    let mut heard = heard(&[CHANGES]);
    heard.run("INSERT INTO t VALUES (1, 1)");
    heard.fails("INSERT INTO t VALUES (2, 2), (3, 1)");
    heard.run("BEGIN; INSERT INTO t VALUES (4, 4)");
    heard.fails("INSERT INTO t VALUES (5, 5), (6, 1)");
    heard.run("COMMIT");
    heard.hears(&["+t.1", "+t.4"]);
}

#[test]
fn what_a_failing_statement_has_kept_is_told() {
    let mut heard = heard(&[CHANGES]);
    heard.run("INSERT INTO t VALUES (1, 1)");
    heard.fails("INSERT OR FAIL INTO t VALUES (2, 2), (3, 1)");
    heard.hears(&["+t.1", "+t.2"]);
    heard.run("BEGIN");
    heard.fails("INSERT OR FAIL INTO t VALUES (4, 4), (5, 1)");
    heard.run("COMMIT");
    heard.hears(&["+t.4"]);
}

#[test]
fn a_statement_that_rolls_back_takes_its_transaction_along() {
    let mut heard = heard(&[CHANGES, Hook::Rollback]);
    heard.run("INSERT INTO t VALUES (1, 1); BEGIN; INSERT INTO t VALUES (2, 2)");
    heard.fails("INSERT OR ROLLBACK INTO t VALUES (3, 3), (4, 1)");
    heard.run("INSERT INTO t VALUES (5, 5)");
    heard.hears(&["+t.1", "rollback 1", "+t.5"]);
    heard.run(
        "CREATE TRIGGER no BEFORE DELETE ON t BEGIN
           INSERT INTO child VALUES (old.id, 1);
           SELECT RAISE(ROLLBACK, 'no');
         END;
         BEGIN; INSERT INTO t VALUES (6, 6)",
    );
    heard.fails("DELETE FROM t");
    heard.hears(&["rollback 2"]);
}

#[test]
fn going_back_to_a_savepoint_takes_what_came_after_it() {
    let mut heard = heard(&[CHANGES]);
    heard.run(
        "BEGIN; INSERT INTO t VALUES (1, 1);
         SAVEPOINT a; INSERT INTO t VALUES (2, 2);
         SAVEPOINT \"B\"; INSERT INTO t VALUES (3, 3); ROLLBACK TO b; INSERT INTO t VALUES (4, 4);
         SAVEPOINT a; INSERT INTO t VALUES (5, 5); ROLLBACK TRANSACTION TO SAVEPOINT A; RELEASE a;
         INSERT INTO t VALUES (6, 6);
         COMMIT",
    );
    heard.hears(&["+t.1 +t.2 +t.4 +t.6"]);
    heard.run(
        "SAVEPOINT x; INSERT INTO t VALUES (11, 11); ROLLBACK TO x; INSERT INTO t VALUES (12, 12);
         SAVEPOINT y; INSERT INTO t VALUES (13, 13); RELEASE x; INSERT INTO t VALUES (14, 14)",
    );
    heard.hears(&["+t.12 +t.13", "+t.14"]);
    let connection = &mut heard.connection;
    connection.begin(Behavior::Deferred, &CALL).unwrap();
    connection.savepoint("o\"dd", &CALL).unwrap();
    script(connection, "INSERT INTO t VALUES (21, 21)");
    connection.rollback_to_savepoint("O\"DD", &CALL).unwrap();
    connection.release_savepoint("o\"dd", &CALL).unwrap();
    connection.commit(&CALL).unwrap();
    heard.hears(&[]);
}

#[test]
fn a_savepoint_that_was_set_before_anybody_listened_takes_all() {
    let mut heard = heard(&[]);
    heard.run("BEGIN; SAVEPOINT a; INSERT INTO t VALUES (1, 1)");
    let channel = Arc::clone(&heard.channel);
    heard
        .connection
        .add_hook(&channel, Id::nil(), CHANGES, false)
        .unwrap();
    heard.run("INSERT INTO t VALUES (2, 2); ROLLBACK TO a; INSERT INTO t VALUES (3, 3); COMMIT");
    heard.hears(&["+t.3"]);
}

#[test]
fn a_commit_that_fails_is_none() {
    let mut heard = heard(&[CHANGES, Hook::Commit]);
    heard.run("BEGIN; INSERT INTO child VALUES (1, 99)");
    heard.fails("COMMIT");
    heard.hears(&[]);
    heard.run("INSERT INTO t VALUES (99, 1); COMMIT");
    heard.hears(&["+child.1 +t.99", "commit 1"]);
    heard.run("BEGIN; INSERT INTO child VALUES (2, 98)");
    heard.fails("COMMIT");
    heard.run("ROLLBACK");
    heard.fails("INSERT INTO child VALUES (3, 97)");
    heard.hears(&[]);
}

#[test]
fn a_commit_that_meets_a_reader_leaves_the_transaction_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rollback.db");
    let path = path.to_str().unwrap();
    let mut heard = heard_in(path, &[CHANGES, Hook::Commit]);
    let mut reader = Connection::open(OpenOptions {
        database: path.to_owned(),
        ..OpenOptions::default()
    })
    .unwrap();
    script(&mut reader, "BEGIN; SELECT * FROM t");
    heard.run("BEGIN; INSERT INTO t VALUES (1, 1)");
    heard.fails("COMMIT");
    heard.hears(&[]);
    script(&mut reader, "COMMIT");
    heard.run("INSERT INTO t VALUES (2, 2); COMMIT");
    heard.hears(&["+t.1 +t.2", "commit 1"]);
}

#[test]
fn triggers_and_cascades_are_told() {
    let mut heard = heard(&[CHANGES]);
    heard.run(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, of);
         CREATE TABLE kept (id INTEGER PRIMARY KEY, t REFERENCES t (id) ON DELETE CASCADE);
         CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log (of) VALUES (new.id); END;
         INSERT INTO t VALUES (1, 1); INSERT INTO kept VALUES (7, 1); DELETE FROM t WHERE id = 1",
    );
    heard.hears(&["+t.1 +log.1", "+kept.7", "-t.1 -kept.7"]);
}

#[test]
fn all_rows_that_a_delete_without_condition_deletes_are_told() {
    let mut heard = heard(&[]);
    let prepared = heard.connection.prepare("DELETE FROM t", &CALL).unwrap();
    heard.run("INSERT INTO t VALUES (1, 1), (2, 2)");
    let channel = Arc::clone(&heard.channel);
    let connection = &mut heard.connection;
    connection
        .add_hook(&channel, Id::nil(), CHANGES, false)
        .unwrap();
    connection
        .query(
            Source::Prepared(prepared),
            &NoParams,
            &mut CountRows::default(),
            &CALL,
        )
        .unwrap();
    heard.run("INSERT INTO t VALUES (3, 3); DELETE FROM t");
    heard.hears(&["-t.1 -t.2", "+t.3", "-t.3"]);
}

#[test]
fn what_is_dropped_is_dropped_while_somebody_listens() {
    let mut heard = heard(&[CHANGES]);
    heard.run(
        "CREATE TABLE gone (id INTEGER PRIMARY KEY); INSERT INTO gone VALUES (1);
         CREATE INDEX i ON t (a, id); CREATE VIEW v AS SELECT * FROM t; CREATE TEMP TABLE tt (a);
         CREATE TEMP VIEW tv AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5 (x);
         CREATE TRIGGER tr AFTER DELETE ON t BEGIN SELECT 1; END;
         DROP TABLE gone; DROP INDEX i; DROP VIEW v; DROP TABLE tt; DROP VIEW tv; DROP TABLE f;
         DROP TRIGGER tr; DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY)",
    );
    let mut left = Collect::default();
    heard
        .connection
        .query(
            Source::Sql("SELECT group_concat(name) FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema) WHERE sql NOT NULL"),
            &NoParams,
            &mut left,
            &CALL,
        )
        .unwrap();
    assert_eq!(
        format!("{:?}", left.rows),
        "[[Text([99, 104, 105, 108, 100, 44, 116])]]"
    );
}

#[test]
fn writes_that_return_rows_are_told_when_they_are_done() {
    let mut heard = heard(&[CHANGES]);
    let connection = &mut heard.connection;
    let insert = "INSERT INTO t VALUES (1, 1), (2, 2) RETURNING id";
    let cursor = connection
        .declare(Source::Sql(insert), &NoParams, &CALL)
        .unwrap();
    let fetched = connection.fetch(cursor, &mut CountRows::default(), &CALL);
    assert!(matches!(fetched, Ok(Fetched::All(_))));
    heard.hears(&["+t.1 +t.2"]);

    let connection = &mut heard.connection;
    let savepoint = connection
        .declare(Source::Sql("SAVEPOINT a"), &NoParams, &CALL)
        .unwrap();
    connection
        .fetch(savepoint, &mut CountRows::default(), &CALL)
        .unwrap();
    script(
        connection,
        "INSERT INTO t VALUES (3, 3); ROLLBACK TO a; RELEASE a",
    );
    heard.hears(&[]);
}

#[test]
fn raw_changes_are_told_whatever_becomes_of_them() {
    let mut heard = heard(&[Hook::Update(Told::Raw), Hook::Commit, Hook::Rollback]);
    heard.run("BEGIN; INSERT INTO t VALUES (1, 1), (2, 2); ROLLBACK; INSERT INTO t VALUES (3, 3)");
    heard.fails("INSERT INTO t VALUES (4, 4), (5, 3)");
    heard.hears(&[
        "+t.1",
        "+t.2",
        "rollback 1",
        "+t.3",
        "commit 1",
        "+t.4",
        "rollback 2",
    ]);
}

#[test]
fn attached_and_temporary_databases_are_named() {
    let mut heard = heard(&[CHANGES]);
    heard.run(
        "ATTACH ':memory:' AS other; CREATE TABLE other.o (a); CREATE TEMP TABLE x (a);
         BEGIN; INSERT INTO o VALUES (1); INSERT INTO x VALUES (1); INSERT INTO t VALUES (1, 1); COMMIT",
    );
    let taken = heard.channel.take(usize::MAX).events;
    let Some((_, Event::Changes(changes))) = taken.first() else {
        panic!("{taken:?}");
    };
    let databases: Vec<&str> = changes
        .iter()
        .map(|change| change.place.database.as_str())
        .collect();
    assert_eq!(databases, ["other", "temp", "main"]);
}

#[test]
fn a_transaction_that_does_not_fit_is_counted_and_the_next_is_told() {
    let mut heard = heard(&[CHANGES, Hook::Commit]);
    heard.run(
        "INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
           SELECT i, i FROM n",
    );
    heard.run("BEGIN; SAVEPOINT a; UPDATE t SET a = -a; ROLLBACK TO a; DELETE FROM t WHERE id < 3; COMMIT");
    heard.hears(&["overflow 1001", "commit 1", "-t.1 -t.2", "commit 2"]);
}

#[test]
fn a_write_ahead_log_is_told_of_and_checkpointed_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wal.db");
    let mut heard = heard_in(path.to_str().unwrap(), &[]);
    heard.run("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 5");
    let channel = Arc::clone(&heard.channel);
    let connection = &mut heard.connection;
    connection
        .add_hook(&channel, Id::nil(), Hook::Wal, false)
        .unwrap();
    script(
        connection,
        "INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 2)",
    );
    heard.hears(&["wal main", "wal main"]);
    for id in 3..30 {
        heard.run(&format!("INSERT INTO t VALUES ({id}, {id})"));
    }
    let frames = |events: Vec<(Id, Event)>| -> Vec<u32> {
        let events = events.into_iter();
        events
            .map(|(_, event)| match event {
                Event::Wal { frames, .. } => frames,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let seen = frames(heard.channel.take(usize::MAX).events);
    assert!(
        seen.len() == 27 && seen.iter().all(|count| *count < 10),
        "{seen:?}"
    );

    // The pragma takes the hook, and sets what it says.
    heard.run("PRAGMA wal_autocheckpoint = 0");
    for id in 30..50 {
        heard.run(&format!("INSERT INTO t VALUES ({id}, {id})"));
    }
    let seen = frames(heard.channel.take(usize::MAX).events);
    assert!(
        seen.len() == 20 && seen.last().is_some_and(|count| *count > 30),
        "{seen:?}"
    );
    heard.connection.remove_hook(&channel, Hook::Wal);
    assert_eq!(heard.channel.take(1).left, Left::Closed);
}

#[test]
fn nobody_hears_after_a_reset_but_the_connections_own() {
    let mut heard = heard(&[CHANGES, Hook::Rollback]);
    let own = Arc::new(Channel::new(10));
    let connection = &mut heard.connection;
    connection.add_hook(&own, Id::nil(), CHANGES, true).unwrap();
    script(connection, "BEGIN; INSERT INTO t VALUES (1, 1)");
    connection.reset().unwrap();
    script(connection, "INSERT INTO t VALUES (2, 2); DELETE FROM t");
    assert_eq!(own.take(usize::MAX).events.len(), 2);
    heard.hears(&["rollback 1"]);
    assert_eq!(heard.channel.take(1).left, Left::Closed);
    let closed = Arc::clone(&heard.channel);
    let added = heard
        .connection
        .add_hook(&closed, Id::nil(), CHANGES, false);
    assert!(!added.unwrap());
}

#[test]
fn who_is_gone_is_forgotten_and_a_closed_connection_says_so() {
    let mut heard = heard(&[CHANGES]);
    let other = Arc::new(Channel::new(10));
    heard
        .connection
        .add_hook(&other, Id::nil(), CHANGES, false)
        .unwrap();
    let gone = Arc::downgrade(&other);
    drop(other);
    heard.run("INSERT INTO t VALUES (1, 1)");
    assert!(gone.upgrade().is_none());
    heard.hears(&["+t.1"]);
    let Heard {
        connection,
        channel,
    } = heard;
    drop(connection);
    assert_eq!(channel.take(1).left, Left::Closed);
}

/// Changes with their values, as text.
fn values(events: &[(Id, Event)]) -> Vec<String> {
    let changes = events.iter().flat_map(|(_, event)| match event {
        Event::Changes(changes) => changes.to_vec(),
        other => panic!("{other:?}"),
    });
    let row = |row: &Option<Vec<Value>>| match row {
        None => "-".to_owned(),
        Some(values) => {
            let values = values.iter().map(|value| match value {
                Value::Null => "null".to_owned(),
                Value::Integer(integer) => integer.to_string(),
                Value::Real(real) => format!("{real:?}"),
                Value::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                Value::Blob(blob) => format!("{blob:?}"),
            });
            values.collect::<Vec<_>>().join(",")
        }
    };
    changes
        .map(|change| {
            let rows = change.values.as_ref().unwrap();
            let columns = change.place.columns.get().unwrap();
            format!(
                "{}({}) {} > {}",
                change.place.table,
                columns.names.join(","),
                row(&rows.old),
                row(&rows.new)
            )
        })
        .collect()
}

#[test]
fn values_are_those_before_and_after() {
    let mut heard = heard(&[VALUES]);
    heard.run(
        "CREATE TABLE v (id INTEGER PRIMARY KEY, r REAL, t TEXT, b BLOB);
         CREATE TABLE w (k TEXT PRIMARY KEY, n) WITHOUT ROWID;
         CREATE TABLE g (a, twice AS (a * 2), s AS (a + 1) STORED, z);",
    );
    heard.run(
        "INSERT INTO v VALUES (1, 2, 'ä', x'01'); UPDATE v SET id = 5, t = NULL; DELETE FROM v;
         INSERT INTO w (n, k) VALUES (1, 'a'); UPDATE w SET n = 2; UPDATE w SET k = 'b'; DELETE FROM w;
         INSERT INTO g (a, z) VALUES (3, 4)",
    );
    let taken = heard.channel.take(usize::MAX).events;
    assert_eq!(
        values(&taken),
        [
            "v(id,r,t,b) - > 1,2.0,'ä',[1]",
            "v(id,r,t,b) 1,2.0,'ä',[1] > 5,2.0,null,[1]",
            "v(id,r,t,b) 5,2.0,null,[1] > -",
            "w(k,n) - > 'a',1",
            "w(k,n) 'a',1 > 'a',2",
            "w(k,n) 'a',2 > 'b',2",
            "w(k,n) 'b',2 > -",
            "g(a,s,z) - > 3,4,4",
        ]
    );
    let Some((_, Event::Changes(changes))) = taken.get(3) else {
        panic!("{taken:?}");
    };
    assert!(!changes[0].place.columns.get().unwrap().rowid);
}

#[test]
fn values_tell_what_replace_deletes_and_of_columns_as_they_are() {
    let mut heard = heard(&[VALUES]);
    heard.run(
        "INSERT INTO t VALUES (1, 1), (2, 2);
         BEGIN; REPLACE INTO t VALUES (3, 1); ALTER TABLE t RENAME COLUMN a TO b;
         ALTER TABLE t ADD COLUMN c DEFAULT 7; UPDATE t SET b = 9 WHERE id = 2; COMMIT",
    );
    heard.fails("INSERT INTO t VALUES (4, 4, 4), (5, 9, 5)");
    assert_eq!(
        values(&heard.channel.take(usize::MAX).events),
        [
            "t(id,a) - > 1,1",
            "t(id,a) - > 2,2",
            "t(id,a) 1,1 > -",
            "t(id,a) - > 3,1",
            "t(id,b,c) 2,2,7 > 2,9,7",
        ]
    );
}

#[test]
fn values_count_by_their_size() {
    let mut heard = heard(&[VALUES, Hook::Commit]);
    heard.run("INSERT INTO t VALUES (1, zeroblob(2000000)); INSERT INTO t VALUES (2, 2)");
    let events = heard.channel.take(usize::MAX).events;
    assert_eq!(events.len(), 4);
    assert_eq!(text(&events[0].1), "overflow 1");
}

#[test]
fn plain_subscribers_hear_the_same_beside_those_of_values() {
    let mut heard = heard(&[CHANGES]);
    let other = Arc::new(Channel::new(100));
    let connection = &mut heard.connection;
    connection
        .add_hook(&other, Id::nil(), VALUES, false)
        .unwrap();
    script(
        connection,
        "CREATE TABLE w (k PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES (1); INSERT INTO t VALUES (1, 1)",
    );
    connection.remove_hook(&other, VALUES);
    script(connection, "DELETE FROM t");
    heard.hears(&["+t.1", "-t.1"]);
    assert_eq!(values(&other.take(usize::MAX).events).len(), 2);
}

fn id(row: &[Value]) -> i64 {
    match row.first() {
        Some(Value::Integer(id)) => *id,
        other => panic!("{other:?}"),
    }
}

fn statement() -> impl Strategy<Value = String> {
    let row = || (1..8i64, 1..8i64).prop_map(|(id, a)| format!("({id}, {a})"));
    let savepoint = || prop::sample::select(vec!["a", "\"B\"", "b", "[c]"]);
    prop_oneof![
        (
            prop::sample::select(vec![
                "",
                " OR FAIL",
                " OR IGNORE",
                " OR ROLLBACK",
                " OR REPLACE"
            ]),
            prop::collection::vec(row(), 1..4)
        )
            .prop_map(|(or, rows)| format!("INSERT{or} INTO t VALUES {}", rows.join(", "))),
        (
            prop::sample::select(vec!["", " OR FAIL", " OR REPLACE"]),
            1..8i64
        )
            .prop_map(|(or, id)| format!("UPDATE{or} t SET a = a + 1 WHERE id > {id}")),
        (1..8i64).prop_map(|id| format!("UPDATE OR REPLACE t SET id = id + 1 WHERE id > {id}")),
        (1..8i64).prop_map(|id| format!("DELETE FROM t WHERE id = {id}")),
        Just("DELETE FROM t".to_owned()),
        Just("BEGIN".to_owned()),
        Just("COMMIT".to_owned()),
        Just("ROLLBACK".to_owned()),
        savepoint().prop_map(|name| format!("SAVEPOINT {name}")),
        savepoint().prop_map(|name| format!("RELEASE {name}")),
        savepoint().prop_map(|name| format!("ROLLBACK TO {name}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whoever does again what was told has what was committed.
    #[test]
    fn what_is_told_makes_the_table(statements in prop::collection::vec(statement(), 1..60)) {
        let mut heard = heard(&[VALUES]);
        for sql in &statements {
            // Many fail, as they are to.
            let _ = heard.connection.query(
                Source::Sql(sql),
                &NoParams,
                &mut CountRows::default(),
                &CALL,
            );
        }
        if !heard.connection.autocommit() {
            heard.run("ROLLBACK");
        }
        let mut copy = std::collections::BTreeMap::new();
        for (_, event) in heard.channel.take(usize::MAX).events {
            let Event::Changes(changes) = event else { panic!("{event:?}") };
            for change in changes.iter() {
                let values = change.values.as_ref().unwrap();
                if let Some(old) = &values.old {
                    let known = copy.remove(&id(old));
                    prop_assert_eq!(known.as_ref(), Some(old));
                }
                if let Some(new) = &values.new {
                    copy.insert(id(new), new.clone());
                }
            }
        }
        let mut rows = Collect::default();
        heard
            .connection
            .query(Source::Sql("SELECT * FROM t ORDER BY id"), &NoParams, &mut rows, &CALL)
            .unwrap();
        prop_assert_eq!(copy.into_values().collect::<Vec<_>>(), rows.rows);
    }
}
