//! What tests of other languages tell the server: requests to `/control/…`.

use std::sync::Arc;

use crate::faults::{Endpoint, Fault};
use crate::http::Answer;
use crate::{Shared, SyncServer};

/// - `GET database` → the database file
/// - `GET figures` → `{"generation":1,"frames":12}`
/// - `GET requests` → one a line
/// - `GET hanging` → when a request hangs
/// - `POST checkpoint`, `POST recover`
/// - `POST truncate/FRAMES`
/// - `POST token`, with the token
/// - `POST fault/ENDPOINT/KIND/TIMES[/NUMBER]`, with a text where the fault has one
pub(crate) fn answer(path: &str, body: &[u8], shared: &Arc<Shared>) -> Answer {
    let parts = path.split('/').collect::<Vec<_>>();
    let text = String::from_utf8_lossy(body).into_owned();
    match parts[..] {
        ["database"] => Answer::new(200, shared.lock().store.database()),
        ["figures"] => {
            let state = shared.lock();
            let (generation, frames) = (state.store.generation(), state.store.frames().len());
            Answer::new(
                200,
                format!(r#"{{"generation":{generation},"frames":{frames}}}"#),
            )
        }
        ["requests"] => Answer::new(200, shared.lock().requests.join("\n")),
        _ => match change(&parts, text, shared) {
            Some(()) => Answer::new(200, ""),
            None => Answer::new(404, "no such control"),
        },
    }
}

fn change(parts: &[&str], text: String, shared: &Arc<Shared>) -> Option<()> {
    let server = SyncServer {
        address: ([127, 0, 0, 1], 0).into(),
        shared: Arc::clone(shared),
    };
    match parts {
        ["checkpoint"] => server.store(crate::Store::checkpoint),
        ["truncate", frames] => {
            let frames = frames.parse().ok()?;
            server.store(|store| store.truncate(frames));
        }
        ["recover"] => server.recover(),
        ["hanging"] => server.wait_until_one_hangs(),
        ["token"] => server.require_token(&text),
        ["fault", endpoint, kind, times, number @ ..] => {
            let number = number.first().and_then(|number| number.parse().ok());
            let endpoint = match *endpoint {
                "info" => Endpoint::Info,
                "export" => Endpoint::Export,
                "pull" => Endpoint::Pull,
                "push" => Endpoint::Push,
                _ => return None,
            };
            let fault = match *kind {
                "status" => Fault::Status(u16::try_from(number?).ok()?, text),
                "body" => Fault::Body(text),
                "short" => Fault::Short(number?),
                "long" => Fault::Long(number?),
                "garbled" => Fault::Garbled,
                "cut_before" => Fault::CutBefore,
                "cut_after" => Fault::CutAfter,
                "cut_within" => Fault::CutWithin,
                "hang" => Fault::Hang,
                "moved" => Fault::Moved(text),
                _ => return None,
            };
            server.fail(endpoint, fault, times.parse().ok()?);
        }
        _ => return None,
    }
    Some(())
}
