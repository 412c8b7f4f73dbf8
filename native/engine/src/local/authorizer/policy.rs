//! A policy: rules, of which the first that is about a question decides it.

use std::cmp::Ordering;

use libsql::ffi;

use super::action::{Action, Field, Request, of_schema};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny,
    /// Without an error: a column or a function's value is NULL, nothing is inserted or set.
    Ignore,
}

/// Names as SQLite compares them: without regard to the case of ASCII's letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(Vec<Box<[u8]>>);

impl<'a> FromIterator<&'a [u8]> for Names {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(names: I) -> Names {
        let mut names = names
            .into_iter()
            .map(|name| of_schema(name).to_ascii_lowercase().into_boxed_slice())
            .collect::<Vec<_>>();
        names.sort_unstable();
        names.dedup();
        Names(names)
    }
}

impl Names {
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.0
            .binary_search_by(|known| compare(known, name))
            .is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn compare(folded: &[u8], name: &[u8]) -> Ordering {
    let name = name.iter().map(u8::to_ascii_lowercase);
    folded.iter().copied().cmp(name)
}

/// What a rule asks of one of the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Among(Names),
    Except(Names),
    /// That there is one.
    Present,
}

#[derive(Debug, Clone)]
pub struct Rule {
    verdict: Verdict,
    actions: u64,
    conditions: Vec<(Field, Condition)>,
}

impl Rule {
    pub fn new(verdict: Verdict, actions: &[Action], conditions: Vec<(Field, Condition)>) -> Rule {
        Rule {
            verdict,
            actions: actions.iter().fold(0, |bits, action| bits | action.bit()),
            conditions,
        }
    }

    fn is_about(&self, request: &Request<'_>) -> bool {
        self.actions & request.action.bit() != 0
            && self
                .conditions
                .iter()
                .all(|(field, condition)| self.holds(*field, condition, request))
    }

    fn holds(&self, field: Field, condition: &Condition, request: &Request<'_>) -> bool {
        match (request.get(field), condition) {
            (Some(value), Condition::Among(names)) => names.contains(value),
            (Some(value), Condition::Except(names)) => !names.contains(value),
            (Some(_), Condition::Present) => true,
            // SQLite does not always know of which database a table is that it asks about: what is
            // not known is not allowed.
            (None, Condition::Among(_) | Condition::Except(_)) if field == Field::Database => {
                self.verdict == Verdict::Deny
            }
            (None, Condition::Except(_)) => true,
            (None, Condition::Among(_) | Condition::Present) => false,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Policy {
    rules: Vec<Rule>,
    default: Verdict,
    /// Whether no statement may write, by whatever action.
    pub(super) read_only: bool,
    /// Views and triggers that rules trust.
    pub(super) trusted: Names,
    /// Whether anything may not be read.
    pub(super) hides: bool,
    /// Whether it matters of which database a table is.
    pub(super) tells_databases: bool,
}

impl Policy {
    pub fn new(rules: Vec<Rule>, default: Verdict, read_only: bool) -> Policy {
        let reads = Action(ffi::SQLITE_READ).bit();
        let trusted = rules.iter().flat_map(|rule| &rule.conditions);
        let trusted = trusted.filter_map(|(field, condition)| match (field, condition) {
            (Field::Within, Condition::Among(names) | Condition::Except(names)) => Some(names),
            _ => None,
        });
        Policy {
            trusted: trusted
                .flat_map(|names| names.0.iter().map(|name| &**name))
                .collect(),
            tells_databases: rules
                .iter()
                .flat_map(|rule| &rule.conditions)
                .any(|(field, _)| *field == Field::Database),
            hides: default != Verdict::Allow
                || rules
                    .iter()
                    .any(|rule| rule.verdict != Verdict::Allow && rule.actions & reads != 0),
            rules,
            default,
            read_only,
        }
    }

    pub fn decide(&self, request: &Request<'_>) -> Verdict {
        if self.forges_trust(request) {
            return Verdict::Deny;
        }
        if harmless(request) {
            return Verdict::Allow;
        }
        self.rules
            .iter()
            .find(|rule| rule.is_about(request))
            .map_or(self.default, |rule| rule.verdict)
    }

    /// A view or trigger of a name that rules trust is not made by those whom the rules bind.
    fn forges_trust(&self, request: &Request<'_>) -> bool {
        const MAKING: [i32; 4] = [
            ffi::SQLITE_CREATE_VIEW,
            ffi::SQLITE_CREATE_TEMP_VIEW,
            ffi::SQLITE_CREATE_TRIGGER,
            ffi::SQLITE_CREATE_TEMP_TRIGGER,
        ];
        MAKING.iter().any(|code| request.is(*code))
            && request
                .get(Field::Name)
                .is_some_and(|name| self.trusted.contains(name))
    }
}

/// What tells nothing: by the one it is asked whether the database answers, the other comes with
/// every virtual table that is used for the first time.
fn harmless(request: &Request<'_>) -> bool {
    let named = |field, name: &[u8]| {
        request
            .get(field)
            .is_some_and(|given| given.eq_ignore_ascii_case(name))
    };
    (request.is(ffi::SQLITE_PRAGMA)
        && named(Field::Name, b"schema_version")
        && request.get(Field::Argument).is_none())
        || (request.is(ffi::SQLITE_READ)
            && named(Field::Table, b"sqlite_master")
            && named(Field::Column, b"ROWID"))
}
