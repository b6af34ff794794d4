//! Signatures made with a certificate (PayPal): which certificate, whether to trust it, and RSA.
//!
//! A server fetches nothing: the webhook names its certificate by URL, and the file of that name in the source's `cert_dir`
//! stands for it, also one that appeared after the start. It must lead to a certificate of `trust.pem`, be in date, and
//! carry a name of the provider.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::super::definition::CertificateProof;
use super::super::fields::Scalar;
use super::super::fields::{Selector, Selectors, View};
use super::super::{Rejection, SourceSettings};

/// The file of the certificates to trust, without `.pem`.
const TRUST: &str = "trust";
/// The longest name of a certificate, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// A certificate and those that lead from it to an anchor.
type Chain = Arc<[CertificateDer<'static>]>;

/// The certificates that a source trusts and knows.
#[derive(Debug, Clone)]
pub struct Certificates {
    anchors: Vec<TrustAnchor<'static>>,
    dir: PathBuf,
    /// Read once each.
    chains: Arc<Mutex<BTreeMap<String, Chain>>>,
    url: Selector,
    hosts: Vec<String>,
    algorithm: (Selector, String),
    name_suffix: String,
}

impl Certificates {
    /// Reads the source's `cert_dir`.
    ///
    /// # Errors
    /// What is wrong with the directory or a file of it.
    pub(super) fn load(
        proof: &CertificateProof,
        selectors: &mut Selectors,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let dir = source.cert_dir.as_deref().ok_or_else(|| {
            "expected a directory with trust.pem (the authorities to trust) and NAME.pem for every certificate, NAME as at the end of its URL".to_owned()
        })?;
        let mut chains = BTreeMap::new();
        let unreadable = |error: std::io::Error| format!("{}: {error}", dir.display());
        for entry in std::fs::read_dir(dir).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if let (Some(name), Some("pem")) = (stem(&path), path.extension().and_then(|end| end.to_str())) {
                chains.insert(name.to_owned(), read_pem(&path)?);
            }
        }
        chains.remove(TRUST);
        Ok(Self {
            anchors: trusted(dir)?,
            dir: dir.to_owned(),
            chains: Arc::new(Mutex::new(chains)),
            url: selectors.compile(&proof.url, source)?,
            hosts: proof.hosts.0.clone(),
            algorithm: (selectors.compile(&proof.algorithm_from, source)?, proof.algorithm.clone()),
            name_suffix: proof.name_suffix.clone(),
        })
    }

    /// Whether `signature` is the named certificate's over `text`.
    ///
    /// # Errors
    /// Why it is not, or why the certificate is not to be believed.
    pub(super) fn verify(
        &self,
        view: &View<'_>,
        text: &[u8],
        signature: &str,
        now: i64,
    ) -> Result<(), Rejection> {
        let (selector, algorithm) = &self.algorithm;
        if view.scalar(selector) != Scalar::Text(algorithm.into()) {
            return Err(Rejection::new("signature_malformed", format!("the algorithm is not {algorithm}")));
        }
        let chain = self.chain(view)?;
        let untrusted = |problem: String| Rejection::new("certificate_untrusted", problem);
        let certificate = self.trusted_leaf(&chain, now).map_err(untrusted)?;
        let signature = STANDARD
            .decode(signature)
            .map_err(|_| Rejection::new("signature_malformed", "the signature is not base64"))?;
        certificate
            .verify_signature(RSA_PKCS1_2048_8192_SHA256, text, &signature)
            .map_err(|_| Rejection::new("signature_mismatch", "the certificate did not sign this"))
    }

    /// The first certificate of a chain, if that leads to an authority, is in date at `now` (unix seconds) and is the
    /// provider's.
    fn trusted_leaf<'c>(
        &self,
        chain: &'c [CertificateDer<'static>],
        now: i64,
    ) -> Result<EndEntityCert<'c>, String> {
        let (leaf, intermediates) = chain.split_first().ok_or("there is no certificate in it")?;
        let certificate = EndEntityCert::try_from(leaf).map_err(|error| error.to_string())?;
        let seconds = u64::try_from(now).unwrap_or_default();
        certificate
            .verify_for_usage(
                &[RSA_PKCS1_2048_8192_SHA256],
                &self.anchors,
                intermediates,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                KeyUsage::server_auth(),
                None,
                None,
            )
            .map_err(|error| error.to_string())?;
        if !common_name(leaf).is_some_and(|name| name.ends_with(&self.name_suffix)) {
            return Err(format!("its name does not end with {}", self.name_suffix));
        }
        Ok(certificate)
    }

    /// The file that stands for the URL in the webhook.
    fn chain(&self, view: &View<'_>) -> Result<Chain, Rejection> {
        let Scalar::Text(url) = view.scalar(&self.url) else {
            return Err(Rejection::new("requirement_missing", "the certificate's URL is missing"));
        };
        let name = self.name_of(&url)?;
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chain) = chains.get(name) {
            return Ok(chain.clone());
        }
        let chain = read_pem(&self.file_of(name)).map_err(|_| {
            let problem = format!(
                "cert_dir has no readable {name}.pem: `paylatch certificates fetch --source NAME URL` saves the \
                 certificate of the webhook's URL"
            );
            Rejection::new("certificate_unknown", problem)
        })?;
        chains.insert(name.to_owned(), chain.clone());
        Ok(chain)
    }

    /// The name of the certificate that the provider has at this URL.
    ///
    /// # Errors
    /// Why it is none of the provider's.
    pub fn name_of<'u>(&self, url: &'u str) -> Result<&'u str, Rejection> {
        let host_and_path = url.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
        let Some((_, path)) = host_and_path.filter(|(host, _)| self.hosts.iter().any(|own| own == host))
        else {
            let hosts = self.hosts.join(" or ");
            let problem = format!("its URL is not https://{hosts}/..");
            return Err(Rejection::new("certificate_untrusted", problem));
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain || name.is_empty() || name.len() > NAME_BYTES_MAX || name == TRUST {
            return Err(Rejection::new("certificate_unknown", "its URL names no certificate"));
        }
        Ok(name)
    }

    /// Keeps what was fetched as the certificate `name` and answers its file, if it may be trusted at `now` (unix seconds).
    ///
    /// # Errors
    /// Why it may not, or cannot be written.
    pub fn keep(&self, name: &str, pem: &[u8], now: i64) -> Result<PathBuf, String> {
        let chain: Result<Chain, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.map_err(|_| "what it answers is no certificate in PEM".to_owned())?;
        self.trusted_leaf(&chain, now)?;
        let file = self.file_of(name);
        // A server that reads at this moment finds the old one or the new one, whole.
        let new = file.with_extension("new");
        let written = std::fs::write(&new, pem).and_then(|()| std::fs::rename(&new, &file));
        written.map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }

    fn file_of(&self, name: &str) -> PathBuf {
        self.dir.join(name).with_extension("pem")
    }
}

/// The authorities of a directory's `trust.pem`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn trusted(dir: &Path) -> Result<Vec<TrustAnchor<'static>>, String> {
    let file = dir.join(TRUST).with_extension("pem");
    if !file.exists() {
        return Err(format!("{} has no trust.pem", dir.display()));
    }
    read_pem(&file)?
        .iter()
        .map(|certificate| anchor_from_trusted_cert(certificate).map(|anchor| anchor.to_owned()))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()
}

fn read_pem(path: &Path) -> Result<Chain, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Chain, _>>)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The subject's common name.
fn common_name(certificate: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let name = certificate.tbs_certificate().subject().common_name().ok()??;
    Some(name.value().into_owned())
}
