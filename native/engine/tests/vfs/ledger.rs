//! A ledger: transactions that move money between accounts and note it, and what can be said of
//! it afterwards. Each transaction touches several pages.

use ecto_libsql_engine::Error;
use ecto_libsql_engine::local::{Behavior, Call, Connection};

use crate::support::{integer, integrity, run};

pub const ACCOUNTS: i64 = 50;

/// Numbers by chance, from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, count: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % count
    }
}

pub fn create(connection: &mut Connection) -> Result<(), Error> {
    connection.begin(Behavior::Immediate, &Call::default())?;
    let made = (|| {
        run(
            connection,
            "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance, filler)",
        )?;
        run(
            connection,
            "CREATE TABLE entries (number INTEGER PRIMARY KEY, source, target, amount, filler)",
        )?;
        run(
            connection,
            "CREATE INDEX entries_source ON entries (source, amount)",
        )?;
        run(
            connection,
            &format!(
                "INSERT INTO accounts SELECT value, 100, zeroblob(700) FROM \
                 (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < {ACCOUNTS}) SELECT value FROM n)"
            ),
        )
    })();
    end(connection, made)
}

/// Entry `number`: all of it, or nothing.
pub fn transfer(
    connection: &mut Connection,
    number: i64,
    random: &mut Random,
) -> Result<(), Error> {
    let (source, target) = (random.below(ACCOUNTS) + 1, random.below(ACCOUNTS) + 1);
    let (amount, filler) = (random.below(20), random.below(3_000));
    connection.begin(Behavior::Immediate, &Call::default())?;
    let written = (|| {
        for (account, sign) in [(source, -1), (target, 1)] {
            run(
                connection,
                &format!(
                    "UPDATE accounts SET balance = balance + {}, filler = randomblob(700) WHERE id = {account}",
                    sign * amount
                ),
            )?;
        }
        run(
            connection,
            &format!(
                "INSERT INTO entries VALUES ({number}, {source}, {target}, {amount}, zeroblob({filler}))"
            ),
        )?;
        match number % 5 {
            0 => run(
                connection,
                &format!(
                    "UPDATE entries SET filler = NULL WHERE number < {}",
                    number - 3
                ),
            ),
            _ => Ok(()),
        }
    })();
    end(connection, written)
}

fn end(connection: &mut Connection, written: Result<(), Error>) -> Result<(), Error> {
    let ended = written.and_then(|()| connection.commit(&Call::default()));
    if ended.is_err() && connection.transaction().is_some() {
        connection.rollback(&Call::default())?;
    }
    ended
}

/// The number of the last entry. Fails where something is there in part, or an entry is missing.
pub fn check(connection: &mut Connection, what: &str) -> i64 {
    assert_eq!(integrity(connection), "ok", "{what}");
    if integer(
        connection,
        "SELECT count(*) FROM sqlite_schema WHERE name = 'entries'",
    ) == 0
    {
        return 0;
    }
    assert_eq!(
        integer(connection, "SELECT sum(balance) FROM accounts"),
        ACCOUNTS * 100,
        "{what}: the sum of the balances"
    );
    let wrong = "SELECT count(*) FROM accounts a WHERE balance <> 100 \
                 - (SELECT coalesce(sum(amount), 0) FROM entries WHERE source = a.id) \
                 + (SELECT coalesce(sum(amount), 0) FROM entries WHERE target = a.id)";
    assert_eq!(
        integer(connection, wrong),
        0,
        "{what}: accounts and entries"
    );
    let last = integer(connection, "SELECT coalesce(max(number), 0) FROM entries");
    assert_eq!(
        integer(connection, "SELECT count(*) FROM entries"),
        last,
        "{what}: the entries are without a gap"
    );
    last
}
