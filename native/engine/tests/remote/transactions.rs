//! Transactions, as long as nothing goes wrong on the way.

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::{Error, Value};

use crate::calls::Db;
use crate::support::Sqld;

fn two(server: &Sqld) -> (Db, Db) {
    let one = Db::of(server);
    one.ok("CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)");
    (one, Db::of(server))
}

fn count(db: &Db) -> Value {
    db.value("SELECT count(*) FROM t")
}

#[test]
fn a_transaction_is_seen_when_it_is_committed() {
    let Some(server) = Sqld::start() else { return };
    let (one, two) = two(&server);
    for behavior in [Behavior::Deferred, Behavior::Immediate, Behavior::Exclusive] {
        let before = count(&two);
        one.begin(behavior).unwrap();
        assert!(!one.0.autocommit());
        assert!(matches!(one.begin(behavior), Err(Error::TransactionOpen)));
        let inserted = one.ok("INSERT INTO t DEFAULT VALUES");
        assert!(!inserted.autocommit);
        assert_eq!(count(&two), before);
        one.commit().unwrap();
        assert!(one.0.autocommit());
        assert_ne!(count(&two), before);
        assert!(matches!(one.commit(), Err(Error::NoTransaction)));
    }
}

#[test]
fn a_rollback_leaves_nothing() {
    let Some(server) = Sqld::start() else { return };
    let (one, two) = two(&server);
    one.begin(Behavior::Immediate).unwrap();
    one.ok("INSERT INTO t VALUES (1, NULL)");
    one.ok("SAVEPOINT a");
    one.ok("INSERT INTO t VALUES (2, NULL)");
    one.ok("ROLLBACK TO a");
    assert_eq!(count(&one), Value::from(1));
    one.rollback().unwrap();
    assert!(one.0.autocommit());
    assert_eq!(count(&two), Value::from(0));
    assert!(matches!(one.rollback(), Err(Error::NoTransaction)));
}

#[test]
fn a_statement_of_the_callers_own_begins_and_ends_one() {
    let Some(server) = Sqld::start() else { return };
    let (one, two) = two(&server);
    one.ok("BEGIN");
    assert!(!one.0.autocommit());
    one.ok("INSERT INTO t VALUES (1, NULL)");
    let committed = one.ok("COMMIT");
    assert!(committed.autocommit && one.0.autocommit());
    assert!(committed.replication_index.is_some());
    one.ok("SAVEPOINT a");
    assert!(!one.0.autocommit());
    one.ok("INSERT INTO t VALUES (2, NULL)");
    one.ok("RELEASE a");
    assert!(one.0.autocommit());
    assert_eq!(count(&two), Value::from(2));
}

#[test]
fn a_commit_that_fails_leaves_the_transaction_to_be_mended() {
    let Some(server) = Sqld::start() else { return };
    let (one, _) = two(&server);
    one.begin(Behavior::Immediate).unwrap();
    one.ok("INSERT INTO t VALUES (1, 7)");
    assert_eq!(one.commit().unwrap_err().code(), "constraint_foreignkey");
    assert!(!one.0.autocommit() && !one.0.in_lost_transaction());
    one.ok("INSERT INTO t VALUES (7, NULL)");
    one.commit().unwrap();
    assert_eq!(count(&one), Value::from(2));
}

#[test]
fn an_error_that_rolls_back_loses_the_transaction() {
    let Some(server) = Sqld::start() else { return };
    let (one, two) = two(&server);
    one.begin(Behavior::Immediate).unwrap();
    one.ok("INSERT INTO t VALUES (1, NULL)");
    assert_eq!(
        one.fails("INSERT OR ROLLBACK INTO t VALUES (1, NULL)").0,
        "constraint_unique"
    );
    assert!(one.0.in_lost_transaction());
    assert_eq!(
        one.fails("INSERT INTO t VALUES (2, NULL)").0,
        "transaction_lost"
    );
    assert_eq!(one.fails("SELECT 1").0, "transaction_lost");
    one.rollback().unwrap();
    assert_eq!(count(&two), Value::from(0));
    one.ok("INSERT INTO t VALUES (2, NULL)");
}

#[test]
fn a_read_only_transaction_refuses_to_write() {
    let Some(server) = Sqld::start() else { return };
    let (one, _) = two(&server);
    one.begin(Behavior::ReadOnly).unwrap();
    one.ok("SELECT 1");
    one.ok("WITH a AS (SELECT 1) SELECT * FROM a");
    one.ok("PRAGMA table_info(t)");
    assert_eq!(one.fails("INSERT INTO t DEFAULT VALUES").0, "readonly");
    assert_eq!(
        one.fails("WITH a AS (SELECT 1) DELETE FROM t").0,
        "readonly"
    );
    one.commit().unwrap();
    one.ok("INSERT INTO t DEFAULT VALUES");
}
