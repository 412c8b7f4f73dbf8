//! The write gate against a model, over random schedules with kills; and with threads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on is to fail"
)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use ecto_libsql_engine::Id;
use ecto_libsql_engine::gate::{Entered, Gate, Left, Notice};
use proptest::prelude::*;

type Mailbox = Mutex<Vec<(u32, Notice)>>;

thread_local! {
    static MAIL: Mailbox = const { Mutex::new(Vec::new()) };
}

fn post(process: u32, _connection: Id, notice: Notice) {
    // How long the steps took is not the model's business.
    let notice = match notice {
        Notice::TurnLater => Notice::Turn,
        notice => notice,
    };
    MAIL.with(|mail| mail.lock().unwrap().push((process, notice)));
}

fn collect() -> Vec<(u32, Notice)> {
    MAIL.with(|mail| std::mem::take(&mut *mail.lock().unwrap()))
}

/// What a process may do next. Each has a connection of its own, as in a pool.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Tries to write; when its turn has come, goes in.
    Enter(u32),
    /// Commits or rolls back.
    Leave(u32),
    /// Meets another program's lock: keeps its place and comes back.
    Reserve(u32),
    /// Its time is over while it waits.
    GiveUp(u32),
    Interrupt(u32),
    Close(u32),
    Kill(u32),
}

fn step(processes: u32) -> impl Strategy<Value = Step> {
    let process = 0..processes;
    prop_oneof![
        6 => process.clone().prop_map(Step::Enter),
        6 => process.clone().prop_map(Step::Leave),
        2 => process.clone().prop_map(Step::Reserve),
        1 => process.clone().prop_map(Step::GiveUp),
        1 => process.clone().prop_map(Step::Interrupt),
        1 => process.clone().prop_map(Step::Close),
        1 => process.prop_map(Step::Kill),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Away,
    Queued,
    /// Sent for, or waiting for another program's lock.
    Reserved,
    Inside,
}

/// The gate, said as simply as it can be.
struct Model {
    at: Vec<At>,
    alive: Vec<bool>,
    queue: VecDeque<u32>,
    notices: Vec<(u32, Notice)>,
}

impl Model {
    fn holder(&self) -> Option<u32> {
        (0..self.at.len() as u32)
            .find(|process| matches!(self.at[*process as usize], At::Reserved | At::Inside))
    }

    fn set(&mut self, process: u32, at: At) {
        self.at[process as usize] = at;
    }

    fn hand_on(&mut self) {
        if let Some(next) = self.queue.pop_front() {
            self.set(next, At::Reserved);
            self.notices.push((next, Notice::Turn));
        }
    }

    /// The process is at the gate no more.
    fn remove(&mut self, process: u32, notice: Option<Notice>) {
        let at = self.at[process as usize];
        self.set(process, At::Away);
        if let (Some(notice), At::Queued | At::Reserved) = (notice, at) {
            self.notices.push((process, notice));
        }
        match at {
            At::Queued => self.queue.retain(|waits| *waits != process),
            At::Reserved | At::Inside => self.hand_on(),
            At::Away => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn every_schedule_of_the_gate_is_the_models(
        processes in 1_u32..6,
        steps in prop::collection::vec(step(6), 1..120),
    ) {
        let gate = Gate::<u32>::new(post);
        let connections: Vec<Id> = (0..6).map(|_| Id::new_v4()).collect();
        let connection = |process: u32| connections[process as usize];
        let mut model = Model {
            at: vec![At::Away; 6],
            alive: vec![true; 6],
            queue: VecDeque::new(),
            notices: Vec::new(),
        };
        collect();

        for step in steps {
            let (Step::Enter(process) | Step::Leave(process) | Step::Reserve(process)
                | Step::GiveUp(process) | Step::Interrupt(process) | Step::Close(process)
                | Step::Kill(process)) = step;
            if process >= processes || !model.alive[process as usize] {
                continue;
            }
            let at = model.at[process as usize];
            match (step, at) {
                (Step::Enter(_), _) => {
                    let entered = gate.enter(connection(process), process);
                    let expected = match (at, model.holder()) {
                        (At::Reserved | At::Inside, _) | (At::Away, None) => {
                            model.set(process, At::Inside);
                            Entered::Inside
                        }
                        (At::Away, Some(_)) => {
                            model.queue.push_back(process);
                            model.set(process, At::Queued);
                            Entered::Queued
                        }
                        (At::Queued, _) => Entered::Queued,
                    };
                    prop_assert_eq!(entered, expected);
                }
                (Step::Leave(_), At::Inside) => {
                    gate.leave(connection(process), true);
                    model.remove(process, None);
                }
                (Step::Reserve(_), At::Inside) => {
                    gate.reserve(connection(process));
                    model.set(process, At::Reserved);
                }
                (Step::GiveUp(_), At::Queued) => {
                    let left = gate.give_up(connection(process), process, true);
                    prop_assert!(matches!(left, Left::Behind(Some((holder, _)))
                        if Some(holder) == model.holder()));
                    model.remove(process, None);
                }
                (Step::GiveUp(_), At::Reserved) => {
                    prop_assert_eq!(gate.give_up(connection(process), process, true), Left::Granted);
                    gate.give_up(connection(process), process, false);
                    model.remove(process, None);
                }
                (Step::Interrupt(_), _) => {
                    gate.interrupt(connection(process));
                    if at != At::Inside {
                        model.remove(process, Some(Notice::Interrupted));
                    }
                }
                (Step::Close(_), _) => {
                    gate.close(connection(process));
                    model.remove(process, Some(Notice::Turn));
                }
                (Step::Kill(_), _) => {
                    // What its monitor does; the connection, where it was at work, ends its call.
                    gate.forget(connection(process), process);
                    if at == At::Inside {
                        gate.leave(connection(process), false);
                    }
                    model.alive[process as usize] = false;
                    model.remove(process, None);
                }
                _ => continue,
            }
            prop_assert_eq!(collect(), std::mem::take(&mut model.notices), "{:?}", step);
            prop_assert_eq!(gate.holder().map(|holder| holder.caller), model.holder());
            prop_assert_eq!(gate.queue_length(), model.queue.len());
            // No gate is free while somebody waits, and none is held by a dead process.
            prop_assert!(model.holder().is_some() || model.queue.is_empty());
            prop_assert!(model.holder().is_none_or(|holder| model.alive[holder as usize]));
        }

        // Nobody starves: whoever still waits is served when those before it are done.
        while let Some(holder) = model.holder() {
            prop_assert_eq!(gate.enter(connection(holder), holder), Entered::Inside);
            gate.leave(connection(holder), false);
            model.remove(holder, None);
        }
        prop_assert!(gate.holder().is_none());
        prop_assert_eq!(gate.queue_length(), 0);
    }
}

static INBOXES: OnceLock<Vec<Mutex<Sender<Notice>>>> = OnceLock::new();

fn deliver(process: u32, _connection: Id, notice: Notice) {
    INBOXES.get().unwrap()[process as usize]
        .lock()
        .unwrap()
        .send(notice)
        .unwrap();
}

/// Threads as processes: one at a time is inside, and every wake-up arrives.
#[test]
fn threads_take_turns() {
    const THREADS: u32 = 8;
    const ROUNDS: u64 = 3_000;
    let (senders, receivers): (Vec<_>, Vec<Receiver<Notice>>) =
        (0..THREADS).map(|_| channel()).unzip();
    INBOXES
        .set(senders.into_iter().map(Mutex::new).collect())
        .unwrap();
    let gate = Arc::new(Gate::<u32>::new(deliver));
    let inside = Arc::new(AtomicUsize::new(0));
    let counter = Arc::new(AtomicU64::new(0));

    let threads: Vec<_> = receivers
        .into_iter()
        .zip(0..THREADS)
        .map(|(inbox, process)| {
            let (gate, inside, counter) = (gate.clone(), inside.clone(), counter.clone());
            let connection = Id::new_v4();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    while gate.enter(connection, process) == Entered::Queued {
                        assert_eq!(inbox.recv().unwrap(), Notice::Turn);
                    }
                    assert_eq!(inside.fetch_add(1, SeqCst), 0);
                    let seen = counter.load(SeqCst);
                    if (round + u64::from(process)).is_multiple_of(64) {
                        thread::yield_now();
                    }
                    counter.store(seen + 1, SeqCst);
                    inside.fetch_sub(1, SeqCst);
                    gate.leave(connection, true);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(counter.load(SeqCst), u64::from(THREADS) * ROUNDS);
    assert!(gate.holder().is_none());
    assert_eq!(gate.figures().grants, u64::from(THREADS) * ROUNDS);
}

#[test]
fn a_thread_that_sleeps_has_its_place_in_the_queue() {
    let gate = Gate::new(post);
    let [writer, sleeper, last] = std::array::from_fn(|_| Id::new_v4());
    assert_eq!(gate.enter(writer, 1), Entered::Inside);
    thread::scope(|scope| {
        let asleep = scope.spawn(|| {
            assert!(gate.enter_asleep(sleeper, 2, None));
            assert_eq!(gate.holder().unwrap().connection, sleeper);
            // Whoever waits behind it is sent for, by this thread.
            gate.leave(sleeper, true);
            collect()
        });
        while gate.queue_length() == 0 {
            thread::yield_now();
        }
        assert_eq!(gate.enter(last, 3), Entered::Queued);
        gate.leave(writer, true);
        assert_eq!(asleep.join().unwrap(), [(3, Notice::Turn)]);
    });
    // The writer's thread has sent for nobody.
    assert_eq!(collect(), []);
    assert_eq!(gate.enter(last, 3), Entered::Inside);
}

#[test]
fn a_thread_that_sleeps_gives_up_at_its_deadline() {
    let gate = Gate::new(post);
    let [writer, sleeper, last] = std::array::from_fn(|_| Id::new_v4());
    assert_eq!(gate.enter(writer, 1), Entered::Inside);
    let soon = Instant::now() + Duration::from_millis(20);
    assert!(!gate.enter_asleep(sleeper, 2, Some(soon)));
    assert_eq!(gate.queue_length(), 0);
    assert_eq!(gate.enter(last, 3), Entered::Queued);
    gate.leave(writer, true);
    assert_eq!(collect(), [(3, Notice::Turn)]);
    // Where nobody is, it does not sleep.
    assert_eq!(gate.enter(last, 3), Entered::Inside);
    gate.leave(last, true);
    assert!(gate.enter_asleep(sleeper, 2, Some(soon)));
}
