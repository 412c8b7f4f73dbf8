//! What a connection's hooks have seen, on its way to whoever listens: a queue with a bound.
//!
//! Who writes never waits for who reads. What does not fit is dropped and counted, and the count
//! stands in the queue where the dropped would have stood.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::Id;
use crate::value::Value;

/// A table, and the database that it is in.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub database: String,
    pub table: String,
    /// Known where values were asked for.
    pub columns: OnceLock<Columns>,
}

/// A table's columns that are stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    pub names: Vec<String>,
    /// Which of them have the affinity REAL.
    pub(crate) reals: Vec<bool>,
    /// Whether its rows have rowids.
    pub rowid: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Insert,
    Update,
    Delete,
}

/// One row's change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub operation: Operation,
    pub place: Arc<Place>,
    pub rowid: i64,
    /// Only where values were asked for.
    pub values: Option<Box<Values>>,
}

impl Columns {
    /// SQLite keeps a float that is a whole number as an integer, and shows it so where a row is
    /// inserted.
    pub(crate) fn mend(&self, values: &mut [Value]) {
        for (value, real) in values.iter_mut().zip(&self.reals) {
            if let (true, Value::Integer(integer)) = (real, &*value) {
                *value = Value::Real(*integer as f64);
            }
        }
    }
}

impl Change {
    /// With values, it counts for as many as there are kilobytes.
    pub(crate) fn weight(&self) -> usize {
        self.values.as_ref().map_or(1, |values| {
            let rows = values.old.iter().chain(&values.new);
            1 + rows.flatten().map(size).sum::<usize>() / 1024
        })
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(bytes) | Value::Blob(bytes) => size_of::<Value>() + bytes.len(),
        _ => size_of::<Value>(),
    }
}

/// A row before and after its change, by its table's columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    pub old: Option<Vec<Value>>,
    pub new: Option<Vec<Value>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Those of a transaction, after its commit.
    Changes(Arc<[Change]>),
    /// One, when it happens.
    Change(Change),
    /// The how manieth that was seen.
    Commit(u64),
    Rollback(u64),
    /// Frames in a database's write-ahead log after a commit.
    Wal {
        database: String,
        frames: u32,
    },
    /// So many changes and other events were dropped here.
    Overflow(u64),
}

impl Event {
    /// What it takes of a queue's bound.
    fn weight(&self) -> usize {
        match self {
            Event::Changes(changes) => changes.iter().map(Change::weight).sum(),
            Event::Overflow(_) => 0,
            _ => 1,
        }
    }
}

impl Event {
    /// How many are dropped with it.
    fn count(&self) -> u64 {
        match self {
            Event::Changes(changes) => changes.len() as u64,
            _ => 1,
        }
    }
}

type Wake = Box<dyn Fn() + Send + Sync>;

/// The events of one connection, or of several.
pub struct Channel {
    queue: Mutex<Queue>,
}

struct Queue {
    /// With the connection that each is of.
    events: VecDeque<(Id, Event)>,
    weight: usize,
    bound: usize,
    /// Told of the first event after the queue was found empty.
    wake: Option<Wake>,
    asleep: bool,
    closed: bool,
}

/// What [`Channel::take`] took.
#[derive(Debug, PartialEq)]
pub struct Taken {
    pub events: Vec<(Id, Event)>,
    pub left: Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    More,
    /// For now: there will be a call of the one who is to be woken.
    Nothing,
    /// And nothing will come.
    Closed,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queue = self.queue.lock();
        f.debug_struct("Channel")
            .field("events", &queue.events.len())
            .field("weight", &queue.weight)
            .field("bound", &queue.bound)
            .finish_non_exhaustive()
    }
}

impl Channel {
    /// `bound` counts changes; every other event counts as one, and a change with values as one for
    /// each kilobyte.
    pub fn new(bound: usize) -> Channel {
        Channel {
            queue: Mutex::new(Queue {
                events: VecDeque::new(),
                weight: 0,
                bound,
                wake: None,
                asleep: true,
                closed: false,
            }),
        }
    }

    pub fn bound(&self) -> usize {
        self.queue.lock().bound
    }

    pub fn set_bound(&self, bound: usize) {
        self.queue.lock().bound = bound;
    }

    /// Who is woken from now on; at once where something is there already. A channel that was
    /// closed is open again.
    pub fn listen(&self, wake: impl Fn() + Send + Sync + 'static) {
        let mut queue = self.queue.lock();
        queue.closed = false;
        queue.asleep = queue.events.is_empty();
        if !queue.asleep {
            wake();
        }
        queue.wake = Some(Box::new(wake));
    }

    /// Adds an event of a connection's, or counts it as dropped.
    pub fn push(&self, from: Id, event: Event) {
        let mut queue = self.queue.lock();
        let weight = event.weight();
        if queue.closed {
            return;
        }
        if queue.weight + weight > queue.bound {
            queue.drop_event(from, event.count());
        } else {
            queue.weight += weight;
            queue.events.push_back((from, event));
        }
        queue.wake_up();
    }

    /// Notes that so many changes of a connection's were dropped before they came here.
    pub fn push_overflow(&self, from: Id, dropped: u64) {
        let mut queue = self.queue.lock();
        if !queue.closed {
            queue.drop_event(from, dropped);
            queue.wake_up();
        }
    }

    /// The oldest events, until they weigh `most`, and one at least.
    pub fn take(&self, most: usize) -> Taken {
        let mut queue = self.queue.lock();
        let mut events = Vec::new();
        let mut taken = 0;
        while taken < most
            && let Some((from, event)) = queue.events.pop_front()
        {
            taken += event.weight().max(1);
            queue.weight -= event.weight();
            events.push((from, event));
        }
        queue.asleep = queue.events.is_empty();
        let left = match (queue.asleep, queue.closed) {
            (false, _) => Left::More,
            (true, false) => Left::Nothing,
            (true, true) => Left::Closed,
        };
        Taken { events, left }
    }

    /// Nothing is added any more. What is there can still be taken.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.wake_up();
    }

    /// Closes it and forgets what is there.
    pub fn discard(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.events.clear();
        queue.weight = 0;
        queue.wake = None;
    }

    pub fn is_closed(&self) -> bool {
        self.queue.lock().closed
    }
}

impl Queue {
    /// The count goes to the marks that the queue ends with: one for each connection at most.
    fn drop_event(&mut self, from: Id, dropped: u64) {
        for (of, event) in self.events.iter_mut().rev() {
            match event {
                Event::Overflow(count) if *of == from => {
                    *count += dropped;
                    return;
                }
                Event::Overflow(_) => {}
                _ => break,
            }
        }
        self.events.push_back((from, Event::Overflow(dropped)));
    }

    fn wake_up(&mut self) {
        if self.asleep
            && let Some(wake) = &self.wake
        {
            self.asleep = false;
            wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    fn changes(count: usize) -> Event {
        let change = Change {
            operation: Operation::Insert,
            place: Arc::new(Place {
                database: "main".to_owned(),
                table: "t".to_owned(),
                columns: OnceLock::new(),
            }),
            rowid: 1,
            values: None,
        };
        Event::Changes(vec![change; count].into())
    }

    fn events(channel: &Channel, most: usize) -> Vec<Event> {
        let taken = channel.take(most).events.into_iter();
        taken.map(|(_, event)| event).collect()
    }

    #[test]
    fn what_does_not_fit_is_counted_where_it_would_have_stood() {
        let (channel, id) = (Channel::new(4), Id::new_v4());
        for event in [changes(3), changes(2), Event::Commit(1), Event::Commit(2)] {
            channel.push(id, event);
        }
        assert_eq!(
            events(&channel, 100),
            [
                changes(3),
                Event::Overflow(2),
                Event::Commit(1),
                Event::Overflow(1)
            ]
        );
        channel.push(id, changes(5));
        channel.push(id, changes(5));
        assert_eq!(events(&channel, 100), [Event::Overflow(10)]);
    }

    #[test]
    fn each_connection_has_its_own_count() {
        let channel = Channel::new(1);
        let (one, other) = (Id::new_v4(), Id::new_v4());
        for (id, event) in [
            (one, changes(1)),
            (one, changes(1)),
            (other, changes(2)),
            (one, changes(3)),
        ] {
            channel.push(id, event);
        }
        assert_eq!(
            channel.take(100).events,
            [
                (one, changes(1)),
                (one, Event::Overflow(4)),
                (other, Event::Overflow(2))
            ]
        );
    }

    #[test]
    fn wakes_once_until_it_was_found_empty() {
        let channel = Channel::new(10);
        let woken = Arc::new(AtomicUsize::new(0));
        let id = Id::new_v4();
        channel.push(id, changes(1));
        let count = Arc::clone(&woken);
        channel.listen(move || {
            count.fetch_add(1, SeqCst);
        });
        assert_eq!(woken.load(SeqCst), 1);
        channel.push(id, changes(1));
        assert_eq!(woken.load(SeqCst), 1);
        assert_eq!(channel.take(1).left, Left::More);
        assert_eq!(channel.take(1).left, Left::Nothing);
        channel.push(id, changes(1));
        channel.push(id, changes(1));
        assert_eq!(woken.load(SeqCst), 2);
        channel.close();
        channel.push(id, changes(1));
        assert_eq!(channel.take(10).events.len(), 2);
        assert_eq!(channel.take(10).left, Left::Closed);
    }
}
