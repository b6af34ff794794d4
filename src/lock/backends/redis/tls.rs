//! The certificates of `rediss://`: whom to trust, and who we are.

use std::path::Path;

use redis::{ClientTlsConfig, TlsCertificates};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::lock::Tls;

/// What the files hold, or `None` where there are none: then the public authorities are trusted.
pub(super) fn certificates(tls: &Tls) -> Result<Option<TlsCertificates>, String> {
    let client_tls = match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig {
            client_cert: read("lock.cert_file", cert, holds_certificates)?,
            client_key: read("lock.key_file", key, holds_a_key)?,
        }),
        (None, None) => None,
        (Some(_), None) => {
            return Err("lock.key_file is not set, expected it beside lock.cert_file".to_owned());
        }
        (None, Some(_)) => {
            return Err("lock.cert_file is not set, expected it beside lock.key_file".to_owned());
        }
    };
    let root_cert =
        tls.ca_file.as_ref().map(|ca| read("lock.ca_file", ca, holds_certificates)).transpose()?;
    let is_given = client_tls.is_some() || root_cert.is_some();
    Ok(is_given.then_some(TlsCertificates { client_tls, root_cert }))
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
