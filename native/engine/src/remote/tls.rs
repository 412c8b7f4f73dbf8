//! TLS: whom a connection trusts, and what it shows of itself.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// The contents of the PEM files that the options name.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Certificates {
    ca: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    /// Reads the files; done at each opening, so that renewed ones are noticed.
    pub(super) fn read(
        ca: Option<&Path>,
        client: Option<&(PathBuf, PathBuf)>,
    ) -> Result<Certificates> {
        Ok(Certificates {
            ca: ca.map(read).transpose()?,
            client: client
                .map(|(certificate, key)| Ok::<_, Error>((read(certificate)?, read(key)?)))
                .transpose()?,
        })
    }

    /// A CA of one's own replaces the public ones.
    pub(super) fn config(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                for certificate in certificates("the CA file", pem)? {
                    roots
                        .add(certificate)
                        .map_err(|error| wrong("the CA file", &error))?;
                }
            }
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("TLS", &error))?
            .with_root_certificates(roots);
        match &self.client {
            None => Ok(builder.with_no_client_auth()),
            Some((certificate, key)) => {
                let chain = certificates("the client certificate", certificate)?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| wrong("the client key", &error))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| wrong("the client certificate and key", &error))
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| Error::InvalidArgument(format!("{}: {error}", path.display())))
}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(what, &error))?;
    if found.is_empty() {
        return Err(wrong(what, &"it holds no certificate in PEM form"));
    }
    Ok(found)
}

fn wrong(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::InvalidArgument(format!("{what}: {error}"))
}
