//! A server that does not answer is not asked for a while: a circuit breaker for each server and
//! database name, shared by all connections of the process.
//!
//! Failures in a row open it, and calls then fail at once with
//! [`Failure::CircuitOpen`](super::Failure::CircuitOpen). No call is sacrificed to find out
//! whether the server is back: after a pause the breaker asks by itself (`SELECT 1`, on a stream of
//! its own), and an answer closes it. It also asks before it opens where the failures do not tell
//! the server's absence from statements that are slow, or that the server fails over.

mod circuit;
mod known;
mod observer;
mod probe;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use self::circuit::{Circuit, Step};
use super::failure::Failure;
use super::runtime::spawn;
use crate::error::Result;

pub(super) use self::circuit::Certainty;
pub use self::circuit::{BreakerOptions, BreakerState};
pub use self::known::breakers;
pub(super) use self::known::{Key, of};
pub use self::observer::observe;
pub(super) use self::probe::Probe;
pub(super) use self::verdict::{Verdict, verdict};

/// A server's breaker.
#[derive(Debug)]
pub struct Breaker {
    key: Key,
    /// What a call looks at: whether calls are made, whether there are failures to be forgotten, and
    /// how often the breaker was opened or closed.
    word: AtomicU64,
    circuit: Mutex<Circuit>,
    opened: AtomicU64,
    refused: AtomicU64,
}

const CLOSED: u64 = 1;
const TROUBLED: u64 = 2;
const CHANGE: u64 = 4;

/// A breaker's state and figures.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerStatus {
    pub server: String,
    pub namespace: Option<String>,
    pub state: BreakerState,
    /// For how long it has been in this state.
    pub since: Duration,
    /// Calls without an answer, in a row.
    pub failures: u32,
    /// What the last of them said.
    pub reason: Option<String>,
    /// While it is open: when the server is asked next.
    pub retry_in: Option<Duration>,
    /// How often it was opened that was closed.
    pub opened: u64,
    /// How many calls it has refused.
    pub refused: u64,
}

/// A call that was let through. What came of an older one than the last change is not counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(u64);

impl Breaker {
    fn new(key: Key, options: BreakerOptions) -> Breaker {
        Breaker {
            key,
            word: AtomicU64::new(CLOSED),
            circuit: Mutex::new(Circuit::new(options, Instant::now())),
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub fn state(&self) -> BreakerState {
        self.circuit.lock().state()
    }

    pub fn status(&self) -> BreakerStatus {
        self.described(&self.circuit.lock())
    }

    /// Before a call.
    ///
    /// # Failure
    /// The call is not to be made.
    pub(super) fn admit(&self) -> Result<Ticket> {
        let word = self.word.load(Acquire);
        if word & CLOSED != 0 {
            return Ok(Ticket(word / CHANGE));
        }
        let circuit = self.circuit.lock();
        // It may have been closed in between.
        let word = self.word.load(Acquire);
        if word & CLOSED != 0 {
            return Ok(Ticket(word / CHANGE));
        }
        self.refused.fetch_add(1, Relaxed);
        Err(Failure::CircuitOpen.error(self.refusal(&circuit, Instant::now())))
    }

    /// After a call: what came of it. `probe` asks the server by itself, if that is called for.
    pub(super) fn report(
        self: &Arc<Self>,
        ticket: Ticket,
        verdict: Verdict,
        probe: impl FnOnce() -> Result<Probe>,
    ) {
        let (certainty, reason) = match verdict {
            Verdict::Answered => return self.answered(ticket),
            Verdict::Neither => return,
            Verdict::Failed(certainty, reason) => (certainty, reason),
        };
        let mut circuit = self.circuit.lock();
        if self.is_old(ticket) {
            return;
        }
        let before = circuit.state();
        let watch = circuit.failed(certainty, reason, Instant::now(), jitter());
        self.note(&circuit, before);
        drop(circuit);
        if watch {
            self.watch(probe());
        }
    }

    fn answered(&self, ticket: Ticket) {
        if self.word.load(Acquire) & TROUBLED == 0 {
            return;
        }
        let mut circuit = self.circuit.lock();
        if !self.is_old(ticket) {
            let before = circuit.state();
            circuit.answered();
            self.note(&circuit, before);
        }
    }

    fn is_old(&self, ticket: Ticket) -> bool {
        self.word.load(Acquire) / CHANGE != ticket.0
    }

    /// Asks the server until it answers, in the background; not for longer than it has connections.
    fn watch(self: &Arc<Self>, probe: Result<Probe>) {
        let breaker = Arc::clone(self);
        let watched = probe.and_then(|probe| spawn(async move { breaker.ask_on(&probe).await }));
        if let Err(error) = watched {
            tracing::error!(%error, "a server cannot be watched");
            let mut circuit = self.circuit.lock();
            let before = circuit.state();
            circuit.give_up(Instant::now());
            self.note(&circuit, before);
        }
    }

    async fn ask_on(self: Arc<Self>, probe: &Probe) {
        loop {
            let (step, options) = self.step();
            match step {
                Step::End => return,
                Step::WaitUntil(until) => tokio::time::sleep_until(until.into()).await,
                Step::Ask => {
                    let answer = probe.ask(options.open_for).await;
                    let mut circuit = self.circuit.lock();
                    let before = circuit.state();
                    circuit.asked(answer, Instant::now(), jitter());
                    self.note(&circuit, before);
                }
            }
            if known::forget_unused(&self) {
                return;
            }
        }
    }

    fn step(&self) -> (Step, BreakerOptions) {
        let mut circuit = self.circuit.lock();
        let before = circuit.state();
        let step = circuit.step(Instant::now());
        self.note(&circuit, before);
        (step, circuit.options())
    }

    /// Tells calls, and who observes, what the state is now.
    fn note(&self, circuit: &Circuit, before: BreakerState) {
        let state = circuit.state();
        let mut word = self.word.load(Acquire) / CHANGE;
        if state != before && BreakerState::HalfOpen != state {
            word += 1;
        }
        word *= CHANGE;
        if state == BreakerState::Closed {
            word |= CLOSED;
            if circuit.failures() > 0 {
                word |= TROUBLED;
            }
        }
        self.word.store(word, Release);
        if before == BreakerState::Closed && state == BreakerState::Open {
            self.opened.fetch_add(1, Relaxed);
        }
        if before != state {
            observer::tell(self.described(circuit));
        }
    }

    fn described(&self, circuit: &Circuit) -> BreakerStatus {
        let now = Instant::now();
        BreakerStatus {
            server: self.key.server(),
            namespace: self.key.namespace().map(str::to_owned),
            state: circuit.state(),
            since: now.saturating_duration_since(circuit.since()),
            failures: circuit.failures(),
            reason: circuit.reason().map(str::to_owned),
            retry_in: circuit
                .until()
                .map(|until| until.saturating_duration_since(now)),
            opened: self.opened.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }

    fn refusal(&self, circuit: &Circuit, now: Instant) -> String {
        let since = circuit.away_since().unwrap_or(now);
        let again = match circuit.until() {
            Some(until) => format!(
                "is asked again in {} ms",
                until.saturating_duration_since(now).as_millis()
            ),
            None => "is being asked".to_owned(),
        };
        format!(
            "the server {} has not answered for {} ms, so no call is made to it until it does; it \
             {again}. The last error: {}",
            self.key,
            now.saturating_duration_since(since).as_millis(),
            circuit.reason().unwrap_or("none"),
        )
    }
}

/// Somewhere from 0 to 1.
fn jitter() -> f64 {
    use std::hash::BuildHasher;
    let random = std::hash::RandomState::new().hash_one(());
    f64::from((random >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::RemoteOptions;
    use crate::remote::server::Server;

    fn server(port: u16) -> Server {
        Server::new(RemoteOptions {
            uri: format!("http://localhost:{port}"),
            breaker: Some(BreakerOptions {
                failures: 2,
                ..BreakerOptions::default()
            }),
            ..RemoteOptions::default()
        })
        .unwrap()
    }

    fn refused() -> Verdict {
        Verdict::Failed(Certainty::Certain, "refused".to_owned())
    }

    #[test]
    fn a_call_to_a_server_that_answers_takes_no_lock() {
        let server = server(1);
        let breaker = server.breaker().unwrap();
        // Whoever wants it now waits for ever.
        let _held = breaker.circuit.lock();
        let ticket = breaker.admit().unwrap();
        breaker.report(ticket, Verdict::Answered, || server.probe());
    }

    #[test]
    fn what_comes_of_calls_from_before_the_last_change_is_not_counted() {
        let server = server(2);
        let breaker = server.breaker().unwrap();
        let report = |ticket, verdict| breaker.report(ticket, verdict, || server.probe());
        let tickets = [(); 4].map(|()| breaker.admit().unwrap());
        report(tickets[0], refused());
        report(tickets[1], refused());
        assert_eq!(breaker.state(), BreakerState::Open);
        report(tickets[2], Verdict::Answered);
        assert_eq!(breaker.status().failures, 2);
        let mut circuit = breaker.circuit.lock();
        circuit.give_up(Instant::now());
        breaker.note(&circuit, BreakerState::Open);
        drop(circuit);
        report(tickets[3], refused());
        assert_eq!(breaker.status().failures, 0);
        report(breaker.admit().unwrap(), refused());
        assert_eq!(breaker.status().failures, 1);
        report(breaker.admit().unwrap(), Verdict::Answered);
        assert_eq!(breaker.status().failures, 0);
    }

    #[test]
    fn one_server_has_one_breaker() {
        let (one, two, other) = (server(3), server(3), server(4));
        assert!(Arc::ptr_eq(one.breaker().unwrap(), two.breaker().unwrap()));
        assert!(!Arc::ptr_eq(
            one.breaker().unwrap(),
            other.breaker().unwrap()
        ));
    }
}
