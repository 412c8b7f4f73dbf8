//! What happens to a connection when a process dies that has something of it, and when it is
//! closed. What is told to the server is told in the background.

use std::fmt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::calls::Stop;
use super::{Owner, RemoteSession};
use crate::local::Call;
use crate::remote::runtime::spawn;
use crate::session::OpenTransaction;

/// How long the server is given to hear that a connection is over. It finds out by itself after
/// ten seconds.
const CLOSING: Duration = Duration::from_secs(5);

/// Has a process's death told to the session. Answers false where it is dead already.
pub(super) struct Watch<O>(Box<dyn Fn(O) -> bool + Send + Sync>);

impl<O> fmt::Debug for Watch<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl<O: Owner> RemoteSession<O> {
    /// How processes that get something of the connection are watched from now on: `watch` sees to
    /// it that [`owner_down`](RemoteSession::owner_down) is called, and answers false where the
    /// process is dead already. The owner is the caller's to watch.
    pub fn watch_by(&self, watch: impl Fn(O) -> bool + Send + Sync + 'static) {
        // A second one would be the boundary's mistake; the first is the one that counts.
        let _ = self.watch.set(Watch(Box::new(watch)));
    }

    pub(super) fn watch(&self, process: O) {
        let Some(watch) = self.watch.get() else {
            return;
        };
        if process == self.owner || !self.held.lock().watched.insert(process) {
            return;
        }
        if !watch.0(process) {
            self.owner_down(process);
        }
    }

    /// Notes a process's death.
    pub fn owner_down(&self, process: O) {
        if process == self.owner {
            return self.close();
        }
        let mut held = self.held.lock();
        held.watched.remove(&process);
        held.items.retain(|_, item| item.owner != process);
        let in_transaction = held.transaction.is_some_and(|open| open.owner == process);
        drop(held);
        if in_transaction {
            self.end_transaction_if(move |noted| noted.is_some_and(|open| open.owner == process));
        }
    }

    /// After a call that was stopped: a transaction that it has begun, and nobody has noted, ends.
    pub(super) fn end_unnoted_transaction(&self) {
        if !self.connection.autocommit() {
            self.end_transaction_if(|noted| noted.is_none());
        }
    }

    /// In the background, when its turn has come.
    fn end_transaction_if(
        &self,
        condition: impl FnOnce(Option<OpenTransaction<O>>) -> bool + Send + 'static,
    ) {
        let Ok(session) = self.registry.session(self.id) else {
            return;
        };
        in_background(async move {
            let _turn = session.turn.lock().await;
            if !session.connection.autocommit() && condition(session.transaction()) {
                session.close_stream().await;
                session.held.lock().transaction = None;
            }
        });
    }

    async fn close_stream(&self) {
        self.connection
            .close(&Call::with_timeout(Some(CLOSING)))
            .await;
    }

    /// Stops what runs, and closes. Twice is fine.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        let Some(session) = self.registry.remove(self.id) else {
            return;
        };
        self.stop_calls(None, Stop::Closed);
        self.held.lock().items.clear();
        in_background(async move {
            let _turn = session.turn.lock().await;
            session.close_stream().await;
        });
    }
}

fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    // Without a runtime there was never a stream.
    let _ = spawn(work);
}
