//! Asking a server whether it is there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::HeaderMap;
use prost::Message;
use tokio::time::timeout;

use super::verdict::{Verdict, verdict};
use crate::remote::answer::{self, Failed};
use crate::remote::http::Http;
use crate::remote::protocol::{Empty, Execute, PipelineRequest, RequestKind, Stmt};

/// As long as the pause before it, within these bounds.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);

/// A request that reads nothing, on a stream of its own, with the headers of a connection. A server
/// that refuses its token is there.
#[derive(Debug)]
pub(in crate::remote) struct Probe {
    pub http: Arc<Http>,
    pub uri: Uri,
    pub headers: HeaderMap,
}

impl Probe {
    /// Why the server is not there.
    pub(super) async fn ask(&self, patience: Duration) -> Result<(), String> {
        let patience = patience.clamp(SHORTEST, LONGEST);
        let answer = timeout(patience, self.answer()).await;
        match verdict(&answer.unwrap_or(Err(Failed::Late))) {
            Verdict::Failed(_, reason) => Err(reason),
            Verdict::Answered | Verdict::Neither => Ok(()),
        }
    }

    async fn answer(&self) -> Result<Bytes, Failed> {
        let request = self.http.post(&self.uri, self.headers.clone(), body());
        let response = request.await.map_err(answer::broken)?;
        answer::read(answer::success(response).await?).await
    }
}

fn body() -> Bytes {
    let select = Execute {
        stmt: Stmt {
            sql: Some("SELECT 1".to_owned()),
            ..Stmt::default()
        },
    };
    let message = PipelineRequest {
        baton: None,
        requests: vec![
            RequestKind::Execute(select).into(),
            RequestKind::Close(Empty {}).into(),
        ],
    };
    message.encode_to_vec().into()
}
