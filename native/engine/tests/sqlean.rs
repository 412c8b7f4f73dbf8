//! sqlean's functions, which are C of others: none may bring the process down, whatever it is given.
#![cfg(feature = "sqlean")]

use ecto_libsql_engine::local::{Call, Collect, Connection, OpenOptions, Source};
use ecto_libsql_engine::params::NoParams;
use ecto_libsql_engine::value::Value;

/// Values that functions seldom think of, as SQL.
const NASTY: [&str; 24] = [
    "NULL",
    "''",
    "0",
    "-1",
    "7",
    "9223372036854775807",
    "-9223372036854775808",
    "2147483648",
    "1.5",
    "-9e999",
    "9e999",
    "zeroblob(0)",
    "zeroblob(100000)",
    "'a' || char(0) || 'b'",
    "'hello world'",
    "'(a*)*b'",
    "'(?=a\\K)'",
    "'(((((((((('",
    "'(hello)|(never)'",
    "cast(x'c3' as text)",
    "cast(x'f09f98' as text)",
    "cast(x'fffe80' as text)",
    "hex(zeroblob(50000))",
    "'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'",
];

fn open() -> Connection {
    Connection::open(OpenOptions::default()).expect("a database in memory")
}

fn rows(connection: &mut Connection, sql: &str) -> Result<Vec<Vec<Value>>, String> {
    let mut rows = Collect::default();
    connection
        .query(Source::Sql(sql), &NoParams, &mut rows, &Call::default())
        .map(|_| rows.rows)
        .map_err(|error| error.to_string())
}

/// Their names, and for how many arguments each is there.
fn functions(connection: &mut Connection) -> Vec<(String, usize)> {
    rows(
        connection,
        "SELECT DISTINCT name, narg FROM pragma_function_list WHERE builtin = 0",
    )
    .expect("the list")
    .into_iter()
    .filter_map(|row| match (&row[0], &row[1]) {
        (Value::Text(name), Value::Integer(arguments)) => Some((
            String::from_utf8(name.clone()).expect("UTF-8"),
            usize::try_from(*arguments).unwrap_or(2),
        )),
        _ => None,
    })
    .filter(|(name, _)| !name.starts_with("ecto_"))
    .collect()
}

#[test]
fn they_are_there() {
    let mut connection = open();
    let functions = functions(&mut connection);
    for name in ["sha256", "median", "regexp_like", "uuid7", "math_round"] {
        assert!(functions.iter().any(|(known, _)| known == name), "{name}");
    }
}

#[test]
fn they_answer() {
    let mut connection = open();
    for (expression, expected) in [
        (
            "lower(hex(sha256('abc')))",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("lower(hex(md5('abc')))", "900150983cd24fb0d6963f7d28e17f72"),
        ("math_round(pi(), 2)", "3.14"),
        ("regexp_substr('the year is 2021', '[0-9]+')", "2021"),
        ("regexp_capture('a1b2', '([a-z])(\\d)', 2)", "1"),
        ("regexp_replace('a1b2', '[0-9]', '#')", "a#b#"),
        ("'the year is 2021' REGEXP '[0-9]+'", "1"),
        ("(SELECT median(value) FROM generate_series(1, 99))", "50.0"),
        ("(SELECT stats_p25(value) FROM stats_seq(1, 5))", "2.0"),
        (
            "uuid_str(uuid_blob('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'))",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        ("substr(uuid4(), 15, 1)", "4"),
        ("substr(uuid7(), 15, 1)", "7"),
    ] {
        let sql = format!("SELECT CAST({expression} AS TEXT)");
        assert_eq!(
            rows(&mut connection, &sql),
            Ok(vec![vec![Value::Text(expected.as_bytes().to_vec())]]),
            "{expression}"
        );
    }
    // A reset leaves them.
    connection.reset().expect("a reset");
    assert!(rows(&mut connection, "SELECT sqlean_version()").is_ok());
}

#[test]
fn what_reads_past_its_arguments_is_not() {
    let mut connection = open();
    let functions = functions(&mut connection);
    for name in [
        "encode",
        "decode",
        "crypto_encode",
        "crypto_decode",
        "text_length",
        "repeat",
        "levenshtein",
    ] {
        assert!(!functions.iter().any(|(known, _)| known == name), "{name}");
    }
}

#[test]
fn they_take_anything() {
    let mut connection = open();
    for (name, arguments) in functions(&mut connection) {
        for combination in 0..NASTY.len().pow(arguments.min(3) as u32) {
            // Of three arguments, one combination in seven.
            if arguments > 2 && combination % 7 > 0 {
                continue;
            }
            let mut rest = combination;
            let values: Vec<&str> = (0..arguments)
                .map(|_| {
                    let value = NASTY[rest % NASTY.len()];
                    rest /= NASTY.len();
                    value
                })
                .collect();
            let call = format!("SELECT {name}({})", values.join(", "));
            // An answer or an error: what counts is that there is one.
            let _ = rows(&mut connection, &call);
        }
    }
    assert!(rows(&mut connection, "SELECT 1").is_ok());
}
