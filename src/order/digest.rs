//! SHA-256 over several fields, each with its length before it: no two lists of fields are the same bytes.

use sha2::{Digest, Sha256};

/// A digest in the making.
#[derive(Debug, Clone, Default)]
pub struct FieldsDigest(Sha256);

impl FieldsDigest {
    /// Adds a field.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The digest of the fields so far.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
