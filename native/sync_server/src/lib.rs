//! A small server of libSQL's sync protocol V2, for tests, made after what the client of the crate
//! `libsql` sends and expects. A generation is a database file and the frames that were pushed
//! after it:
//!
//! - `GET /info` → `{"current_generation":1}`
//! - `GET /export/GENERATION` → the database file that the generation began with
//! - `GET /sync/GENERATION/FROM/TO` → the frames from FROM up to TO, without it; none: status 400
//!   with the current generation, 500 where the database is empty
//! - `POST /sync/GENERATION/FROM/TO[/BATON]`, with the frames → `{"status":"ok"|"conflict",
//!   "generation":1,"max_frame_no":12,"baton":"…"}`
//!
//! It keeps everything in memory, and can be told to fail in many ways.

mod control;
mod faults;
mod http;
mod store;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use faults::{Endpoint, Fault};
pub use store::{FRAME, HEADER, PAGE, Store};

#[derive(Debug)]
pub struct SyncServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when a request hangs, and when the hanging ones may go.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    store: Store,
    faults: Vec<faults::Planned>,
    token: Option<String>,
    requests: Vec<String>,
    hanging: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SyncServer {
    /// On a free port of the loopback interface, until the process ends.
    pub fn start() -> std::io::Result<SyncServer> {
        SyncServer::on(TcpListener::bind("127.0.0.1:0")?)
    }

    fn on(listener: TcpListener) -> std::io::Result<SyncServer> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let server = SyncServer {
            address,
            shared: Arc::clone(&shared),
        };
        thread::Builder::new().spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // Where there is no thread for it, the connection ends.
                drop(thread::Builder::new().spawn(move || http::serve(stream, &shared)));
            }
        })?;
        Ok(server)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at what it has, or changes it.
    pub fn store<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.shared.lock().store)
    }

    /// The next `times` requests to an endpoint fail.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault, times: usize) {
        self.shared.lock().plan(endpoint, fault, times);
    }

    /// What is planned no longer happens, and what hangs is answered.
    pub fn recover(&self) {
        self.shared.lock().faults.clear();
        self.shared.changed.notify_all();
    }

    /// Requests have to bring this token from now on.
    pub fn require_token(&self, token: &str) {
        self.shared.lock().token = Some(token.to_owned());
    }

    /// The requests that came, as `GET /info`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// Waits until a request hangs.
    pub fn wait_until_one_hangs(&self) {
        let state = self.shared.lock();
        drop(
            self.shared
                .changed
                .wait_while(state, |state| state.hanging == 0),
        );
    }
}
