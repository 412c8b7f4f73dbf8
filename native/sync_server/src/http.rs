//! HTTP/1.1, as much of it as its clients use.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::control;
use crate::faults::{Endpoint, Fault};
use crate::store::{FRAME, Pulled};
use crate::{Shared, State};

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            location: None,
            body: body.into(),
        }
    }
}

pub(crate) fn serve(stream: TcpStream, shared: &Arc<Shared>) {
    let Ok(mut output) = stream.try_clone() else {
        return;
    };
    // Head and body are written one after the other.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut input = BufReader::new(stream);
    while let Some(request) = read(&mut input) {
        let Some((answer, length)) = answer(&request, shared) else {
            return;
        };
        let location = answer
            .location
            .map_or(String::new(), |to| format!("location: {to}\r\n"));
        let head = format!(
            "HTTP/1.1 {} x\r\n{location}content-length: {length}\r\n\r\n",
            answer.status
        );
        let sent = output
            .write_all(head.as_bytes())
            .and_then(|()| output.write_all(&answer.body));
        if sent.is_err() || answer.body.len() < length {
            return;
        }
    }
}

fn read(input: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut words = line.split_ascii_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut token) = (0, None);
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok().filter(|&read| read > 2)?;
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => token = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
        if input.fill_buf().ok()?.starts_with(b"\r\n") {
            input.consume(2);
            break;
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(input, &mut body).ok()?;
    Some(Request {
        method,
        path,
        token,
        body,
    })
}

/// The answer, with the length that is said of its body; none where the connection is to end.
fn answer(request: &Request, shared: &Arc<Shared>) -> Option<(Answer, usize)> {
    if let Some(path) = request.path.strip_prefix("/control/") {
        let answer = control::answer(path, &request.body, shared);
        let length = answer.body.len();
        return Some((answer, length));
    }
    let mut state = shared.lock();
    state
        .requests
        .push(format!("{} {}", request.method, request.path));
    let parts = request.path.split('/').skip(1).collect::<Vec<_>>();
    let endpoint = endpoint(&request.method, &parts);
    let fault = endpoint.and_then(|endpoint| state.next_fault(endpoint));
    let mut answer = match &fault {
        Some(Fault::CutBefore) => return None,
        Some(Fault::Status(status, text)) => Answer::new(*status, text.as_bytes()),
        Some(Fault::Moved(to)) => Answer {
            location: Some(format!("{to}{}", request.path)),
            ..Answer::new(307, "")
        },
        _ if state.token.is_some() && state.token != request.token => {
            Answer::new(401, r#"{"error":"the token is not good"}"#)
        }
        _ => act(endpoint, &parts, &request.body, &mut state),
    };
    let mut length = answer.body.len();
    match fault {
        Some(Fault::Body(text)) => answer = Answer::new(200, text),
        Some(Fault::Short(by)) => answer.body.truncate(length.saturating_sub(by)),
        Some(Fault::Long(by)) => answer.body.resize(length + by, 0),
        Some(Fault::Garbled) => answer.body.iter_mut().for_each(|byte| *byte = !*byte),
        Some(Fault::CutAfter) => return None,
        Some(Fault::CutWithin) => {
            answer.body.truncate(length / 2);
            return Some((answer, length));
        }
        Some(Fault::Hang) => {
            state.hanging += 1;
            shared.changed.notify_all();
            let waited = shared
                .changed
                .wait_while(state, |state| !state.faults.is_empty());
            if let Ok(mut state) = waited {
                state.hanging -= 1;
            }
        }
        _ => {}
    }
    length = answer.body.len();
    Some((answer, length))
}

fn endpoint(method: &str, parts: &[&str]) -> Option<Endpoint> {
    match (method, parts) {
        ("GET", ["info"]) => Some(Endpoint::Info),
        ("GET", ["export", _]) => Some(Endpoint::Export),
        ("GET", ["sync", _, _, _]) => Some(Endpoint::Pull),
        ("POST", ["sync", _, _, _] | ["sync", _, _, _, _]) => Some(Endpoint::Push),
        _ => None,
    }
}

fn act(endpoint: Option<Endpoint>, parts: &[&str], body: &[u8], state: &mut State) -> Answer {
    let number = |index: usize| parts.get(index).and_then(|part| part.parse::<usize>().ok());
    let generation = state.store.generation();
    match (endpoint, number(1), number(2), number(3)) {
        (Some(Endpoint::Info), ..) => {
            Answer::new(200, format!(r#"{{"current_generation":{generation}}}"#))
        }
        (Some(Endpoint::Export), Some(wanted), ..) => match state.store.export(wanted) {
            Some(file) => Answer::new(200, file),
            None => Answer::new(404, r#"{"error":"no such generation"}"#),
        },
        (Some(Endpoint::Pull), Some(wanted), Some(from), Some(to)) => {
            match state.store.pull(wanted, from, to) {
                Pulled::Frames(frames) => Answer::new(200, frames),
                Pulled::Nothing => {
                    let status = if state.store.is_empty() { 500 } else { 400 };
                    Answer::new(status, format!(r#"{{"generation":{generation}}}"#))
                }
            }
        }
        (Some(Endpoint::Push), Some(wanted), Some(from), Some(to)) => {
            if to <= from || body.len() != (to - from) * FRAME {
                return Answer::new(400, r#"{"error":"the frames are not as many as it says"}"#);
            }
            let pushed = state.store.push(wanted, from, body);
            Answer::new(
                200,
                format!(
                    r#"{{"status":"{}","generation":{generation},"max_frame_no":{},"baton":"{}"}}"#,
                    if pushed.conflict { "conflict" } else { "ok" },
                    pushed.max_frame_no,
                    pushed.baton
                ),
            )
        }
        _ => Answer::new(404, r#"{"error":"not found"}"#),
    }
}
