//! What has been asked of the files so far, and what goes wrong next.

use std::collections::VecDeque;
use std::time::Duration;

use libsql::ffi;

use super::chance::Chance;
use super::script::{Action, FileKind, Operation, Rule, Script};

/// Faults that the log holds: the last ones.
const LOG: usize = 10_000;

/// An operation on a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub operation: Operation,
    pub file: FileKind,
    pub path: String,
    /// Of reads, writes and truncations.
    pub offset: u64,
    pub length: u64,
}

/// What went wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of all operations, counted from 1.
    pub number: u64,
    pub place: Place,
    /// None for what failed because the power was off, or the disk was full.
    pub action: Option<Action>,
    /// The code of its failure; 0 for what said that it was done.
    pub code: i32,
}

/// What an operation comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) delay: Duration,
    /// None where it is done as it should be.
    pub(super) action: Option<Action>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    matched: u64,
    done: u64,
}

/// What has been seen and done since the script began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub operations: u64,
    pub by_operation: [u64; Operation::ALL.len()],
    pub faults: u64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) chance: Chance,
    rules: Vec<Counted>,
    pub(super) space: Option<u64>,
    pub(super) seen: Seen,
    log: VecDeque<Entry>,
    /// Files of an earlier one belong to a machine that is off.
    pub(super) power: u64,
    pub(super) off: bool,
    /// Databases that are open, and of these, those of a machine that is off.
    pub(super) databases: u64,
    dead_databases: u64,
}

impl State {
    pub(super) fn new(script: &Script) -> State {
        State {
            chance: Chance::new(script.seed),
            rules: counted(script),
            space: script.space,
            seen: Seen::default(),
            log: VecDeque::new(),
            power: 0,
            off: false,
            databases: 0,
            dead_databases: 0,
        }
    }

    /// Goes on with another script. The log stays.
    pub(super) fn restart(&mut self, script: &Script) {
        self.chance = Chance::new(script.seed);
        self.rules = counted(script);
        self.space = script.space;
        self.seen = Seen::default();
    }

    pub(super) fn has_power(&self, since: u64) -> bool {
        !self.off && self.power == since
    }

    /// The power is back, for those who come from now on.
    pub(super) fn power_is_back(&mut self) {
        self.dead_databases += self.databases;
        self.databases = 0;
        self.power += 1;
        self.off = false;
    }

    pub(super) fn dead_databases(&self) -> u64 {
        self.dead_databases
    }

    pub(super) fn database_closed(&mut self, since: u64) {
        if since == self.power {
            self.databases -= 1;
        } else {
            self.dead_databases -= 1;
        }
    }

    /// Counts an operation, and says what it comes to.
    pub(super) fn judge(&mut self, place: &Place) -> Verdict {
        self.seen.operations += 1;
        self.seen.by_operation[place.operation.index()] += 1;
        let mut verdict = Verdict {
            delay: Duration::ZERO,
            action: None,
        };
        for counted in &mut self.rules {
            if !counted.holds(place, &mut self.chance) {
                continue;
            }
            match counted.rule.action {
                Action::Delay(time) => verdict.delay += time,
                action if verdict.action.is_none() && fits(action, place.operation) => {
                    verdict.action = Some(action);
                }
                _ => continue,
            }
            counted.done += 1;
        }
        if verdict.action == Some(Action::PowerLoss) {
            self.off = true;
        }
        verdict
    }

    pub(super) fn note(&mut self, place: &Place, action: Option<Action>, code: i32) {
        self.seen.faults += 1;
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(Entry {
            number: self.seen.operations,
            place: place.clone(),
            action,
            code,
        });
    }

    pub(super) fn log(&self) -> Vec<Entry> {
        self.log.iter().cloned().collect()
    }
}

fn counted(script: &Script) -> Vec<Counted> {
    let counted = |rule: &Rule| Counted {
        rule: rule.clone(),
        matched: 0,
        done: 0,
    };
    script.rules.iter().map(counted).collect()
}

/// A rule without operations holds for all of them; its action may be one for some.
fn fits(action: Action, operation: Operation) -> bool {
    match action {
        Action::Torn { .. } => operation == Operation::Write,
        Action::Short { .. } => operation == Operation::Read,
        Action::Lie => operation == Operation::Sync,
        Action::Fail(_) | Action::Delay(_) | Action::PowerLoss => true,
    }
}

impl Counted {
    fn holds(&mut self, place: &Place, chance: &mut Chance) -> bool {
        let rule = &self.rule;
        if !(rule.on.is_empty() || rule.on.contains(&place.operation))
            || !(rule.files.is_empty() || rule.files.contains(&place.file))
        {
            return false;
        }
        self.matched += 1;
        let number = self.matched;
        // Chance is asked last, so that what it says depends on nothing but the seed and the rule.
        rule.nth.is_none_or(|nth| nth == number)
            && rule.from.is_none_or(|from| number >= from)
            && rule.every.is_none_or(|every| number.is_multiple_of(every))
            && rule.times.is_none_or(|times| self.done < times)
            && rule
                .probability
                .is_none_or(|probability| chance.happens(probability))
    }
}

/// The code with which an operation fails by this action; none where it says that it is done.
pub(super) fn failure(action: Action, operation: Operation) -> Option<i32> {
    match action {
        Action::Fail(code) => Some(code.unwrap_or_else(|| operation.code())),
        Action::Torn { silent: false, .. } => Some(ffi::SQLITE_IOERR_WRITE),
        Action::PowerLoss => Some(operation.code()),
        Action::Torn { silent: true, .. }
        | Action::Short { .. }
        | Action::Lie
        | Action::Delay(_) => None,
    }
}
