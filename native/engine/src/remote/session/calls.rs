//! Calls under way, and how they are stopped: by dropping their future, which gives the stream up.

use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::task::Poll::{Pending, Ready};
use std::time::Instant;

use tokio::sync::oneshot::{Receiver, Sender, channel};

use super::request::{Answer, Request};
use super::{Owner, RemoteSession};
use crate::Id;
use crate::error::{Error, Result};
use crate::local::Call;
use crate::remote::outcome::commit_unknown;
use crate::remote::runtime::spawn;
use crate::session::Running;

/// Why a call is not awaited to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nobody wants the answer any more.
    Cancelled,
    Interrupted,
    Closed,
}

#[derive(Debug)]
pub(super) struct UnderWay<O> {
    pub running: Running<O>,
    stop: Sender<Stop>,
}

/// A call as its caller knows it.
#[derive(Debug)]
pub struct CallHandle<O> {
    session: Weak<RemoteSession<O>>,
    number: u64,
}

impl<O: Owner> CallHandle<O> {
    /// Whether the call was still under way: one that is cancelled then gets no answer.
    pub fn stop(&self, stop: Stop) -> bool {
        let session = self.session.upgrade();
        session.is_some_and(|session| session.stop_call(self.number, stop))
    }
}

impl<O: Owner> RemoteSession<O> {
    /// Makes a call on the network's threads. `answered` gets the answer there, unless the call is
    /// cancelled.
    ///
    /// # Failure
    /// The connection is closed, or the system has no threads for the network.
    pub fn call(
        self: &Arc<Self>,
        caller: O,
        request: Request,
        limits: Call,
        answered: impl FnOnce(Result<Answer>) + Send + 'static,
    ) -> Result<CallHandle<O>> {
        let (number, stopped) = self.begin_call(caller, request.prepared())?;
        let session = Arc::clone(self);
        let spawned = spawn(async move {
            let answer = session.answer(number, caller, request, limits, stopped);
            if let Some(answer) = answer.await {
                answered(answer);
            }
        });
        if let Err(error) = spawned {
            self.over(number);
            return Err(error);
        }
        Ok(CallHandle {
            session: Arc::downgrade(self),
            number,
        })
    }

    /// Runs a request until it is answered, or stopped. `None`: nobody wants to know.
    async fn answer(
        self: &Arc<Self>,
        number: u64,
        caller: O,
        request: Request,
        limits: Call,
        mut stopped: Receiver<Stop>,
    ) -> Option<Result<Answer>> {
        let ends = request.may_commit();
        let answered = first(self.perform(caller, request, &limits), &mut stopped).await;
        self.over(number);
        if answered.is_err() {
            self.end_unnoted_transaction();
        }
        if let Ok(Stop::Cancelled) = stopped.try_recv() {
            return None;
        }
        let error = match answered {
            Ok(answer) => return Some(answer),
            Err(Stop::Cancelled) => return None,
            Err(Stop::Interrupted) => Error::Interrupted { statement: None },
            Err(Stop::Closed) => Error::ConnectionClosed,
        };
        // Where it was not sent yet, the transaction is still open.
        Some(Err(match ends && self.connection.autocommit() {
            true => commit_unknown(&error),
            false => error,
        }))
    }

    fn begin_call(&self, caller: O, statement: Option<Id>) -> Result<(u64, Receiver<Stop>)> {
        if self.closed.load(SeqCst) {
            return Err(Error::ConnectionClosed);
        }
        let (stop, stopped) = channel();
        let running = Running {
            caller,
            statement,
            since: Instant::now(),
        };
        let mut held = self.held.lock();
        held.calls += 1;
        let number = held.calls;
        held.under_way.insert(number, UnderWay { running, stop });
        Ok((number, stopped))
    }

    fn over(&self, number: u64) {
        let mut held = self.held.lock();
        held.under_way.remove(&number);
        if self.connection.autocommit() {
            held.transaction = None;
        }
    }

    fn stop_call(&self, number: u64, stop: Stop) -> bool {
        let call = self.held.lock().under_way.remove(&number);
        call.is_some_and(|call| call.stop.send(stop).is_ok())
    }

    /// Stops what the connection runs.
    pub fn interrupt(&self) {
        self.stop_calls(None, Stop::Interrupted);
    }

    /// Stops what runs if it is this prepared statement.
    ///
    /// # Failure
    /// The connection has no such statement.
    pub fn interrupt_statement(&self, id: Id) -> Result<()> {
        self.statement(id)?;
        self.stop_calls(Some(id), Stop::Interrupted);
        Ok(())
    }

    /// All of them; with a statement, those that run it.
    pub(super) fn stop_calls(&self, only: Option<Id>, stop: Stop) {
        let meant = |call: &UnderWay<O>| only.is_none() || call.running.statement == only;
        let stopped = self
            .held
            .lock()
            .under_way
            .extract_if(|_, call| meant(call))
            .collect::<Vec<_>>();
        for (_, call) in stopped {
            // One that is just over needs no stop.
            let _ = call.stop.send(stop);
        }
    }
}

/// What comes first: the answer, or why it is not waited for.
async fn first<T>(
    answer: impl Future<Output = T>,
    stopped: &mut Receiver<Stop>,
) -> Result<T, Stop> {
    let mut answer = pin!(answer);
    std::future::poll_fn(|context| {
        if let Ready(stop) = pin!(&mut *stopped).poll(context) {
            return Ready(Err(stop.unwrap_or(Stop::Cancelled)));
        }
        match answer.as_mut().poll(context) {
            Ready(answer) => Ready(Ok(answer)),
            Pending => Pending,
        }
    })
    .await
}
