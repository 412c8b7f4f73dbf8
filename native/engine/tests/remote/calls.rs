//! Calls as the boundary makes them, made short.

use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::local::{Behavior, Call};
use ecto_libsql_engine::remote::{
    RemoteConnection, RemoteOptions, RemoteParams, RemoteResult, block_on, spawn,
};
use ecto_libsql_engine::{Error, Result, Value};
use tokio::sync::oneshot;

use crate::support::Sqld;

/// Runs a future as the boundary does: on the runtime.
pub fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    block_on(async {
        let (sender, receiver) = oneshot::channel();
        spawn(async move {
            let _ = sender.send(future.await);
        })
        .unwrap();
        receiver.await.unwrap()
    })
    .unwrap()
}

pub fn seconds(seconds: u64) -> Call {
    Call::with_timeout(Some(Duration::from_secs(seconds)))
}

pub fn list(values: impl IntoIterator<Item = Value>) -> RemoteParams {
    RemoteParams::List(values.into_iter().collect())
}

/// A connection whose calls block.
#[derive(Debug, Clone)]
pub struct Db(pub Arc<RemoteConnection>);

impl Db {
    pub fn of(server: &Sqld) -> Db {
        Db::open(RemoteOptions {
            uri: server.uri(),
            ..RemoteOptions::default()
        })
    }

    pub fn open(options: RemoteOptions) -> Db {
        Db(Arc::new(RemoteConnection::open(options).unwrap()))
    }

    pub fn execute(&self, sql: &str, params: RemoteParams) -> Result<RemoteResult> {
        let (connection, sql) = (self.0.clone(), sql.to_owned());
        run(async move { connection.execute(&sql, params, &seconds(30)).await })
    }

    pub fn query(&self, sql: &str) -> Result<RemoteResult> {
        self.execute(sql, RemoteParams::NONE)
    }

    pub fn ok(&self, sql: &str) -> RemoteResult {
        self.query(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The error's code, and the error.
    pub fn fails(&self, sql: &str) -> (&'static str, Error) {
        match self.query(sql) {
            Ok(result) => panic!("{sql}: {result:?}"),
            Err(error) => (error.code(), error),
        }
    }

    pub fn value(&self, sql: &str) -> Value {
        self.ok(sql).rows.remove(0).remove(0)
    }

    pub fn begin(&self, behavior: Behavior) -> Result<()> {
        let connection = self.0.clone();
        run(async move { connection.begin(behavior, &seconds(30)).await })
    }

    pub fn commit(&self) -> Result<()> {
        let connection = self.0.clone();
        run(async move { connection.commit(&seconds(30)).await })
    }

    pub fn rollback(&self) -> Result<()> {
        let connection = self.0.clone();
        run(async move { connection.rollback(&seconds(30)).await })
    }

    pub fn batch(
        &self,
        statements: Vec<(String, RemoteParams)>,
        transactional: bool,
    ) -> Result<Vec<RemoteResult>> {
        let connection = self.0.clone();
        run(async move {
            connection
                .batch(statements, transactional, &seconds(30))
                .await
        })
    }

    pub fn script(&self, sql: &str, transactional: bool) -> Result<Vec<RemoteResult>> {
        let (connection, sql) = (self.0.clone(), sql.to_owned());
        run(async move { connection.script(&sql, transactional, &seconds(30)).await })
    }
}
