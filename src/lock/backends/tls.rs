//! The certificates of TLS connections to lock services: whom to trust, and who we are.

use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::http_client::Identity;
use crate::lock::Tls;

/// What the files of the settings hold, as PEM.
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    /// The authorities to trust; `None` for the public ones.
    pub(super) authorities: Option<Vec<u8>>,
    /// Shown to a server that asks for a certificate.
    pub(super) identity: Option<Identity>,
}

impl Certificates {
    pub(super) fn read(tls: &Tls) -> Result<Self, String> {
        let identity = match (&tls.cert_file, &tls.key_file) {
            (Some(cert), Some(key)) => Some(Identity {
                cert: read("lock.cert_file", cert, holds_certificates)?,
                key: read("lock.key_file", key, holds_a_key)?,
            }),
            (None, None) => None,
            (Some(_), None) => {
                return Err("lock.key_file is not set, expected it beside lock.cert_file".to_owned());
            }
            (None, Some(_)) => {
                return Err("lock.cert_file is not set, expected it beside lock.key_file".to_owned());
            }
        };
        let ca_file = tls.ca_file.as_ref();
        let authorities = ca_file.map(|ca| read("lock.ca_file", ca, holds_certificates)).transpose()?;
        Ok(Self { authorities, identity })
    }
}

fn read(
    setting: &str,
    path: &Path,
    is_good: fn(&[u8]) -> Result<(), &'static str>,
) -> Result<Vec<u8>, String> {
    let wrong = |why: String| format!("{setting} cannot be used: {}: {why}", path.display());
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    is_good(&pem).map_err(|expected| wrong(format!("expected {expected}, as PEM")))?;
    Ok(pem)
}

fn holds_certificates(pem: &[u8]) -> Result<(), &'static str> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    if certificates.is_ok_and(|all| !all.is_empty()) { Ok(()) } else { Err("certificates") }
}

fn holds_a_key(pem: &[u8]) -> Result<(), &'static str> {
    PrivateKeyDer::from_pem_slice(pem).map(drop).map_err(|_| "a private key")
}
