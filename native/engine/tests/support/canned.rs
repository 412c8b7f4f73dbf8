//! A server that gives the same answer to every request.

use std::net::SocketAddr;

use ecto_libsql_engine::remote::{block_on, spawn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Debug)]
pub struct Canned(SocketAddr);

impl Canned {
    /// `head`: the status line and headers without the length.
    pub fn answering(head: &str, body: &[u8]) -> Canned {
        let length = body.len();
        let mut answer =
            format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n").into_bytes();
        answer.extend_from_slice(body);
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                // A request of a test fits into one read.
                let mut request = [0; 4096];
                while client.read(&mut request).await.is_ok_and(|read| read > 0) {
                    if client.write_all(&answer).await.is_err() {
                        break;
                    }
                }
            }
        })
        .unwrap();
        Canned(address)
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.0)
    }
}
