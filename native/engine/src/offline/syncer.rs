//! A copy's handle: opening, and one sync at a time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, MutexGuard};
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use super::bootstrap::{self, blocking};
use super::door::{Door, GateDoor};
use super::event::{Event, Listener};
use super::file_lock::FileLock;
use super::files::Files;
use super::interval;
use super::local::Local;
use super::options::OfflineOptions;
use super::rounds::Synced;
use super::service::Service;
use super::shared;
use crate::Id;
use crate::error::{Error, Result};
use crate::local::{Call, Connection, TransactionState};
use crate::registry::Registry;
use crate::remote::{Failure, spawn};
use crate::session::Owner;

/// What moves frames between a copy and its server.
///
/// It lives as long as somebody has it. Connections to the copy are opened with
/// [`OpenOptions::offline`](crate::local::OpenOptions), which keeps it.
pub struct Syncer {
    // The connections before the lock: fields are dropped in this order.
    pub(super) local: Mutex<Local>,
    pub(super) door: Box<dyn Door>,
    pub(super) service: Service,
    pub(super) figures: Figures,
    files: Files,
    uri: String,
    turn: Turn<()>,
    generation: AtomicU32,
    durable: AtomicU32,
    unsettled: AtomicBool,
    listener: Option<Listener>,
    _lock: FileLock,
}

impl std::fmt::Debug for Syncer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syncer")
            .field("path", &self.files.database)
            .finish_non_exhaustive()
    }
}

/// Lets go of a copy where files must not be waited for: the last one closes them.
pub fn let_go(syncer: Arc<Syncer>) {
    let closing = spawn(async move {
        drop(spawn_blocking(move || drop(syncer)));
    });
    if let Err(error) = closing {
        tracing::error!(%error, "a copy was closed on a thread of the network's or the caller's");
    }
}

/// A copy's figures. Those that count do so since it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineStatus {
    pub generation: u32,
    /// The generation's last frame that both sides have.
    pub frame_no: u32,
    /// Frames that were not pushed yet.
    pub pending: u32,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// When a sync, a push or a pull last succeeded.
    pub last_sync: Option<SystemTime>,
    /// The last failure's code and message, until one succeeds.
    pub last_error: Option<(&'static str, String)>,
}

#[derive(Debug, Default)]
pub(super) struct Figures {
    sent: AtomicU64,
    received: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug, Clone, Default)]
struct Last {
    success: Option<SystemTime>,
    failure: Option<(&'static str, String)>,
}

impl Figures {
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    fn note<T>(&self, done: &Result<T>) {
        let mut last = self.last.lock();
        match done {
            Ok(_) => {
                *last = Last {
                    success: Some(SystemTime::now()),
                    failure: None,
                }
            }
            Err(error) => last.failure = Some((error.code(), error.to_string())),
        }
    }
}

impl Syncer {
    /// Opens a copy, or joins the one that has the file open in this process. Where there is none,
    /// it is fetched from the server: its file, and all frames. One that is there is opened
    /// without asking the server.
    ///
    /// # Failure
    /// `sync_state`: there is another database, or the copy's files are damaged. `busy`: another
    /// process has it. `invalid_argument`: it is open here for another server. Those of the network,
    /// and `timeout`, where it is to be fetched.
    pub async fn open<O: Owner>(
        options: OfflineOptions,
        registry: &Registry<O>,
        owner: O,
        call: &Call,
    ) -> Result<Arc<Syncer>> {
        let service = Service::new(&options)?;
        let uri = options.server.uri.clone();
        let token = options.server.auth_token.clone();
        let path = options.path.clone();
        let files = blocking(move || Files::of(&path)).await?;
        let slot = shared::slot(&files.database);
        let mut opened = within(call, slot.lock()).await?;
        if let Some(syncer) = opened.upgrade() {
            syncer.join(&uri, token)?;
            return Ok(syncer);
        }
        let finding = files.clone();
        let (lock, found) = blocking(move || {
            let lock = FileLock::take(&finding)?;
            let found = bootstrap::find(&finding)?;
            Ok((lock, found))
        })
        .await?;
        let fetched = found.is_none();
        if fetched {
            bootstrap::fetch(&files, &service, call).await?;
        }
        let opening = files.clone();
        let local = blocking(move || {
            let position = match found {
                Some(position) => Some(position),
                None => bootstrap::find(&opening)?,
            };
            let position = position.ok_or(Error::ConnectionClosed)?;
            Local::open(&opening, position)
        })
        .await?;
        let gate = registry.gates().gate_of(local.worker(), "");
        let gate = gate.ok_or_else(|| {
            Error::InvalidArgument(format!("{} cannot be written", files.database.display()))
        })?;
        let syncer = Arc::new(Syncer {
            door: Box::new(GateDoor {
                gate,
                id: Id::new_v4(),
                owner,
            }),
            service,
            figures: Figures::default(),
            files,
            uri,
            turn: Turn::new(()),
            generation: AtomicU32::new(0),
            durable: AtomicU32::new(0),
            unsettled: AtomicBool::new(false),
            local: Mutex::new(local),
            listener: options.listener,
            _lock: lock,
        });
        syncer.note(&syncer.local.lock());
        // The log may have been replaced while nobody looked.
        syncer.pending(call).await?;
        if fetched {
            syncer.pull(call).await?;
        }
        *opened = Arc::downgrade(&syncer);
        if let Some(interval) = options.interval {
            interval::start(&syncer, interval);
        }
        Ok(syncer)
    }

    fn join(&self, uri: &str, token: Option<String>) -> Result<()> {
        if uri != self.uri {
            return Err(Error::InvalidArgument(format!(
                "{} is open as the copy of a database at another server",
                self.files.database.display()
            )));
        }
        match token {
            Some(token) => self.set_token(Some(token)),
            None => Ok(()),
        }
    }

    /// As [`set_token`](Syncer::set_token), of the copy that is open at a path. Where none is, there
    /// is nothing to do.
    pub fn set_token_of(path: &Path, token: Option<String>) -> Result<()> {
        match shared::find(&Files::of(path)?.database) {
            Some(syncer) => {
                let set = syncer.set_token(token);
                let_go(syncer);
                set
            }
            None => Ok(()),
        }
    }

    pub fn path(&self) -> &Path {
        &self.files.database
    }

    /// The token for the requests from now on; `None`: without one.
    ///
    /// # Failure
    /// The token holds characters that an HTTP header cannot.
    pub fn set_token(&self, token: Option<String>) -> Result<()> {
        self.service.set_token(token)
    }

    /// Pushes what is pending; where nothing is, pulls.
    ///
    /// # Failure
    /// `sync_conflict`: both sides have changes. `sync_state`: the log is another one. `busy`: other
    /// writers had the file until the deadline. `timeout` and those of the network.
    pub async fn sync(self: &Arc<Self>, call: &Call) -> Result<Synced> {
        self.round(call, async |syncer, call| {
            let call = &call;
            match syncer.pending(call).await? {
                0 => syncer.pull_in_turn(call).await,
                _ => syncer.push_in_turn(call).await,
            }
        })
        .await
    }

    /// Sends what was written here.
    ///
    /// # Failure
    /// As [`sync`](Syncer::sync).
    pub async fn push(self: &Arc<Self>, call: &Call) -> Result<Synced> {
        self.round(call, async |syncer, call| syncer.push_in_turn(&call).await)
            .await
    }

    /// Fetches what others pushed.
    ///
    /// # Failure
    /// As [`sync`](Syncer::sync).
    pub async fn pull(self: &Arc<Self>, call: &Call) -> Result<Synced> {
        self.round(call, async |syncer, call| syncer.pull_in_turn(&call).await)
            .await
    }

    async fn round<F>(
        self: &Arc<Self>,
        call: &Call,
        work: impl FnOnce(Arc<Syncer>, Call) -> F,
    ) -> Result<Synced>
    where
        F: Future<Output = Result<Synced>>,
    {
        let _turn = self.turn(call).await?;
        let began = Instant::now();
        let done = work(Arc::clone(self), *call).await;
        self.figures.note(&done);
        if let Some(listener) = &self.listener {
            listener(&match &done {
                Ok(synced) => Event::Synced {
                    frame_no: synced.frame_no,
                    pushed: synced.pushed,
                    pulled: synced.pulled,
                    duration: began.elapsed(),
                },
                Err(error) => Event::Failed {
                    code: error.code(),
                    message: error.to_string(),
                },
            });
        }
        done
    }

    async fn turn(&self, call: &Call) -> Result<MutexGuard<'_, ()>> {
        within(call, self.turn.lock()).await
    }

    /// The figures, with a look at the log, for which it passes the write gate.
    ///
    /// # Failure
    /// `sync_state`, `busy`.
    pub async fn status(self: &Arc<Self>, call: &Call) -> Result<OfflineStatus> {
        let pending = self.pending(call).await?;
        let (generation, frame_no) = self.stands_at();
        let last = self.figures.last.lock().clone();
        Ok(OfflineStatus {
            generation,
            frame_no,
            pending,
            bytes_sent: self.figures.sent.load(Relaxed),
            bytes_received: self.figures.received.load(Relaxed),
            last_sync: last.success,
            last_error: last.failure,
        })
    }

    pub(super) async fn pending(self: &Arc<Self>, call: &Call) -> Result<u32> {
        self.at_the_gate(call, |local, call| {
            let count = local.count(call.deadline)?;
            Ok(local.position.pending(count))
        })
        .await
    }

    /// The generation, and its last frame that both sides have.
    pub(super) fn stands_at(&self) -> (u32, u32) {
        (self.generation.load(Acquire), self.durable.load(Acquire))
    }

    pub(super) fn note(&self, local: &Local) {
        let position = &local.position;
        self.generation.store(position.generation(), Release);
        self.durable.store(position.durable(), Release);
        self.unsettled.store(position.is_unsettled(), Release);
    }

    /// After a connection's call that may have written: the log that its frames are in is noted
    /// before anybody relies on them, so that another program's is never taken for it.
    pub(crate) fn written(&self, connection: &mut Connection) {
        if !self.unsettled.load(Acquire)
            || connection.pages_written() == 0
            || connection.transaction_state() != TransactionState::None
        {
            return;
        }
        // Somebody else may be writing: the next call looks again.
        let Ok(count) = connection.wal_frame_count(&Call::default()) else {
            return;
        };
        let mut local = self.local.lock();
        if let Err(error) = local.settle(count) {
            tracing::warn!(%error, path = %self.files.database.display(), "the log was not noted");
        }
        self.note(&local);
    }
}

async fn within<T>(call: &Call, future: impl Future<Output = T>) -> Result<T> {
    let Some(deadline) = call.deadline else {
        return Ok(future.await);
    };
    timeout_at(Instant::into(deadline), future)
        .await
        .map_err(|_| Failure::Timeout.error("another sync of the copy ran until the deadline"))
}
