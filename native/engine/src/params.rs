//! Parameters: what a caller binds to a statement before a run.

use crate::error::{Error, Result};
use crate::form::Forms;
use crate::local::Statement;
use crate::value::{Value, ValueRef};

/// A set of values for a statement's parameters. `'p` is how long their bytes live, which is at
/// least until the run that they are bound for is over.
pub trait Params<'p> {
    /// Binds every parameter of the statement, or says what is wrong.
    fn bind<B: Bind<'p>>(&self, binder: &mut B) -> Result<()>;
}

/// Access to one statement's parameters. Positions count from 1, as SQLite's do.
pub trait Bind<'p> {
    fn statement(&self) -> &Statement;

    fn bind(&mut self, position: usize, value: ValueRef<'p>) -> Result<()>;

    /// How the connection stores UUIDs and JSON.
    #[inline]
    fn forms(&self) -> Forms {
        *self.statement().forms()
    }

    #[inline]
    fn count(&self) -> usize {
        self.statement().parameter_count()
    }

    /// Fails unless `given` values are what the statement takes.
    #[inline]
    fn check_count(&self, given: usize) -> Result<()> {
        let expected = self.count();
        if given == expected {
            Ok(())
        } else {
            Err(Error::ParameterCount { expected, given })
        }
    }

    /// For each position, the index into `given` of the name that fits it. A key fits `:key`,
    /// `@key` and `$key`, or, written with its sign, just that one.
    fn resolve(&self, given: &[&str]) -> Result<Vec<usize>> {
        let names = (1..=self.count())
            .map(|position| self.statement().parameter_name(position))
            .collect::<Vec<_>>();
        resolve(&names, given)
    }
}

/// Binds to the statement, for a run.
#[derive(Debug)]
pub(crate) struct Binder<'s, 'p> {
    statement: &'s mut Statement,
    copy: bool,
    values: std::marker::PhantomData<ValueRef<'p>>,
}

impl<'s, 'p> Binder<'s, 'p> {
    /// `copy`: SQLite copies the bytes, because the run can outlive the call.
    pub(crate) fn new(statement: &'s mut Statement, copy: bool) -> Binder<'s, 'p> {
        Binder {
            statement,
            copy,
            values: std::marker::PhantomData,
        }
    }
}

impl<'p> Bind<'p> for Binder<'_, 'p> {
    #[inline]
    fn statement(&self) -> &Statement {
        self.statement
    }

    #[inline]
    fn bind(&mut self, position: usize, value: ValueRef<'p>) -> Result<()> {
        self.statement.bind(position, value, self.copy)
    }
}

/// Keeps the values, one for each position; the statement stays as it is.
struct Noter<'s> {
    statement: &'s Statement,
    values: Vec<Value>,
}

impl<'p> Bind<'p> for Noter<'_> {
    fn statement(&self) -> &Statement {
        self.statement
    }

    fn bind(&mut self, position: usize, value: ValueRef<'p>) -> Result<()> {
        let count = self.values.len();
        let place = position
            .checked_sub(1)
            .and_then(|index| self.values.get_mut(index))
            .ok_or(Error::ParameterIndex {
                index: position,
                count,
            })?;
        *place = value.into();
        Ok(())
    }
}

/// The values that a statement would be run with, one for each position.
pub(crate) fn values<'p, P>(statement: &Statement, params: &P) -> Result<Vec<Value>>
where
    P: Params<'p> + ?Sized,
{
    let mut noter = Noter {
        statement,
        values: vec![Value::Null; statement.parameter_count()],
    };
    params.bind(&mut noter)?;
    Ok(noter.values)
}

/// As [`Bind::resolve`], for parameters of these names.
pub(crate) fn resolve(names: &[Option<&str>], given: &[&str]) -> Result<Vec<usize>> {
    let mut used = vec![false; given.len()];
    let mut missing = Vec::new();
    let mut order = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let name = match name {
            Some(name) if !name.starts_with('?') => *name,
            _ => return Err(Error::PositionalParameter { index: index + 1 }),
        };
        match given
            .iter()
            .position(|key| *key == name || *key == &name[1..])
        {
            Some(found) => {
                used[found] = true;
                order.push(found);
            }
            None => missing.push(name.to_owned()),
        }
    }
    let unknown = given
        .iter()
        .zip(&used)
        .filter(|(_, used)| !**used)
        .map(|(key, _)| (*key).to_owned())
        .collect::<Vec<_>>();
    if missing.is_empty() && unknown.is_empty() {
        Ok(order)
    } else {
        Err(Error::ParameterNames { missing, unknown })
    }
}

impl<'p> Params<'p> for [ValueRef<'p>] {
    fn bind<B: Bind<'p>>(&self, binder: &mut B) -> Result<()> {
        binder.check_count(self.len())?;
        self.iter()
            .enumerate()
            .try_for_each(|(index, value)| binder.bind(index + 1, *value))
    }
}

impl<'p> Params<'p> for &'p [Value] {
    fn bind<B: Bind<'p>>(&self, binder: &mut B) -> Result<()> {
        binder.check_count(self.len())?;
        self.iter()
            .enumerate()
            .try_for_each(|(index, value)| binder.bind(index + 1, value.as_ref()))
    }
}

/// No parameters at all.
#[derive(Debug, Clone, Copy)]
pub struct NoParams;

impl<'p> Params<'p> for NoParams {
    fn bind<B: Bind<'p>>(&self, binder: &mut B) -> Result<()> {
        binder.check_count(0)
    }
}

/// Values by name.
#[derive(Debug)]
pub struct Named<'p>(pub &'p [(&'p str, Value)]);

impl<'p> Params<'p> for Named<'p> {
    fn bind<B: Bind<'p>>(&self, binder: &mut B) -> Result<()> {
        let keys = self.0.iter().map(|(key, _)| *key).collect::<Vec<_>>();
        let order = binder.resolve(&keys)?;
        order
            .into_iter()
            .enumerate()
            .try_for_each(|(index, found)| binder.bind(index + 1, self.0[found].1.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_fits_every_sign() {
        let names = [Some(":a"), Some("@b"), Some("$a")];
        assert_eq!(resolve(&names, &["b", "a"]).unwrap(), [1, 0, 1]);
    }

    #[test]
    fn a_key_with_its_sign_fits_only_that() {
        let names = [Some(":a"), Some("@a")];
        assert_eq!(resolve(&names, &["@a", ":a"]).unwrap(), [1, 0]);
        assert!(resolve(&names, &[":a"]).is_err());
    }

    #[test]
    fn missing_and_unknown_names_are_listed() {
        let error = resolve(&[Some(":a"), Some(":b")], &["a", "c", "d"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "named parameters: no value for :b; the statement has no c, d"
        );
    }

    #[test]
    fn a_positional_parameter_refuses_names() {
        for name in [None, Some("?2")] {
            let error = resolve(&[Some(":a"), name], &["a"]).unwrap_err();
            assert!(matches!(error, Error::PositionalParameter { index: 2 }));
        }
    }
}
