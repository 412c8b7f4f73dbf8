//! What SQLite's hooks have told of a connection, until a transaction has ended.
//!
//! The update hook tells of changes that may be undone: by the end of a statement that fails, by
//! going back to a savepoint, by a rollback. None of that is told but the last. So changes are kept
//! with marks, and handed to the channels when the transaction has been committed.

use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use super::savepoint::Savepoint;
use crate::Id;
use crate::channel::{Change, Channel, Event, Operation, Place, Values};

/// What somebody wants to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Changes of rows.
    Update(Told),
    Commit,
    Rollback,
    Wal,
}

/// How changes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Those of a transaction after its commit.
    AfterCommit,
    /// With the rows' values.
    WithValues,
    /// Each when it happens.
    Raw,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Hooks {
    changes: bool,
    values: bool,
    raw: bool,
    commits: bool,
    rollbacks: bool,
    wal: bool,
}

impl Hooks {
    fn set(&mut self, hook: Hook, on: bool) {
        match hook {
            Hook::Update(told) => {
                self.changes = on && told == Told::AfterCommit;
                self.values = on && told == Told::WithValues;
                self.raw = on && told == Told::Raw;
            }
            Hook::Commit => self.commits = on,
            Hook::Rollback => self.rollbacks = on,
            Hook::Wal => self.wal = on,
        }
    }
}

/// Whose a subscription is.
#[derive(Debug)]
enum Holder {
    /// Somebody who listens for as long as the channel is there.
    Guest(Weak<Channel>),
    /// The connection's own, by an option: it outlasts a reset.
    Lasting(Arc<Channel>),
}

#[derive(Debug)]
struct Subscriber {
    holder: Holder,
    /// As which connection it hears of this one.
    from: Id,
    hooks: Hooks,
}

impl Subscriber {
    fn channel(&self) -> Option<Arc<Channel>> {
        match &self.holder {
            Holder::Guest(channel) => channel.upgrade(),
            Holder::Lasting(channel) => Some(Arc::clone(channel)),
        }
    }

    fn is_of(&self, channel: &Arc<Channel>) -> bool {
        match &self.holder {
            Holder::Guest(own) => std::ptr::eq(own.as_ptr(), Arc::as_ptr(channel)),
            Holder::Lasting(own) => Arc::ptr_eq(own, channel),
        }
    }

    fn is_gone(&self) -> bool {
        match &self.holder {
            Holder::Guest(channel) => channel.strong_count() == 0,
            Holder::Lasting(_) => false,
        }
    }

    fn end(&self) {
        if let Holder::Guest(channel) = &self.holder
            && let Some(channel) = channel.upgrade()
        {
            channel.close();
        }
    }
}

/// Which of SQLite's hooks are to be registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needed {
    pub(super) updates: bool,
    pub(super) values: bool,
    /// Commits and rollbacks.
    pub(super) ends: bool,
    pub(super) wal: bool,
}

impl Needed {
    pub(super) fn any(self) -> bool {
        self != Needed::default()
    }
}

/// How a statement's run ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) succeeded: bool,
    /// Whether what a statement changed that failed stays: `ON CONFLICT FAIL`.
    pub(super) kept: bool,
    /// Whether no transaction is open now.
    pub(super) autocommit: bool,
    pub(super) savepoint: Option<Savepoint>,
    /// Whether tables may have other columns now.
    pub(super) schema: bool,
}

#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    subscribers: Vec<Subscriber>,
    /// What the update hook has told of, and what the preupdate hook has.
    updates: Log,
    values: Log,
    /// SQLite was about to commit.
    committing: bool,
    rolled_back: bool,
    commits: u64,
    rollbacks: u64,
    wal: Vec<(String, u32)>,
    places: Vec<Arc<Place>>,
    registered: Needed,
    /// What `PRAGMA wal_autocheckpoint` says, whose hook is taken.
    autocheckpoint: i32,
}

impl Recorder {
    /// Adds a hook to a channel's, which outlast a reset if they are the connection's own.
    pub(super) fn add(&self, channel: &Arc<Channel>, from: Id, hook: Hook, lasting: bool) {
        let mut state = self.0.lock();
        let known = state
            .subscribers
            .iter()
            .position(|known| known.is_of(channel));
        let index = known.unwrap_or_else(|| {
            state.subscribers.push(Subscriber {
                holder: match lasting {
                    true => Holder::Lasting(Arc::clone(channel)),
                    false => Holder::Guest(Arc::downgrade(channel)),
                },
                from,
                hooks: Hooks::default(),
            });
            state.subscribers.len() - 1
        });
        if let Some(subscriber) = state.subscribers.get_mut(index) {
            subscriber.hooks.set(hook, true);
        }
        state.measure();
    }

    /// Ends the subscription with the last of its hooks.
    pub(super) fn remove(&self, channel: &Arc<Channel>, hook: Hook) {
        let mut state = self.0.lock();
        for subscriber in &mut state.subscribers {
            if subscriber.is_of(channel) {
                subscriber.hooks.set(hook, false);
                if subscriber.hooks == Hooks::default() {
                    subscriber.end();
                }
            }
        }
        state
            .subscribers
            .retain(|subscriber| subscriber.hooks != Hooks::default());
    }

    /// Ends all that are not the connection's own.
    pub(super) fn remove_guests(&self) {
        self.0.lock().subscribers.retain(|subscriber| {
            subscriber.end();
            matches!(subscriber.holder, Holder::Lasting(_))
        });
    }

    /// Forgets who is gone, and answers what is needed for the others.
    pub(super) fn needed(&self) -> Needed {
        let mut state = self.0.lock();
        state.subscribers.retain(|subscriber| !subscriber.is_gone());
        state.measure();
        let any = |wants: fn(&Hooks) -> bool| {
            let mut hooks = state.subscribers.iter().map(|known| &known.hooks);
            hooks.any(wants)
        };
        Needed {
            updates: any(|hooks| hooks.changes || hooks.raw),
            values: any(|hooks| hooks.values),
            ends: any(|hooks| hooks.changes || hooks.values || hooks.commits || hooks.rollbacks),
            wal: any(|hooks| hooks.wal),
        }
    }

    /// Notes what is registered from now on, and answers what was.
    pub(super) fn register(&self, needed: Needed) -> Needed {
        std::mem::replace(&mut self.0.lock().registered, needed)
    }

    pub(super) fn has_values(&self) -> bool {
        self.0.lock().registered.values
    }

    pub(super) fn has_wal(&self) -> bool {
        self.0.lock().registered.wal
    }

    pub(super) fn set_autocheckpoint(&self, frames: i32) {
        self.0.lock().autocheckpoint = frames;
    }

    pub(super) fn autocheckpoint(&self) -> i32 {
        self.0.lock().autocheckpoint
    }

    pub(super) fn anybody_gone(&self) -> bool {
        self.0.lock().subscribers.iter().any(Subscriber::is_gone)
    }

    /// The open transaction's beginning is not known from here on, so it is forgotten.
    pub(super) fn forget(&self) {
        let mut state = self.0.lock();
        state.forget_transaction();
        state.committing = false;
        state.rolled_back = false;
        state.wal.clear();
    }

    pub(super) fn updated(&self, operation: Operation, database: &str, table: &str, rowid: i64) {
        let mut state = self.0.lock();
        let change = Change {
            operation,
            place: state.place(database, table),
            rowid,
            values: None,
        };
        if state.subscribers.iter().any(|known| known.hooks.raw) {
            state.send(|hooks| hooks.raw, &Event::Change(change.clone()));
        }
        state.updates.record(change);
    }

    pub(super) fn changing(
        &self,
        operation: Operation,
        database: &str,
        table: &str,
        rowid: i64,
        values: Values,
    ) {
        let mut state = self.0.lock();
        let change = Change {
            operation,
            place: state.place(database, table),
            rowid,
            values: Some(Box::new(values)),
        };
        state.values.record(change);
    }

    /// Tables whose columns somebody wants to know, who was told of them.
    pub(super) fn unknown_places(&self) -> Vec<Arc<Place>> {
        let state = self.0.lock();
        let places = state.places.iter();
        let unknown = places.filter(|place| place.columns.get().is_none());
        match state.registered.values {
            true => unknown.cloned().collect(),
            false => Vec::new(),
        }
    }

    pub(super) fn committing(&self) {
        self.0.lock().committing = true;
    }

    pub(super) fn rolled_back(&self) {
        let mut state = self.0.lock();
        state.forget_transaction();
        state.committing = false;
        state.rolled_back = true;
    }

    /// Answers whether a checkpoint is due.
    pub(super) fn wal_written(&self, database: &str, frames: u32) -> bool {
        let mut state = self.0.lock();
        state.wal.push((database.to_owned(), frames));
        u32::try_from(state.autocheckpoint).is_ok_and(|limit| limit > 0 && frames >= limit)
    }

    /// After each statement: what is known now.
    pub(super) fn settle(&self, ran: Ran) {
        let mut state = self.0.lock();
        if state.rolled_back {
            state.rolled_back = false;
            state.rollbacks += 1;
            let event = Event::Rollback(state.rollbacks);
            state.send(|hooks| hooks.rollbacks, &event);
        }
        if state.committing && ran.autocommit {
            state.committed();
        } else if !ran.succeeded && !ran.kept {
            state.updates.undo_statement();
            state.values.undo_statement();
        }
        // A commit that found the database busy leaves the transaction open.
        state.committing = false;
        for (database, frames) in std::mem::take(&mut state.wal) {
            state.send(|hooks| hooks.wal, &Event::Wal { database, frames });
        }
        if ran.autocommit {
            state.forget_transaction();
        } else if let (true, Some(savepoint)) = (ran.succeeded, ran.savepoint) {
            state.updates.savepoint(&savepoint);
            state.values.savepoint(&savepoint);
        }
        if ran.schema || ran.autocommit && state.registered.values {
            state.places.clear();
        }
        state.updates.end_statement();
        state.values.end_statement();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        for subscriber in &self.0.get_mut().subscribers {
            subscriber.end();
        }
    }
}

/// More tables than these are looked for anew.
const PLACES: usize = 64;

impl State {
    /// A transaction with more changes than any channel takes need not be kept.
    fn measure(&mut self) {
        let channels = self.subscribers.iter().filter_map(Subscriber::channel);
        let most = channels.map(|channel| channel.bound()).max().unwrap_or(0);
        self.updates.most = most;
        self.values.most = most;
    }

    fn place(&mut self, database: &str, table: &str) -> Arc<Place> {
        let same = |place: &&Arc<Place>| place.table == table && place.database == database;
        if let Some(known) = self.places.iter().find(same) {
            return Arc::clone(known);
        }
        if self.places.len() >= PLACES && !self.registered.values {
            self.places.clear();
        }
        let place = Arc::new(Place {
            database: database.to_owned(),
            table: table.to_owned(),
            columns: OnceLock::new(),
        });
        self.places.push(Arc::clone(&place));
        place
    }

    fn send(&self, wants: fn(&Hooks) -> bool, event: &Event) {
        for subscriber in &self.subscribers {
            if wants(&subscriber.hooks)
                && let Some(channel) = subscriber.channel()
            {
                channel.push(subscriber.from, event.clone());
            }
        }
    }

    fn committed(&mut self) {
        let (updates, values) = (self.updates.take(), self.values.take());
        self.send_changes(|hooks| hooks.changes, updates);
        self.send_changes(|hooks| hooks.values, values);
        self.commits += 1;
        self.send(|hooks| hooks.commits, &Event::Commit(self.commits));
    }

    fn send_changes(&self, wants: fn(&Hooks) -> bool, changes: Result<Vec<Change>, usize>) {
        match changes {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => self.send(wants, &Event::Changes(changes.into())),
            Err(dropped) => {
                for subscriber in self.subscribers.iter().filter(|known| wants(&known.hooks)) {
                    if let Some(channel) = subscriber.channel() {
                        channel.push_overflow(subscriber.from, dropped as u64);
                    }
                }
            }
        }
    }

    fn forget_transaction(&mut self) {
        self.updates.clear();
        self.values.clear();
    }
}

/// The changes of the open transaction.
#[derive(Debug, Default)]
struct Log {
    /// The first ones, as many as some channel takes.
    changes: Vec<Change>,
    weight: usize,
    most: usize,
    /// How many there were.
    total: usize,
    /// How many there were before the statement that runs, and before each savepoint.
    statement: usize,
    savepoints: Vec<(String, usize)>,
}

impl Log {
    fn record(&mut self, change: Change) {
        let weight = self.weight + change.weight();
        if self.changes.len() == self.total && weight <= self.most {
            self.changes.push(change);
            self.weight = weight;
        }
        self.total += 1;
    }

    /// All changes, or how many there were if they are not all there.
    fn take(&mut self) -> Result<Vec<Change>, usize> {
        let mut changes = std::mem::take(&mut self.changes);
        for change in &mut changes {
            if let (Some(values), Some(columns)) = (&mut change.values, change.place.columns.get())
                && let Some(new) = &mut values.new
            {
                columns.mend(new);
            }
        }
        let known = self
            .changes_known(&changes)
            .then_some(changes)
            .ok_or(self.total);
        self.clear();
        known
    }

    fn changes_known(&self, changes: &[Change]) -> bool {
        let known =
            |change: &Change| change.values.is_none() || change.place.columns.get().is_some();
        changes.len() == self.total && changes.iter().all(known)
    }

    fn clear(&mut self) {
        // What one large transaction took is not kept.
        self.changes = Vec::new();
        self.weight = 0;
        self.total = 0;
        self.statement = 0;
        self.savepoints.clear();
    }

    fn end_statement(&mut self) {
        self.statement = self.total;
    }

    fn undo_statement(&mut self) {
        self.go_back(self.statement);
    }

    fn go_back(&mut self, mark: usize) {
        if let Some(undone) = self.changes.get(mark..) {
            self.weight -= undone.iter().map(Change::weight).sum::<usize>();
            self.changes.truncate(mark);
        }
        self.total = self.total.min(mark);
    }

    fn savepoint(&mut self, savepoint: &Savepoint) {
        match savepoint {
            Savepoint::Set(name) => self.savepoints.push((name.clone(), self.total)),
            Savepoint::Release(name) => {
                let known = self.find(name).unwrap_or(0);
                self.savepoints.truncate(known);
            }
            Savepoint::RollBackTo(name) => match self.find(name) {
                Some(known) => {
                    let mark = self.savepoints.get(known).map_or(0, |(_, mark)| *mark);
                    self.savepoints.truncate(known + 1);
                    self.go_back(mark);
                }
                // It was set before anybody listened.
                None => {
                    self.savepoints.clear();
                    self.go_back(0);
                }
            },
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let same = |(known, _): &(String, usize)| known.eq_ignore_ascii_case(name);
        self.savepoints.iter().rposition(same)
    }
}
