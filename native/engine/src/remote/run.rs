//! What a call may send, send again, and make of a request without an answer.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout_at;

use super::answer::Failed;
use super::ask::Ran;
use super::failure::Failure;
use super::outcome::{about, in_autocommit, late, unknown_end, unparsed};
use super::server::Server;
use super::stream::{Stream, Transaction};
use super::work::Work;
use crate::error::{Error, Result};
use crate::keyword::Kind;
use crate::local::Call;

/// Waits for the server's answer until the call's deadline. Where the server is known not to
/// answer, nothing is sent.
pub(super) async fn by_deadline<T>(
    server: &Server,
    call: &Call,
    answer: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    match call.deadline {
        None => server.guarded(answer).await,
        Some(deadline) if deadline <= Instant::now() => Err(Failed::NotRun(
            Failure::Timeout.error("the deadline passed before the server was asked"),
        )),
        Some(deadline) => {
            let by_then = timeout_at(deadline.into(), answer);
            server
                .guarded(async { by_then.await.unwrap_or(Err(Failed::Late)) })
                .await
        }
    }
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

impl Failed {
    /// Whether the request may be sent once more, outside of a transaction: it was not run, or
    /// to run it twice does no harm.
    pub(super) fn again(&self, work: &Work<'_>) -> bool {
        match self {
            Failed::StreamGone(_) => true,
            Failed::Cut(_) => work.kind() == Kind::Read,
            Failed::NotRun(_) | Failed::Unparsed(_) | Failed::Refused(_) | Failed::Late => false,
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
        server: &Arc<Server>,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<Ran> {
        match self.transaction().clone() {
            Transaction::None => self.run_in_autocommit(server, work, call).await,
            Transaction::Open { .. } => self.run_in_transaction(server, work, call).await,
            Transaction::Lost(reason) => {
                // There is nothing left to be rolled back.
                if matches!(work.kind(), Kind::Commit | Kind::Rollback) {
                    self.set_transaction(Transaction::None);
                }
                Err(Error::TransactionLost { reason })
            }
        }
    }

    async fn run_in_autocommit(
        &mut self,
        server: &Arc<Server>,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<Ran> {
        let mut sent_again = false;
        loop {
            self.forget_stale();
            let failed = match self.ask(server, work, call, false).await {
                Ok(ran) => {
                    if !ran.autocommit {
                        self.set_transaction(work.opens());
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
        server: &Arc<Server>,
        work: &Work<'_>,
        call: &Call,
    ) -> Result<Ran> {
        let ends = self.ends(work);
        let ran = match self.ask(server, work, call, true).await {
            Ok(ran) => ran,
            Err(failed) => return Err(self.failed_in_transaction(server, failed, work, ends)),
        };
        if !ran.autocommit {
            return Ok(ran);
        }
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

    /// Whether a transaction that is open may be over once these statements have run.
    pub(super) fn ends(&self, work: &Work<'_>) -> bool {
        match work.kind() {
            Kind::Commit | Kind::Rollback => true,
            Kind::Release => matches!(
                self.transaction(),
                Transaction::Open {
                    by_savepoint: true,
                    ..
                }
            ),
            _ => false,
        }
    }

    /// Notes what a request without an answer means for the transaction that was open, and that
    /// the request could have ended or not.
    pub(super) fn failed_in_transaction(
        &mut self,
        server: &Arc<Server>,
        failed: Failed,
        work: &Work<'_>,
        ends: bool,
    ) -> Error {
        if work.kind() == Kind::Rollback {
            // Without its stream, the server rolls it back.
            self.leave(server);
            self.set_transaction(Transaction::None);
            return match failed {
                Failed::StreamGone(reason) => Error::TransactionLost { reason },
                failed => in_autocommit(failed, work),
            };
        }
        let error = match failed {
            Failed::NotRun(error) => return about(error, work),
            Failed::Refused(error) | Failed::Cut(error) if ends => {
                return unknown_end(&error, work);
            }
            Failed::Late if ends => return unknown_end(&late(work), work),
            Failed::StreamGone(reason) => Error::TransactionLost { reason },
            Failed::Cut(error) => Error::TransactionLost {
                reason: error.to_string(),
            },
            Failed::Unparsed(error) => unparsed(error, work),
            Failed::Refused(error) => about(error, work),
            Failed::Late => late(work),
        };
        let reason = match &error {
            Error::TransactionLost { reason } => reason.clone(),
            error => error.to_string(),
        };
        self.set_transaction(match ends {
            true => Transaction::None,
            false => Transaction::Lost(reason),
        });
        error
    }
}
