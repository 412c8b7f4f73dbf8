//! The write gate: of the connections to one database file, one at a time writes, in order of
//! arrival.
//!
//! Nobody sleeps here. Who finds the gate taken gets a place in the queue and goes away; when its
//! turn has come, the gate is already its own, and it is sent for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::Id;
use crate::session::Owner;

/// What a process that waits is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// To call again: the gate is its own now, or its connection was closed.
    Turn,
    /// The same after a moment, in which another program gets its turn.
    TurnLater,
    /// It was interrupted, and has lost its place.
    Interrupted,
}

/// Sends a notice to a process that waits with a connection.
pub type Wake<O> = fn(O, Id, Notice);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    Inside,
    /// There is a place in the queue: [`Wake`] tells the end of it.
    Queued,
}

/// How somebody's waiting ended who gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left<O> {
    /// Too late: it is the caller's turn.
    Granted,
    /// The place is given up; this is who has the gate, and since when.
    Behind(Option<(O, Instant)>),
}

/// Who is through the gate.
#[derive(Debug, Clone, Copy)]
pub struct Holder<O> {
    pub connection: Id,
    pub caller: O,
    pub since: Instant,
    /// Whether it has the gate but no call under way that uses it: it was just sent for, or it
    /// waits for the lock of another program.
    pub reserved: bool,
    /// Counts who got the gate, from 1.
    grant: u64,
}

#[derive(Debug, Clone, Copy)]
struct Waiter<O> {
    connection: Id,
    caller: O,
    since: Instant,
    /// A thread of our own, which is not sent for.
    asleep: bool,
}

/// What is known of other programs that write the file.
#[derive(Debug, Clone, Copy)]
struct Others {
    /// When somebody met their lock.
    met: Instant,
    /// Since when this program has not let them in.
    kept_out: Instant,
}

impl Others {
    /// For how long they are thought to go on writing.
    const MEMORY: Duration = Duration::from_secs(1);

    /// After that, they get a turn. They look for one every millisecond or two.
    const PATIENCE: Duration = Duration::from_millis(5);

    fn are_due(&self) -> bool {
        self.met.elapsed() < Others::MEMORY && self.kept_out.elapsed() > Others::PATIENCE
    }
}

#[derive(Debug)]
struct State<O> {
    /// None only while nobody waits: who leaves hands on.
    holder: Option<Holder<O>>,
    queue: VecDeque<Waiter<O>>,
    figures: Figures,
    others: Option<Others>,
    /// The last holder that changed the database.
    last_writer: u64,
}

/// What the gate has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// How often somebody got through.
    pub grants: u64,
    /// How often of these after waiting, and for how long.
    pub waits: u64,
    pub waited: Duration,
    pub longest_wait: Duration,
}

#[derive(Debug)]
pub struct Gate<O> {
    wake: Wake<O>,
    state: Mutex<State<O>>,
    /// For threads that sleep until it is their turn.
    turn: Condvar,
}

impl<O: Owner> Gate<O> {
    pub fn new(wake: Wake<O>) -> Gate<O> {
        Gate {
            wake,
            state: Mutex::new(State {
                holder: None,
                queue: VecDeque::new(),
                figures: Figures::default(),
                others: None,
                last_writer: 0,
            }),
            turn: Condvar::new(),
        }
    }

    /// Takes the gate, or a place in its queue.
    pub fn enter(&self, connection: Id, caller: O) -> Entered {
        let mut state = self.state.lock();
        if state.pass(connection, caller) {
            return Entered::Inside;
        }
        let waits = |waiter: &Waiter<O>| waiter.connection == connection && waiter.caller == caller;
        if !state.queue.iter().any(waits) {
            state.queue.push_back(Waiter {
                connection,
                caller,
                since: Instant::now(),
                asleep: false,
            });
        }
        Entered::Queued
    }

    /// Takes the gate for a thread of our own, which sleeps until it is its turn. `false`: the
    /// deadline came first. `connection` is nobody else's.
    pub fn enter_asleep(&self, connection: Id, caller: O, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        if state.pass(connection, caller) {
            return true;
        }
        state.queue.push_back(Waiter {
            connection,
            caller,
            since: Instant::now(),
            asleep: true,
        });
        loop {
            let late = match deadline {
                None => {
                    self.turn.wait(&mut state);
                    false
                }
                Some(deadline) => self.turn.wait_until(&mut state, deadline).timed_out(),
            };
            if state.holder_of(connection).is_some() {
                return state.pass(connection, caller);
            }
            if late {
                state.queue.retain(|waiter| waiter.connection != connection);
                return false;
            }
        }
    }

    /// Takes the gate if that needs no waiting.
    pub fn try_enter(&self, connection: Id, caller: O) -> bool {
        self.state.lock().pass(connection, caller)
    }

    /// Hands the gate on. `wrote` says that the database was changed.
    pub fn leave(&self, connection: Id, wrote: bool) {
        let mut state = self.state.lock();
        if let Some(holder) = state.holder_of(connection)
            && !holder.reserved
        {
            if wrote {
                state.last_writer = holder.grant;
            }
            self.hand_on(&mut state);
        }
    }

    /// Keeps the gate without a call, for a holder that met another program's lock: it comes back,
    /// gives up, or dies.
    pub fn reserve(&self, connection: Id) {
        let mut state = self.state.lock();
        if let Some(holder) = &mut state.holder
            && holder.connection == connection
        {
            holder.reserved = true;
            let now = Instant::now();
            state.others = Some(Others {
                met: now,
                kept_out: now,
            });
        }
    }

    /// Gives up a place in the queue, or the gate if it is reserved; not one whose turn has come
    /// when it only `waits` for that.
    pub fn give_up(&self, connection: Id, caller: O, waits: bool) -> Left<O> {
        let mut state = self.state.lock();
        if let Some(holder) = state.holder_of(connection)
            && holder.reserved
            && holder.caller == caller
        {
            if waits {
                return Left::Granted;
            }
            self.hand_on(&mut state);
            return Left::Behind(None);
        }
        state
            .queue
            .retain(|waiter| waiter.connection != connection || waiter.caller != caller);
        Left::Behind(state.holder.map(|holder| (holder.caller, holder.since)))
    }

    /// Forgets a process that died. A call of its own that is under way ends by itself.
    pub fn forget(&self, connection: Id, caller: O) {
        self.give_up(connection, caller, false);
    }

    /// Tells everybody who waits with this connection, and takes the gate from who has it
    /// reserved.
    pub fn interrupt(&self, connection: Id) {
        let mut state = self.state.lock();
        self.dismiss(&mut state, connection, Notice::Interrupted);
        if let Some(holder) = state.holder_of(connection)
            && holder.reserved
        {
            (self.wake)(holder.caller, connection, Notice::Interrupted);
            self.hand_on(&mut state);
        }
    }

    /// Forgets a connection that is closed.
    pub fn close(&self, connection: Id) {
        let mut state = self.state.lock();
        self.dismiss(&mut state, connection, Notice::Turn);
        if let Some(holder) = state.holder_of(connection) {
            if holder.reserved {
                (self.wake)(holder.caller, connection, Notice::Turn);
            }
            self.hand_on(&mut state);
        }
    }

    fn dismiss(&self, state: &mut State<O>, connection: Id, notice: Notice) {
        state.queue.retain(|waiter| {
            let stays = waiter.connection != connection;
            if !stays {
                (self.wake)(waiter.caller, connection, notice);
            }
            stays
        });
    }

    fn hand_on(&self, state: &mut State<O>) {
        state.holder = None;
        if let Some(next) = state.queue.pop_front() {
            state.grant(next.connection, next.caller, true);
            state.figures.waited_for(next.since.elapsed());
            if next.asleep {
                self.turn.notify_all();
                return;
            }
            // Under the lock: who gives up knows whether it was sent for.
            let notice = state.turn();
            (self.wake)(next.caller, next.connection, notice);
        }
    }

    /// The number of the latest holder, for [`written_since`](Gate::written_since).
    pub fn latest(&self) -> u64 {
        self.state.lock().figures.grants
    }

    /// Whether a holder after that one has changed the database.
    pub fn written_since(&self, latest: u64) -> bool {
        self.state.lock().last_writer > latest
    }

    pub fn holder(&self) -> Option<Holder<O>> {
        self.state.lock().holder
    }

    pub fn queue_length(&self) -> usize {
        self.state.lock().queue.len()
    }

    pub fn figures(&self) -> Figures {
        self.state.lock().figures
    }
}

impl<O: Owner> State<O> {
    /// Lets somebody in who may.
    fn pass(&mut self, connection: Id, caller: O) -> bool {
        match &mut self.holder {
            None => {
                self.grant(connection, caller, false);
                true
            }
            Some(holder)
                if holder.connection == connection
                    && (!holder.reserved || holder.caller == caller) =>
            {
                holder.reserved = false;
                true
            }
            Some(_) => false,
        }
    }

    /// A queue that never ends would keep other programs out for ever.
    fn turn(&mut self) -> Notice {
        match &mut self.others {
            Some(others) if others.are_due() => {
                others.kept_out = Instant::now();
                Notice::TurnLater
            }
            _ => Notice::Turn,
        }
    }

    fn grant(&mut self, connection: Id, caller: O, reserved: bool) {
        self.figures.grants += 1;
        self.holder = Some(Holder {
            connection,
            caller,
            since: Instant::now(),
            reserved,
            grant: self.figures.grants,
        });
    }

    fn holder_of(&self, connection: Id) -> Option<Holder<O>> {
        self.holder.filter(|holder| holder.connection == connection)
    }
}

impl Figures {
    fn waited_for(&mut self, waited: Duration) {
        self.waits += 1;
        self.waited += waited;
        self.longest_wait = self.longest_wait.max(waited);
    }
}
