//! A sqld of one's own, on free ports of the loopback interface and with its data in a temporary
//! directory. It is killed when it goes out of scope.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const VERSION: &str = "0.24.32";
const START_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The public key of tokens, as sqld reads it from a file.
    pub jwt_key: Option<String>,
    pub namespaces: bool,
    /// The size in MB at which its log becomes a snapshot.
    pub max_log_size: Option<u32>,
}

#[derive(Debug)]
pub struct Sqld {
    binary: PathBuf,
    directory: TempDir,
    settings: Settings,
    child: Option<Child>,
    port: u16,
    admin_port: u16,
}

/// The server's binary; `None`: the tests are told to do without.
///
/// # Panics
/// There is none, and nobody said that this is fine.
fn binary() -> Option<PathBuf> {
    if std::env::var_os("ECTO_LIBSQL_NO_SQLD").is_some_and(|value| value == "1") {
        return None;
    }
    if let Some(path) = std::env::var_os("SQLD_BIN") {
        return Some(path.into());
    }
    let on_path = std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .map(|directory| directory.join("sqld"))
        .find(|file| file.is_file());
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let cached = cache
        .map(|cache| cache.join(format!("ecto_libsql/sqld-{VERSION}")))
        .filter(|file| file.is_file());
    match on_path.or(cached) {
        Some(file) => Some(file),
        None => panic!(
            "there is no sqld: set SQLD_BIN, run scripts/sqld.sh, or set ECTO_LIBSQL_NO_SQLD=1 to \
             do without these tests"
        ),
    }
}

impl Sqld {
    /// `None` where the tests are to do without a server, which is said on stderr.
    pub fn start() -> Option<Sqld> {
        Sqld::start_with(Settings::default())
    }

    pub fn start_with(settings: Settings) -> Option<Sqld> {
        let Some(binary) = binary() else {
            eprintln!("did not run: ECTO_LIBSQL_NO_SQLD is set");
            return None;
        };
        let mut server = Sqld {
            binary,
            directory: tempfile::tempdir().unwrap(),
            settings,
            child: None,
            port: 0,
            admin_port: 0,
        };
        if let Some(key) = &server.settings.jwt_key {
            std::fs::write(server.directory.path().join("jwt_key"), key).unwrap();
        }
        // Another process can take a port between its choice and its use.
        for _ in 0..5 {
            (server.port, server.admin_port) = (free_port(), free_port());
            if server.launch() {
                return Some(server);
            }
        }
        panic!("sqld did not start: {}", server.log());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it as it ends when it is told to.
    pub fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
    }

    /// Starts it again, on the same ports, with nothing in it.
    pub fn recreate(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.data()).unwrap();
        self.restart();
    }

    /// The log of frames of its only database.
    pub fn wallog(&self) -> PathBuf {
        self.data().join("dbs/default/wallog")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Starts it again, on the same ports and the same data.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.launch(), "sqld did not start again: {}", self.log());
    }

    /// Stops it from running, without its clients' knowledge, until it is thawed.
    pub fn freeze(&self) {
        self.signal("STOP");
        // The signal is sent by then, and has not stopped every thread.
        while self.threads().any(|status| !status.contains("State:\tT")) {
            thread::yield_now();
        }
    }

    /// What the system says of each of its threads; of none where it does not say.
    fn threads(&self) -> impl Iterator<Item = String> {
        let id = self.child.as_ref().unwrap().id();
        let tasks = std::fs::read_dir(format!("/proc/{id}/task"));
        tasks
            .into_iter()
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    pub fn create_namespace(&self, name: &str) {
        let answer = request(
            self.admin_port,
            &format!("POST /v1/namespaces/{name}/create"),
            "{}",
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// One of the figures that the server has of itself.
    pub fn metric(&self, name: &str) -> u64 {
        let answer = request(self.admin_port, "GET /metrics", "");
        let line = answer.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok())
            .unwrap_or_else(|| panic!("no figure {name} in {answer}"))
    }

    fn launch(&mut self) -> bool {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.path().join("log"))
            .unwrap();
        let mut command = Command::new(&self.binary);
        command
            .arg("-d")
            .arg(self.data())
            .args(["--http-listen-addr", &format!("127.0.0.1:{}", self.port)])
            .args([
                "--admin-listen-addr",
                &format!("127.0.0.1:{}", self.admin_port),
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if self.settings.jwt_key.is_some() {
            command
                .arg("--auth-jwt-key-file")
                .arg(self.directory.path().join("jwt_key"));
        }
        if self.settings.namespaces {
            command.arg("--enable-namespaces");
        }
        if let Some(size) = self.settings.max_log_size {
            command.args(["--max-log-size", &size.to_string()]);
        }
        self.child = Some(command.spawn().unwrap());
        self.wait_until_ready()
    }

    /// Whether it answers; `false`: it has ended.
    fn wait_until_ready(&mut self) -> bool {
        let give_up = Instant::now() + START_TIMEOUT;
        while Instant::now() < give_up {
            let child = self.child.as_mut().unwrap();
            if child.try_wait().unwrap().is_some() {
                self.child = None;
                return false;
            }
            // What happens before the other port answers is not in the server's figures.
            let ready = |port, line| request(port, line, "").starts_with("HTTP/1.1 200");
            if ready(self.admin_port, "GET /metrics") && ready(self.port, "GET /health") {
                return true;
            }
            thread::yield_now();
        }
        false
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Sqld {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A plain HTTP request's answer, or nothing where there is none.
fn request(port: u16, line: &str, body: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return String::new();
    };
    let request = format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let read = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_string(&mut answer));
    match read {
        Ok(_) => answer,
        Err(_) => String::new(),
    }
}
