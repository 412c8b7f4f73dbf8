//! The server's side of the protocol: requests and answers.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::LOCATION;
use hyper::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::{sleep, timeout_at};

use super::frames::{self, FRAME};
use super::options::OfflineOptions;
use crate::error::{Error, Result};
use crate::local::Call;
use crate::remote::{Broken, Failure, Server, innermost};

/// As many frames as libSQL's own client asks for.
pub(super) const BATCH: u32 = 128;

/// The most that an answer in words may have.
const WORDS: usize = 64 * 1024;

const REDIRECTS: usize = 3;

/// A server that is overloaded or just starting is asked again so often, after pauses that grow
/// from this one.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Service {
    server: Server,
    silence: Duration,
}

#[derive(Debug)]
pub(super) enum Answer {
    Frames(Bytes),
    /// There are no more in this generation; this is the server's.
    End {
        generation: u32,
    },
}

/// What a server says to a push.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) conflict: bool,
    pub(super) generation: u32,
    /// The last frame that the server has.
    pub(super) max_frame: u32,
    pub(super) baton: Option<String>,
}

impl Service {
    pub(super) fn new(options: &OfflineOptions) -> Result<Service> {
        Ok(Service {
            server: Server::new(options.server.clone())?,
            silence: options.silence,
        })
    }

    pub(super) fn set_token(&self, token: Option<String>) -> Result<()> {
        self.server.set_token(token)
    }

    /// The server's generation.
    pub(super) async fn info(&self, call: &Call) -> Result<u32> {
        let response = self.ask(Method::GET, "/info", Bytes::new(), call).await?;
        let response = self.success(response, call).await?;
        let value = self.json(response, call).await?;
        generation(&value, "current_generation")
    }

    /// The file that a generation began with, part by part.
    pub(super) async fn export(&self, generation: u32, call: &Call) -> Result<Export<'_>> {
        let path = format!("/export/{generation}");
        let response = self.ask(Method::GET, &path, Bytes::new(), call).await?;
        let body = self.success(response, call).await?.into_body();
        Ok(Export {
            service: self,
            body,
        })
    }

    /// The generation's frames from `first` on, as many as the server likes to send at once.
    pub(super) async fn pull(&self, generation: u32, first: u32, call: &Call) -> Result<Answer> {
        let end = first.saturating_add(BATCH);
        let path = format!("/sync/{generation}/{first}/{end}");
        let response = self.ask(Method::GET, &path, Bytes::new(), call).await?;
        // Turso answers 500 instead of 400 where the database is empty.
        if matches!(
            response.status(),
            StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR
        ) {
            let status = response.status();
            let body = self.read(response.into_body(), WORDS, call).await?;
            return match serde_json::from_slice::<Value>(&body) {
                Ok(value) if value.get("generation").is_some() => Ok(Answer::End {
                    generation: self::generation(&value, "generation")?,
                }),
                _ => Err(refused(status, &body)),
            };
        }
        let response = self.success(response, call).await?;
        let most = (end - first) as usize * FRAME;
        let received = self.read(response.into_body(), most, call).await?;
        frames::check(&received)?;
        Ok(Answer::Frames(received))
    }

    /// Sends frames of the generation from `first` on.
    pub(super) async fn push(
        &self,
        generation: u32,
        first: u32,
        frames: Bytes,
        baton: Option<&str>,
        call: &Call,
    ) -> Result<Verdict> {
        let count = u32::try_from(frames.len() / FRAME).unwrap_or(u32::MAX);
        let end = first.saturating_add(count);
        let mut path = format!("/sync/{generation}/{first}/{end}");
        if let Some(baton) = baton {
            path = format!("{path}/{baton}");
        }
        let response = self.ask(Method::POST, &path, frames, call).await?;
        let response = self.success(response, call).await?;
        let value = self.json(response, call).await?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let conflict = match text("status") {
            Some("ok") => false,
            Some("conflict") => true,
            _ => return Err(nonsense("the answer to a push has no status")),
        };
        Ok(Verdict {
            conflict,
            generation: self::generation(&value, "generation")?,
            max_frame: number(&value, "max_frame_no")?,
            baton: text("baton")
                // It becomes a part of a path.
                .filter(|baton| {
                    baton
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && byte != b'/')
                })
                .map(str::to_owned),
        })
    }

    /// Asks, where it has to be elsewhere or again.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        call: &Call,
    ) -> Result<Response<Incoming>> {
        let mut location = None;
        let (mut redirects, mut retries) = (0, 0);
        loop {
            let asked = self
                .server
                .ask(method.clone(), path, location.as_deref(), body.clone());
            let response = self.in_time(call, asked).await??.map_err(broken)?;
            let status = response.status();
            if status.is_redirection() && redirects < REDIRECTS {
                redirects += 1;
                let to = response.headers().get(LOCATION);
                let to = to.and_then(|to| to.to_str().ok());
                let to = to.ok_or_else(|| nonsense("a redirection says not where to"))?;
                location = Some(to.to_owned());
                continue;
            }
            let passes = matches!(status.as_u16(), 429 | 502..=504);
            if passes && retries < RETRIES {
                let pause = FIRST_PAUSE * 2u32.pow(retries);
                let late = call
                    .deadline
                    .is_some_and(|until| Instant::now() + pause >= until);
                if !late {
                    retries += 1;
                    sleep(pause).await;
                    continue;
                }
            }
            return Ok(response);
        }
    }

    async fn success(
        &self,
        response: Response<Incoming>,
        call: &Call,
    ) -> Result<Response<Incoming>> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.read(response.into_body(), WORDS, call).await;
        Err(refused(status, &body.unwrap_or_default()))
    }

    async fn json(&self, response: Response<Incoming>, call: &Call) -> Result<Value> {
        let body = self.read(response.into_body(), WORDS, call).await?;
        serde_json::from_slice(&body).map_err(|error| nonsense(&format!("no JSON ({error})")))
    }

    async fn read(&self, mut body: Incoming, most: usize, call: &Call) -> Result<Bytes> {
        let mut read = BytesMut::new();
        while let Some(part) = self.part(&mut body, call).await? {
            if read.len() + part.len() > most {
                return Err(nonsense(&format!(
                    "more than the {most} bytes that it may have"
                )));
            }
            read.extend_from_slice(&part);
        }
        Ok(read.freeze())
    }

    async fn part(&self, body: &mut Incoming, call: &Call) -> Result<Option<Bytes>> {
        loop {
            match self.in_time(call, body.frame()).await? {
                None => return Ok(None),
                Some(Err(error)) => return Err(cut(&innermost(&error).to_string())),
                Some(Ok(part)) => {
                    if let Ok(data) = part.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    async fn in_time<T>(&self, call: &Call, future: impl Future<Output = T>) -> Result<T> {
        let silence = Instant::now() + self.silence;
        let (until, failure, message) = match call.deadline {
            Some(deadline) if deadline <= silence => (
                deadline,
                Failure::Timeout,
                "the server did not answer within the deadline".to_owned(),
            ),
            _ => (
                silence,
                Failure::ConnectionLost,
                format!("the server was silent for {:?}", self.silence),
            ),
        };
        timeout_at(until.into(), future)
            .await
            .map_err(|_| failure.error(message))
    }
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Export<'s> {
    service: &'s Service,
    body: Incoming,
}

impl Export<'_> {
    /// `None`: that was all.
    pub(super) async fn next(&mut self, call: &Call) -> Result<Option<Bytes>> {
        self.service.part(&mut self.body, call).await
    }
}

fn number(value: &Value, name: &str) -> Result<u32> {
    value
        .get(name)
        .and_then(Value::as_u64)
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| nonsense(&format!("an answer has no {name}")))
}

fn generation(value: &Value, name: &str) -> Result<u32> {
    match number(value, name)? {
        0 => Err(nonsense("generation 0; they are counted from 1")),
        generation => Ok(generation),
    }
}

fn refused(status: StatusCode, body: &[u8]) -> Error {
    let failure = match status.as_u16() {
        401 => Failure::Unauthorized,
        403 => Failure::Forbidden,
        404 | 405 => Failure::NotFound,
        429 => Failure::Overloaded,
        500..600 => Failure::Server,
        _ => Failure::Protocol,
    };
    let said = String::from_utf8_lossy(body);
    let said = said.trim().chars().take(500).collect::<String>();
    let hint = match failure {
        Failure::NotFound => "; a server of offline writes has /info, /export and /sync, sqld none",
        _ => "",
    };
    failure.error(match said.is_empty() {
        true => format!("the server refused the request: {status}{hint}"),
        false => format!("the server refused the request: {said} ({status}){hint}"),
    })
}

fn broken(broken: Broken) -> Error {
    match broken {
        Broken::NotSent(failure, reason) => {
            failure.error(format!("no connection to the server: {reason}"))
        }
        Broken::Cut(reason) => cut(&reason),
    }
}

fn cut(reason: &str) -> Error {
    Failure::ConnectionLost.error(format!(
        "the connection was lost before the answer came: {reason}"
    ))
}

fn nonsense(what: &str) -> Error {
    Failure::Protocol.error(format!("the server's answer makes no sense: {what}"))
}
