//! TLS on the public listener, for who runs without a proxy in front.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod present;

use std::path::PathBuf;

#[cfg(not(feature = "tls"))]
pub use absent::Tls;
#[cfg(feature = "tls")]
pub use present::Tls;

/// Where the certificate and its key are, as PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, followed by those of the authorities between it and the one that clients trust.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Which of the two files cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    /// The file of the certificate.
    Cert(String),
    /// The file of the key.
    Key(String),
}
