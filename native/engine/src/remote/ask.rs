//! One pipeline of requests for a call, and what its results say.

use std::sync::Arc;

use super::answer::{self, Failed};
use super::protocol::{
    BatchResult, Empty, Execute, Request, RequestKind, Response, ResponseKind, ServerError, Stmt,
    StmtResult, StreamResult, StreamResultKind,
};
use super::run::by_deadline;
use super::server::Server;
use super::sql_error::{self, Refused};
use super::stream::Stream;
use super::work::Work;
use crate::local::Call;

/// What a call came to at the server.
#[derive(Debug)]
pub(super) struct Ran {
    /// Of each step that succeeded; empty where the server refused the list as a whole.
    pub results: Vec<Option<StmtResult>>,
    /// The first step that failed, where one did.
    pub failed: Option<(usize, Refused)>,
    pub autocommit: bool,
    pub replication_index: Option<u64>,
}

impl Ran {
    /// What a ROLLBACK came to for which nothing was left to do.
    pub(super) fn rolled_back() -> Ran {
        Ran {
            results: vec![Some(StmtResult::default())],
            failed: None,
            autocommit: true,
            replication_index: None,
        }
    }
}

impl Stream {
    /// The index of the first of these requests that is an error.
    pub(super) async fn first_refused(
        &mut self,
        server: &Arc<Server>,
        requests: Vec<Request>,
        call: &Call,
    ) -> Option<usize> {
        let results = by_deadline(server, call, self.pipeline(server, requests, false)).await;
        results
            .ok()?
            .iter()
            .position(|result| matches!(result.kind, Some(StreamResultKind::Error(_))))
    }

    /// One pipeline: the statements, then the question whether a transaction is open.
    pub(super) async fn ask(
        &mut self,
        server: &Arc<Server>,
        work: &Work<'_>,
        call: &Call,
        in_transaction: bool,
    ) -> Result<Ran, Failed> {
        let mut requests = work.requests(&mut self.texts, in_transaction);
        let main = requests.len() - 1;
        let ends = self.ends(work);
        // A batch's results have no replication index, those of a statement have.
        let probe = work.batch || ends;
        if probe {
            requests.push(probe_request());
        }
        requests.push(RequestKind::GetAutocommit(Empty {}).into());
        let results = by_deadline(server, call, self.pipeline(server, requests, ends)).await?;
        let ran = read(results.into_iter().skip(main), work, probe).map_err(answer::nonsense)?;
        self.note_replication_index(ran.replication_index);
        match ran {
            // The server has rolled a transaction back, and run nothing of this.
            Ran {
                failed: Some((step, Refused::RolledBack(reason))),
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
    ran.failed = Some((step, sql_error::read(error, work.sql(step))));
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
