//! Sending what was written here.

use std::sync::Arc;

use bytes::Bytes;

use super::bootstrap::blocking;
use super::frames::{self, FRAME};
use super::local::Local;
use super::rounds::Synced;
use super::service::{Answer, BATCH, Verdict};
use super::syncer::Syncer;
use crate::error::Result;
use crate::local::Call;

/// How often a push goes on from where the server turns out to be.
const ROUNDS: usize = 8;

/// How far a push has come.
struct Progress {
    generation: u32,
    /// The last frame that the server is thought to have.
    has: u32,
    /// The last frame that it is to get: a transaction's last.
    last: u32,
    /// Frames that it took, and frames of others that it had.
    sent: u32,
    pulled: u32,
}

impl Syncer {
    /// In this process, one at a time: the caller has the turn.
    pub(super) async fn push_in_turn(self: &Arc<Self>, call: &Call) -> Result<Synced> {
        let mut progress = self.progress(call).await?;
        for _ in 0..ROUNDS {
            let Some(verdict) = self.send(&mut progress, call).await? else {
                let (_, frame_no) = self.stands_at();
                return Ok(Synced {
                    frame_no,
                    pushed: progress.sent,
                    pulled: progress.pulled,
                });
            };
            if verdict.generation == progress.generation && verdict.max_frame < progress.has {
                self.go_back(&mut progress, verdict.max_frame, call).await?;
            } else if verdict.generation == progress.generation && verdict.max_frame > progress.has
            {
                self.catch_up(&mut progress, verdict.max_frame, call)
                    .await?;
            } else {
                // The generation may have ended.
                let before = self.stands_at();
                progress.pulled += self.pull_in_turn(call).await?.pulled;
                if self.stands_at() == before {
                    let found = format!(
                        "the server, at frame {} of generation {}, does not take them",
                        verdict.max_frame, verdict.generation
                    );
                    return Err(self.conflict(&found, call).await);
                }
                progress = Progress {
                    sent: progress.sent,
                    pulled: progress.pulled,
                    ..self.progress(call).await?
                };
            }
        }
        let found = "the server was never where it had said";
        Err(self.conflict(found, call).await)
    }

    async fn progress(self: &Arc<Self>, call: &Call) -> Result<Progress> {
        let pending = self.pending(call).await?;
        // What the server has, is never to be lost here.
        self.with_log(|local| local.sync_log()).await?;
        let (generation, durable) = self.stands_at();
        Ok(Progress {
            generation,
            has: durable,
            last: durable + pending,
            sent: 0,
            pulled: 0,
        })
    }

    /// Sends what the server lacks. `Some`: it is not where it was thought to be.
    async fn send(
        self: &Arc<Self>,
        progress: &mut Progress,
        call: &Call,
    ) -> Result<Option<Verdict>> {
        let mut baton = None;
        while progress.has < progress.last {
            let first = progress.has + 1;
            let batch = self.batch(first, progress.last).await?;
            let whole = frames::committed(&batch) * FRAME == batch.len();
            let bytes = batch.len();
            let count = u32::try_from(bytes / FRAME).unwrap_or(u32::MAX);
            let verdict = self
                .service
                .push(progress.generation, first, batch, baton.as_deref(), call)
                .await?;
            let end = progress.has + count;
            let expected = verdict.generation == progress.generation && verdict.max_frame == end;
            if verdict.conflict || !expected {
                return Ok(Some(verdict));
            }
            self.figures.sent(bytes);
            progress.sent += count;
            progress.has = end;
            baton = verdict.baton;
            // In the middle of a transaction, the server may still forget it.
            if whole {
                self.advance(end).await?;
            }
        }
        Ok(None)
    }

    /// Whole transactions, as many as go into a batch; or a part of one that is longer.
    async fn batch(self: &Arc<Self>, first: u32, last: u32) -> Result<Bytes> {
        self.with_log(move |local| {
            let mut batch = local.read(first, BATCH.min(last - first + 1))?;
            match frames::committed(&batch) {
                0 => {}
                whole => batch.truncate(whole * FRAME),
            }
            Ok(batch.into())
        })
        .await
    }

    async fn advance(self: &Arc<Self>, durable: u32) -> Result<()> {
        self.with_log(move |local| local.position.advance(durable))
            .await
    }

    /// The server has lost frames: it was restored. It gets them again, if the last one that it
    /// has is the copy's, too.
    async fn go_back(
        self: &Arc<Self>,
        progress: &mut Progress,
        to: u32,
        call: &Call,
    ) -> Result<()> {
        tracing::warn!(from = progress.has, to, "the server has lost frames");
        if to > 0 {
            self.compare(progress.generation, to, to, call).await?;
        }
        progress.has = to;
        Ok(())
    }

    /// The server has more than it was thought to: what an earlier push brought there, whose answer
    /// was lost; or what others wrote.
    async fn catch_up(
        self: &Arc<Self>,
        progress: &mut Progress,
        to: u32,
        call: &Call,
    ) -> Result<()> {
        let mine = to.min(progress.last);
        self.compare(progress.generation, progress.has + 1, mine, call)
            .await?;
        progress.has = mine;
        if mine == progress.last {
            self.advance(mine).await?;
        }
        if to > mine {
            progress.pulled += self.pull_in_turn(call).await?.pulled;
        }
        Ok(())
    }

    /// # Failure
    /// The server has other frames than the copy.
    async fn compare(
        self: &Arc<Self>,
        generation: u32,
        first: u32,
        last: u32,
        call: &Call,
    ) -> Result<()> {
        let mut next = first;
        while next <= last {
            let found = match self.service.pull(generation, next, call).await? {
                Answer::Frames(theirs) => theirs,
                Answer::End { .. } => {
                    let found = format!("the server says that it has frame {next}, and has not");
                    return Err(self.conflict(&found, call).await);
                }
            };
            let count = u32::try_from(found.len() / FRAME).unwrap_or(u32::MAX);
            let count = count.min(last - next + 1);
            let at = next;
            let differs = self
                .with_log(move |local| {
                    let mine = local.read(at, count)?;
                    let mut pairs = mine.chunks_exact(FRAME).zip(found.chunks_exact(FRAME));
                    Ok(pairs.position(|(mine, theirs)| !frames::same(mine, theirs)))
                })
                .await?;
            if let Some(differs) = differs {
                let found = format!("the server has another frame {}", next as usize + differs);
                return Err(self.conflict(&found, call).await);
            }
            next += count;
        }
        Ok(())
    }

    async fn with_log<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Local) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let syncer = Arc::clone(self);
        blocking(move || {
            let mut local = syncer.local.lock();
            let worked = work(&mut local);
            syncer.note(&local);
            worked
        })
        .await
    }
}
