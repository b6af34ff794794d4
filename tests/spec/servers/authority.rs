//! An authority of the test's own, whose certificates nobody else trusts.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// A certificate authority, and the files that it has issued.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key, as PEM files.
pub struct Issued {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        let name = format!("authority {:08x} of the tests", rand::random::<u32>());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        let directory = tempfile::Builder::new().prefix("paylatch-tls-").tempdir().expect("a directory");
        fs::write(directory.path().join("ca.pem"), cert.pem()).expect("a file");
        Self { issuer: Issuer::new(params, key), directory }
    }

    /// Its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate for a server that is reached as `host`, a name or an address.
    pub fn issue(&self, host: &str) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([host.to_owned()]).expect("a name");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let path =
            |kind: &str| self.directory.path().join(format!("{host}-{:08x}.{kind}", rand::random::<u32>()));
        let issued = Issued { cert: path("crt"), key: path("key") };
        fs::write(&issued.cert, cert.pem()).expect("a file");
        fs::write(&issued.key, key.serialize_pem()).expect("a file");
        issued
    }
}
