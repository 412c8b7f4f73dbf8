//! One call on a stream: what is sent, sent again, and made of the answer.

use std::time::Instant;

use tokio::time::timeout_at;

use super::answer::{self, Failed};
use super::failure::Failure;
use super::protocol::{
    BatchResult, Empty, Execute, Request, RequestKind, Response, ResponseKind, ServerError, Stmt,
    StmtResult, StreamResult, StreamResultKind,
};
use super::server::Server;
use super::sql_error::{self, Refused};
use super::stream::{Stream, Transaction};
use super::value::RemoteParams;
use super::work::Work;
use crate::error::{Error, Result};
use crate::keyword::Kind;
use crate::local::Call;

/// What a call came to at the server.
#[derive(Debug)]
pub(super) struct Ran {
    /// Of each step that succeeded.
    pub results: Vec<Option<StmtResult>>,
    /// The first step that failed, where one did.
    pub failed: Option<(usize, Stopped)>,
    pub autocommit: bool,
    pub replication_index: Option<u64>,
}

/// Why a step failed.
#[derive(Debug)]
pub(super) enum Stopped {
    Error(Error),
    /// Its parameters do not fit.
    Parameters(Error),
    /// The server has rolled the transaction back that was open before this step.
    RolledBack(String),
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stopped::Error(error) | Stopped::Parameters(error) => error.fmt(f),
            Stopped::RolledBack(reason) => reason.fmt(f),
        }
    }
}

impl Stopped {
    pub(super) fn into_error(self) -> Error {
        match self {
            Stopped::Error(error) | Stopped::Parameters(error) => error,
            Stopped::RolledBack(reason) => Error::TransactionLost { reason },
        }
    }
}

/// Waits for an answer until the call's deadline.
pub(super) async fn by_deadline<T>(
    call: &Call,
    answer: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    match call.deadline {
        None => answer.await,
        Some(deadline) => timeout_at(deadline.into(), answer)
            .await
            .unwrap_or(Err(Failed::Late)),
    }
}

impl Failed {
    /// Whether the request may be sent once more, outside of a transaction: it was not run, or
    /// to run it twice does no harm.
    pub(super) fn again(&self, work: &Work<'_>) -> bool {
        match self {
            Failed::StreamGone(_) => true,
            Failed::Cut(_) => work.kind() == Kind::Read,
            Failed::NotRun(_) | Failed::Refused(_) | Failed::Late => false,
        }
    }
}

impl Stream {
    /// Runs a call's statements, in the transaction if one is open.
    ///
    /// # Failure
    /// No step has an outcome to be told of. What a step failed with is in [`Ran`].
    pub(super) async fn run(
        &mut self,
        server: &Server,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<Ran> {
        match self.transaction().clone() {
            Transaction::None => self.run_in_autocommit(server, work, call).await,
            Transaction::Open { .. } => self.run_in_transaction(server, work, call).await,
            Transaction::Lost(reason) => Err(Error::TransactionLost { reason }),
        }
    }

    async fn run_in_autocommit(
        &mut self,
        server: &Server,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<Ran> {
        let mut sent_again = false;
        loop {
            self.forget_stale();
            let failed = match self.ask(server, work, call, false).await {
                Ok(ran) => {
                    if !ran.autocommit {
                        self.set_transaction(Transaction::Open { read_only: false });
                    }
                    return Ok(ran);
                }
                Err(failed) => failed,
            };
            if sent_again || !failed.again(work) {
                return Err(in_autocommit(failed, work));
            }
            sent_again = true;
        }
    }

    async fn run_in_transaction(
        &mut self,
        server: &Server,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<Ran> {
        let ran = match self.ask(server, work, call, true).await {
            Ok(ran) => ran,
            Err(failed) => return Err(self.failed_in_transaction(failed, work)),
        };
        if !ran.autocommit {
            return Ok(ran);
        }
        let ends = work.ends_transaction();
        let reason = match &ran.failed {
            // Where it was not skipped, it has ended the transaction as it should.
            None if ends && ran.results.iter().any(Option::is_some) => {
                self.set_transaction(Transaction::None);
                return Ok(ran);
            }
            None => "the server is not in it any more".to_owned(),
            Some((_, stopped)) => stopped.to_string(),
        };
        // A COMMIT that fails leaves nothing that could be rolled back.
        self.set_transaction(match ends {
            true => Transaction::None,
            false => Transaction::Lost(reason.clone()),
        });
        match ran.failed {
            None => Err(Error::TransactionLost { reason }),
            Some(_) => Ok(ran),
        }
    }

    pub(super) fn failed_in_transaction(&mut self, failed: Failed, work: &Work<'_>) -> Error {
        let ends = work.ends_transaction();
        let (reason, error) = match failed {
            Failed::NotRun(error) => return about(error, work),
            Failed::StreamGone(reason) => {
                let error = Error::TransactionLost {
                    reason: reason.clone(),
                };
                (reason, error)
            }
            Failed::Refused(error) | Failed::Cut(error) if ends => {
                return unknown_end(&error, work);
            }
            Failed::Late if ends => return unknown_end(&late(work, false), work),
            Failed::Cut(error) => {
                let reason = error.to_string();
                (reason.clone(), Error::TransactionLost { reason })
            }
            Failed::Refused(error) => (error.to_string(), about(error, work)),
            Failed::Late => {
                let error = late(work, false);
                (error.to_string(), error)
            }
        };
        // A COMMIT that was not run leaves nothing that could be rolled back.
        if !ends {
            self.set_transaction(Transaction::Lost(reason));
        }
        error
    }

    /// One request that is no statement, and outside of a transaction harmless to repeat.
    pub(super) async fn ask_one(
        &mut self,
        server: &Server,
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
            let failed = match by_deadline(call, self.pipeline(server, requests, false)).await {
                Ok(results) => break results,
                Err(failed) => failed,
            };
            if in_transaction {
                return Err(self.failed_in_transaction(failed, &work));
            }
            if sent_again || !failed.again(&work) {
                return Err(in_autocommit(failed, &work));
            }
            sent_again = true;
        };
        match results.into_iter().next().and_then(|result| result.kind) {
            Some(StreamResultKind::Ok(Response { kind: Some(kind) })) => Ok(kind),
            Some(StreamResultKind::Error(error)) => Err(match sql_error::read(error, sql) {
                Refused::Error(error) | Refused::Parameters(error) => error,
                Refused::RolledBack(reason) => Error::TransactionLost { reason },
            }),
            _ => Err(nonsense("an empty result".to_owned())),
        }
    }

    /// One pipeline: the statements, then the question whether a transaction is open.
    async fn ask(
        &mut self,
        server: &Server,
        work: &Work<'_>,
        call: &Call,
        in_transaction: bool,
    ) -> Result<Ran, Failed> {
        let mut requests = work.requests(&mut self.texts, in_transaction);
        let main = requests.len() - 1;
        // A batch's results have no replication index, those of a statement have.
        let probe = work.batch || work.ends_transaction();
        if probe {
            requests.push(probe_request());
        }
        requests.push(RequestKind::GetAutocommit(Empty {}).into());
        let results = by_deadline(
            call,
            self.pipeline(server, requests, work.ends_transaction()),
        )
        .await?;
        let ran = read(results.into_iter().skip(main), work, probe).map_err(answer::nonsense)?;
        match ran {
            // The server has rolled a transaction back, and run nothing of this.
            Ran {
                failed: Some((step, Stopped::RolledBack(reason))),
                ..
            } if step == 0 || in_transaction => Err(Failed::StreamGone(reason)),
            ran => Ok(ran),
        }
    }
}

fn probe_request() -> Request {
    RequestKind::Execute(Execute {
        stmt: Stmt {
            sql: Some("SELECT 1".to_owned()),
            want_rows: Some(false),
            ..Stmt::default()
        },
    })
    .into()
}

/// Makes sense of a pipeline's results.
fn read(
    mut results: impl Iterator<Item = StreamResult>,
    work: &Work<'_>,
    probe: bool,
) -> Result<Ran, String> {
    let mut next = || results.next().and_then(|result| result.kind);
    let main = next();
    let replication_index = match probe.then(&mut next).flatten() {
        Some(StreamResultKind::Ok(Response {
            kind: Some(ResponseKind::Execute(probed)),
        })) => probed.result.replication_index,
        _ => None,
    };
    let autocommit = match next() {
        Some(StreamResultKind::Ok(Response {
            kind: Some(ResponseKind::GetAutocommit(answer)),
        })) => answer.is_autocommit,
        other => return Err(format!("no autocommit state but {other:?}")),
    };
    let mut ran = Ran {
        results: Vec::new(),
        failed: None,
        autocommit,
        replication_index,
    };
    let (step, error) = match main {
        Some(StreamResultKind::Ok(Response { kind })) => match kind {
            Some(ResponseKind::Execute(answer)) => {
                ran.replication_index = answer.result.replication_index;
                ran.results.push(Some(answer.result));
                return Ok(ran);
            }
            Some(ResponseKind::Batch(answer)) => match steps(answer.result, work, &mut ran) {
                Some(error) => error,
                None => return Ok(ran),
            },
            other => return Err(format!("no result of a statement but {other:?}")),
        },
        Some(StreamResultKind::Error(error)) => (0, error),
        None => return Err("an empty result".to_owned()),
    };
    let stopped = match sql_error::read(error, work.sql(step)) {
        Refused::Error(error) => Stopped::Error(error),
        Refused::Parameters(error) => Stopped::Parameters(error),
        Refused::RolledBack(reason) => Stopped::RolledBack(reason),
    };
    ran.failed = Some((step, stopped));
    Ok(ran)
}

/// Takes a batch's results over; answers its first error.
fn steps(result: BatchResult, work: &Work<'_>, ran: &mut Ran) -> Option<(usize, ServerError)> {
    let BatchResult {
        mut step_results,
        step_errors,
    } = result;
    let count = u32::try_from(work.len()).unwrap_or(u32::MAX);
    ran.results = (0..count).map(|step| step_results.remove(&step)).collect();
    step_errors
        .into_iter()
        .min_by_key(|(step, _)| *step)
        .map(|(step, error)| (step as usize, error))
}

pub(super) fn in_autocommit(failed: Failed, work: &Work<'_>) -> Error {
    let reads = work.kind() == Kind::Read;
    match failed {
        Failed::NotRun(error) => about(error, work),
        Failed::Refused(error) | Failed::Cut(error) if !reads => about(unknown(error), work),
        Failed::Refused(error) | Failed::Cut(error) => about(error, work),
        Failed::StreamGone(reason) => about(
            Failure::Server.error(format!("the server closes each stream at once: {reason}")),
            work,
        ),
        Failed::Late => late(work, !reads),
    }
}

fn late(work: &Work<'_>, unknown_outcome: bool) -> Error {
    let error = Failure::Timeout.error("the server did not answer within the deadline");
    about(
        if unknown_outcome {
            unknown(error)
        } else {
            error
        },
        work,
    )
}

fn unknown(error: Error) -> Error {
    match error {
        Error::Remote {
            failure,
            message,
            statement,
        } => Error::Remote {
            failure,
            message: format!("{message}; whether the statement was run is unknown"),
            statement,
        },
        error => error,
    }
}

fn unknown_end(error: &Error, work: &Work<'_>) -> Error {
    about(
        Failure::CommitUnknown.error(format!(
            "whether the transaction was committed is unknown: {error}"
        )),
        work,
    )
}

/// The error with the SQL that it is about.
fn about(error: Error, work: &Work<'_>) -> Error {
    match error {
        Error::Remote {
            failure, message, ..
        } => Error::Remote {
            failure,
            message,
            statement: Some(work.sql(0).to_owned()),
        },
        error => error,
    }
}

/// The error of an answer that makes no sense.
pub(super) fn nonsense(reason: String) -> Error {
    Failure::Protocol.error(format!("the server's answer makes no sense: {reason}"))
}

/// Waits until a deadline; `None`: it passed.
pub(super) async fn until<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => timeout_at(deadline.into(), future).await.ok(),
    }
}
