//! The floor under the drivers: the same SQL and the same rows with libSQL's C API in a loop, each
//! statement prepared once. `bench/peers` runs it beside the drivers, on a file that it has made.
//!
//!     floor DATABASE TIMES read SQL IDS
//!     floor DATABASE TIMES insert SQL VALUES A_TRANSACTION
//!     floor DATABASE TIMES readers SQL IDS THREADS READS
//!     floor DATABASE TIMES writers READ WRITE THREADS TRANSACTIONS
//!
//! For each line of its input it does the work so many times, and answers how many nanoseconds one
//! took. IDS is how many ids there are to bind, 0 for SQL without a parameter. VALUES is a query for
//! the rows to insert; `A_TRANSACTION` is how many are one work, and 0 is one in a transaction that
//! stays open. Threads have a connection each; those that write take turns.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on is to fail; its output is its answer"
)]

mod workload;

use std::io;
use std::thread;
use std::time::Instant;

use ecto_libsql_engine::Value;
use libsql::ffi::sqlite3_stmt;
use parking_lot::FairMutex;
use workload::CApi;

/// Those of the drivers that it is compared with.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = NORMAL; PRAGMA cache_size = -64000; PRAGMA temp_store = MEMORY; \
    PRAGMA foreign_keys = ON";

type Work = Box<dyn FnMut(i64)>;

struct Client {
    api: CApi,
    statements: Vec<*mut sqlite3_stmt>,
}

// SAFETY: the statements are those of its own connection.
unsafe impl Send for Client {}

impl Client {
    fn new(database: &str, statements: &[&str]) -> Client {
        let api = CApi::open(database);
        api.execute(PRAGMAS);
        let statements = statements.iter().map(|sql| api.prepare(sql)).collect();
        Client { api, statements }
    }

    fn run(&self, statement: usize) {
        self.api.look(self.statements[statement]);
    }

    fn read(&self, n: i64, ids: i64) {
        match ids {
            0 => self.run(0),
            _ => self.api.point_read(self.statements[0], n * 7 % ids + 1),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // `cargo bench` runs every benchmark without such words: this one is not for it.
    let [database, times, work @ ..] = &arguments[..] else {
        return;
    };
    let times: i64 = number(times);
    let mut work: Work = match work {
        ["read", sql, ids] => read(database, sql, number(ids)),
        ["insert", sql, values, size] => insert(database, sql, values, number(size)),
        ["readers", sql, ids, threads, reads] => {
            readers(database, sql, number(ids), number(threads), number(reads))
        }
        ["writers", read, write, threads, transactions] => writers(
            database,
            [read, write],
            number(threads),
            number(transactions),
        ),
        other => panic!("no such work: {other:?}"),
    };

    let mut n = 0;
    for line in io::stdin().lines() {
        line.unwrap();
        let started = Instant::now();
        for _ in 0..times {
            n += 1;
            work(n);
        }
        println!("{}", started.elapsed().as_nanos() / times as u128);
    }
}

fn number(argument: &str) -> i64 {
    argument.parse().unwrap()
}

fn read(database: &str, sql: &str, ids: i64) -> Work {
    let client = Client::new(database, &[sql]);
    Box::new(move |n| client.read(n, ids))
}

fn insert(database: &str, sql: &str, values: &str, size: i64) -> Work {
    let client = Client::new(database, &[sql, "BEGIN IMMEDIATE", "COMMIT"]);
    let values = client.api.rows(values);
    if size == 0 {
        client.run(1);
    }
    let (rows, in_transaction) = (size.max(1), size > 1);
    Box::new(move |n| {
        if in_transaction {
            client.run(1);
        }
        for row in n * rows..(n + 1) * rows {
            let row: &[Value] = &values[row as usize % values.len()];
            client.api.run(client.statements[0], row);
        }
        if in_transaction {
            client.run(2);
        }
    })
}

fn readers(database: &str, sql: &str, ids: i64, threads: i64, reads: i64) -> Work {
    let mut clients: Vec<Client> = (0..threads)
        .map(|_| Client::new(database, &[sql]))
        .collect();
    Box::new(move |n| {
        thread::scope(|scope| {
            for (reader, client) in (1..).zip(&mut clients) {
                scope.spawn(move || (1..=reads).for_each(|i| client.read(n + reader + i, ids)));
            }
        });
    })
}

fn writers(database: &str, sql: [&str; 2], threads: i64, transactions: i64) -> Work {
    let statements = [sql[0], sql[1], "BEGIN IMMEDIATE", "COMMIT"];
    let mut clients: Vec<Client> = (0..threads)
        .map(|_| Client::new(database, &statements))
        .collect();
    let turn = FairMutex::new(());
    Box::new(move |_| {
        thread::scope(|scope| {
            for client in &mut clients {
                let turn = &turn;
                scope.spawn(move || {
                    for _ in 0..transactions {
                        let _turn = turn.lock();
                        [2, 0, 1, 3].into_iter().for_each(|each| client.run(each));
                    }
                });
            }
        });
    })
}
