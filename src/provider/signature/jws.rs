//! JWS in compact form whose header carries its certificates (`x5c`, RFC 7515): Apple's notifications.
//!
//! Nothing is fetched and nothing that the header names is trusted: the chain must lead to a certificate of the source's
//! `trust.pem`, be in date, and bear the extensions that mark the provider's signing certificates.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use serde::Deserialize;
use webpki::ring::{ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;

use super::super::definition::{AudienceTable, JwsProof};
use super::super::fields::{FieldReader, Scalar, Slot};
use super::super::{Rejection, SourceSettings};
use super::certificate::trusted;

/// The signatures that an authority's certificates may be made with.
const CHAIN_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] =
    &[ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384];
/// The longest header, in characters: three certificates are some 5,000.
const HEADER_CHARS_MAX: usize = 16_384;
/// The certificates of a chain, the root among them.
const CHAIN_MAX: usize = 4;

/// Whom a source believes.
#[derive(Debug, Clone)]
pub(super) struct Jws {
    anchors: Vec<TrustAnchor<'static>>,
    leaf_extension: ObjectIdentifier,
    issuer_extension: ObjectIdentifier,
    audience: Option<Audience>,
}

/// Whom the claims must name.
#[derive(Debug, Clone)]
struct Audience {
    reader: FieldReader,
    at: Vec<Slot>,
    is: Vec<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    x5c: Vec<String>,
}

impl Jws {
    /// Reads the source's `cert_dir`.
    ///
    /// # Errors
    /// What is wrong with the directory or the definition.
    pub(super) fn load(proof: &JwsProof, source: &SourceSettings) -> Result<Self, String> {
        let dir = source
            .cert_dir
            .as_deref()
            .ok_or("expected a directory with trust.pem: the authority's root certificate")?;
        let identifier =
            |text: &str| ObjectIdentifier::new(text).map_err(|_| format!("`{text}` is no object identifier"));
        Ok(Self {
            anchors: trusted(dir)?,
            leaf_extension: identifier(&proof.leaf_extension)?,
            issuer_extension: identifier(&proof.issuer_extension)?,
            audience: proof.audience.as_ref().map(|table| Audience::new(table, source)).transpose()?,
        })
    }

    /// Whether the text is signed by a certificate that is to be believed. `now`: unix seconds.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn verify(&self, text: &str, now: i64) -> Result<(), Rejection> {
        let malformed = |problem: &str| Rejection::new("signature_malformed", problem);
        let (signed, signature) =
            text.rsplit_once('.').ok_or_else(|| malformed("it is no JWS in compact form"))?;
        let (header, claims) =
            signed.split_once('.').ok_or_else(|| malformed("it is no JWS in compact form"))?;
        if header.len() > HEADER_CHARS_MAX {
            return Err(malformed("the JWS header is too long"));
        }
        let header: Header = URL_SAFE_NO_PAD
            .decode(header)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| malformed("the JWS header is unreadable"))?;
        if header.alg != "ES256" {
            return Err(malformed("the algorithm is not ES256"));
        }
        let leaf = self.believed(&header.x5c, now)?;
        let key = leaf.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed("the signature is not base64url"))?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| Rejection::new("signature_mismatch", "the certificate did not sign this"))?;
        match &self.audience {
            Some(audience) if !audience.is_named(claims) => {
                Err(Rejection::new("signature_mismatch", "it is signed for another receiver"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The first certificate of a chain that leads to a trusted one.
    fn believed(&self, chain: &[String], now: i64) -> Result<Certificate, Rejection> {
        let untrusted = |problem: String| Rejection::new("certificate_untrusted", problem);
        if !(2..=CHAIN_MAX).contains(&chain.len()) {
            return Err(untrusted(format!("it carries {} certificates", chain.len())));
        }
        let chain = chain
            .iter()
            .map(|base64| STANDARD.decode(base64).map(CertificateDer::from))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| untrusted("a certificate is not base64".to_owned()))?;
        let (leaf, issuers) = chain.split_first().ok_or_else(|| untrusted("it carries none".to_owned()))?;
        let seconds = u64::try_from(now).unwrap_or_default();
        EndEntityCert::try_from(leaf)
            .map_err(|error| untrusted(error.to_string()))?
            .verify_for_usage(
                CHAIN_ALGORITHMS,
                &self.anchors,
                issuers,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                KeyUsage::server_auth(),
                None,
                None,
            )
            .map_err(|error| untrusted(error.to_string()))?;
        // Apple's root also issues certificates for other purposes; these extensions mark those that sign notifications.
        let leaf =
            with_extension(leaf, self.leaf_extension).ok_or("the signing certificate is for another purpose");
        let issuer = issuers.first().and_then(|issuer| with_extension(issuer, self.issuer_extension));
        issuer.ok_or_else(|| untrusted("its issuer is for another purpose".to_owned()))?;
        leaf.map_err(|problem| untrusted(problem.to_owned()))
    }
}

impl Audience {
    fn new(table: &AudienceTable, source: &SourceSettings) -> Result<Self, String> {
        let mut reader = FieldReader::default();
        let at = table.at.0.iter().map(|pointer| reader.slot(pointer)).collect::<Result<_, _>>()?;
        let name = table.is.strip_prefix("param:").ok_or("`audience.is` expects param:NAME")?;
        let is = source.params.get(name).ok_or_else(|| format!("param `{name}` is not declared"))?;
        Ok(Self { reader, at, is: is.split(',').map(|one| one.trim().to_owned()).collect() })
    }

    /// Whether the claims name one of them.
    fn is_named(&self, claims: &str) -> bool {
        let Ok(claims) = URL_SAFE_NO_PAD.decode(claims) else { return false };
        let Ok(fields) = self.reader.read(&claims) else { return false };
        let named = self.at.iter().map(|slot| fields.scalar(*slot)).find(|named| *named != Scalar::Absent);
        matches!(named, Some(Scalar::Text(named)) if self.is.iter().any(|own| *own == named))
    }
}

/// The certificate, if it bears an extension.
fn with_extension(certificate: &[u8], identifier: ObjectIdentifier) -> Option<Certificate> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let extensions = certificate.tbs_certificate().extensions()?;
    extensions.iter().any(|extension| extension.extn_id == identifier).then(|| certificate.clone())
}
