//! What SQLite's hooks have told of a connection, until a transaction has ended.
//!
//! The update hook tells of changes that may be undone: by the end of a statement that fails, by
//! going back to a savepoint, by a rollback. None of that is told but the last. So changes are kept
//! with marks, and handed to the channels when the transaction has been committed.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::savepoint::Savepoint;
use crate::Id;
use crate::channel::{Change, Channel, Event, Operation, Place};

/// What somebody wants to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Changes of rows: each when it happens, or those of a transaction after its commit.
    Update {
        raw: bool,
    },
    Commit,
    Rollback,
    Wal,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Hooks {
    changes: bool,
    raw: bool,
    commits: bool,
    rollbacks: bool,
    wal: bool,
}

impl Hooks {
    fn set(&mut self, hook: Hook, on: bool) {
        match hook {
            Hook::Update { raw } => {
                self.changes = on && !raw;
                self.raw = on && raw;
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
}

#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    subscribers: Vec<Subscriber>,
    /// The first ones of the open transaction, as many as some channel takes.
    changes: Vec<Change>,
    most: usize,
    /// How many there were.
    total: usize,
    /// How many there were before the statement that runs, and before each savepoint.
    statement: usize,
    savepoints: Vec<(String, usize)>,
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
            ends: any(|hooks| hooks.changes || hooks.commits || hooks.rollbacks),
            wal: any(|hooks| hooks.wal),
        }
    }

    /// Notes what is registered from now on, and answers what was.
    pub(super) fn register(&self, needed: Needed) -> Needed {
        std::mem::replace(&mut self.0.lock().registered, needed)
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
        state.record(change);
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
            let mark = state.statement;
            state.go_back(mark);
        }
        // A commit that found the database busy leaves the transaction open.
        state.committing = false;
        for (database, frames) in std::mem::take(&mut state.wal) {
            state.send(|hooks| hooks.wal, &Event::Wal { database, frames });
        }
        if ran.autocommit {
            state.forget_transaction();
        } else if let (true, Some(savepoint)) = (ran.succeeded, ran.savepoint) {
            state.savepoint(savepoint);
        }
        state.statement = state.total;
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
        self.most = channels.map(|channel| channel.bound()).max().unwrap_or(0);
    }

    fn place(&mut self, database: &str, table: &str) -> Arc<Place> {
        let same = |place: &&Arc<Place>| place.table == table && place.database == database;
        if let Some(known) = self.places.iter().find(same) {
            return Arc::clone(known);
        }
        if self.places.len() >= PLACES {
            self.places.clear();
        }
        let place = Arc::new(Place {
            database: database.to_owned(),
            table: table.to_owned(),
        });
        self.places.push(Arc::clone(&place));
        place
    }

    fn record(&mut self, change: Change) {
        if self.subscribers.iter().any(|known| known.hooks.raw) {
            self.send(|hooks| hooks.raw, &Event::Change(change.clone()));
        }
        if self.changes.len() == self.total && self.total < self.most {
            self.changes.push(change);
        }
        self.total += 1;
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
        let changes = std::mem::take(&mut self.changes);
        if changes.len() == self.total {
            if self.total > 0 {
                self.send(|hooks| hooks.changes, &Event::Changes(changes.into()));
            }
        } else {
            for subscriber in self.subscribers.iter().filter(|known| known.hooks.changes) {
                if let Some(channel) = subscriber.channel() {
                    channel.push_overflow(subscriber.from, self.total as u64);
                }
            }
        }
        self.commits += 1;
        self.send(|hooks| hooks.commits, &Event::Commit(self.commits));
    }

    fn forget_transaction(&mut self) {
        // What one large transaction took is not kept.
        self.changes = Vec::new();
        self.total = 0;
        self.statement = 0;
        self.savepoints.clear();
    }

    fn go_back(&mut self, mark: usize) {
        self.changes.truncate(mark);
        self.total = self.total.min(mark);
    }

    fn savepoint(&mut self, savepoint: Savepoint) {
        match savepoint {
            Savepoint::Set(name) => self.savepoints.push((name, self.total)),
            Savepoint::Release(name) => {
                let known = self.find(&name).unwrap_or(0);
                self.savepoints.truncate(known);
            }
            Savepoint::RollBackTo(name) => match self.find(&name) {
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
