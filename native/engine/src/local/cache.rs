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

    /// Statements that lie in the cache now; one in use does not.
    pub fn size(&self) -> usize {
        self.size.load(Relaxed)
    }
}

/// A statement is taken out for its run and put back after it, so that a second run of the same
/// SQL in between (a cursor's, say) gets a statement of its own.
pub(super) struct StatementCache<T = Statement> {
    statements: LruCache<Arc<str>, T, FxBuildHasher>,
    stats: Arc<CacheStats>,
}

impl<T> std::fmt::Debug for StatementCache<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementCache")
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl<T> StatementCache<T> {
    pub(super) fn new(capacity: usize) -> StatementCache<T> {
        StatementCache {
            statements: LruCache::with_hasher(capacity, FxBuildHasher),
            stats: Arc::default(),
        }
    }

    pub(super) fn stats(&self) -> Arc<CacheStats> {
        Arc::clone(&self.stats)
    }

    pub(super) fn take(&mut self, sql: &str) -> Option<T> {
        let taken = self.statements.remove(sql);
        let counter = match taken {
            Some(_) => &self.stats.hits,
            None => &self.stats.misses,
        };
        counter.fetch_add(1, Relaxed);
        self.note_size();
        taken
    }

    pub(super) fn put(&mut self, sql: Arc<str>, statement: T) {
        if self.statements.capacity() == 0 {
            return;
        }
        let evicts = self.statements.len() == self.statements.capacity();
        let replaced = self.statements.insert(sql, statement).is_some();
        if evicts && !replaced {
            self.stats.evictions.fetch_add(1, Relaxed);
        }
        self.note_size();
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

    fn cache(capacity: usize) -> StatementCache<u32> {
        StatementCache::new(capacity)
    }

    #[test]
    fn what_is_taken_is_gone_until_it_is_put_back() {
        let mut cache = cache(2);
        cache.put("a".into(), 1);
        assert_eq!(cache.take("a"), Some(1));
        assert_eq!(cache.take("a"), None);
        cache.put("a".into(), 1);
        assert_eq!(cache.take("a"), Some(1));
        assert_eq!((cache.stats.hits(), cache.stats.misses()), (2, 1));
    }

    #[test]
    fn a_capacity_of_zero_keeps_nothing() {
        let mut cache = cache(0);
        cache.put("a".into(), 1);
        assert_eq!(cache.take("a"), None);
        assert_eq!(cache.stats.evictions(), 0);
    }

    /// The simplest cache that could be right: a list, the most recently used last.
    #[derive(Default)]
    struct Model {
        entries: Vec<(String, u32)>,
        evictions: u64,
    }

    impl Model {
        fn take(&mut self, sql: &str) -> Option<u32> {
            let found = self.entries.iter().position(|(key, _)| key == sql)?;
            Some(self.entries.remove(found).1)
        }

        fn put(&mut self, capacity: usize, sql: &str, value: u32) {
            if self.take(sql).is_none() && self.entries.len() == capacity {
                self.entries.remove(0);
                self.evictions += 1;
            }
            self.entries.push((sql.to_owned(), value));
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
                    cache.put(sql.as_str().into(), key);
                    model.put(capacity, &sql, key);
                } else {
                    prop_assert_eq!(cache.take(&sql), model.take(&sql));
                }
                prop_assert_eq!(cache.stats.size(), model.entries.len());
                prop_assert_eq!(cache.stats.evictions(), model.evictions);
            }
        }
    }
}
