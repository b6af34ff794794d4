//! Ed25519: the sender signs with a private key, and the source knows the public one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, ED25519_PUBLIC_KEY_LEN, UnparsedPublicKey};

/// A public key.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicKey([u8; ED25519_PUBLIC_KEY_LEN]);

impl PublicKey {
    /// # Errors
    /// What the text should look like.
    pub(super) fn new(base64: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(base64).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| "is no Ed25519 public key: expected base64 of 32 bytes".to_owned())
    }

    /// Whether `signature`, as base64, is its holder's over `text`.
    pub(super) fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        STANDARD.decode(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    }
}
