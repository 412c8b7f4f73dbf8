//! What a server says of a statement without running it, and parameters that are fitted to it.

use std::sync::Arc;

use super::connection::RemoteConnection;
use super::failover::Read;
use super::outcome::{in_autocommit, nonsense};
use super::protocol::{
    Describe, DescribeResult, NamedArg, RequestKind, Response, ResponseKind, StreamResultKind,
    WireValue,
};
use super::run::by_deadline;
use super::server::Server;
use super::sql_error;
use super::stream::{Stream, Transaction};
use super::value::{RemoteColumn, RemoteParams};
use super::work::Work;
use crate::error::{Error, Result};
use crate::local::Call;
use crate::params::resolve;

/// A statement as its server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The names of its parameters with their signs; `None`: a positional one.
    pub parameters: Vec<Option<String>>,
    pub columns: Vec<RemoteColumn>,
    pub explain: bool,
    /// SQLite's word for it: it does not write to the database.
    pub readonly: bool,
}

impl From<DescribeResult> for Description {
    fn from(result: DescribeResult) -> Description {
        Description {
            parameters: result.params.into_iter().map(|it| it.name).collect(),
            columns: result.cols.into_iter().map(RemoteColumn::from).collect(),
            explain: result.is_explain,
            readonly: result.is_readonly,
        }
    }
}

struct Columns;

impl Read for Columns {
    type Answer = Description;

    async fn ask(&self, server: &RemoteConnection, sql: &str, call: &Call) -> Result<Description> {
        server.describe_here(sql, call).await
    }
}

impl RemoteConnection {
    /// Describes a statement without running it.
    pub async fn describe(&self, sql: &str, call: &Call) -> Result<Description> {
        if !self.may_fail_over(sql) {
            return self.describe_here(sql, call).await;
        }
        self.read(sql, &Columns, call).await
    }

    pub(super) async fn describe_here(&self, sql: &str, call: &Call) -> Result<Description> {
        let mut stream = self.stream(call).await?;
        self.described(&mut stream, sql, call).await
    }

    pub(super) async fn described(
        &self,
        stream: &mut Stream,
        sql: &str,
        call: &Call,
    ) -> Result<Description> {
        let request = RequestKind::Describe(Describe {
            sql: Some(sql.to_owned()),
        });
        match stream.ask_one(&self.server, request, sql, call).await? {
            ResponseKind::Describe(answer) => Ok(answer.result.into()),
            other => Err(nonsense(format!("no description but {other:?}"))),
        }
    }

    /// As [`fit`](RemoteConnection::fit), for the steps from `first` on whose parameters may need
    /// it. An error comes with its step.
    pub(super) async fn fit_all(
        &self,
        stream: &mut Stream,
        work: &mut Work<'_>,
        first: usize,
        call: &Call,
    ) -> Result<(), (usize, Error)> {
        for step in first..work.len() {
            let by_position = work.stmt(step).is_some_and(|stmt| !stmt.args.is_empty());
            let signs = by_position && work.sql(step).contains([':', '@', '$']);
            if step == first || signs {
                let fitted = self.fit(stream, work, step, call).await;
                fitted.map_err(|error| (step, error))?;
            }
        }
        Ok(())
    }

    /// Puts a step's parameters into the form in which the server binds them, or says what is wrong
    /// with them: it knows values by position only for nameless parameters, and tells less than
    /// is known here.
    pub(super) async fn fit(
        &self,
        stream: &mut Stream,
        work: &mut Work<'_>,
        step: usize,
        call: &Call,
    ) -> Result<()> {
        let sql = work.sql(step);
        let names = self.described(stream, sql, call).await?.parameters;
        let names = names.iter().map(Option::as_deref).collect::<Vec<_>>();
        let Some(stmt) = work.stmt(step) else {
            return Ok(());
        };
        if stmt.named_args.is_empty() {
            stmt.named_args = named(sql, &names, std::mem::take(&mut stmt.args))?;
        } else {
            let given = stmt.named_args.iter().map(|arg| arg.name.as_str());
            let order = resolve(&names, &given.collect::<Vec<_>>())?;
            let args = names.iter().zip(order).map(|(name, found)| NamedArg {
                name: name.unwrap_or_default().to_owned(),
                value: stmt.named_args[found].value.clone(),
            });
            stmt.named_args = args.collect();
        }
        Ok(())
    }
}

impl Stream {
    /// One request that is no statement, and outside of a transaction harmless to repeat.
    async fn ask_one(
        &mut self,
        server: &Arc<Server>,
        request: RequestKind,
        sql: &str,
        call: &Call,
    ) -> Result<ResponseKind> {
        let work = Work::statement("SELECT", RemoteParams::NONE)?;
        let mut sent_again = false;
        let results = loop {
            self.forget_stale();
            let requests = vec![request.clone().into()];
            let in_transaction = match self.transaction().clone() {
                Transaction::None => false,
                Transaction::Open { .. } => true,
                Transaction::Lost(reason) => return Err(Error::TransactionLost { reason }),
            };
            let failed =
                match by_deadline(server, call, self.pipeline(server, requests, false)).await {
                    Ok(results) => break results,
                    Err(failed) => failed,
                };
            if in_transaction {
                return Err(self.failed_in_transaction(server, failed, &work, false));
            }
            if sent_again || !failed.again(&work) {
                return Err(in_autocommit(failed, &work));
            }
            sent_again = true;
        };
        match results.into_iter().next().and_then(|result| result.kind) {
            Some(StreamResultKind::Ok(Response { kind: Some(kind) })) => Ok(kind),
            Some(StreamResultKind::Error(error)) => Err(sql_error::read(error, sql).into_error()),
            _ => Err(nonsense("an empty result".to_owned())),
        }
    }
}

fn named(sql: &str, names: &[Option<&str>], values: Vec<WireValue>) -> Result<Vec<NamedArg>> {
    if values.len() != names.len() {
        return Err(Error::ParameterCount {
            expected: names.len(),
            given: values.len(),
        });
    }
    let args = names.iter().zip(values).map(|(name, value)| match name {
        Some(name) if !name.starts_with('?') => Ok(NamedArg {
            name: (*name).to_owned(),
            value,
        }),
        _ => Err(mixed(sql)),
    });
    args.collect()
}

fn mixed(sql: &str) -> Error {
    Error::InvalidArgument(format!(
        "a server binds a statement's parameters by position or by name, and this one has both \
         kinds: {sql}"
    ))
}
