//! Who is told what of a connection's statements, and which of them run just now.
//!
//! SQLite calls back under the connection's lock; the mutex here is for who begins and ends a trace.
//! While nobody traces, SQLite does not call, and all that is looked at is a flag or two.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::callbacks::PROGRESS_STEPS;
use super::expanded_sql::Redact;
use super::statement::Statement;
use super::status::Counters;
use super::trace::{Event, Listener, Wants};
use crate::Id;

#[derive(Debug, Default)]
pub(super) struct Tracer {
    on: AtomicBool,
    /// Somebody wants to see every run, also one that is only tried.
    every_run: AtomicBool,
    progress: AtomicBool,
    expands: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Id>,
    subscriptions: Vec<Subscription>,
    last_subscription: u64,
    runs: Vec<Run>,
    last_run: u64,
    /// The run that ended last: one whose schema has changed is begun anew without being told of.
    ended: Option<Run>,
    /// By the statement's address, for its next run: the text for each subscription.
    expanded: Vec<(usize, Expanded)>,
    /// What is not told yet, because the run may turn out to be none.
    held: Option<Vec<(Arc<dyn Listener>, Event)>>,
}

type Expanded = Vec<(u64, Arc<str>)>;

#[derive(Debug)]
struct Subscription {
    id: u64,
    wants: Wants,
    listener: Arc<dyn Listener>,
    /// Since when progress was not told.
    told: Instant,
}

/// A run that has begun and not ended.
#[derive(Debug)]
struct Run {
    statement: usize,
    number: u64,
    /// Of SQLite's own, inside another one.
    nested: bool,
    /// `None` while it stands still between two fetches.
    since: Option<Instant>,
    /// Before that.
    spent: Duration,
    before: Counters,
    rows: u64,
    looks: u64,
    sql: Option<Arc<str>>,
    expanded: Expanded,
}

impl Run {
    fn duration(&self) -> Duration {
        self.spent + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A statement as SQLite shows it to a callback.
pub(super) trait Traced {
    fn address(&self) -> usize;
    fn counters(&self) -> Counters;
    fn sql(&self) -> Arc<str>;
}

impl Tracer {
    pub(super) fn on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Whether a run that is only tried would be seen.
    pub(super) fn sees_every_run(&self) -> bool {
        self.every_run.load(Relaxed)
    }

    pub(super) fn expands(&self) -> bool {
        self.expands.load(Relaxed)
    }

    pub(super) fn wants_rows(&self) -> bool {
        let state = self.state.lock();
        state.subscriptions.iter().any(|one| one.wants.row)
    }

    pub(super) fn known_as(&self, connection: Id) {
        self.state.lock().connection = Some(connection);
    }

    pub(super) fn add(&self, wants: Wants, listener: Arc<dyn Listener>) -> u64 {
        let mut state = self.state.lock();
        state.last_subscription += 1;
        let id = state.last_subscription;
        state.subscriptions.push(Subscription {
            id,
            wants,
            listener,
            told: Instant::now(),
        });
        self.note_wants(&mut state);
        id
    }

    pub(super) fn remove(&self, id: u64) {
        let mut state = self.state.lock();
        state.subscriptions.retain(|one| one.id != id);
        self.note_wants(&mut state);
    }

    /// Ends what was not there from the opening on.
    pub(super) fn remove_all_but_lasting(&self) {
        let mut state = self.state.lock();
        state.tell(|one| (!one.wants.lasting).then_some(Event::Stopped));
        state.subscriptions.retain(|one| one.wants.lasting);
        self.note_wants(&mut state);
    }

    fn note_wants(&self, state: &mut State) {
        let any = |wanted: fn(&Wants) -> bool| {
            let mut subscriptions = state.subscriptions.iter();
            subscriptions.any(|one| wanted(&one.wants))
        };
        self.on.store(any(|_| true), Relaxed);
        self.every_run.store(any(|wants| !wants.lasting), Relaxed);
        self.progress
            .store(any(|wants| wants.progress.is_some()), Relaxed);
        self.expands
            .store(any(|wants| wants.expanded.is_some()), Relaxed);
        if state.subscriptions.is_empty() {
            state.runs.clear();
            state.expanded.clear();
            state.ended = None;
        }
    }

    /// For whom SQL is to be expanded, and what is not to be in it.
    pub(super) fn redactions(&self) -> Vec<(u64, Redact)> {
        let state = self.state.lock();
        let wanted = state.subscriptions.iter();
        wanted
            .filter_map(|one| Some((one.id, one.wants.expanded.clone()?)))
            .collect()
    }

    /// For the statement's next run.
    pub(super) fn note_expanded(&self, statement: usize, expanded: Expanded) {
        const MOST: usize = 1_000;
        let mut state = self.state.lock();
        drop(state.take_expanded(statement));
        // Of cursors that were never read.
        if state.expanded.len() >= MOST {
            state.expanded.clear();
        }
        state.expanded.push((statement, expanded));
    }

    /// From here on a run is tried, which may have to be made again.
    #[inline]
    pub(super) fn hold(&self) {
        if self.on() {
            self.begin_to_hold();
        }
    }

    #[cold]
    fn begin_to_hold(&self) {
        self.state.lock().held = Some(Vec::new());
    }

    /// Tells of the run that was tried, or forgets it.
    #[inline]
    pub(super) fn settle(&self, counts: bool) {
        if self.on() {
            self.tell_held(counts);
        }
    }

    #[cold]
    fn tell_held(&self, counts: bool) {
        let mut state = self.state.lock();
        let held = state.held.take().unwrap_or_default();
        if counts {
            for (listener, event) in held {
                listener.tell(state.connection, event);
            }
        }
    }

    /// A statement stands still until it is fetched from again.
    #[inline]
    pub(super) fn paused(&self, statement: &Statement) {
        if self.on() {
            self.note_paused(statement.address());
        }
    }

    #[inline]
    pub(super) fn resumed(&self, statement: &Statement) {
        if self.on() {
            self.note_resumed(statement.address());
        }
    }

    #[cold]
    fn note_paused(&self, statement: usize) {
        self.with_run(statement, |run| {
            run.spent = run.duration();
            run.since = None;
        });
    }

    #[cold]
    fn note_resumed(&self, statement: usize) {
        self.with_run(statement, |run| {
            run.since.get_or_insert_with(Instant::now);
        });
    }

    fn with_run(&self, statement: usize, work: impl FnOnce(&mut Run)) {
        let mut state = self.state.lock();
        if let Some(run) = state.runs.iter_mut().find(|run| run.statement == statement) {
            work(run);
        }
    }

    pub(super) fn began(&self, traced: &impl Traced) {
        let mut state = self.state.lock();
        let named = |one: &Subscription| one.wants.stmt || one.wants.progress.is_some();
        let sql = state.subscriptions.iter().any(named).then(|| traced.sql());
        let run = state.begin(traced, false, sql);
        state.tell_began(run);
    }

    /// SQLite says in a comment what is done inside a run: a trigger of a statement that runs, or a
    /// statement of SQLite's own.
    pub(super) fn began_inside(&self, traced: &impl Traced, comment: impl FnOnce() -> Arc<str>) {
        let mut state = self.state.lock();
        match state
            .runs
            .iter()
            .find(|run| run.statement == traced.address())
        {
            Some(run) if run.nested => {}
            Some(run) => {
                let number = run.number;
                if state.subscriptions.iter().any(|one| one.wants.stmt) {
                    let sql = comment();
                    state.tell(|one| {
                        one.wants.stmt.then(|| Event::Stmt {
                            run: number,
                            sql: Arc::clone(&sql),
                            expanded_sql: None,
                        })
                    });
                }
            }
            None => drop(state.begin(traced, true, None)),
        }
    }

    pub(super) fn row(&self, traced: &impl Traced) {
        let mut state = self.state.lock();
        let address = traced.address();
        let run = state.runs.iter_mut().find(|run| run.statement == address);
        let Some(run) = run.filter(|run| !run.nested) else {
            return;
        };
        run.rows += 1;
        let event = Event::Row {
            run: run.number,
            row: run.rows,
        };
        state.tell(|one| one.wants.row.then(|| event.clone()));
    }

    /// `took`: as SQLite's own clock has it, for a run of which it did not say that it began.
    pub(super) fn ended(&self, traced: &impl Traced, took: Duration) {
        let mut state = self.state.lock();
        let address = traced.address();
        let found = state.runs.iter().position(|run| run.statement == address);
        let (run, duration) = match found {
            Some(index) => {
                let run = state.runs.swap_remove(index);
                let duration = run.duration();
                (run, duration)
            }
            None => match state.ended.take() {
                Some(run) if run.statement == address => (run, took),
                _ => {
                    let run = state.new_run(traced, false, None, Counters::default());
                    (run, took)
                }
            },
        };
        if !run.nested {
            state.tell_ended(&run, duration, traced);
        }
        state.ended = Some(run);
    }

    pub(super) fn closed(&self) {
        let mut state = self.state.lock();
        state.tell(|one| (!one.wants.lasting).then_some(Event::Close));
    }

    /// Called every so many steps of the virtual machine.
    #[inline]
    pub(super) fn progressed(&self) {
        if self.progress.load(Relaxed) {
            self.note_progress();
        }
    }

    #[cold]
    fn note_progress(&self) {
        let mut state = self.state.lock();
        let mut running = state.runs.iter_mut().rev();
        let Some(run) = running.find(|run| !run.nested && run.since.is_some()) else {
            return;
        };
        run.looks += 1;
        let event = Event::Progress {
            run: run.number,
            sql: run.sql.clone().unwrap_or_default(),
            vm_steps: run.looks * PROGRESS_STEPS.unsigned_abs() as u64,
            duration: run.duration(),
        };
        let began = run.since;
        let connection = state.connection;
        for one in &mut state.subscriptions {
            let told = began.map_or(one.told, |began| began.max(one.told));
            if one
                .wants
                .progress
                .is_some_and(|every| told.elapsed() >= every)
            {
                one.told = Instant::now();
                one.listener.tell(connection, event.clone());
            }
        }
    }
}

impl State {
    fn begin(&mut self, traced: &impl Traced, nested: bool, sql: Option<Arc<str>>) -> usize {
        let address = traced.address();
        self.runs.retain(|run| run.statement != address);
        let run = self.new_run(traced, nested, sql, traced.counters());
        self.runs.push(run);
        self.runs.len() - 1
    }

    fn new_run(
        &mut self,
        traced: &impl Traced,
        nested: bool,
        sql: Option<Arc<str>>,
        before: Counters,
    ) -> Run {
        if !nested {
            self.last_run += 1;
        }
        Run {
            statement: traced.address(),
            number: self.last_run,
            nested,
            since: Some(Instant::now()),
            spent: Duration::ZERO,
            before,
            rows: 0,
            looks: 0,
            sql,
            expanded: match nested {
                true => Expanded::new(),
                false => self.take_expanded(traced.address()),
            },
        }
    }

    fn take_expanded(&mut self, statement: usize) -> Expanded {
        let found = self.expanded.iter().position(|(of, _)| *of == statement);
        found
            .map(|index| self.expanded.swap_remove(index).1)
            .unwrap_or_default()
    }

    fn tell_began(&mut self, run: usize) {
        let Some(Run {
            number,
            sql: Some(sql),
            expanded,
            ..
        }) = self.runs.get(run)
        else {
            return;
        };
        let (number, sql, expanded) = (*number, Arc::clone(sql), expanded.clone());
        self.tell(|one| {
            one.wants.stmt.then(|| Event::Stmt {
                run: number,
                sql: Arc::clone(&sql),
                expanded_sql: expanded_for(&expanded, one.id),
            })
        });
    }

    fn tell_ended(&mut self, run: &Run, duration: Duration, traced: &impl Traced) {
        let wanted = |one: &Subscription| one.wants.profile.is_some_and(|least| duration >= least);
        if !self.subscriptions.iter().any(wanted) {
            return;
        }
        let sql = traced.sql();
        let counters = traced.counters().since(run.before);
        self.tell(|one| {
            wanted(one).then(|| Event::Profile {
                run: run.number,
                sql: Arc::clone(&sql),
                expanded_sql: expanded_for(&run.expanded, one.id),
                duration,
                counters,
            })
        });
    }

    fn tell(&mut self, event: impl Fn(&Subscription) -> Option<Event>) {
        for one in &self.subscriptions {
            if let Some(event) = event(one) {
                match &mut self.held {
                    Some(held) => held.push((Arc::clone(&one.listener), event)),
                    None => one.listener.tell(self.connection, event),
                }
            }
        }
    }
}

fn expanded_for(expanded: &Expanded, subscription: u64) -> Option<Arc<str>> {
    let mut texts = expanded.iter();
    let (_, text) = texts.find(|(id, _)| *id == subscription)?;
    Some(Arc::clone(text))
}
