//! Rounds, one at a time: who asks while one runs shares the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout_at};
use uuid::Uuid;

use super::copy::Copy;
use super::primary::Primary;
use super::pull::Pull;
use super::shared::Shared;
use super::status::{Event, Synced};
use super::worker::Worker;
use crate::error::{Error, Result};
use crate::local::Call;
use crate::remote::{Failure, spawn};

/// Between two rounds, where somebody waits for a frame.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// After a failure, syncs of the replica's own are further and further apart.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// The last round's number and what it came to.
type Last = Option<(u64, Result<Synced>)>;

/// What a replica's rounds work on.
#[derive(Debug)]
pub(super) struct Rounds {
    pub shared: Arc<Shared>,
    pub primary: Primary,
    pub worker: Worker,
    turn: Arc<FairMutex<Last>>,
    running: Mutex<Option<AbortHandle>>,
}

impl Rounds {
    pub(super) fn new(shared: Arc<Shared>, primary: Primary, worker: Worker) -> Rounds {
        Rounds {
            shared,
            primary,
            worker,
            turn: Arc::default(),
            running: Mutex::default(),
        }
    }

    /// A round that begins after this was called: one's own, or another caller's.
    pub(super) async fn sync(self: &Arc<Self>, call: Call) -> Result<Synced> {
        let begun = self.shared.begun();
        let mut last = by_deadline(call, Arc::clone(&self.turn).lock_owned()).await?;
        match last.take_if(|(number, _)| *number > begun) {
            Some((number, ended)) => {
                *last = Some((number, ended.clone()));
                ended
            }
            None => by_deadline(call, self.begin(last)?).await?,
        }
    }

    /// Begins a round, which goes on without its caller.
    fn begin(
        self: &Arc<Self>,
        mut last: OwnedMutexGuard<Last>,
    ) -> Result<impl Future<Output = Result<Synced>> + use<>> {
        self.shared.check_frozen()?;
        let (tell, told) = oneshot::channel();
        let rounds = Arc::clone(self);
        let running = spawn(async move {
            let ended = rounds.run(&mut last).await;
            // Whoever waits for the turn finds the round done.
            drop(last);
            let _ = tell.send(ended);
        })?;
        *self.running.lock() = Some(running);
        Ok(async move { told.await.map_err(|_| closed())? })
    }

    async fn run(&self, last: &mut Last) -> Result<Synced> {
        let began = Instant::now();
        let number = self.shared.round_begins();
        let before = self.shared.status();
        let pull = Pull {
            shared: &self.shared,
            primary: &self.primary,
            worker: &self.worker,
        };
        let ended = pull.round().await;
        let after = self.shared.status();
        self.shared.round_ended(number, &ended);
        if after.frames > before.frames
            && let Some(frame_no) = after.frame_no
        {
            self.shared.tell(&Event::Synced {
                frame_no,
                frames: after.frames - before.frames,
                bytes: after.bytes - before.bytes,
                duration: began.elapsed(),
            });
        }
        *last = Some((number, ended.clone()));
        ended
    }

    /// Rounds until `enough`, which is asked before each.
    pub(super) async fn until(
        self: &Arc<Self>,
        enough: impl Fn(&Shared) -> bool,
        awaited: &str,
        call: Call,
    ) -> Result<()> {
        let mut pause = SHORTEST_PAUSE;
        let mut last_error = None;
        loop {
            if enough(&self.shared) {
                return Ok(());
            }
            match self.sync(call).await {
                Ok(_) => {}
                Err(error) if passes(&error) => last_error = Some(error),
                Err(error) => return Err(error),
            }
            if enough(&self.shared) {
                return Ok(());
            }
            let waited = by_deadline(call, sleep(pause)).await;
            if waited.is_err() {
                return Err(not_come(awaited, self.shared.frame(), last_error));
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Does something with the files while no round runs.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        call: Call,
        job: impl FnOnce(&mut Copy) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _turn = by_deadline(call, self.turn.lock()).await?;
        self.shared.check_frozen()?;
        self.worker.run(job).await
    }

    /// Syncs at an interval until the replica is dropped.
    pub(super) async fn at_intervals(self: Arc<Self>, interval: Duration) {
        let mut retry = FIRST_RETRY.min(interval);
        let mut pause = interval;
        loop {
            sleep(pause).await;
            if self.shared.is_frozen() {
                return;
            }
            pause = match self.sync(Call::default()).await {
                Ok(_) => {
                    retry = FIRST_RETRY.min(interval);
                    interval
                }
                Err(_) => {
                    let pause = with_jitter(retry);
                    retry = (retry * 2).min(LAST_RETRY.max(interval));
                    pause
                }
            };
        }
    }

    /// The last handle is gone: a round that runs is given up.
    pub(super) fn stop(&self) {
        if let Some(running) = self.running.lock().take() {
            running.abort();
        }
        self.shared.round_dropped();
    }
}

/// Whether an error may be over by the next round.
pub(super) fn passes(error: &Error) -> bool {
    match error {
        Error::Remote { failure, .. } => matches!(
            failure,
            Failure::CircuitOpen
                | Failure::ConnectionRefused
                | Failure::HostNotFound
                | Failure::Tls
                | Failure::ConnectionLost
                | Failure::Timeout
                | Failure::Overloaded
                | Failure::Server
                | Failure::Protocol
        ),
        _ => false,
    }
}

/// Half of it to all of it, so that replicas do not come back at the same moment.
fn with_jitter(pause: Duration) -> Duration {
    let [random, ..] = Uuid::new_v4().into_bytes();
    pause.mul_f64(0.5 + f64::from(random) / 512.0)
}

pub(super) async fn by_deadline<T>(call: Call, future: impl Future<Output = T>) -> Result<T> {
    match call.deadline {
        None => Ok(future.await),
        Some(deadline) => timeout_at(deadline.into(), future).await.map_err(|_| {
            Failure::Timeout.error("the replica was not brought up to date within the deadline")
        }),
    }
}

fn not_come(awaited: &str, frame: Option<u64>, last_error: Option<Error>) -> Error {
    let at = frame.map_or("nothing".to_owned(), |frame| format!("frame {frame}"));
    let why = last_error.map_or(String::new(), |error| {
        format!("; the last sync failed: {error}")
    });
    Failure::Timeout.error(format!(
        "{awaited} has not come within the deadline: the replica is at {at}{why}"
    ))
}

fn closed() -> Error {
    Failure::ConnectionLost.error("the replica was closed")
}
