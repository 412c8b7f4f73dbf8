//! Connections to the server: how many, to whom, and with what.

use std::time::Duration;

use ecto_libsql_engine::Value;
use ecto_libsql_engine::local::Call;
use ecto_libsql_engine::remote::RemoteOptions;

use crate::calls::{Db, list, run};
use crate::support::{Authority, Proxy, Settings, Sqld, TlsProxy};

#[test]
fn a_thousand_queries_at_once_over_fifty_connections() {
    let Some(server) = Sqld::start() else { return };
    let pool = (0..50).map(|_| Db::of(&server)).collect::<Vec<_>>();
    let seen = run(async move {
        let queries = (0..1_000_usize).map(|number| {
            let connection = pool[number % pool.len()].0.clone();
            tokio::spawn(async move {
                let call = Call::with_timeout(Some(Duration::from_secs(30)));
                let number = Value::Integer(i64::try_from(number).unwrap());
                let result = connection
                    .execute("SELECT ?", list([number.clone()]), &call)
                    .await;
                assert_eq!(result.unwrap().rows, [[number]]);
            })
        });
        let queries: Vec<_> = queries.collect();
        let mut seen = 0;
        for query in queries {
            query.await.unwrap();
            seen += 1;
        }
        seen
    });
    assert_eq!(seen, 1_000);
}

#[test]
fn connections_that_are_dropped_free_their_streams() {
    let Some(server) = Sqld::start() else { return };
    // The server has 128 streams, and lets nobody wait for long.
    for _ in 0..4 {
        let many = (0..100).map(|_| Db::of(&server)).collect::<Vec<_>>();
        for db in &many {
            db.ok("SELECT 1");
        }
    }
}

#[test]
fn a_connection_to_the_server_is_kept_and_shared() {
    let Some(server) = Sqld::start() else { return };
    let proxy = Proxy::before(server.port());
    let open = || {
        Db::open(RemoteOptions {
            uri: proxy.uri(),
            ..RemoteOptions::default()
        })
    };
    let pool = [open(), open(), open()];
    for _ in 0..10 {
        for db in &pool {
            db.ok("SELECT 1");
        }
    }
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_namespace_is_chosen_by_its_name() {
    let settings = Settings {
        namespaces: true,
        ..Settings::default()
    };
    let Some(server) = Sqld::start_with(settings) else {
        return;
    };
    server.create_namespace("one");
    server.create_namespace("two");
    let open = |namespace: &str| {
        Db::open(RemoteOptions {
            uri: server.uri(),
            namespace: Some(namespace.to_owned()),
            ..RemoteOptions::default()
        })
    };
    open("one").ok("CREATE TABLE t (x)");
    open("one").ok("SELECT * FROM t");
    assert_eq!(open("two").fails("SELECT * FROM t").0, "error");
    let (code, error) = open("three").fails("SELECT 1");
    assert_eq!(code, "not_found");
    assert!(
        error.to_string().contains("`three` doesn't exist"),
        "{error}"
    );
    // Without a name, the host's first label is one.
    assert_eq!(Db::of(&server).fails("SELECT 1").0, "not_found");
    let by_host = Db::open(RemoteOptions {
        uri: format!("http://localhost:{}", server.port()),
        ..RemoteOptions::default()
    });
    by_host.ok("SELECT 1");
}

#[test]
fn tls_trusts_the_ca_that_is_named_and_no_other() {
    let Some(server) = Sqld::start() else { return };
    let (ours, other) = (Authority::new(), Authority::new());
    let proxy = TlsProxy::before(server.port(), &ours, None);
    let with_ca = |authority: Option<&Authority>| RemoteOptions {
        uri: proxy.uri(),
        ca_file: authority.map(Authority::file),
        ..RemoteOptions::default()
    };
    let db = Db::open(with_ca(Some(&ours)));
    db.ok("CREATE TABLE t (x)");
    for distrusting in [Some(&other), None] {
        let (code, error) = Db::open(with_ca(distrusting)).fails("SELECT 1");
        assert_eq!(code, "tls", "{error}");
    }
    let plain = Db::open(RemoteOptions {
        uri: format!("https://127.0.0.1:{}", server.port()),
        ..RemoteOptions::default()
    });
    assert_eq!(plain.fails("SELECT 1").0, "tls");
}

#[test]
fn a_client_shows_its_certificate() {
    let Some(server) = Sqld::start() else { return };
    let (servers, clients) = (Authority::new(), Authority::new());
    let proxy = TlsProxy::before(server.port(), &servers, Some(&clients));
    let with_certificate = |certificate| RemoteOptions {
        uri: proxy.uri(),
        ca_file: Some(servers.file()),
        client_certificate: certificate,
        ..RemoteOptions::default()
    };
    Db::open(with_certificate(Some(clients.client()))).ok("SELECT 1");
    // With TLS 1.3 the server refuses after the handshake is over for the client.
    for certificate in [None, Some(servers.client())] {
        let (code, error) = Db::open(with_certificate(certificate)).fails("SELECT 1");
        assert!(
            ["tls", "connection_lost"].contains(&code),
            "{code}: {error}"
        );
    }
}

#[test]
fn options_that_are_wrong_are_named() {
    let open = |options| {
        ecto_libsql_engine::remote::RemoteConnection::open(options)
            .unwrap_err()
            .to_string()
    };
    let options = || RemoteOptions {
        uri: "https://db.example.io".to_owned(),
        ..RemoteOptions::default()
    };
    let missing = open(RemoteOptions {
        ca_file: Some("/nowhere/ca.pem".into()),
        ..options()
    });
    assert!(missing.starts_with("/nowhere/ca.pem: "), "{missing}");
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("ca.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let empty = open(RemoteOptions {
        ca_file: Some(empty),
        ..options()
    });
    assert!(empty.contains("no certificate"), "{empty}");
    let token = open(RemoteOptions {
        auth_token: Some("hunter2\n".to_owned()),
        ..options()
    });
    assert!(
        token.starts_with("auth_token: ") && !token.contains("hunter2"),
        "{token}"
    );
}
