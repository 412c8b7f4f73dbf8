//! SQL texts that the server keeps for a stream, so that they are sent once.

use std::hash::BuildHasher;

use hashlink::LruCache;
use rustc_hash::FxBuildHasher;

use super::protocol::{CloseSql, Request, RequestKind, Stmt, StoreSql};

/// sqld keeps 50 for a stream, of up to 5,000 bytes each.
const CAPACITY: usize = 40;
const LONGEST: usize = 5_000;
/// About the length of a request's headers. On the loopback interface no text up to the longest
/// shows in the time of a call (0.5 ms, sent or stored); what is saved is a slow link's.
const SHORTEST: usize = 256;
/// How many texts are remembered that were sent once, and are stored if they come again.
const SEEN: usize = 200;

/// What the server has of a stream's texts.
#[derive(Debug)]
pub(super) struct Texts {
    stored: LruCache<String, Stored>,
    /// Hashes of texts. Two texts with one hash do no harm: one is stored the first time.
    seen: LruCache<u64, ()>,
    next_id: i32,
    round: u64,
    unknown: bool,
}

#[derive(Debug)]
struct Stored {
    id: i32,
    /// The request that used it last: its texts must stay until it has run.
    round: u64,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            stored: LruCache::new(CAPACITY + 1),
            seen: LruCache::new(SEEN),
            next_id: 0,
            round: 0,
            unknown: false,
        }
    }
}

impl Texts {
    /// The next request begins.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// A request with texts to store was not sent: which ones the server has is not known any more,
    /// and for the rest of the stream all are sent.
    pub(super) fn give_up(&mut self) {
        self.unknown = true;
    }

    /// Puts `sql` into a statement, as text or as the id of a stored one; `before` gets the
    /// requests that have to come first.
    pub(super) fn put(&mut self, sql: &str, stmt: &mut Stmt, before: &mut Vec<Request>) {
        let id = self.id_of(sql, before);
        stmt.sql_id = id;
        stmt.sql = id.is_none().then(|| sql.to_owned());
    }

    fn id_of(&mut self, sql: &str, before: &mut Vec<Request>) -> Option<i32> {
        if self.unknown || !(SHORTEST..=LONGEST).contains(&sql.len()) {
            return None;
        }
        if let Some(stored) = self.stored.get_mut(sql) {
            stored.round = self.round;
            return Some(stored.id);
        }
        let hash = FxBuildHasher.hash_one(sql);
        if self.seen.remove(&hash).is_none() {
            self.seen.insert(hash, ());
            return None;
        }
        if self.stored.len() == CAPACITY && !self.evict(before) {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        before.push(
            RequestKind::StoreSql(StoreSql {
                sql_id: id,
                sql: sql.to_owned(),
            })
            .into(),
        );
        let round = self.round;
        self.stored.insert(sql.to_owned(), Stored { id, round });
        Some(id)
    }

    /// Makes room for a text, unless this request uses all that are there.
    fn evict(&mut self, before: &mut Vec<Request>) -> bool {
        match self.stored.remove_lru() {
            Some((sql, stored)) if stored.round == self.round => {
                // The least recently used one is of this request, so all are.
                self.stored.insert(sql, stored);
                false
            }
            Some((_, stored)) => {
                before.push(RequestKind::CloseSql(CloseSql { sql_id: stored.id }).into());
                true
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(texts: &mut Texts, sqls: &[String]) -> (Vec<Option<i32>>, usize) {
        let mut before = Vec::new();
        texts.begin();
        let ids = sqls
            .iter()
            .map(|sql| {
                let mut stmt = Stmt::default();
                texts.put(sql, &mut stmt, &mut before);
                assert_ne!(stmt.sql.is_some(), stmt.sql_id.is_some());
                stmt.sql_id
            })
            .collect();
        (ids, before.len())
    }

    fn sql(number: usize) -> String {
        format!("SELECT {number} -- {}", "x".repeat(SHORTEST))
    }

    #[test]
    fn a_text_is_stored_when_it_comes_again() {
        let mut texts = Texts::default();
        assert_eq!(put(&mut texts, &[sql(1)]), (vec![None], 0));
        assert_eq!(put(&mut texts, &[sql(1)]), (vec![Some(0)], 1));
        assert_eq!(put(&mut texts, &[sql(1)]), (vec![Some(0)], 0));
        assert_eq!(
            put(&mut texts, &["SELECT 1".to_owned(), "SELECT 1".to_owned()]),
            (vec![None, None], 0)
        );
    }

    #[test]
    fn the_server_is_never_asked_to_keep_more_than_the_capacity() {
        let mut texts = Texts::default();
        for number in 0..CAPACITY + 1 {
            put(&mut texts, &[sql(number), sql(number)]);
        }
        assert_eq!(texts.stored.len(), CAPACITY);
        // The oldest made room for the newest.
        assert!(!texts.stored.contains_key(&sql(0)));
        assert_eq!(put(&mut texts, &[sql(1)]).0, [Some(1)]);
    }

    #[test]
    fn a_request_does_not_push_out_its_own_texts() {
        let mut texts = Texts::default();
        let twice = (0..CAPACITY + 5)
            .flat_map(|number| [sql(number), sql(number)])
            .collect::<Vec<_>>();
        let (ids, before) = put(&mut texts, &twice);
        assert_eq!(before, CAPACITY);
        assert_eq!(ids.iter().flatten().count(), CAPACITY);
    }
}
