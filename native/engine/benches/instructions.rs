//! One kind of work, so many times: for valgrind, which counts instructions whatever else the
//! machine does. `scripts/instructions.sh` runs it and prints the ratios.
//!
//!     instructions point_read|insert|scan|prepare engine|c_api TIMES

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on is to fail"
)]

mod workload;

use ecto_libsql_engine::Value;
use ecto_libsql_engine::local::{Behavior, Call, OpenOptions};
use workload::{CApi, Engine, INSERT, POINT_READ};

/// Few, since valgrind counts the filling, too.
const ROWS: i64 = 10_000;

/// As many rows as the times say.
const SCAN: &str = "SELECT * FROM t LIMIT ?";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` runs every benchmark without a word: this one is not for it.
    let [work, side, times] = &arguments[..] else {
        return;
    };
    let times = times.parse().unwrap();
    match (work.as_str(), side.as_str()) {
        ("point_read", "engine") => {
            let mut engine = Engine::new(ROWS);
            engine
                .0
                .begin(Behavior::Deferred, &Call::default())
                .unwrap();
            for id in 1..=times {
                engine.look(POINT_READ, &[Value::Integer(id)]);
            }
        }
        ("point_read", "c_api") => {
            let api = CApi::new(ROWS);
            api.execute("BEGIN");
            let stmt = api.prepare(POINT_READ);
            (1..=times).for_each(|id| api.point_read(stmt, id));
        }
        ("insert", "engine") => {
            let mut engine = Engine::new(ROWS);
            engine.execute("BEGIN");
            engine.execute("DELETE FROM t");
            (1..=times).for_each(|id| engine.insert(id));
        }
        ("insert", "c_api") => {
            let api = CApi::new(ROWS);
            api.execute("BEGIN; DELETE FROM t");
            let stmt = api.prepare(INSERT);
            (1..=times).for_each(|id| CApi::insert(stmt, id));
        }
        ("scan", "engine") => {
            let mut engine = Engine::new(ROWS);
            engine.look(SCAN, &[Value::Integer(times)]);
        }
        ("scan", "c_api") => {
            let api = CApi::new(ROWS);
            let stmt = api.prepare(SCAN);
            api.point_read(stmt, times);
        }
        ("prepare", "engine") => {
            let mut engine = Engine::with_options(
                OpenOptions {
                    statement_cache_size: 0,
                    ..OpenOptions::default()
                },
                ROWS,
            );
            (1..=times).for_each(|id| engine.look(POINT_READ, &[Value::Integer(id)]));
        }
        ("prepare", "c_api") => {
            let api = CApi::new(ROWS);
            for id in 1..=times {
                let stmt = api.prepare(POINT_READ);
                api.point_read(stmt, id);
                CApi::finalize(stmt);
            }
        }
        other => panic!("no such work: {other:?}"),
    }
}
