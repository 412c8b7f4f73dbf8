//! What a statement can fail with, under the codes of a local database.

use ecto_libsql_engine::constraint::Kind;
use ecto_libsql_engine::local::Behavior;

use crate::calls::Db;
use crate::support::Sqld;

#[test]
fn constraints_have_the_codes_of_local_ones() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    db.script(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, email TEXT UNIQUE, a INT, b INT, c INT NOT NULL DEFAULT 1
           CONSTRAINT positive CHECK (c > 0), parent INT REFERENCES p, note TEXT, UNIQUE (a, b));
         CREATE TABLE k (x TEXT, y TEXT, PRIMARY KEY (y, x)) WITHOUT ROWID;
         CREATE TABLE r (x TEXT);
         CREATE TABLE s (x INTEGER) STRICT;
         CREATE UNIQUE INDEX lower_note ON p (lower(note));
         CREATE TRIGGER no_nines BEFORE INSERT ON p WHEN NEW.id = 9 BEGIN SELECT RAISE(ABORT, 'no nines'); END;
         INSERT INTO p (id, email, a, b) VALUES (1, 'x', 1, 1);
         UPDATE p SET note = 'x';
         INSERT INTO k VALUES ('x', 'y');
         INSERT INTO r (rowid, x) VALUES (1, 'x');",
        false,
    )
    .unwrap();
    for (sql, code, kind, table, columns, name) in [
        (
            "INSERT INTO p (email) VALUES ('x')",
            "constraint_unique",
            Kind::Unique,
            Some("p"),
            vec!["email"],
            None,
        ),
        (
            "INSERT INTO p (a, b) VALUES (1, 1)",
            "constraint_unique",
            Kind::Unique,
            Some("p"),
            vec!["a", "b"],
            None,
        ),
        (
            "INSERT INTO p (note) VALUES ('X')",
            "constraint_unique",
            Kind::Unique,
            None,
            vec![],
            Some("lower_note"),
        ),
        (
            "INSERT INTO p (id) VALUES (1)",
            "constraint_primarykey",
            Kind::PrimaryKey,
            Some("p"),
            vec!["id"],
            None,
        ),
        (
            "INSERT INTO k VALUES ('x', 'y')",
            "constraint_primarykey",
            Kind::PrimaryKey,
            Some("k"),
            vec!["y", "x"],
            None,
        ),
        (
            "INSERT INTO r (rowid) VALUES (1)",
            "constraint_rowid",
            Kind::PrimaryKey,
            Some("r"),
            vec!["rowid"],
            None,
        ),
        (
            "INSERT INTO p (c) VALUES (NULL)",
            "constraint_notnull",
            Kind::NotNull,
            Some("p"),
            vec!["c"],
            None,
        ),
        (
            "INSERT INTO p (c) VALUES (0)",
            "constraint_check",
            Kind::Check,
            None,
            vec![],
            Some("positive"),
        ),
        (
            "INSERT INTO p (parent) VALUES (7)",
            "constraint_foreignkey",
            Kind::ForeignKey,
            None,
            vec![],
            None,
        ),
        (
            "INSERT INTO p (id) VALUES (9)",
            "constraint_trigger",
            Kind::Trigger,
            None,
            vec![],
            None,
        ),
        (
            "INSERT INTO s VALUES ('x')",
            "constraint_datatype",
            Kind::Datatype,
            Some("s"),
            vec!["x"],
            None,
        ),
    ] {
        let (seen, error) = db.fails(sql);
        assert_eq!(seen, code, "{sql}: {error}");
        let constraint = error.constraint().unwrap();
        assert_eq!(constraint.kind, kind, "{sql}");
        assert_eq!(constraint.table.as_deref(), table, "{sql}");
        assert_eq!(constraint.columns, columns, "{sql}");
        assert_eq!(constraint.name.as_deref(), name, "{sql}");
        assert_eq!(error.statement(), Some(sql));
    }
    assert_eq!(
        db.fails("INSERT INTO p (id) VALUES (9)").1.to_string(),
        "no nines"
    );
}

#[test]
fn statements_that_the_server_does_not_run_say_why() {
    let Some(server) = Sqld::start() else { return };
    let db = Db::of(&server);
    for (sql, code) in [
        ("SELEC 1", "error"),
        ("SELECT * FROM nope", "error"),
        ("SELECT nope", "error"),
        ("VACUUM", "unsupported"),
        ("CREATE TEMP TABLE t (x)", "unsupported"),
        ("PRAGMA journal_mode = DELETE", "unsupported"),
        ("", "empty_statement"),
        ("-- nothing", "empty_statement"),
        ("SELECT 1; SELECT 2", "multiple_statements"),
        ("SELECT '\0'", "invalid_sql"),
        ("COMMIT", "error"),
        ("SELECT zeroblob(6000000)", "toobig"),
    ] {
        let (seen, error) = db.fails(sql);
        assert_eq!(seen, code, "{sql}: {error}");
    }
    assert_eq!(db.fails("SELECT 1; SELECT 2").1.offset(), Some(9));
    let (_, error) = db.fails("SELECT 1, nope");
    assert_eq!(error.offset(), Some(10));
    assert_eq!(error.to_string(), "no such column: nope");
    // None of them did the connection any harm.
    db.ok("SELECT 1");
}

#[test]
fn a_stale_snapshot_is_busy_and_the_transaction_goes_on() {
    let Some(server) = Sqld::start() else { return };
    let (one, two) = (Db::of(&server), Db::of(&server));
    one.ok("CREATE TABLE t (x)");
    one.begin(Behavior::Deferred).unwrap();
    one.ok("SELECT * FROM t");
    two.ok("INSERT INTO t VALUES (1)");
    assert_eq!(one.fails("INSERT INTO t VALUES (2)").0, "busy");
    assert!(!one.0.in_lost_transaction());
    one.rollback().unwrap();
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let db = Db::of(&server);
    db.ok("SELECT 1");
    server.kill();
    let (code, error) = db.fails("SELECT 1");
    assert_eq!(code, "connection_refused", "{error}");
    let nowhere = Db::open(ecto_libsql_engine::remote::RemoteOptions {
        uri: "http://nowhere.invalid:80".to_owned(),
        ..Default::default()
    });
    let (code, error) = nowhere.fails("SELECT 1");
    assert_eq!(code, "host_not_found", "{error}");
    server.restart();
    db.ok("SELECT 1");
}
