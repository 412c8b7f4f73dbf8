//! Parameters as Elixir gives them: a list, or a keyword list or map of names.

use std::cell::Cell;

use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::form::{Forms, jsonb};
use ecto_libsql_engine::params::{Bind, Params};
use ecto_libsql_engine::remote::RemoteParams;
use ecto_libsql_engine::value::{Value, ValueRef};
use rustler::{Atom, Binary, Env, ListIterator, MapIterator, OwnedBinary, Term, TermType};

use crate::atoms;
use crate::list::{Elements, proper};

/// The bytes of a binary, which live as long as the call's environment.
pub fn bytes<'a>(term: Term<'a>) -> Option<&'a [u8]> {
    Binary::from_term(term).ok().map(|binary| binary.as_slice())
}

pub fn text<'a>(term: Term<'a>) -> Option<&'a str> {
    std::str::from_utf8(bytes(term)?).ok()
}

/// The SQL of a call.
pub fn sql<'a>(term: Term<'a>) -> Result<&'a str> {
    let bytes = bytes(term)
        .ok_or_else(|| Error::InvalidArgument("the SQL is to be a binary".to_owned()))?;
    std::str::from_utf8(bytes).map_err(|error| Error::InvalidSqlText {
        offset: error.valid_up_to(),
    })
}

/// What may be read of the parameters of a call that holds a scheduler: so many values, and so many
/// bytes of them and their names.
const SHORT_VALUES: usize = 1_000;
const SHORT_BYTES: usize = 64 << 10;

/// One call's parameters.
pub struct TermParams<'a> {
    params: Term<'a>,
    short: bool,
    /// Whether one is a struct, which Elixir has to encode first, or they are too large.
    cannot_be_bound: Cell<bool>,
}

impl<'a> TermParams<'a> {
    pub fn new(params: Term<'a>) -> TermParams<'a> {
        TermParams {
            params,
            short: false,
            cannot_be_bound: Cell::new(false),
        }
    }

    /// For a call that holds a scheduler: large ones are not read.
    pub fn short(params: Term<'a>) -> TermParams<'a> {
        TermParams {
            short: true,
            ..TermParams::new(params)
        }
    }

    /// Whether the call failed because it has to be made otherwise.
    pub fn cannot_be_bound(&self) -> bool {
        self.cannot_be_bound.get()
    }

    fn check_size(&self) -> Result<()> {
        if self.short && !self.are_small() {
            self.cannot_be_bound.set(true);
            return Err(Error::InvalidArgument("too large for here".to_owned()));
        }
        Ok(())
    }

    fn are_small(&self) -> bool {
        let mut room = SHORT_BYTES;
        let mut fits = |term: Term<'a>| {
            let size = size(term);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        match self.params.get_type() {
            TermType::List => {
                let mut count = 0;
                Elements::of(self.params)
                    .take(SHORT_VALUES + 1)
                    .all(|element| {
                        count += 1;
                        count <= SHORT_VALUES && fits(element)
                    })
            }
            TermType::Map => {
                self.params
                    .map_size()
                    .is_ok_and(|count| count <= SHORT_VALUES)
                    && MapIterator::new(self.params)
                        .is_some_and(|mut map| map.all(|(key, value)| fits(key) && fits(value)))
            }
            _ => true,
        }
    }

    /// Whether Elixir has to encode some of the values first.
    pub fn hold_structs(&self) -> bool {
        let is_map = |value: Term<'a>| value.get_type() == TermType::Map;
        match self.params.get_type() {
            TermType::List => Elements::of(self.params).any(|element| match pair(element) {
                Some((_, value)) => is_map(value),
                None => is_map(element),
            }),
            TermType::Map => MapIterator::new(self.params)
                .is_some_and(|mut map| map.any(|(_, value)| is_map(value))),
            _ => false,
        }
    }

    /// The values, apart from the call's environment, for a server.
    pub fn for_server(&self, forms: Forms) -> Result<RemoteParams> {
        match self.params.get_type() {
            TermType::List => self.list_for_server(forms),
            TermType::Map if self.params.map_get(atoms::__struct__()).is_err() => {
                self.named_for_server(map_pairs(self.params)?, forms)
            }
            _ => Err(not_params()),
        }
    }

    fn list_for_server(&self, forms: Forms) -> Result<RemoteParams> {
        let elements = proper(self.params)
            .ok_or_else(not_params)?
            .collect::<Vec<_>>();
        if elements.first().is_some_and(|first| begins_names(*first)) {
            return self.named_for_server(list_pairs(elements.into_iter())?, forms);
        }
        let values = elements.into_iter().enumerate().map(|(index, term)| {
            self.value(term, forms, &|| (index + 1).to_string())
                .map(Value::from)
        });
        Ok(RemoteParams::List(values.collect::<Result<_>>()?))
    }

    fn named_for_server(
        &self,
        pairs: Vec<(String, Term<'a>)>,
        forms: Forms,
    ) -> Result<RemoteParams> {
        let values = pairs.into_iter().map(|(key, term)| {
            let value = self.value(term, forms, &|| key.clone())?.into();
            Ok((key, value))
        });
        Ok(RemoteParams::Named(values.collect::<Result<_>>()?))
    }

    fn value(
        &self,
        term: Term<'a>,
        forms: Forms,
        parameter: &dyn Fn() -> String,
    ) -> Result<ValueRef<'a>> {
        let unsupported = |reason: String| Error::UnsupportedParameter {
            parameter: parameter(),
            reason,
        };
        match term.get_type() {
            TermType::Binary => match bytes(term) {
                Some(text) => Ok(ValueRef::Text(text)),
                None => Err(unsupported(
                    "a bitstring whose size is no whole number of bytes cannot be stored"
                        .to_owned(),
                )),
            },
            TermType::Integer => term.decode().map(ValueRef::Integer).map_err(|_| {
                unsupported("the integer does not fit into 64 bits, SQLite's largest".to_owned())
            }),
            TermType::Float => term
                .decode()
                .map(ValueRef::Real)
                .map_err(|_| unsupported("this float cannot be read".to_owned())),
            TermType::Atom => atom_value(term).ok_or_else(|| {
                unsupported(format!(
                    "the atom {term:?} is no value: only nil, true, false, :inf and :\"-inf\" are"
                ))
            }),
            TermType::Tuple => tagged(term, forms).map_err(unsupported),
            TermType::Map => {
                self.cannot_be_bound.set(true);
                Err(unsupported("a struct or map".to_owned()))
            }
            other => Err(unsupported(format!("a {} is no value", kind(other)))),
        }
    }

    fn bind_list<B: Bind<'a>>(&self, binder: &mut B) -> Result<()> {
        let length = self.params.list_length().map_err(|_| not_params())?;
        let mut elements = self
            .params
            .decode::<ListIterator<'a>>()
            .map_err(|_| not_params())?
            .peekable();
        if elements.peek().is_some_and(|first| begins_names(*first)) {
            return self.bind_named(binder, &list_pairs(elements)?);
        }
        binder.check_count(length)?;
        let forms = binder.forms();
        for (index, term) in elements.enumerate() {
            let position = index + 1;
            let value = self.value(term, forms, &|| position.to_string())?;
            binder.bind(position, value)?;
        }
        Ok(())
    }

    fn bind_map<B: Bind<'a>>(&self, binder: &mut B) -> Result<()> {
        self.bind_named(binder, &map_pairs(self.params)?)
    }

    fn bind_named<B: Bind<'a>>(&self, binder: &mut B, pairs: &[(String, Term<'a>)]) -> Result<()> {
        let keys = pairs
            .iter()
            .map(|(key, _)| key.as_str())
            .collect::<Vec<_>>();
        let order = binder.resolve(&keys)?;
        let forms = binder.forms();
        for (index, found) in order.into_iter().enumerate() {
            let (key, term) = &pairs[found];
            let value = self.value(*term, forms, &|| key.clone())?;
            binder.bind(index + 1, value)?;
        }
        Ok(())
    }
}

impl<'a> Params<'a> for TermParams<'a> {
    fn bind<B: Bind<'a>>(&self, binder: &mut B) -> Result<()> {
        self.check_size()?;
        match self.params.get_type() {
            TermType::List => self.bind_list(binder),
            TermType::Map if self.params.map_get(atoms::__struct__()).is_err() => {
                self.bind_map(binder)
            }
            _ => Err(not_params()),
        }
    }
}

/// A value on its own, as a parameter would be.
pub fn value<'a>(term: Term<'a>, forms: Forms) -> Result<ValueRef<'a>> {
    TermParams::new(term).value(term, forms, &String::new)
}

/// The bytes of a value, or of a name and a value.
fn size(term: Term<'_>) -> usize {
    let length = |term| bytes(term).map_or(0, <[u8]>::len);
    match term.decode::<(Term<'_>, Term<'_>)>() {
        Ok((name, value)) => length(name) + length(value),
        Err(_) => length(term),
    }
}

/// `{:blob, bytes}`, `{:uuid, text}`, `{:json, text}` and `{:jsonb, text}`.
fn tagged<'a>(term: Term<'a>, forms: Forms) -> Result<ValueRef<'a>, String> {
    let (tag, term) = term
        .decode::<(Atom, Term<'a>)>()
        .ok()
        .filter(|(tag, _)| is_tag(*tag))
        .ok_or(
            "a tuple is no value: only {:blob, binary}, {:uuid, text}, {:json, text} and \
             {:jsonb, text} are",
        )?;
    let bytes = bytes(term).ok_or_else(|| format!("{{:{tag:?}, _}} takes a binary"))?;
    let converted = if tag == atoms::uuid() {
        forms.uuid(bytes)?.map(|uuid| uuid.to_vec())
    } else if tag == atoms::json() {
        forms.json(bytes)?
    } else if tag == atoms::jsonb() {
        Some(jsonb("jsonb", bytes)?)
    } else {
        return Ok(ValueRef::Blob(bytes));
    };
    match converted {
        None => Ok(ValueRef::Text(bytes)),
        Some(converted) => Ok(ValueRef::Blob(in_env(term.get_env(), &converted))),
    }
}

/// Bytes that live as long as the call's environment.
fn in_env<'a>(env: Env<'a>, bytes: &[u8]) -> &'a [u8] {
    let mut binary = OwnedBinary::new(bytes.len());
    binary.as_mut_slice().copy_from_slice(bytes);
    binary.release(env).as_slice()
}

fn is_tag(atom: Atom) -> bool {
    [atoms::blob(), atoms::uuid(), atoms::json(), atoms::jsonb()].contains(&atom)
}

fn atom_value<'a>(term: Term<'a>) -> Option<ValueRef<'a>> {
    let atom = Atom::from_term(term).ok()?;
    if atom == atoms::nil() {
        Some(ValueRef::Null)
    } else if atom == rustler::types::atom::true_() {
        Some(ValueRef::Integer(1))
    } else if atom == rustler::types::atom::false_() {
        Some(ValueRef::Integer(0))
    } else if atom == atoms::inf() {
        Some(ValueRef::Real(f64::INFINITY))
    } else if atom == atoms::negative_infinity() {
        Some(ValueRef::Real(f64::NEG_INFINITY))
    } else {
        None
    }
}

fn list_pairs<'a>(elements: impl Iterator<Item = Term<'a>>) -> Result<Vec<(String, Term<'a>)>> {
    elements
        .map(|element| pair(element).ok_or_else(mixed))
        .collect()
}

fn map_pairs<'a>(map: Term<'a>) -> Result<Vec<(String, Term<'a>)>> {
    MapIterator::new(map)
        .ok_or_else(not_params)?
        .map(|(key, value)| key_text(key).map(|key| (key, value)).ok_or_else(mixed))
        .collect()
}

/// `{name, value}`
fn pair<'a>(element: Term<'a>) -> Option<(String, Term<'a>)> {
    let (key, value) = element.decode::<(Term<'a>, Term<'a>)>().ok()?;
    Some((key_text(key)?, value))
}

/// Whether a list that begins with this element is one of names: `{:blob, binary}` and the like
/// are values.
fn begins_names(first: Term<'_>) -> bool {
    match first.decode::<(Term<'_>, Term<'_>)>() {
        Ok((key, _)) => key.is_binary() || Atom::from_term(key).is_ok_and(|key| !is_tag(key)),
        Err(_) => false,
    }
}

fn key_text(key: Term<'_>) -> Option<String> {
    if key.is_atom() {
        key.atom_to_string().ok()
    } else {
        text(key).map(str::to_owned)
    }
}

fn not_params() -> Error {
    Error::InvalidArgument(
        "parameters are a list of values, or a keyword list or map of names".to_owned(),
    )
}

fn mixed() -> Error {
    Error::InvalidArgument(
        "named parameters have atoms or strings as names, and no positional ones beside them"
            .to_owned(),
    )
}

fn kind(term_type: TermType) -> &'static str {
    match term_type {
        TermType::Fun => "function",
        TermType::List => "list",
        TermType::Pid => "pid",
        TermType::Port => "port",
        TermType::Ref => "reference",
        _ => "term of this kind",
    }
}
