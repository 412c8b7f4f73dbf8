//! Functions that processes evaluate: the process whose call it is gets a message, and its answer comes
//! by a NIF.
//!
//! `{EctoLibSql.Function, call, {:call, number, function, definition, part, {run, begins}, arguments}}`: the
//! definition is what `function_create` was given, nil from the second time on in a call.
//! `{EctoLibSql.Function, call, {:forget, run}}`: an aggregate's run has ended without a value.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ecto_libsql_engine::local::{Evaluated, Evaluation, Evaluator, Part};
use parking_lot::{Condvar, Mutex};
use rustler::env::{OwnedEnv, SavedTerm};
use rustler::{Atom, Encoder, LocalPid, Resource, ResourceArc, Term};

use crate::atoms;
use crate::terms;

/// How long a thread waits before it looks whether its call has to stop.
const PATIENCE: Duration = Duration::from_millis(20);

/// A call on a connection's own thread, as its process knows it.
#[derive(Default)]
pub struct FunctionCall {
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// The number of the question that is asked last; none is while this is 0.
    asked: u64,
    answer: Option<Evaluated>,
}

#[derive(Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Queued,
    Running,
    Over,
}

impl Resource for FunctionCall {}

impl FunctionCall {
    /// False where it was cancelled.
    pub fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let queued = state.phase == Phase::Queued;
        if queued {
            state.phase = Phase::Running;
        }
        queued
    }

    pub fn end(&self) {
        self.state.lock().phase = Phase::Over;
    }

    /// Takes back a call that has not begun, of which nothing is heard then.
    pub fn cancel(&self) -> bool {
        let mut state = self.state.lock();
        let queued = state.phase == Phase::Queued;
        if queued {
            state.phase = Phase::Over;
        }
        queued
    }

    /// Answers a question; false where nobody waits for that answer any more.
    pub fn answer(&self, number: u64, answer: Evaluated) -> bool {
        let mut state = self.state.lock();
        let waits = number != 0 && state.asked == number && state.answer.is_none();
        if waits {
            state.answer = Some(answer);
            self.answered.notify_one();
        }
        waits
    }

    fn ask(&self, number: u64) {
        let mut state = self.state.lock();
        state.asked = number;
        state.answer = None;
    }

    fn wait(&self, must_stop: &dyn Fn() -> bool) -> Evaluated {
        let mut state = self.state.lock();
        loop {
            if let Some(answer) = state.answer.take() {
                state.asked = 0;
                return answer;
            }
            let waited = self.answered.wait_for(&mut state, PATIENCE);
            if waited.timed_out() && state.answer.is_none() && must_stop() {
                state.asked = 0;
                return Evaluated::Stopped;
            }
        }
    }
}

/// The call whose functions this thread has evaluated.
struct Asking {
    call: ResourceArc<FunctionCall>,
    process: LocalPid,
    messages: OwnedEnv,
    number: u64,
    /// Functions whose definition the process has got.
    known: HashSet<u64>,
}

thread_local! {
    static ASKING: RefCell<Option<Asking>> = const { RefCell::new(None) };
}

/// Has the process asked while `work` runs a call of its.
pub fn evaluating<T>(
    call: &ResourceArc<FunctionCall>,
    process: LocalPid,
    work: impl FnOnce() -> T,
) -> T {
    ASKING.set(Some(Asking {
        call: call.clone(),
        process,
        messages: OwnedEnv::new(),
        number: 0,
        known: HashSet::new(),
    }));
    let worked = work();
    ASKING.set(None);
    worked
}

/// A function's definition, a term that only Elixir reads.
pub struct ElixirFunction {
    id: u64,
    definition: Mutex<(OwnedEnv, SavedTerm)>,
}

impl std::fmt::Debug for ElixirFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ElixirFunction({})", self.id)
    }
}

impl ElixirFunction {
    pub fn new(definition: Term<'_>) -> ElixirFunction {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let env = OwnedEnv::new();
        let saved = env.save(definition);
        ElixirFunction {
            id: IDS.fetch_add(1, Relaxed),
            definition: Mutex::new((env, saved)),
        }
    }

    /// Sends the question; none where there is nobody to ask.
    fn ask(&self, evaluation: &Evaluation<'_>) -> Option<ResourceArc<FunctionCall>> {
        ASKING.with_borrow_mut(|asking| {
            let asking = asking.as_mut()?;
            asking.number += 1;
            let number = asking.number;
            asking.call.ask(number);
            let is_new = asking.known.insert(self.id);
            let call = &asking.call;
            let sent = asking.messages.send_and_clear(&asking.process, |env| {
                let definition = is_new.then(|| {
                    let definition = self.definition.lock();
                    let (from, saved) = &*definition;
                    from.run(|from| saved.load(from).in_env(env))
                });
                let question = (
                    atoms::call(),
                    number,
                    self.id,
                    definition,
                    part(evaluation.part),
                    (evaluation.run, evaluation.begins),
                    terms::values(env, evaluation.arguments),
                );
                (atoms::function(), call, question).encode(env)
            });
            sent.ok().map(|()| asking.call.clone())
        })
    }
}

fn part(part: Part) -> Atom {
    match part {
        Part::Call => atoms::call(),
        Part::Step => atoms::step(),
        Part::Inverse => atoms::inverse(),
        Part::Value => atoms::value(),
        Part::Finish => atoms::finish(),
        Part::Compare => atoms::compare(),
    }
}

impl Evaluator for ElixirFunction {
    fn evaluate(&self, evaluation: &Evaluation<'_>, must_stop: &dyn Fn() -> bool) -> Evaluated {
        if must_stop() {
            return Evaluated::Stopped;
        }
        match self.ask(evaluation) {
            Some(call) => call.wait(must_stop),
            None if must_stop() => Evaluated::Stopped,
            None => Evaluated::Failed(
                "the statement calls a function that is written in Elixir: run it with the state \
                 that EctoLibSql.Function answered"
                    .to_owned(),
            ),
        }
    }

    fn forget(&self, run: u64) {
        ASKING.with_borrow_mut(|asking| {
            if let Some(asking) = asking {
                let call = &asking.call;
                // That the process is dead is no error.
                let _ = asking.messages.send_and_clear(&asking.process, |env| {
                    (atoms::function(), call, (atoms::forget(), run)).encode(env)
                });
            }
        });
    }
}
