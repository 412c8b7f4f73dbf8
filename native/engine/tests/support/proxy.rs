//! A TCP proxy in front of a server that can break what goes through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use ecto_libsql_engine::remote::{block_on, spawn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of the server's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The connection ends after so many bytes of an answer.
    CutAnswerAfter(usize),
    /// Answers are not handed on.
    Swallow,
}

#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn before(port: u16) -> Proxy {
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, faults) = watch::channel(Fault::None);
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, SeqCst);
                let faults = faults.clone();
                let served = spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                        carry(client, server, faults).await;
                    }
                });
                drop(served);
            }
        })
        .unwrap();
        Proxy {
            address,
            fault,
            connections,
        }
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub fn set(&self, fault: Fault) {
        self.fault.send(fault).unwrap();
    }
}

async fn carry(client: TcpStream, server: TcpStream, faults: watch::Receiver<Fault>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let answers = async {
        let mut buffer = vec![0; 16 * 1024];
        let mut sent = 0;
        loop {
            let read = match from_server.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            let fault = *faults.borrow();
            let most = match fault {
                Fault::None => read,
                Fault::CutAnswerAfter(bytes) => bytes.saturating_sub(sent).min(read),
                Fault::Swallow => continue,
            };
            if to_client.write_all(&buffer[..most]).await.is_err() {
                return;
            }
            if let Fault::CutAnswerAfter(bytes) = fault {
                sent += most;
                if sent >= bytes {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
    }
}
