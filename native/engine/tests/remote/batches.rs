//! Batches and scripts.

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::remote::RemoteParams;
use ecto_libsql_engine::{Error, Value};

use crate::calls::{Db, list};
use crate::support::Sqld;

fn statements(sqls: &[&str]) -> Vec<(String, RemoteParams)> {
    sqls.iter()
        .map(|sql| ((*sql).to_owned(), RemoteParams::NONE))
        .collect()
}

fn table(server: &Sqld) -> Db {
    let db = Db::of(server);
    db.ok("CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)");
    db
}

fn ids(db: &Db) -> Vec<Value> {
    db.ok("SELECT id FROM t ORDER BY id").rows.concat()
}

#[test]
fn each_statement_has_its_result() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    for transactional in [false, true] {
        let results = db
            .batch(
                vec![
                    ("INSERT INTO t (id) VALUES (?)".to_owned(), list([7.into()])),
                    ("SELECT id FROM t".to_owned(), RemoteParams::NONE),
                    (
                        "DELETE FROM t WHERE id = :id".to_owned(),
                        RemoteParams::Named(vec![("id".to_owned(), 7.into())]),
                    ),
                ],
                transactional,
            )
            .unwrap();
        assert_eq!(results.len(), 3);
        assert_eq!(
            (results[0].affected_rows, results[0].last_insert_rowid),
            (1, Some(7))
        );
        assert_eq!(results[1].rows, [[Value::from(7)]]);
        assert_eq!(results[2].affected_rows, 1);
        assert!(results[2].replication_index.is_some());
    }
    assert_eq!(db.batch(Vec::new(), true).unwrap(), []);
}

#[test]
fn a_batch_stops_at_an_error_and_a_transactional_one_is_undone() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    let batch = [
        "INSERT INTO t (id) VALUES (1)",
        "INSERT INTO t (id) VALUES (2)",
        "INSERT INTO t (id) VALUES (1)",
        "INSERT INTO t (id) VALUES (3)",
    ];
    for (transactional, kept) in [(true, 0), (false, 2)] {
        let error = db.batch(statements(&batch), transactional).unwrap_err();
        assert_eq!(
            (error.index(), error.code()),
            (Some(2), "constraint_primarykey")
        );
        assert_eq!(error.statement(), Some(batch[2]));
        assert_eq!(ids(&db).len(), kept);
        assert!(db.0.autocommit());
    }
}

#[test]
fn in_a_transaction_a_transactional_batch_undoes_only_itself() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t (id) VALUES (1)");
    db.batch(statements(&["INSERT INTO t (id) VALUES (2)"]), true)
        .unwrap();
    let failing = statements(&[
        "INSERT INTO t (id) VALUES (3)",
        "INSERT INTO t (id) VALUES (1)",
    ]);
    let error = db.batch(failing, true).unwrap_err();
    assert_eq!(error.index(), Some(1));
    assert!(!db.0.autocommit() && !db.0.in_lost_transaction());
    db.commit().unwrap();
    assert_eq!(ids(&db), [1, 2].map(Value::from));
}

#[test]
fn a_deferred_constraint_fails_the_whole_batch_and_no_statement_of_it() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    let error = db
        .batch(statements(&["INSERT INTO t VALUES (1, 9)"]), true)
        .unwrap_err();
    assert_eq!(
        (error.index(), error.code()),
        (None, "constraint_foreignkey")
    );
    assert!(db.0.autocommit());
    assert_eq!(ids(&db), []);
}

#[test]
fn sql_that_does_not_parse_is_named_by_its_index_and_nothing_runs() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    for transactional in [false, true] {
        let batch = statements(&["INSERT INTO t (id) VALUES (1)", "SELEC 1", "VACUUM"]);
        let error = db.batch(batch, transactional).unwrap_err();
        assert_eq!(error.index(), Some(1), "{error}");
        assert_eq!(error.statement(), Some("SELEC 1"));
        assert_eq!(ids(&db), []);
    }
    let error = db
        .batch(statements(&["SELECT 1", "VACUUM"]), true)
        .unwrap_err();
    assert_eq!((error.index(), error.code()), (Some(1), "unsupported"));
}

#[test]
fn a_transactional_batch_refuses_transaction_control() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    let error = db
        .batch(
            statements(&["INSERT INTO t (id) VALUES (1)", "COMMIT"]),
            true,
        )
        .unwrap_err();
    assert!(matches!(error, Error::TransactionInBatch { index: 1, .. }));
    db.batch(
        statements(&["BEGIN", "INSERT INTO t (id) VALUES (1)", "COMMIT"]),
        false,
    )
    .unwrap();
    assert!(db.0.autocommit());
    assert_eq!(ids(&db), [Value::from(1)]);
}

#[test]
fn a_script_is_split_as_sqlite_would() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    let script = "
        CREATE TABLE log (note TEXT); -- with a ; in it
        CREATE TRIGGER noted AFTER INSERT ON t BEGIN
            INSERT INTO log VALUES ('a;b'); INSERT INTO log VALUES (NEW.id);
        END;
        INSERT INTO t (id) VALUES (5);
        SELECT note FROM log";
    let results = db.script(script, true).unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!(results[3].rows, [[Value::from("a;b")], [Value::from("5")]]);
    assert!(matches!(
        db.script(" -- \n", false),
        Err(Error::EmptyStatement)
    ));
    let error = db
        .script(
            "INSERT INTO t (id) VALUES (6); INSERT INTO nope VALUES (1);",
            false,
        )
        .unwrap_err();
    assert_eq!((error.index(), error.code()), (Some(1), "error"));
    assert_eq!(ids(&db), [5, 6].map(Value::from));
}

#[test]
fn a_batch_of_thousands_is_one_call() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    let insert = format!("INSERT INTO t (id) VALUES (?) /* {} */", "x".repeat(300));
    let batch = (0..3_000).map(|id| (insert.clone(), list([Value::Integer(id)])));
    let results = db.batch(batch.collect(), true).unwrap();
    assert_eq!(results.len(), 3_000);
    assert_eq!(db.value("SELECT count(*) FROM t"), Value::from(3_000));
}

#[test]
fn a_batchs_parameters_fit_names_too_and_wrong_ones_are_counted() {
    let Some(server) = Sqld::start() else { return };
    let db = table(&server);
    let insert = |sql: &str, id: i64| (sql.to_owned(), list([id.into()]));
    let named = "INSERT INTO t (id) VALUES (:id)";
    db.batch(
        vec![insert("INSERT INTO t (id) VALUES (?)", 1), insert(named, 2)],
        true,
    )
    .unwrap();
    db.batch(vec![insert(named, 3), insert(named, 4)], false)
        .unwrap();
    assert_eq!(ids(&db), [1, 2, 3, 4].map(Value::from));
    for transactional in [true, false] {
        let batch = vec![
            ("SELECT 1".to_owned(), RemoteParams::NONE),
            insert("SELECT 2", 1),
        ];
        let error = db.batch(batch, transactional).unwrap_err();
        assert_eq!((error.index(), error.code()), (Some(1), "parameter_count"));
    }
    // What ran before stays done, and the batch is not begun anew.
    let batch = vec![insert("INSERT INTO t (id) VALUES (?)", 5), insert(named, 6)];
    let error = db.batch(batch, false).unwrap_err();
    assert_eq!((error.index(), error.code()), (Some(1), "range"));
    assert_eq!(ids(&db).len(), 5);
}
