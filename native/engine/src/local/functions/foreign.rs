//! Functions and collations that somebody else evaluates: a process of the BEAM.
//! `foreign_call.rs` has the C callbacks.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use libsql::ffi;

use super::foreign_call;
use crate::error::{Error, Result};
use crate::local::call::Call;
use crate::local::connection::Connection;
use crate::value::{Value, ValueRef};

/// An extended result code of our own, of `SQLITE_ERROR`: by it an error is known as the function's.
pub const FUNCTION_FAILED: i32 = ffi::SQLITE_ERROR | (0x7f << 8);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A scalar function's answer.
    Call,
    /// A row more of an aggregate.
    Step,
    /// A window's oldest row, taken back.
    Inverse,
    /// An aggregate's value so far, with more to come.
    Value,
    /// Its last value.
    Finish,
    /// The order of two texts: an integer below, at or above 0.
    Compare,
}

#[derive(Debug)]
pub struct Evaluation<'a> {
    pub part: Part,
    /// Tells the runs of an aggregate apart; 0 is one without a row.
    pub run: u64,
    /// Whether this is the first that is asked for in the run.
    pub begins: bool,
    pub arguments: &'a [ValueRef<'a>],
}

#[derive(Debug)]
pub enum Evaluated {
    Value(Value),
    /// The error of the statement.
    Failed(String),
    /// The call is to end: `must_stop` said so.
    Stopped,
}

/// Who evaluates a function. It is asked on the thread that runs the statement, under the
/// connection's lock, and waits for the answer there.
pub trait Evaluator: Debug + Send + Sync {
    fn evaluate(&self, evaluation: &Evaluation<'_>, must_stop: &dyn Fn() -> bool) -> Evaluated;

    /// A run of the aggregate has ended, and nobody asks for its value.
    fn forget(&self, run: u64);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionKind {
    Scalar,
    Aggregate,
    Window,
    Collation,
}

#[derive(Debug, Clone)]
pub struct FunctionDefinition {
    pub name: String,
    pub kind: FunctionKind,
    /// -1: any number. Of no meaning for a collation.
    pub arguments: i32,
    pub deterministic: bool,
    /// Not to be used by a schema.
    pub direct_only: bool,
    /// To be used by a schema that is not trusted.
    pub innocuous: bool,
    pub evaluator: Arc<dyn Evaluator>,
}

/// A function is known by its name and the number of its arguments, a collation by its name.
type Key = (String, Option<i32>);

impl FunctionDefinition {
    fn key(&self) -> Key {
        let arguments = (self.kind != FunctionKind::Collation).then_some(self.arguments);
        (self.name.to_ascii_lowercase(), arguments)
    }

    fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        let most = 127;
        if self.kind != FunctionKind::Collation && !(-1..=most).contains(&self.arguments) {
            return Err(invalid(format!(
                "a function takes from 0 to {most} arguments, or any number (-1), not {}",
                self.arguments
            )));
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    const MOST: usize = 255;
    if name.is_empty() || name.len() > MOST || name.contains('\0') {
        return Err(invalid(format!(
            "a function's name has from 1 to {MOST} bytes, and no NUL among them"
        )));
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::InvalidArgument(message)
}

/// Those of one connection.
#[derive(Debug, Default)]
pub struct ForeignFunctions {
    defined: HashMap<Key, FunctionDefinition>,
    /// What a reset brings back.
    kept: HashMap<Key, FunctionDefinition>,
    /// That were defined at some time: SQLite goes on to list a collation that was removed.
    names: HashSet<Key>,
    collations: usize,
}

impl ForeignFunctions {
    /// Whether there is a collation among them.
    pub fn compare(&self) -> bool {
        self.collations > 0
    }

    fn insert(&mut self, key: Key, definition: FunctionDefinition) {
        let collation = definition.kind == FunctionKind::Collation;
        if self.defined.insert(key, definition).is_none() && collation {
            self.collations += 1;
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(definition) = self.defined.remove(key)
            && definition.kind == FunctionKind::Collation
        {
            self.collations -= 1;
        }
    }
}

impl Connection {
    /// Defines a function or collation, in the place of an earlier one that was defined here. Those
    /// of SQLite, of extensions and of this library cannot be replaced: SQLite would not bring them
    /// back.
    pub fn create_function(&mut self, definition: FunctionDefinition) -> Result<()> {
        definition.check()?;
        let key = definition.key();
        if !self.foreign.names.contains(&key) {
            self.check_is_free(&definition)?;
        }
        // A statement that is kept prepared may mean another function by this name.
        self.cache.clear();
        foreign_call::create(self.raw(), self.control(), &definition)?;
        self.short_reads = false;
        self.foreign.names.insert(key.clone());
        self.foreign.insert(key, definition);
        Ok(())
    }

    /// Removes what `create_function` defined; `arguments` is none for a collation.
    pub fn remove_function(&mut self, name: &str, arguments: Option<i32>) -> Result<()> {
        check_name(name)?;
        let key = (name.to_ascii_lowercase(), arguments);
        if !self.foreign.defined.contains_key(&key) {
            let what = match arguments {
                None => "collation".to_owned(),
                Some(-1) => "function of any number of arguments".to_owned(),
                Some(arguments) => format!("function of {arguments} argument(s)"),
            };
            return Err(invalid(format!("no {what} was created as {name:?}")));
        }
        self.cache.clear();
        foreign_call::remove(self.raw(), name, arguments)?;
        self.foreign.remove(&key);
        Ok(())
    }

    /// What is defined now is what a reset brings back.
    pub fn keep_functions(&mut self) {
        self.foreign.kept = self.foreign.defined.clone();
    }

    pub(in crate::local) fn reset_functions(&mut self) -> Result<()> {
        let added = self
            .foreign
            .defined
            .keys()
            .filter(|key| !self.foreign.kept.contains_key(*key))
            .cloned()
            .collect::<Vec<_>>();
        for (name, arguments) in added {
            self.remove_function(&name, arguments)?;
        }
        for (key, definition) in self.foreign.kept.clone() {
            foreign_call::create(self.raw(), self.control(), &definition)?;
            self.foreign.insert(key, definition);
        }
        Ok(())
    }

    fn check_is_free(&mut self, definition: &FunctionDefinition) -> Result<()> {
        let (sql, what) = match definition.kind {
            FunctionKind::Collation => ("SELECT name FROM pragma_collation_list", "collation"),
            _ => ("SELECT name FROM pragma_function_list", "function"),
        };
        let ours = |foreign: &ForeignFunctions| {
            foreign
                .defined
                .keys()
                .any(|(name, _)| name.eq_ignore_ascii_case(&definition.name))
        };
        let names = self.exempt_mut(|connection| connection.strings(sql, &Call::default()))?;
        if names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&definition.name))
            && !ours(&self.foreign)
        {
            return Err(invalid(format!(
                "the connection has a {what} {} already, which cannot be replaced",
                definition.name
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
