//! Servers that are not asked any more: when that begins, what calls see of it, and when it ends.

use std::sync::LazyLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use ecto_libsql_engine::local::{Behavior, Call};
use ecto_libsql_engine::remote::{
    BreakerOptions, BreakerState, BreakerStatus, RemoteOptions, RemoteParams, block_on, breakers,
    observe, spawn,
};
use tokio::net::TcpListener;

use crate::calls::{Db, run};
use crate::support::{Canned, Fault, Proxy, Sqld};

const PATIENCE: Duration = Duration::from_secs(30);

type Subscribers = Mutex<Vec<(String, mpsc::Sender<BreakerStatus>)>>;

static SUBSCRIBERS: LazyLock<Subscribers> = LazyLock::new(|| {
    observe(|status| {
        for (server, changes) in SUBSCRIBERS.lock().unwrap().iter() {
            if *server == status.server {
                let _ = changes.send(status.clone());
            }
        }
    });
    Subscribers::default()
});

/// The changes of one server's breaker.
pub struct Changes(mpsc::Receiver<BreakerStatus>);

impl Changes {
    pub fn of(uri: &str) -> Changes {
        let (sender, changes) = mpsc::channel();
        SUBSCRIBERS.lock().unwrap().push((uri.to_owned(), sender));
        Changes(changes)
    }

    pub fn next(&self) -> BreakerStatus {
        self.0.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits until the breaker is in this state.
    pub fn until(&self, state: BreakerState) -> BreakerStatus {
        loop {
            let status = self.next();
            if status.state == state {
                return status;
            }
        }
    }

    fn none(&self) {
        assert_eq!(self.0.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
}

/// One that stays open for as long as a test may take.
pub const LONG: BreakerOptions = BreakerOptions {
    failures: 3,
    open_for: Duration::from_secs(600),
    max_open_for: Duration::from_secs(600),
};

const SHORT: BreakerOptions = BreakerOptions {
    failures: 3,
    open_for: Duration::from_millis(20),
    max_open_for: Duration::from_millis(40),
};

pub fn with(uri: String, options: BreakerOptions) -> Db {
    Db::open(RemoteOptions {
        uri,
        breaker: Some(options),
        ..RemoteOptions::default()
    })
}

/// A call that has so many milliseconds.
fn within(db: &Db, milliseconds: u64, sql: &'static str) -> &'static str {
    let connection = db.0.clone();
    run(async move {
        let call = Call::with_timeout(Some(Duration::from_millis(milliseconds)));
        let answer = connection.execute(sql, RemoteParams::NONE, &call).await;
        answer.map_or_else(|error| error.code(), |_| "ok")
    })
}

/// The breaker of a connection that has one.
fn status(db: &Db) -> BreakerStatus {
    db.0.breakers().remove(0)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Takes connections and ends each at once.
fn rude() -> (String, Arc<AtomicUsize>) {
    let listener = block_on(TcpListener::bind("127.0.0.1:0")).unwrap().unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            counter.fetch_add(1, SeqCst);
            drop(client);
        }
    })
    .unwrap();
    (uri, count)
}

#[test]
fn a_server_that_is_not_there_is_soon_not_asked() {
    let uri = format!("http://127.0.0.1:{}", free_port());
    let changes = Changes::of(&uri);
    let db = with(uri.clone(), LONG);
    for _ in 0..3 {
        assert_eq!(db.fails("INSERT INTO t VALUES (1)").0, "connection_refused");
    }
    let (code, error) = db.fails("INSERT INTO t VALUES (1)");
    assert_eq!(code, "circuit_open");
    let message = error.to_string();
    for part in [&uri, "has not answered for", "is asked again in", "refused"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(error.statement(), Some("INSERT INTO t VALUES (1)"));
    let change = changes.next();
    assert_eq!((change.state, change.failures), (BreakerState::Open, 3));
    let status = status(&db);
    assert_eq!((status.opened, status.refused), (1, 1));
    assert!(breakers().iter().any(|breaker| breaker.server == uri));
    changes.none();
}

#[test]
fn while_it_is_open_the_network_is_not_touched() {
    let (uri, connections) = rude();
    let changes = Changes::of(&uri);
    let pool = [with(uri.clone(), LONG), with(uri, LONG)];
    for _ in 0..3 {
        assert_eq!(pool[0].fails("BEGIN").0, "connection_lost");
    }
    changes.until(BreakerState::Open);
    let before = connections.load(SeqCst);
    for db in &pool {
        for _ in 0..2_000 {
            assert_eq!(db.fails("SELECT 1").0, "circuit_open");
        }
        assert_eq!(
            db.begin(Behavior::Immediate).unwrap_err().code(),
            "circuit_open"
        );
        assert_eq!(
            db.script("SELECT 1", true).unwrap_err().code(),
            "circuit_open"
        );
    }
    assert_eq!(connections.load(SeqCst), before);
    assert!(status(&pool[0]).refused >= 4_004);
}

#[test]
fn a_server_that_comes_back_is_asked_again() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let changes = Changes::of(&server.uri());
    let db = with(server.uri(), SHORT);
    db.ok("CREATE TABLE t (a)");
    for round in 1..=2 {
        server.kill();
        while db.fails("SELECT 1").0 != "circuit_open" {}
        assert_eq!(changes.next().state, BreakerState::Open);
        // It asks in vain, at least once.
        assert_eq!(changes.next().state, BreakerState::HalfOpen);
        assert_eq!(changes.next().state, BreakerState::Open);
        server.restart();
        let closed = changes.until(BreakerState::Closed);
        assert_eq!((closed.failures, closed.opened), (0, round));
        db.ok("INSERT INTO t VALUES (1)");
    }
    assert_eq!(db.value("SELECT count(*) FROM t"), 2.into());
    changes.none();
}

#[test]
fn a_frozen_server_is_not_waited_for_each_time() {
    let Some(server) = Sqld::start() else { return };
    let changes = Changes::of(&server.uri());
    let db = with(server.uri(), LONG);
    db.ok("SELECT 1");
    server.freeze();
    // The signal takes a moment to arrive.
    while within(&db, 50, "SELECT 1") == "ok" {}
    for _ in 1..3 {
        assert_eq!(within(&db, 50, "SELECT 1"), "timeout");
    }
    let open = changes.next();
    assert_eq!(open.state, BreakerState::Open);
    assert!(open.reason.unwrap().contains("did not answer"));
    assert_eq!(within(&db, 30_000, "SELECT 1"), "circuit_open");
    server.thaw();
}

/// What a server answers to the breaker's own question counts, however many calls got nothing.
#[test]
fn a_server_whose_statements_are_slow_is_asked_on() {
    let Some(server) = Sqld::start() else { return };
    let changes = Changes::of(&server.uri());
    let db = with(server.uri(), LONG);
    let slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000) \
                SELECT count(*) FROM n";
    for _ in 0..7 {
        assert_eq!(within(&db, 30, slow), "timeout");
    }
    // It has had its answer when the failures are forgotten.
    while status(&db).failures > 2 {
        std::thread::yield_now();
    }
    db.ok("SELECT 1");
    assert_eq!(status(&db).failures, 0);
    changes.none();
}

#[test]
fn errors_of_statements_are_answers() {
    let Some(server) = Sqld::start() else { return };
    let changes = Changes::of(&server.uri());
    let db = with(server.uri(), LONG);
    for _ in 0..3 {
        for sql in [
            "SELECT nothing",
            "SELEC 1",
            "SELECT abs(-9223372036854775808)",
        ] {
            db.fails(sql);
        }
    }
    // The server says 500 to what is no UTF-8.
    for _ in 0..4 {
        assert_eq!(db.fails("SELECT CAST(x'ff' AS TEXT)").0, "server_error");
    }
    while status(&db).failures > 2 {
        std::thread::yield_now();
    }
    db.ok("SELECT 1");
    changes.none();
}

#[test]
fn a_gateway_without_its_server_is_as_good_as_none() {
    let answers = "503 Service Unavailable\r\ncontent-type: text/plain";
    let gateway = Canned::answering(answers, b"no upstream");
    let changes = Changes::of(&gateway.uri());
    let db = with(gateway.uri(), LONG);
    for _ in 0..3 {
        assert_eq!(db.fails("SELECT 1").0, "server_error");
    }
    let open = changes.next();
    assert_eq!(open.state, BreakerState::Open);
    assert!(open.reason.unwrap().contains("no upstream"));
    assert_eq!(db.fails("SELECT 1").0, "circuit_open");
}

#[test]
fn refusals_and_overload_are_not_absence() {
    for (status_line, code) in [
        ("401 Unauthorized", "unauthorized"),
        ("403 Forbidden", "forbidden"),
        ("404 Not Found", "not_found"),
        ("429 Too Many Requests", "overloaded"),
    ] {
        let server = Canned::answering(&format!("{status_line}\r\ncontent-type: text/plain"), b"");
        let changes = Changes::of(&server.uri());
        let db = with(server.uri(), LONG);
        for _ in 0..10 {
            assert_eq!(db.fails("SELECT 1").0, code);
        }
        assert_eq!(status(&db).failures, 0);
        changes.none();
    }
}

#[test]
fn calls_that_are_given_up_say_nothing() {
    let Some(server) = Sqld::start() else { return };
    let db = with(server.uri(), LONG);
    server.freeze();
    for _ in 0..10 {
        let connection = db.0.clone();
        run(async move {
            let call = Call::with_timeout(Some(PATIENCE));
            let mut answer = Box::pin(connection.execute("SELECT 1", RemoteParams::NONE, &call));
            // Polled once, so that it is under way, and dropped.
            std::future::poll_fn(|context| {
                assert!(answer.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        });
    }
    assert_eq!(status(&db).failures, 0);
    server.thaw();
}

#[test]
fn a_transaction_that_meets_an_open_breaker_can_go_on_after_it() {
    let Some(server) = Sqld::start() else { return };
    let proxy = Proxy::before(server.port());
    let changes = Changes::of(&proxy.uri());
    let (db, other) = (with(proxy.uri(), SHORT), with(proxy.uri(), SHORT));
    db.ok("CREATE TABLE t (a)");
    db.begin(Behavior::Immediate).unwrap();
    db.ok("INSERT INTO t VALUES (1)");
    proxy.set(Fault::CutAnswerAfter(0));
    while other.fails("SELECT 1").0 != "circuit_open" {}
    assert_eq!(db.fails("INSERT INTO t VALUES (2)").0, "circuit_open");
    proxy.set(Fault::None);
    changes.until(BreakerState::Closed);
    db.ok("INSERT INTO t VALUES (3)");
    db.commit().unwrap();
    assert_eq!(db.value("SELECT sum(a) FROM t"), 4.into());
}

#[test]
fn a_server_without_connections_is_forgotten() {
    let uri = format!("http://127.0.0.1:{}", free_port());
    let known = || breakers().iter().any(|breaker| breaker.server == uri);
    let db = with(uri.clone(), SHORT);
    while db.fails("SELECT 1").0 != "circuit_open" {}
    assert!(known());
    drop(db);
    while known() {
        std::thread::yield_now();
    }
}

#[test]
fn without_options_there_is_none() {
    let uri = format!("http://127.0.0.1:{}", free_port());
    let db = Db::open(RemoteOptions {
        uri,
        ..RemoteOptions::default()
    });
    for _ in 0..20 {
        assert_eq!(db.fails("SELECT 1").0, "connection_refused");
    }
    assert_eq!(db.0.breakers(), []);
}
