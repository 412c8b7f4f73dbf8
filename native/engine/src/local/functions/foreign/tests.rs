//! Functions that this thread evaluates.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::local::{Collect, OpenOptions, Source};
use crate::params::NoParams;

type Evaluate = fn(&Evaluation<'_>) -> Evaluated;

#[derive(Debug)]
struct Here {
    evaluate: Evaluate,
    forgotten: AtomicUsize,
}

impl Evaluator for Here {
    fn evaluate(&self, evaluation: &Evaluation<'_>, _must_stop: &dyn Fn() -> bool) -> Evaluated {
        (self.evaluate)(evaluation)
    }

    fn forget(&self, _run: u64) {
        self.forgotten.fetch_add(1, Relaxed);
    }
}

fn connect() -> Connection {
    Connection::open(OpenOptions::default()).unwrap()
}

fn create(
    connection: &mut Connection,
    kind: FunctionKind,
    name: &str,
    evaluate: Evaluate,
) -> Arc<Here> {
    let evaluator = Arc::new(Here {
        evaluate,
        forgotten: AtomicUsize::new(0),
    });
    connection
        .create_function(FunctionDefinition {
            name: name.to_owned(),
            kind,
            arguments: 1,
            deterministic: false,
            direct_only: true,
            innocuous: false,
            evaluator: Arc::clone(&evaluator) as Arc<dyn Evaluator>,
        })
        .unwrap();
    evaluator
}

fn query(connection: &mut Connection, sql: &str) -> Result<Vec<Value>> {
    let mut rows = Collect::default();
    connection.query(Source::Sql(sql), &NoParams, &mut rows, &Call::default())?;
    Ok(rows.rows.into_iter().flatten().collect())
}

fn first(evaluation: &Evaluation<'_>) -> Evaluated {
    Evaluated::Value(evaluation.arguments[0].into())
}

fn panics(_evaluation: &Evaluation<'_>) -> Evaluated {
    panic!("on purpose")
}

fn fails(_evaluation: &Evaluation<'_>) -> Evaluated {
    Evaluated::Failed("it failed".to_owned())
}

const ROWS: &str = "WITH t(a) AS (VALUES ('a'), ('b'), ('c'))";

#[test]
fn a_failure_and_a_panic_are_the_statements_error() {
    let mut connection = connect();
    for (evaluate, message) in [
        (panics as Evaluate, "a function's call panicked"),
        (fails, "it failed"),
    ] {
        for (kind, sql) in [
            (FunctionKind::Scalar, format!("{ROWS} SELECT f(a) FROM t")),
            (
                FunctionKind::Aggregate,
                format!("{ROWS} SELECT f(a) FROM t"),
            ),
            (
                FunctionKind::Window,
                format!("{ROWS} SELECT f(a) OVER () FROM t"),
            ),
            (
                FunctionKind::Collation,
                format!("{ROWS} SELECT a FROM t ORDER BY a COLLATE f"),
            ),
        ] {
            create(&mut connection, kind, "f", evaluate);
            let error = query(&mut connection, &sql).unwrap_err();
            assert_eq!(error.code(), "function", "{kind:?}");
            assert_eq!(error.to_string(), message);
            assert_eq!(error.statement(), Some(sql.as_str()));
        }
    }
    assert_eq!(
        query(&mut connection, "SELECT 1").unwrap(),
        [Value::Integer(1)]
    );
}

#[test]
fn a_run_that_fails_is_forgotten_once() {
    let mut connection = connect();
    let third = |evaluation: &Evaluation<'_>| match evaluation.arguments {
        [ValueRef::Text(b"c")] => Evaluated::Failed("c".to_owned()),
        _ => Evaluated::Value(Value::Null),
    };
    let evaluator = create(&mut connection, FunctionKind::Aggregate, "f", third);
    query(&mut connection, &format!("{ROWS} SELECT f(a) FROM t")).unwrap_err();
    assert_eq!(evaluator.forgotten.load(Relaxed), 1);
    query(
        &mut connection,
        &format!("{ROWS} SELECT f(a) FROM t WHERE a < 'c'"),
    )
    .unwrap();
    assert_eq!(evaluator.forgotten.load(Relaxed), 1);
}

#[test]
fn runs_are_numbered_and_begin_once() {
    let mut connection = connect();
    let told =
        |evaluation: &Evaluation<'_>| Evaluated::Value(Value::from(i64::from(evaluation.begins)));
    create(&mut connection, FunctionKind::Aggregate, "f", told);
    // Of one without a row, the end is the beginning.
    assert_eq!(
        query(
            &mut connection,
            &format!("{ROWS} SELECT f(a) FROM t WHERE a > 'z'")
        )
        .unwrap(),
        [Value::Integer(1)]
    );
    assert_eq!(
        query(&mut connection, &format!("{ROWS} SELECT f(a) FROM t")).unwrap(),
        [Value::Integer(0)]
    );
}

#[test]
fn what_a_collation_fails_at_is_undone() {
    let mut connection = connect();
    let picky = |evaluation: &Evaluation<'_>| match evaluation.arguments {
        [ValueRef::Text(left), ValueRef::Text(right)] if *left != b"x" && *right != b"x" => {
            Evaluated::Value(Value::Integer(left.cmp(right) as i64))
        }
        _ => Evaluated::Failed("no x".to_owned()),
    };
    create(&mut connection, FunctionKind::Collation, "picky", picky);
    query(
        &mut connection,
        "CREATE TABLE t (a TEXT COLLATE picky UNIQUE)",
    )
    .unwrap();
    query(&mut connection, "INSERT INTO t VALUES ('a'), ('b')").unwrap();
    for sql in [
        "INSERT INTO t VALUES ('x')",
        "UPDATE t SET a = 'x' WHERE rowid = 1",
        "REPLACE INTO t VALUES ('c'), ('x')",
        "WITH n(a) AS (SELECT 'x') INSERT INTO t SELECT a FROM n",
    ] {
        assert_eq!(query(&mut connection, sql).unwrap_err().code(), "function");
        assert!(connection.autocommit());
        let rows = query(&mut connection, "SELECT a FROM t ORDER BY rowid").unwrap();
        assert_eq!(rows, [Value::from("a"), Value::from("b")], "{sql}");
    }
    assert_eq!(
        query(&mut connection, "PRAGMA integrity_check").unwrap(),
        [Value::from("ok")]
    );
}

#[test]
fn a_reset_brings_back_what_is_kept() {
    let mut connection = connect();
    create(&mut connection, FunctionKind::Scalar, "kept", first);
    create(&mut connection, FunctionKind::Scalar, "replaced", first);
    connection.keep_functions();
    create(&mut connection, FunctionKind::Scalar, "replaced", fails);
    create(&mut connection, FunctionKind::Scalar, "added", first);
    connection.remove_function("kept", Some(1)).unwrap();
    connection.reset().unwrap();
    assert_eq!(
        query(&mut connection, "SELECT kept(1) + replaced(2)").unwrap(),
        [Value::Integer(3)]
    );
    assert!(query(&mut connection, "SELECT added(1)").is_err());
}

#[test]
fn names_and_arities_are_checked() {
    let mut connection = connect();
    let mut attempt = |name: &str, arguments: i32| {
        connection.create_function(FunctionDefinition {
            name: name.to_owned(),
            kind: FunctionKind::Scalar,
            arguments,
            deterministic: false,
            direct_only: false,
            innocuous: false,
            evaluator: Arc::new(Here {
                evaluate: first,
                forgotten: AtomicUsize::new(0),
            }),
        })
    };
    let long = "f".repeat(256);
    for (name, arguments) in [
        ("", 1),
        (&*long, 1),
        ("a\0b", 1),
        ("f", 128),
        ("f", -2),
        ("ABS", 1),
    ] {
        assert_eq!(
            attempt(name, arguments).unwrap_err().code(),
            "invalid_argument"
        );
    }
    attempt("f", -1).unwrap();
    attempt(&long[1..], 127).unwrap();
}
