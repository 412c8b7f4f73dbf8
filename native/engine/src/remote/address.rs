//! Where a server is: the `uri:` option.

use std::fmt;

use hyper::Uri;

use super::secret::Secret;
use crate::error::{Error, Result};

/// A server's address, as `http` or `https`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    https: bool,
    authority: String,
    /// Without a slash at its end.
    path: String,
}

/// A URI of the options, taken apart.
#[derive(Debug)]
pub(super) struct Parsed {
    pub address: Address,
    /// The `authToken` of the query.
    pub token: Option<Secret>,
}

/// Reads `libsql:`, `https:`, `http:`, `wss:` and `ws:` URIs. `wss` and `ws` stand for `https` and
/// `http`; `libsql` for `https`, or with `?tls=0` for `http`.
///
/// # Failure
/// Names what is wrong; the query, which may hold a token, is not shown.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    let shown = match (shown.find("://"), shown.rfind('@')) {
        (Some(scheme), Some(at)) => format!("{}{}", &shown[..scheme + 3], &shown[at + 1..]),
        _ => shown.to_owned(),
    };
    let wrong = |what: &str| Error::InvalidArgument(format!("uri {shown:?}: {what}"));
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let scheme = scheme.to_ascii_lowercase();
    let mut https = match scheme.as_str() {
        "libsql" | "https" | "wss" => true,
        "http" | "ws" => false,
        "" => return Err(wrong("begin it with libsql://, https:// or http://")),
        _ => {
            return Err(wrong(
                "its scheme must be libsql, https, http, wss or ws; a file is opened with \
                 the option database",
            ));
        }
    };
    let uri = text
        .split('#')
        .next()
        .unwrap_or_default()
        .parse::<Uri>()
        .map_err(|error| wrong(&error.to_string()))?;
    let host = uri.host().unwrap_or_default();
    if host.is_empty() {
        return Err(wrong("it names no host"));
    }
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Err(wrong(
            "user names and passwords are not used: give an auth_token",
        ));
    }
    let mut token = None;
    for (key, value) in pairs(uri.query().unwrap_or_default()) {
        match (key.as_str(), value.as_str()) {
            ("authToken", _) => token = Some(Secret(value)),
            ("tls", "1") if https => {}
            ("tls", "0") if scheme == "libsql" => https = false,
            ("tls", "0") if !https => {}
            ("tls", "0" | "1") => return Err(wrong("tls contradicts its scheme")),
            ("tls", _) => return Err(wrong("tls must be 0 or 1")),
            _ => {
                return Err(wrong(&format!(
                    "it takes the parameters authToken and tls, not {key:?}"
                )));
            }
        }
    }
    if scheme == "libsql" && !https && uri.port().is_none() {
        return Err(wrong("without TLS, name the port"));
    }
    let authority = match uri.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let path = uri.path().trim_end_matches('/').to_owned();
    Ok(Parsed {
        address: Address {
            https,
            authority,
            path,
        },
        token,
    })
}

impl Address {
    pub(super) fn is_https(&self) -> bool {
        self.https
    }

    pub(super) fn host(&self) -> &str {
        let port = self
            .authority
            .rfind(':')
            .filter(|at| !self.authority[*at..].contains(']'));
        &self.authority[..port.unwrap_or(self.authority.len())]
    }

    /// The URI of an endpoint, e.g. `/v3-protobuf/pipeline`.
    pub(super) fn endpoint(&self, endpoint: &str) -> Result<Uri> {
        let scheme = if self.https { "https" } else { "http" };
        Uri::builder()
            .scheme(scheme)
            .authority(self.authority.as_str())
            .path_and_query(format!("{}{endpoint}", self.path))
            .build()
            .map_err(|error| Error::InvalidArgument(format!("uri: {error}")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(key), percent_decoded(value))
        })
}

/// Undoes percent encoding; what is not one stays as it is.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(uri: &str) -> String {
        let parsed = parse(uri).unwrap();
        parsed.address.endpoint("/v3").unwrap().to_string()
    }

    #[test]
    fn every_form_leads_to_http_or_https() {
        for (uri, expected) in [
            ("libsql://db.example.io", "https://db.example.io/v3"),
            (
                "libsql://db.example.io:8443/",
                "https://db.example.io:8443/v3",
            ),
            ("libsql://localhost:8080?tls=0", "http://localhost:8080/v3"),
            (
                "https://db.example.io/dev/x/",
                "https://db.example.io/dev/x/v3",
            ),
            ("wss://db.example.io", "https://db.example.io/v3"),
            ("ws://127.0.0.1:8080", "http://127.0.0.1:8080/v3"),
            ("HTTP://[::1]:8080", "http://[::1]:8080/v3"),
        ] {
            assert_eq!(endpoint(uri), expected, "{uri}");
        }
    }

    #[test]
    fn the_query_may_hold_a_token() {
        let parsed = parse("libsql://db.example.io?authToken=a%2Bb&tls=1").unwrap();
        assert_eq!(parsed.token.unwrap().0, "a+b");
    }

    #[test]
    fn what_is_wrong_is_named_without_secrets() {
        for (uri, what) in [
            ("db.example.io", "begin it with"),
            ("/var/app.db", "begin it with"),
            ("file:///app.db", "the option database"),
            ("https://", "empty"),
            ("https://a b", "invalid"),
            ("ftp://db?authToken=hunter2", "scheme must be"),
            ("https://me:hunter2@db", "auth_token"),
            ("https://db?hunter=2", "takes the parameters"),
            ("https://db?tls=0", "contradicts"),
            ("http://db?tls=1&authToken=hunter2", "contradicts"),
            ("libsql://db?tls=no", "0 or 1"),
            ("libsql://db?tls=0", "name the port"),
        ] {
            let message = parse(uri).unwrap_err().to_string();
            assert!(message.contains(what), "{uri}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
