//! HTTP/1.1 with connections that are kept and shared.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;

use super::failure::Failure;
use super::tls::Certificates;
use crate::error::Result;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than what load balancers allow, so that a request seldom meets a closing connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// An HTTP client with its pool of connections, by the certificates that it uses.
pub(super) struct Http {
    certificates: Certificates,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

/// How a request came to nothing.
#[derive(Debug)]
pub(super) enum Broken {
    /// There was no connection: the server has not seen it.
    NotSent(Failure, String),
    /// The connection ended before the answer did.
    Cut(String),
}

static CLIENTS: Mutex<Vec<Weak<Http>>> = Mutex::new(Vec::new());

impl Http {
    /// The client of all databases that use these certificates. It ends with the last of them.
    pub(super) fn shared(certificates: Certificates) -> Result<Arc<Http>> {
        let mut clients = CLIENTS.lock();
        clients.retain(|client| client.strong_count() > 0);
        let found = clients
            .iter()
            .filter_map(Weak::upgrade)
            .find(|client| client.certificates == certificates);
        if let Some(client) = found {
            return Ok(client);
        }
        let client = Arc::new(Http::new(certificates)?);
        clients.push(Arc::downgrade(&client));
        Ok(client)
    }

    fn new(certificates: Certificates) -> Result<Http> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(certificates.config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Http {
            certificates,
            client,
        })
    }

    pub(super) async fn post(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Broken> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        self.client.request(request).await.map_err(broken)
    }
}

fn broken(error: ClientError) -> Broken {
    if !error.is_connect() {
        return Broken::Cut(innermost(&error).to_string());
    }
    let mut failure = Failure::ConnectionRefused;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(it) = cause {
        // The resolver's error has no type of its own that could be named.
        if it.to_string() == "dns error" {
            failure = Failure::HostNotFound;
        }
        if is_tls(it) {
            failure = Failure::Tls;
        }
        cause = it.source();
    }
    Broken::NotSent(failure, innermost(&error).to_string())
}

/// An I/O error that wraps another one does not name it as its source.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<rustls::Error>()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| is_tls(inner))
}

pub(super) fn innermost<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> &'e (dyn std::error::Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}
