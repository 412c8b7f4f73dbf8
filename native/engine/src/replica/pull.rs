//! One round: what the primary has and the copy has not.

use std::time::Duration;

use tokio::sync::mpsc::{self, Sender};
use tokio::time::sleep;

use super::copy::Course;
use super::frame::{Frame, empty_database};
use super::insert::{Moved, Piece};
use super::metadata::Position;
use super::primary::{Frames, Hello, Primary, Trouble};
use super::shared::Shared;
use super::status::{ResetReason, Synced};
use super::worker::Worker;
use crate::error::{Error, Result};
use crate::remote::Failure;

/// Handshakes in a round; each follows a restart of the primary.
const MOST_HANDSHAKES: usize = 5;
/// Frames on their way from the network's thread to the disk's: 2 MB.
const QUEUE: usize = 512;
/// How often a snapshot is asked for that the primary is making, and whether it is true that the
/// primary has gone back.
const TRIES: u32 = 25;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// What a round works with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pull<'r> {
    pub shared: &'r Shared,
    pub primary: &'r Primary,
    pub worker: &'r Worker,
}

impl Pull<'_> {
    /// Brings the copy to what the primary has when this begins, or later.
    pub(super) async fn round(self) -> Result<Synced> {
        if let Some(lost) = self.worker.run(|copy| copy.look_after()).await? {
            self.shared.reset_begins(lost);
        }
        let mut moved = Moved::default();
        for _ in 0..MOST_HANDSHAKES {
            let hello = self.hello().await?;
            match self.follow(hello, &mut moved).await {
                Ok(frame_no) => {
                    self.shared.is_whole();
                    return Ok(Synced {
                        frame_no,
                        frames_synced: moved.frames,
                    });
                }
                Err(Trouble::NoHello) => {}
                Err(trouble) => return Err(self.primary.error(trouble)),
            }
        }
        Err(self.primary.error(Trouble::NoHello))
    }

    async fn hello(self) -> Result<Hello> {
        let hello = self.primary.hello().await?;
        self.shared.primary_says(hello.log.to_string(), hello.frame);
        Ok(hello)
    }

    async fn follow(self, hello: Hello, moved: &mut Moved) -> Result<Option<u64>, Trouble> {
        let course = self
            .worker
            .run(move |copy| copy.course(hello.log, hello.frame))
            .await?;
        match course {
            Course::On(position) => self.catch_up(position, hello.frame, moved).await,
            Course::Ahead(position) => match self.has_gone_back(position).await? {
                true => self.anew(ResetReason::WentBack, hello, moved).await,
                false => Err(Trouble::NoHello),
            },
            Course::Anew(reason) => self.anew(reason, hello, moved).await,
        }
    }

    /// Whether the primary keeps saying that it has less: a server tells of a frame a moment after
    /// it can be had.
    async fn has_gone_back(self, position: Position) -> Result<bool> {
        for _ in 0..TRIES {
            sleep(BETWEEN_TRIES).await;
            let hello = self.hello().await?;
            if hello.log != position.log || hello.frame >= position.frame {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fetches what comes after a position, until the copy has the frame `target`.
    async fn catch_up(
        self,
        position: Position,
        target: Option<u64>,
        moved: &mut Moved,
    ) -> Result<Option<u64>, Trouble> {
        let mut frame = position.frame;
        while frame < target {
            let from = frame.map_or(0, |frame| frame + 1);
            frame = match self.primary.entries(from).await {
                Ok(frames) => self.take_in(frames, moved).await?,
                Err(Trouble::NeedSnapshot) => self.take_snapshot(position, from, moved).await?,
                Err(trouble) => return Err(trouble),
            };
            if frame < Some(from) {
                return Err(nothing_came(from).into());
            }
        }
        Ok(frame)
    }

    /// Inserts the frames of an answer. Transactions that came whole are in the copy also if the
    /// answer did not.
    async fn take_in(self, frames: Frames, moved: &mut Moved) -> Result<Option<u64>, Trouble> {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        let applied = self.worker.run(move |copy| {
            let mut moved = Moved::default();
            let applied = copy.apply(&mut || receiver.blocking_recv(), &mut moved);
            Ok((applied.map(|()| copy.frame()), moved))
        });
        let sent = send(frames, &sender, None).await;
        drop(sender);
        let (applied, came) = applied.await?;
        self.count(came, moved);
        // Where the disk failed, that is the reason why no more could be sent.
        let frame = applied?;
        sent?;
        Ok(frame)
    }

    /// Inserts a snapshot, in one transaction.
    async fn take_snapshot(
        self,
        position: Position,
        from: u64,
        moved: &mut Moved,
    ) -> Result<Option<u64>, Trouble> {
        let frames = self.snapshot(from).await?;
        self.whole(position, moved, async |sender| {
            send(frames, sender, None).await
        })
        .await
    }

    /// Fetches the log from its beginning, and inserts it in one transaction over what is there.
    async fn anew(
        self,
        reason: ResetReason,
        hello: Hello,
        moved: &mut Moved,
    ) -> Result<Option<u64>, Trouble> {
        self.shared.reset_begins(reason);
        // What was written up to here is in what the primary says now.
        let target = match self.hello().await? {
            again if again.log == hello.log => again.frame,
            _ => return Err(Trouble::NoHello),
        };
        let log = hello.log;
        let beginning = self.worker.run(move |copy| Ok(copy.beginning(log))).await?;
        self.whole(beginning, moved, async |sender| {
            let Some(target) = target else {
                let empty = Frame::of_page(0, 1, 1, &empty_database());
                let sent = sender.send(Piece::Frame(empty)).await;
                return Ok(sent.ok().and(None));
            };
            let mut last = None;
            while last < Some(target) {
                let from = last.map_or(0, |last| last + 1);
                let (frames, kept) = match self.primary.entries(from).await {
                    Ok(frames) => (frames, last),
                    Err(Trouble::NeedSnapshot) => (self.snapshot(from).await?, None),
                    Err(trouble) => return Err(trouble),
                };
                last = send(frames, sender, kept).await?;
                if last < Some(from) {
                    return Err(nothing_came(from).into());
                }
            }
            Ok(last)
        })
        .await
    }

    /// Inserts what `source` sends in one transaction, after which the copy is at the frame that
    /// it answers. Where it fails, nothing has happened.
    async fn whole(
        self,
        beginning: Position,
        moved: &mut Moved,
        source: impl AsyncFnOnce(&Sender<Piece>) -> Result<Option<u64>, Trouble>,
    ) -> Result<Option<u64>, Trouble> {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        let applied = self.worker.run(move |copy| {
            let mut moved = Moved::default();
            let applied = copy.apply_whole(beginning, &mut || receiver.blocking_recv(), &mut moved);
            Ok((applied.map(|()| copy.frame()), moved))
        });
        let sent = source(&sender).await;
        if let Ok(frame) = &sent {
            // A receiver that is gone has failed, and says so.
            let _ = sender.send(Piece::Done(*frame)).await;
        }
        drop(sender);
        let (applied, came) = applied.await?;
        self.count(came, moved);
        match (sent, applied) {
            (Err(trouble), _) => Err(trouble),
            (Ok(_), applied) => Ok(applied?),
        }
    }

    /// Asks for a snapshot until the primary has made it.
    async fn snapshot(self, from: u64) -> Result<Frames, Trouble> {
        for _ in 0..TRIES {
            match self.primary.snapshot(from).await {
                Err(Trouble::SnapshotPending) => sleep(BETWEEN_TRIES).await,
                answer => return answer,
            }
        }
        Err(Trouble::SnapshotPending)
    }

    fn count(self, came: Moved, moved: &mut Moved) {
        moved.frames += came.frames;
        moved.bytes += came.bytes;
        self.shared.moved(came.frames, came.bytes);
    }
}

/// Sends an answer's frames to the disk's thread. Answers the highest of their numbers, or
/// `last` where there are none. A receiver that is gone has failed, and says so itself.
async fn send(
    mut frames: Frames,
    sender: &Sender<Piece>,
    mut last: Option<u64>,
) -> Result<Option<u64>, Trouble> {
    while let Some(frame) = frames.next().await? {
        last = last.max(Some(frame.number));
        if sender.send(Piece::Frame(frame)).await.is_err() {
            break;
        }
    }
    Ok(last)
}

fn nothing_came(from: u64) -> Error {
    Failure::Protocol.error(format!(
        "the primary says that it has frame {from}, and does not send it"
    ))
}
