//! A CA, the certificates that it issues, and a proxy that speaks TLS in front of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ecto_libsql_engine::remote::{block_on, spawn};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, directory }
    }

    /// The CA's certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A client's certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.issue();
        let files = (
            self.directory.path().join("client.pem"),
            self.directory.path().join("client.key"),
        );
        std::fs::write(&files.0, certificate).unwrap();
        std::fs::write(&files.1, key).unwrap();
        files
    }

    fn issue(&self) -> (String, String) {
        let mut params = CertificateParams::default();
        params
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

#[derive(Debug)]
pub struct TlsProxy {
    address: SocketAddr,
}

impl TlsProxy {
    /// `clients`: who has to have issued a client's certificate.
    pub fn before(port: u16, authority: &Authority, clients: Option<&Authority>) -> TlsProxy {
        let acceptor = TlsAcceptor::from(Arc::new(config(authority, clients)));
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let accepting = acceptor.accept(client);
                let served = spawn(async move {
                    let server = TcpStream::connect(("127.0.0.1", port)).await;
                    if let (Ok(mut client), Ok(mut server)) = (accepting.await, server) {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    }
                });
                drop(served);
            }
        })
        .unwrap();
        TlsProxy { address }
    }

    pub fn uri(&self) -> String {
        format!("https://{}", self.address)
    }
}

fn config(authority: &Authority, clients: Option<&Authority>) -> ServerConfig {
    let (certificate, key) = authority.issue();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap()
}
