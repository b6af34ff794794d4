//! Public keys: the sender signs with a private key, and the source knows the public one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;
use webpki::ring::{ECDSA_P256_SHA256, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512};

use super::super::definition::{Algorithm, Encoding};

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The bytes of an Ed25519 key.
const ED25519_BYTES: usize = 32;

/// A public key.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    key: SubjectPublicKeyInfoDer<'static>,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
}

impl PublicKey {
    /// Reads an Ed25519 key that is written as base64 of its bytes alone.
    ///
    /// # Errors
    /// What the text should look like.
    pub(super) fn bare_ed25519(base64: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(base64).ok().filter(|bytes| bytes.len() == ED25519_BYTES);
        let bytes = bytes.ok_or("is no Ed25519 public key: expected base64 of 32 bytes")?;
        let key = SubjectPublicKeyInfoDer::from([&ED25519_PREFIX, bytes.as_slice()].concat());
        Ok(Self { key, algorithm: ED25519 })
    }

    /// Reads a PEM text, or the base64 between its first and last line.
    ///
    /// # Errors
    /// What the text should look like.
    pub(super) fn new(text: &str, algorithm: Algorithm) -> Result<Self, String> {
        let wrong = "is no public key: expected PEM (-----BEGIN PUBLIC KEY-----) or its base64";
        let key = if text.trim_start().starts_with("-----") {
            SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).map_err(|_| wrong)?
        } else {
            let compact: String = text.split_ascii_whitespace().collect();
            STANDARD.decode(compact).map(SubjectPublicKeyInfoDer::from).map_err(|_| wrong)?
        };
        RawPublicKeyEntity::try_from(&key).map_err(|_| wrong)?;
        let algorithm = match algorithm {
            Algorithm::RsaSha256 => RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RsaSha512 => RSA_PKCS1_2048_8192_SHA512,
            Algorithm::EcdsaP256Sha256 => ECDSA_P256_SHA256,
            Algorithm::Ed25519 => ED25519,
        };
        Ok(Self { key, algorithm })
    }

    /// Whether `signature`, as it is written, is its holder's over `text`.
    pub(super) fn verifies(&self, text: &[u8], signature: &str, encoding: Encoding) -> bool {
        let signature = match encoding {
            Encoding::Hex | Encoding::HexAnyCase => hex::decode(signature).ok(),
            Encoding::Base64 => STANDARD.decode(signature).ok(),
        };
        let Some(signature) = signature else { return false };
        RawPublicKeyEntity::try_from(&self.key)
            .is_ok_and(|key| key.verify_signature(self.algorithm, text, &signature).is_ok())
    }
}
