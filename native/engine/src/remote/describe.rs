//! What a server says of a statement without running it, and parameters that are fitted to it.

use super::connection::RemoteConnection;
use super::protocol::{Describe, DescribeResult, RequestKind, ResponseKind};
use super::stream::Stream;
use super::value::{RemoteColumn, RemoteParams};
use crate::error::{Error, Result};
use crate::local::Call;
use crate::params::resolve;

/// A statement as its server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The names of its parameters with their signs; `None`: a positional one.
    pub parameters: Vec<Option<String>>,
    pub columns: Vec<RemoteColumn>,
    pub explain: bool,
    /// SQLite's word for it: it does not write to the database.
    pub readonly: bool,
}

impl From<DescribeResult> for Description {
    fn from(result: DescribeResult) -> Description {
        Description {
            parameters: result.params.into_iter().map(|it| it.name).collect(),
            columns: result.cols.into_iter().map(RemoteColumn::from).collect(),
            explain: result.is_explain,
            readonly: result.is_readonly,
        }
    }
}

impl RemoteConnection {
    /// Describes a statement without running it.
    pub async fn describe(&self, sql: &str, call: &Call) -> Result<Description> {
        let mut stream = self.stream(call).await?;
        self.described(&mut stream, sql, call).await
    }

    pub(super) async fn described(
        &self,
        stream: &mut Stream,
        sql: &str,
        call: &Call,
    ) -> Result<Description> {
        let request = RequestKind::Describe(Describe {
            sql: Some(sql.to_owned()),
        });
        match stream.ask_one(&self.server, request, sql, call).await? {
            ResponseKind::Describe(answer) => Ok(answer.result.into()),
            other => Err(super::run::nonsense(format!(
                "no description but {other:?}"
            ))),
        }
    }

    /// The parameters in the form in which the server binds them, or what is wrong with them: it
    /// knows values by position only for nameless parameters, and says less than is known here.
    pub(super) async fn fit(
        &self,
        stream: &mut Stream,
        sql: &str,
        params: RemoteParams,
        call: &Call,
    ) -> Result<RemoteParams> {
        let names = self.described(stream, sql, call).await?.parameters;
        let names = names.iter().map(Option::as_deref).collect::<Vec<_>>();
        match params {
            RemoteParams::List(values) => {
                if values.len() != names.len() {
                    return Err(Error::ParameterCount {
                        expected: names.len(),
                        given: values.len(),
                    });
                }
                let values = names.iter().zip(values).map(|(name, value)| match name {
                    Some(name) if !name.starts_with('?') => Ok(((*name).to_owned(), value)),
                    _ => Err(mixed(sql)),
                });
                Ok(RemoteParams::Named(values.collect::<Result<_>>()?))
            }
            RemoteParams::Named(values) => {
                let given = values
                    .iter()
                    .map(|(key, _)| key.as_str())
                    .collect::<Vec<_>>();
                let order = resolve(&names, &given)?;
                let named = names.iter().zip(order).map(|(name, found)| {
                    (name.unwrap_or_default().to_owned(), values[found].1.clone())
                });
                Ok(RemoteParams::Named(named.collect()))
            }
        }
    }
}

fn mixed(sql: &str) -> Error {
    Error::InvalidArgument(format!(
        "a server binds a statement's parameters by position or by name, and this one has both \
         kinds: {sql}"
    ))
}
