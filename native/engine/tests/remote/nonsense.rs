//! Answers that are none of sqld's. No server is needed.

use ecto_libsql_engine::remote::{RemoteOptions, RemoteParams};

use crate::calls::{Db, run, seconds};
use crate::support::Canned;

const PROTOBUF: &str = "200 OK\r\ncontent-type: application/x-protobuf";

#[test]
fn every_status_and_every_body_has_its_error() {
    for (head, body, code, words) in [
        (
            "404 Not Found",
            "no such page",
            "not_found",
            "no such page (404 Not Found)",
        ),
        (
            "429 Too Many Requests",
            "{\"error\":\"slow \\\"down\\\"\"}",
            "overloaded",
            "slow \"down\" (429",
        ),
        ("413 Payload Too Large", "", "protocol_error", "413"),
        (
            "500 Internal Server Error",
            "{\"error\":\"oops\"}",
            "server_error",
            "oops (500",
        ),
        (
            "503 Service Unavailable",
            "<html>",
            "server_error",
            "<html> (503",
        ),
        (
            "301 Moved Permanently\r\nlocation: http://elsewhere.invalid",
            "",
            "protocol_error",
            "301",
        ),
        (
            "400 Bad Request",
            "Cannot deserialize",
            "protocol_error",
            "Cannot deserialize",
        ),
        (
            "200 OK",
            "<html>hello</html>",
            "protocol_error",
            "makes no sense",
        ),
        (PROTOBUF, "", "protocol_error", "0 results for 2 requests"),
        (PROTOBUF, "\u{1a}\u{7f}", "protocol_error", "makes no sense"),
    ] {
        let server = Canned::answering(head, body.as_bytes());
        let db = Db::open(RemoteOptions {
            uri: server.uri(),
            ..RemoteOptions::default()
        });
        let (seen, error) = db.fails("SELECT 1");
        assert_eq!(seen, code, "{head}: {error}");
        assert!(error.to_string().contains(words), "{head}: {error}");
        let connection = db.0.clone();
        let cursor = run(async move {
            connection
                .cursor("SELECT 1", RemoteParams::NONE, &seconds(10))
                .await
                .map(drop)
        });
        assert!(cursor.is_err(), "{head}");
    }
}

#[test]
fn a_stream_that_never_lives_is_not_asked_for_again_and_again() {
    let server = Canned::answering("400 Bad Request", b"Received an invalid baton");
    let db = Db::open(RemoteOptions {
        uri: server.uri(),
        ..RemoteOptions::default()
    });
    assert_eq!(db.fails("INSERT INTO t VALUES (1)").0, "server_error");
}

#[test]
fn a_stream_moves_only_where_http_leads() {
    // A pipeline's answer: base_url, the result of a statement, and that no transaction is open.
    let answer = |base_url: &str| {
        let mut body = vec![0x12, u8::try_from(base_url.len()).unwrap()];
        body.extend_from_slice(base_url.as_bytes());
        body.extend_from_slice(&[0x1a, 6, 0x0a, 4, 0x12, 2, 0x0a, 0]);
        body.extend_from_slice(&[0x1a, 6, 0x0a, 4, 0x42, 2, 0x08, 1]);
        Canned::answering(PROTOBUF, &body)
    };
    let open = |server: &Canned| {
        Db::open(RemoteOptions {
            uri: server.uri(),
            ..RemoteOptions::default()
        })
    };
    open(&answer("http://b.test")).ok("SELECT 1");
    let (code, error) = open(&answer("ftp://b.test")).fails("SELECT 1");
    assert_eq!(code, "protocol_error", "{error}");
}
