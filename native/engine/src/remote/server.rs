//! A server and how to ask it: address, headers, token.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use parking_lot::RwLock;
use prost::Message;

use super::RemoteOptions;
use super::address::{self, Address};
use super::answer::Failed;
use super::breaker::{self, Breaker, Key, Probe};
use super::http::{Broken, Http};
use super::secret::Secret;
use super::tls::Certificates;
use crate::error::{Error, Result};

pub(super) const PIPELINE: &str = "/v3-protobuf/pipeline";
const NAMESPACE: HeaderName = HeaderName::from_static("x-namespace-bin");
const ENCRYPTION_KEY: HeaderName = HeaderName::from_static("x-turso-encryption-key");
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

#[derive(Debug)]
pub(crate) struct Server {
    http: Arc<Http>,
    address: Address,
    headers: HeaderMap,
    token: RwLock<Option<Secret>>,
    breaker: Option<Arc<Breaker>>,
}

impl Server {
    /// # Failure
    /// An option is wrong.
    pub(crate) fn new(options: RemoteOptions) -> Result<Server> {
        let parsed = address::parse(&options.uri)?;
        let certificates = Certificates::read(
            options.ca_file.as_deref(),
            options.client_certificate.as_ref(),
        )?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, PROTOBUF);
        if let Some(namespace) = &options.namespace {
            let encoded = BASE64_STANDARD_NO_PAD.encode(namespace);
            headers.insert(NAMESPACE, header("namespace", &encoded)?);
        }
        if let Some(key) = &options.encryption_key {
            headers.insert(ENCRYPTION_KEY, secret_header("remote_encryption_key", key)?);
        }
        let http = Http::shared(certificates)?;
        let breaker = options.breaker.map(|settings| {
            let key = Key {
                address: parsed.address.clone(),
                namespace: options.namespace,
                http: Arc::downgrade(&http),
            };
            breaker::of(key, settings)
        });
        let server = Server {
            http,
            address: parsed.address,
            headers,
            token: RwLock::default(),
            breaker,
        };
        server.set_token(options.auth_token.or(parsed.token.map(|token| token.0)))?;
        Ok(server)
    }

    /// # Failure
    /// The token holds what a header cannot.
    pub(crate) fn set_token(&self, token: Option<String>) -> Result<()> {
        if let Some(token) = &token {
            bearer(token)?;
        }
        *self.token.write() = token.map(Secret);
        Ok(())
    }

    /// Whether the token, a JSON Web Token, speaks of reading only.
    pub(super) fn may_only_read(&self) -> bool {
        let token = self.token.read();
        let claims = token.as_ref().and_then(|token| {
            let claims = token.0.split('.').nth(1)?;
            BASE64_URL_SAFE_NO_PAD.decode(claims).ok()
        });
        claims.is_some_and(|claims| claims.windows(4).any(|part| part == b"\"ro\""))
    }

    /// Where a server said, in an answer, that the stream's next requests should go. It must not
    /// lead from TLS to plain text: the token goes with them.
    pub(super) fn moved(&self, base_url: &str) -> Result<Address> {
        let moved = address::parse(base_url)?.address;
        if self.address.is_https() && !moved.is_https() {
            return Err(Error::InvalidArgument(
                "the server's base_url leads away from TLS".to_owned(),
            ));
        }
        Ok(moved)
    }

    pub(super) async fn post(
        &self,
        moved: Option<&Address>,
        endpoint: &str,
        message: &impl Message,
    ) -> Result<Result<Response<Incoming>, Broken>> {
        let uri = moved.unwrap_or(&self.address).endpoint(endpoint)?;
        let body = Bytes::from(message.encode_to_vec());
        Ok(self.http.post(&uri, self.headers()?, body).await)
    }

    /// A request of another protocol than Hrana. `location`: where an answer said that it should
    /// go instead.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        location: Option<&str>,
        body: Bytes,
    ) -> Result<Result<Response<Incoming>, Broken>> {
        let uri = match location {
            None => self.address.endpoint(path)?,
            Some(location) if location.starts_with('/') => self.address.at_root(location)?,
            Some(location) => self.moved(location)?.endpoint("")?,
        };
        let mut headers = self.headers()?;
        headers.insert(CONTENT_TYPE, OCTETS);
        Ok(self.http.send(method, &uri, headers, body).await)
    }

    fn headers(&self) -> Result<HeaderMap> {
        let mut headers = self.headers.clone();
        if let Some(token) = &*self.token.read() {
            headers.insert(AUTHORIZATION, bearer(&token.0)?);
        }
        Ok(headers)
    }

    pub(super) fn name(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn breaker(&self) -> Option<&Arc<Breaker>> {
        self.breaker.as_ref()
    }

    /// Waits for the answer to a request, unless the server's breaker is open, which fails at once;
    /// and tells the breaker what came of it. A call that is dropped tells it nothing.
    pub(super) async fn guarded<T>(
        &self,
        answer: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Failed> {
        let Some(breaker) = &self.breaker else {
            return answer.await;
        };
        let ticket = breaker.admit().map_err(Failed::NotRun)?;
        let answer = answer.await;
        breaker.report(ticket, breaker::verdict(&answer), || self.probe());
        answer
    }

    pub(super) fn probe(&self) -> Result<Probe> {
        Ok(Probe {
            http: self.http.clone(),
            uri: self.address.endpoint(PIPELINE)?,
            headers: self.headers()?,
        })
    }

    /// A request of another protocol than Hrana, with the headers of that on top.
    pub(super) async fn post_with(
        &self,
        endpoint: &str,
        headers: impl FnOnce(&mut HeaderMap),
        body: Bytes,
    ) -> Result<Result<Response<Incoming>, Broken>> {
        let uri = self.address.endpoint(endpoint)?;
        let mut all = self.headers()?;
        headers(&mut all);
        Ok(self.http.post(&uri, all, body).await)
    }

    /// The name of the database for a protocol in which the server does not derive it: the option's,
    /// else the first label of a host name that has several, else that of a server's only one.
    pub(super) fn namespace_header(&self) -> Result<(HeaderName, HeaderValue)> {
        let name = match self.headers.get(NAMESPACE) {
            Some(name) => name.clone(),
            None => {
                let label = self.address.host().split_once('.').map(|(label, _)| label);
                header(
                    "uri",
                    &BASE64_STANDARD_NO_PAD.encode(label.unwrap_or("default")),
                )?
            }
        };
        Ok((NAMESPACE, name))
    }
}

fn bearer(token: &str) -> Result<HeaderValue> {
    secret_header("auth_token", &format!("Bearer {token}"))
}

fn secret_header(option: &str, value: &str) -> Result<HeaderValue> {
    let mut header = header(option, value)?;
    header.set_sensitive(true);
    Ok(header)
}

fn header(option: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| {
        Error::InvalidArgument(format!(
            "{option}: it holds characters that an HTTP header cannot"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(uri: &str) -> Server {
        Server::new(RemoteOptions {
            uri: uri.to_owned(),
            auth_token: Some("hunter2".to_owned()),
            encryption_key: Some("hunter2".to_owned()),
            ..RemoteOptions::default()
        })
        .unwrap()
    }

    #[test]
    fn a_stream_may_move_but_not_away_from_tls() {
        let secure = server("https://a.test");
        assert!(secure.moved("https://b.test/x").is_ok());
        assert!(secure.moved("http://b.test").is_err());
        assert!(server("http://a.test").moved("http://b.test").is_ok());
    }

    #[test]
    fn secrets_do_not_show() {
        let shown = format!("{:?}", server("https://a.test"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
