//! A connection's statement cache: the least recently used statement goes when it is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use hashlink::LruCache;
use rustc_hash::FxBuildHasher;

use super::statement::Statement;

/// Counters that can be read while the connection works.
#[derive(Debug, Default)]
pub struct CacheStats {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    size: AtomicUsize,
}

impl CacheStats {
    pub fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    pub fn misses(&self) -> u64 {
        self.misses.load(Relaxed)
    }

    pub fn evictions(&self) -> u64 {
        self.evictions.load(Relaxed)
    }

    /// Statements in the cache, in use or not.
    pub fn size(&self) -> usize {
        self.size.load(Relaxed)
    }
}

/// One thread at a time counts, so that no counter needs a locked instruction.
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// What a cache can hold.
pub(super) trait Cached {
    /// The SQL that it is looked up by.
    fn key(&self) -> &Arc<str>;
}

/// A statement is taken for its run and put back after it, so that a second run of the same SQL
/// in between (a cursor's, say) gets a statement of its own. Its place is kept in the meantime.
///
/// The statement that was put back last stays outside of its place: to run the same SQL again
/// takes one comparison and no hashing.
pub(super) struct StatementCache<T = Statement> {
    places: LruCache<Arc<str>, Option<T>, FxBuildHasher>,
    /// Whose place is the most recently used one.
    latest_key: Option<Arc<str>>,
    latest: Option<T>,
    stats: Arc<CacheStats>,
}

impl<T> std::fmt::Debug for StatementCache<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementCache")
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl<T: Cached> StatementCache<T> {
    pub(super) fn new(capacity: usize) -> StatementCache<T> {
        StatementCache {
            places: LruCache::with_hasher(capacity, FxBuildHasher),
            latest_key: None,
            latest: None,
            stats: Arc::default(),
        }
    }

    pub(super) fn stats(&self) -> Arc<CacheStats> {
        Arc::clone(&self.stats)
    }

    pub(super) fn take(&mut self, sql: &str) -> Option<T> {
        let taken = match &self.latest {
            Some(latest) if **latest.key() == *sql => self.latest.take(),
            _ => self.places.peek_mut(sql).and_then(Option::take),
        };
        count(match taken {
            Some(_) => &self.stats.hits,
            None => &self.stats.misses,
        });
        taken
    }

    pub(super) fn peek(&self, sql: &str) -> Option<&T> {
        match &self.latest {
            Some(latest) if **latest.key() == *sql => self.latest.as_ref(),
            _ => self.places.peek(sql).and_then(Option::as_ref),
        }
    }

    /// Puts a statement where it was taken from, or, if it is new, in a place of its own, which
    /// now is the most recently used.
    pub(super) fn put(&mut self, statement: T) {
        if self.places.capacity() == 0 {
            return;
        }
        let key = statement.key();
        if !self
            .latest_key
            .as_ref()
            .is_some_and(|latest| Arc::ptr_eq(latest, key))
        {
            let key = Arc::clone(key);
            self.settle();
            self.place(&key);
            self.latest_key = Some(key);
        }
        self.latest = Some(statement);
    }

    /// Moves the latest statement into its place, or drops it if that was evicted.
    fn settle(&mut self) {
        if let Some(latest) = self.latest.take()
            && let Some(place) = self.places.peek_mut(&**latest.key())
        {
            *place = Some(latest);
        }
    }

    /// Makes sure of a place, empty until the statement settles, and uses it.
    fn place(&mut self, key: &Arc<str>) {
        if let Some(place) = self.places.get_mut(&**key) {
            // Another statement of the same SQL came back first: the newest is kept.
            *place = None;
            return;
        }
        if self.places.len() == self.places.capacity() {
            count(&self.stats.evictions);
        }
        self.places.insert(Arc::clone(key), None);
        self.note_size();
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.latest = None;
        self.latest_key = None;
        self.note_size();
    }

    fn note_size(&self) {
        self.stats.size.store(self.places.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Entry(Arc<str>, u32);

    impl Cached for Entry {
        fn key(&self) -> &Arc<str> {
            &self.0
        }
    }

    fn entry(sql: &str, value: u32) -> Entry {
        Entry(sql.into(), value)
    }

    fn cache(capacity: usize) -> StatementCache<Entry> {
        StatementCache::new(capacity)
    }

    #[test]
    fn what_is_taken_is_gone_until_it_is_put_back() {
        let mut cache = cache(2);
        cache.put(entry("a", 1));
        assert_eq!(cache.take("a"), Some(entry("a", 1)));
        assert_eq!(cache.take("a"), None);
        cache.put(entry("a", 1));
        assert_eq!(cache.take("a"), Some(entry("a", 1)));
        assert_eq!((cache.stats.hits(), cache.stats.misses()), (2, 1));
    }

    #[test]
    fn a_capacity_of_zero_keeps_nothing() {
        let mut cache = cache(0);
        cache.put(entry("a", 1));
        assert_eq!(cache.take("a"), None);
        assert_eq!(cache.stats.evictions(), 0);
    }

    /// The simplest cache that could be right: a list of places, the one put to last at the end.
    #[derive(Default)]
    struct Model {
        places: Vec<(String, Option<u32>)>,
        evictions: u64,
    }

    impl Model {
        fn find(&self, sql: &str) -> Option<usize> {
            self.places.iter().position(|(key, _)| key == sql)
        }

        fn take(&mut self, sql: &str) -> Option<u32> {
            let found = self.find(sql)?;
            self.places[found].1.take()
        }

        fn put(&mut self, capacity: usize, sql: &str, value: u32) {
            if let Some(found) = self.find(sql) {
                self.places.remove(found);
            } else if self.places.len() == capacity {
                self.places.remove(0);
                self.evictions += 1;
            }
            self.places.push((sql.to_owned(), Some(value)));
        }
    }

    proptest! {
        #[test]
        fn behaves_as_the_model(
            capacity in 1_usize..6,
            steps in prop::collection::vec((any::<bool>(), 0_u32..10), 0..200),
        ) {
            let mut cache = cache(capacity);
            let mut model = Model::default();
            for (put, key) in steps {
                let sql = format!("SELECT {key}");
                if put {
                    cache.put(entry(&sql, key));
                    model.put(capacity, &sql, key);
                } else {
                    let taken = cache.take(&sql).map(|Entry(_, key)| key);
                    prop_assert_eq!(taken, model.take(&sql));
                }
                prop_assert_eq!(cache.stats.size(), model.places.len());
                prop_assert_eq!(cache.stats.evictions(), model.evictions);
            }
        }
    }
}
