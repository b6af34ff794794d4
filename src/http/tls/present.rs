//! The certificate that the public listener shows, replaceable while it serves.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::{TlsFiles, TlsProblem};

/// What connections are secured with. Cheap to clone; all clones see a replacement.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// Reads both files, and checks that the key is the certificate's.
    ///
    /// # Errors
    /// [`TlsProblem`] naming the file and what was expected in it.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsProblem> {
        let cert_is =
            |why: String| TlsProblem::Cert(format!("cannot be used: {}: {why}", files.cert.display()));
        let key_is = |why: String| TlsProblem::Key(format!("cannot be used: {}: {why}", files.key.display()));
        let chain = certificates(&files.cert).map_err(cert_is)?;
        let key = read(&files.key).map_err(key_is)?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| key_is("expected a private key without a passphrase, as PEM".to_owned()))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| cert_is(error.to_string()))?
            .with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                key_is(format!("expected the key of {}", files.cert.display()))
            }
            Error::InvalidCertificate(why) => cert_is(why.to_string()),
            other => key_is(other.to_string()),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(RwLock::new(Arc::new(config)))))
    }

    /// Takes over what `newer` has read, from the next handshake on.
    pub fn replace(&self, newer: &Self) {
        let config = newer.config();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    pub(in super::super) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(socket).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let expected = || "expected certificates, as PEM".to_owned();
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<_, _>>().map_err(|_| expected())?;
    if chain.is_empty() { Err(expected()) } else { Ok(chain) }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| error.to_string())
}
