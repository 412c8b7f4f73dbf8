//! Who may do what.

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::remote::{RemoteOptions, RemoteParams};

use crate::calls::Db;
use crate::support::{Issuer, Settings, Sqld};

fn server(issuer: &Issuer) -> Option<Sqld> {
    Sqld::start_with(Settings {
        jwt_key: Some(issuer.public_key()),
        ..Settings::default()
    })
}

fn open(server: &Sqld, token: Option<String>) -> Db {
    Db::open(RemoteOptions {
        uri: server.uri(),
        auth_token: token,
        ..RemoteOptions::default()
    })
}

#[test]
fn a_token_opens_the_database_and_a_wrong_one_does_not() {
    let issuer = Issuer::new();
    let Some(server) = server(&issuer) else {
        return;
    };
    open(&server, Some(issuer.token("rw", 60))).ok("CREATE TABLE t (x)");
    for token in [
        None,
        Some("nonsense".to_owned()),
        Some(Issuer::new().token("rw", 60)),
        // The server forgives a minute.
        Some(issuer.token("rw", -120)),
    ] {
        let db = open(&server, token.clone());
        let (code, error) = db.fails("SELECT 1");
        assert_eq!(code, "unauthorized", "{error}");
        if let Some(token) = token {
            assert!(!format!("{error:?} {error} {db:?}").contains(&token));
        }
    }
    let in_uri = Db::open(RemoteOptions {
        uri: format!("{}?authToken={}", server.uri(), issuer.token("rw", 60)),
        ..RemoteOptions::default()
    });
    in_uri.ok("SELECT 1");
}

#[test]
fn a_token_for_reading_does_not_write_and_does_no_harm() {
    let issuer = Issuer::new();
    let Some(server) = server(&issuer) else {
        return;
    };
    open(&server, Some(issuer.token("rw", 60))).ok("CREATE TABLE t (x)");
    let db = open(&server, Some(issuer.token("ro", 60)));
    db.ok("SELECT * FROM t");
    let (code, error) = db.fails("INSERT INTO t VALUES (1)");
    assert_eq!(code, "forbidden", "{error}");
    db.begin(Behavior::Deferred).unwrap();
    db.ok("SELECT * FROM t");
    db.ok("WITH a AS (SELECT 1) SELECT * FROM a");
    let (code, error) = db.fails("INSERT INTO t VALUES (1)");
    assert_eq!(code, "forbidden");
    assert_eq!(error.statement(), Some("INSERT INTO t VALUES (1)"));
    let batch = vec![
        ("SELECT 1".to_owned(), RemoteParams::NONE),
        ("DELETE FROM t".to_owned(), RemoteParams::NONE),
    ];
    let error = db.batch(batch, false).unwrap_err();
    assert_eq!(error.code(), "forbidden");
    // The transaction lives on.
    db.ok("SELECT * FROM t");
    db.commit().unwrap();
    db.ok("SELECT * FROM t");
    // Its own; the one of the writer is closed, and so are those of the questions.
    while server.metric("libsql_server_stream_handles") > 1 {
        std::thread::yield_now();
    }
}

#[test]
fn a_token_can_be_exchanged_in_the_middle_of_a_transaction() {
    let issuer = Issuer::new();
    let Some(server) = server(&issuer) else {
        return;
    };
    let db = open(&server, Some(issuer.token("rw", 60)));
    db.ok("CREATE TABLE t (x)");
    db.begin(Behavior::Immediate).unwrap();
    db.0.set_token(Some(issuer.token("rw", -120))).unwrap();
    assert_eq!(db.fails("INSERT INTO t VALUES (1)").0, "unauthorized");
    db.0.set_token(Some(issuer.token("rw", 60))).unwrap();
    db.ok("INSERT INTO t VALUES (2)");
    db.commit().unwrap();
    assert_eq!(db.ok("SELECT x FROM t").rows, [[2.into()]]);
    db.0.set_token(None).unwrap();
    assert_eq!(db.fails("SELECT 1").0, "unauthorized");
}
