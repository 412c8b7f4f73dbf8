//! When a server counts as away: the rules, by a clock that is read elsewhere.

use std::time::{Duration, Instant};

/// When calls to a server are refused without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// After so many failures in a row.
    pub failures: u32,
    /// For how long at first. Each further time without an answer doubles it.
    pub open_for: Duration,
    /// For how long at most.
    pub max_open_for: Duration,
}

impl Default for BreakerOptions {
    fn default() -> BreakerOptions {
        BreakerOptions {
            failures: 5,
            open_for: Duration::from_secs(5),
            max_open_for: Duration::from_secs(15),
        }
    }
}

/// What becomes of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// They are made.
    Closed,
    /// They are refused.
    Open,
    /// They are refused, while the server is asked whether it is back.
    HalfOpen,
}

impl BreakerState {
    pub fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

/// How much a failure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// The server cannot be reached.
    Certain,
    /// The server is away, or it was this call: a slow statement, one that the server fails over.
    Doubtful,
}

/// What is to be done for a server that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Ask,
    WaitUntil(Instant),
    End,
}

#[derive(Debug)]
pub(super) struct Circuit {
    options: BreakerOptions,
    state: BreakerState,
    /// When the state began.
    since: Instant,
    /// While it is open: until when.
    until: Option<Instant>,
    /// In a row.
    failures: u32,
    /// Since it was closed.
    pauses: u32,
    /// Whether the server is asked before it is taken for away.
    doubted: bool,
    /// Whether somebody takes the [steps](Circuit::step).
    watched: bool,
    /// The last failure.
    reason: Option<String>,
    /// When it was opened that was closed before.
    away_since: Option<Instant>,
}

impl Circuit {
    pub(super) fn new(options: BreakerOptions, now: Instant) -> Circuit {
        Circuit {
            options,
            state: BreakerState::Closed,
            since: now,
            until: None,
            failures: 0,
            pauses: 0,
            doubted: false,
            watched: false,
            reason: None,
            away_since: None,
        }
    }

    pub(super) fn set_options(&mut self, options: BreakerOptions) {
        self.options = options;
    }

    pub(super) fn options(&self) -> BreakerOptions {
        self.options
    }

    pub(super) fn state(&self) -> BreakerState {
        self.state
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    pub(super) fn away_since(&self) -> Option<Instant> {
        self.away_since
    }

    /// A call had an answer.
    pub(super) fn answered(&mut self) {
        if self.state == BreakerState::Closed {
            self.failures = 0;
        }
    }

    /// A call had none. Whether the server is to be watched from now on, by whoever takes the steps.
    pub(super) fn failed(
        &mut self,
        certainty: Certainty,
        reason: String,
        now: Instant,
        jitter: f64,
    ) -> bool {
        if self.state != BreakerState::Closed {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        self.reason = Some(reason);
        if self.failures < self.options.failures {
            return false;
        }
        match certainty {
            Certainty::Certain => self.open(now, jitter),
            Certainty::Doubtful => self.doubted = true,
        }
        !std::mem::replace(&mut self.watched, true)
    }

    /// What to do next.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        match (self.state, self.until) {
            (BreakerState::Closed, _) if self.doubted => Step::Ask,
            (BreakerState::Closed, _) => {
                self.watched = false;
                Step::End
            }
            (BreakerState::Open, Some(until)) if now < until => Step::WaitUntil(until),
            _ => {
                self.enter(BreakerState::HalfOpen, now);
                Step::Ask
            }
        }
    }

    /// What came of [`Step::Ask`].
    pub(super) fn asked(&mut self, answer: Result<(), String>, now: Instant, jitter: f64) {
        let doubted = std::mem::replace(&mut self.doubted, false);
        match (self.state, answer) {
            (BreakerState::Closed, Ok(())) => self.failures = 0,
            // Other calls may have had answers in the meantime.
            (BreakerState::Closed, Err(reason)) => {
                if doubted && self.failures >= self.options.failures {
                    self.reason = Some(reason);
                    self.open(now, jitter);
                }
            }
            (BreakerState::HalfOpen, Ok(())) => {
                self.failures = 0;
                self.pauses = 0;
                self.away_since = None;
                self.enter(BreakerState::Closed, now);
            }
            (BreakerState::HalfOpen, Err(reason)) => {
                self.reason = Some(reason);
                self.open(now, jitter);
            }
            // It was opened while it was doubted: the pause stays.
            (BreakerState::Open, _) => {}
        }
    }

    /// Nobody can take the steps: calls have to find out by themselves.
    pub(super) fn give_up(&mut self, now: Instant) {
        *self = Circuit::new(self.options, now);
    }

    fn open(&mut self, now: Instant, jitter: f64) {
        let doubled = 2_u32.saturating_pow(self.pauses);
        let longest = self.options.open_for.saturating_mul(doubled);
        let longest = longest.min(self.options.max_open_for);
        self.pauses = self.pauses.saturating_add(1);
        self.away_since = self.away_since.or(Some(now));
        self.doubted = false;
        self.enter(BreakerState::Open, now);
        // Between half of it and the whole, so that not all clients come back at once.
        self.until = Some(now + longest.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0));
    }

    fn enter(&mut self, state: BreakerState, now: Instant) {
        self.state = state;
        self.since = now;
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::BreakerState::{Closed, HalfOpen, Open};
    use super::Certainty::{Certain, Doubtful};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Clocked {
        circuit: Circuit,
        now: Instant,
        jitter: f64,
    }

    fn clocked() -> Clocked {
        let now = Instant::now();
        let options = BreakerOptions {
            failures: 3,
            open_for: 4 * SECOND,
            max_open_for: 10 * SECOND,
        };
        Clocked {
            circuit: Circuit::new(options, now),
            now,
            jitter: 1.0,
        }
    }

    impl Clocked {
        fn fail(&mut self, certainty: Certainty) -> bool {
            self.circuit
                .failed(certainty, "refused".to_owned(), self.now, self.jitter)
        }

        fn fail_times(&mut self, times: u32, certainty: Certainty) {
            for _ in 0..times {
                self.fail(certainty);
            }
        }

        fn asked(&mut self, answer: Result<(), &str>) {
            let answer = answer.map_err(str::to_owned);
            self.circuit.asked(answer, self.now, self.jitter);
        }

        fn step(&mut self) -> Step {
            self.circuit.step(self.now)
        }

        /// Waits for the pause's end; answers how long that took.
        fn wait(&mut self) -> Duration {
            let Step::WaitUntil(until) = self.step() else {
                panic!("it does not wait: {:?}", self.circuit);
            };
            let pause = until - self.now;
            self.now = until - Duration::from_nanos(1);
            assert_eq!(self.step(), Step::WaitUntil(until));
            self.now = until;
            pause
        }
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let mut it = clocked();
        assert!(!it.fail(Certain));
        assert!(!it.fail(Certain));
        assert_eq!(it.circuit.state(), Closed);
        assert!(it.fail(Certain), "it is to be watched");
        assert_eq!(it.circuit.state(), Open);
        assert_eq!(it.circuit.reason(), Some("refused"));
        assert!(!it.fail(Certain), "once");
        assert_eq!(it.circuit.failures(), 3);
    }

    #[test]
    fn an_answer_in_between_begins_the_row_anew() {
        let mut it = clocked();
        for _ in 0..10 {
            it.fail(Certain);
            it.fail(Certain);
            it.circuit.answered();
        }
        assert_eq!(it.circuit.state(), Closed);
    }

    #[test]
    fn a_probe_that_is_answered_closes_it() {
        let mut it = clocked();
        it.fail_times(3, Certain);
        assert_eq!(it.wait(), 4 * SECOND);
        assert_eq!(it.step(), Step::Ask);
        assert_eq!(it.circuit.state(), HalfOpen);
        it.circuit.answered();
        assert_eq!(
            it.circuit.state(),
            HalfOpen,
            "only the probe's answer counts"
        );
        it.asked(Ok(()));
        assert_eq!(it.circuit.state(), Closed);
        assert_eq!(it.step(), Step::End);
        assert_eq!((it.circuit.failures(), it.circuit.away_since()), (0, None));
        it.fail_times(2, Certain);
        assert!(it.fail(Certain), "it is watched again");
    }

    #[test]
    fn pauses_grow_to_their_bound_and_begin_anew() {
        let mut it = clocked();
        let opened = it.now;
        it.fail_times(3, Certain);
        let pauses = [4, 8, 10, 10].map(|seconds| seconds * SECOND);
        for pause in pauses {
            assert_eq!(it.wait(), pause);
            assert_eq!(it.step(), Step::Ask);
            it.asked(Err("still away"));
            assert_eq!(it.circuit.state(), Open);
            assert_eq!(it.circuit.reason(), Some("still away"));
            assert_eq!(it.circuit.away_since(), Some(opened));
        }
        it.wait();
        it.step();
        it.asked(Ok(()));
        it.fail_times(3, Certain);
        assert_eq!(it.wait(), 4 * SECOND);
    }

    #[test]
    fn pauses_are_between_half_and_the_whole() {
        for (jitter, pause) in [(0.0, 2), (0.5, 3), (1.0, 4)] {
            let mut it = clocked();
            it.jitter = jitter;
            it.fail_times(3, Certain);
            assert_eq!(it.wait(), pause * SECOND);
        }
        let mut it = clocked();
        it.circuit.set_options(BreakerOptions {
            failures: 1,
            open_for: Duration::MAX,
            max_open_for: 10 * SECOND,
        });
        it.fail(Certain);
        assert_eq!(it.wait(), 10 * SECOND);
    }

    #[test]
    fn what_may_be_the_calls_own_fault_is_asked_about_first() {
        let mut it = clocked();
        it.fail(Doubtful);
        it.fail(Doubtful);
        assert!(it.fail(Doubtful), "it is to be watched");
        assert_eq!(it.circuit.state(), Closed);
        assert!(!it.fail(Doubtful), "once");
        assert_eq!(it.step(), Step::Ask);
        it.asked(Ok(()));
        assert_eq!((it.circuit.state(), it.circuit.failures()), (Closed, 0));
        assert_eq!(it.step(), Step::End);

        it.fail_times(3, Doubtful);
        assert_eq!(it.step(), Step::Ask);
        it.asked(Err("no answer"));
        assert_eq!(it.circuit.state(), Open);
        assert!(matches!(it.step(), Step::WaitUntil(_)));
    }

    #[test]
    fn a_call_that_is_answered_outweighs_a_probe_that_is_not() {
        let mut it = clocked();
        it.fail_times(3, Doubtful);
        assert_eq!(it.step(), Step::Ask);
        it.circuit.answered();
        it.asked(Err("no answer"));
        assert_eq!(it.circuit.state(), Closed);
    }

    #[test]
    fn certainty_during_a_doubt_opens_it() {
        let mut it = clocked();
        it.fail_times(3, Doubtful);
        assert_eq!(it.step(), Step::Ask);
        assert!(!it.fail(Certain), "it is watched already");
        assert_eq!(it.circuit.state(), Open);
        it.asked(Ok(()));
        assert_eq!(it.circuit.state(), Open, "its pause stays");
        assert_eq!(it.wait(), 4 * SECOND);
    }
}
