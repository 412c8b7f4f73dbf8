//! Fetching what others pushed.

use std::sync::Arc;

use super::bootstrap::blocking;
use super::conflict::conflict;
use super::door::Inside;
use super::frames::{self, FRAME};
use super::local::{Inserted, Local};
use super::rounds::Synced;
use super::service::Answer;
use super::syncer::Syncer;
use super::trouble::Trouble;
use crate::error::Result;
use crate::local::Call;

impl Syncer {
    /// In this process, one at a time: the caller has the turn.
    pub(super) async fn pull_in_turn(self: &Arc<Self>, call: &Call) -> Result<Synced> {
        let mut pulled = 0;
        // Frames of a transaction that is not complete yet.
        let mut rest = Vec::new();
        loop {
            let (generation, durable) = self.stands_at();
            let held = u32::try_from(rest.len() / FRAME).unwrap_or(u32::MAX);
            let first = durable + held + 1;
            match self.service.pull(generation, first, call).await? {
                Answer::Frames(received) => {
                    self.figures.received(received.len());
                    rest.extend_from_slice(&received);
                    let whole = frames::committed(&rest) * FRAME;
                    if whole > 0 {
                        let left = rest.split_off(whole);
                        let transactions = std::mem::replace(&mut rest, left);
                        pulled += self.insert(durable + 1, transactions, call).await?;
                    }
                }
                Answer::End { generation: now } if now == generation => break,
                Answer::End { generation: now } if now < generation => {
                    return Err(Trouble::Conflict.error(format!(
                        "the server is in generation {now}, and the copy in {generation}: the \
                         server's database is an older one, or another"
                    )));
                }
                Answer::End { .. } => {
                    rest.clear();
                    self.next_generation(call).await?;
                }
            }
        }
        let (_, frame_no) = self.stands_at();
        Ok(Synced {
            frame_no,
            pulled,
            pushed: 0,
        })
    }

    async fn insert(self: &Arc<Self>, first: u32, received: Vec<u8>, call: &Call) -> Result<u32> {
        let inserted = self
            .at_the_gate(call, move |local, call| {
                local.insert(first, &received, call.deadline)
            })
            .await?;
        match inserted {
            Inserted::All(new) => Ok(new),
            Inserted::Differs(number) => {
                let found = format!("the server has another frame {number}");
                Err(self.conflict(&found, call).await)
            }
        }
    }

    async fn next_generation(self: &Arc<Self>, call: &Call) -> Result<()> {
        self.at_the_gate(call, |local, call| local.next_generation(call.deadline))
            .await
    }

    /// What the copy has, against what was `found` at the server.
    pub(super) async fn conflict(self: &Arc<Self>, found: &str, call: &Call) -> crate::Error {
        let (generation, durable) = self.stands_at();
        match self.pending(call).await {
            Ok(pending) => conflict(generation, durable, pending, found),
            Err(error) => error,
        }
    }

    /// Works with the log while nobody else of this process writes.
    pub(super) async fn at_the_gate<T: Send + 'static>(
        self: &Arc<Self>,
        call: &Call,
        work: impl FnOnce(&mut Local, &Call) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let syncer = Arc::clone(self);
        let call = *call;
        blocking(move || {
            let _inside = Inside::enter(syncer.door.as_ref(), call.deadline)?;
            let mut local = syncer.local.lock();
            let worked = work(&mut local, &call);
            syncer.note(&local);
            worked
        })
        .await
    }
}
