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
pub(super) struct StatementCache<T = Statement> {
    statements: LruCache<Arc<str>, Option<T>, FxBuildHasher>,
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
            statements: LruCache::with_hasher(capacity, FxBuildHasher),
            stats: Arc::default(),
        }
    }

    pub(super) fn stats(&self) -> Arc<CacheStats> {
        Arc::clone(&self.stats)
    }

    /// The statement of this SQL, which is now the most recently used.
    pub(super) fn take(&mut self, sql: &str) -> Option<T> {
        let taken = self.statements.get_mut(sql).and_then(Option::take);
        count(match taken {
            Some(_) => &self.stats.hits,
            None => &self.stats.misses,
        });
        taken
    }

    /// Puts a statement where it was taken from, or, if it is new, in a place of its own.
    pub(super) fn put(&mut self, statement: T) {
        if let Some(place) = self.statements.get_mut(&**statement.key()) {
            *place = Some(statement);
        } else if self.statements.capacity() > 0 {
            if self.statements.len() == self.statements.capacity() {
                count(&self.stats.evictions);
            }
            let key = Arc::clone(statement.key());
            self.statements.insert(key, Some(statement));
            self.note_size();
        }
    }

    pub(super) fn clear(&mut self) {
        self.statements.clear();
        self.note_size();
    }

    fn note_size(&self) {
        self.stats.size.store(self.statements.len(), Relaxed);
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

    /// The simplest cache that could be right: a list of places, the most recently used last.
    #[derive(Default)]
    struct Model {
        places: Vec<(String, Option<u32>)>,
        evictions: u64,
    }

    impl Model {
        fn touch(&mut self, sql: &str) -> Option<&mut Option<u32>> {
            let found = self.places.iter().position(|(key, _)| key == sql)?;
            let place = self.places.remove(found);
            self.places.push(place);
            self.places.last_mut().map(|(_, place)| place)
        }

        fn take(&mut self, sql: &str) -> Option<u32> {
            self.touch(sql)?.take()
        }

        fn put(&mut self, capacity: usize, sql: &str, value: u32) {
            if let Some(place) = self.touch(sql) {
                *place = Some(value);
                return;
            }
            if self.places.len() == capacity {
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
