//! Signs what is told as Standard Webhooks asks: HMAC-SHA256 over `id.timestamp.body`, one signature for each secret.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// The bytes that a secret stands for.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// An endpoint's secrets, the first of which signs first: a receiver may know either while they are rotated.
#[derive(Clone)]
pub(super) struct Signer(Vec<Hmac<Sha256>>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({} secrets)", self.0.len())
    }
}

impl Signer {
    /// A signer with all of `secrets`.
    ///
    /// # Errors
    /// What a secret should look like.
    pub(super) fn new(secrets: &[Secret]) -> Result<Self, String> {
        secrets.iter().map(|secret| key(secret.expose())).collect::<Result<_, _>>().map(Self)
    }

    /// The value of `webhook-signature`. `timestamp`: Unix seconds of the attempt, not of what is told.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures = self.0.iter().map(|key| {
            let mut mac = key.clone();
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn key(secret: &str) -> Result<Hmac<Sha256>, String> {
    let wanted = || format!("expected `{PREFIX}` and 24 to 64 random bytes in base64");
    let bytes = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).ok_or_else(wanted)?;
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err(wanted());
    }
    Hmac::new_from_slice(&bytes).map_err(|_| wanted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The example of the specification's own libraries.
        let signer =
            Signer::new(&[Secret::new(concat!("whs", "ec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))]).unwrap();
        let signature =
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs_and_the_first_one_first() {
        let [old, new] =
            ["whsec_canarycanarycanarycanarycanarycanary", "whsec_yranaccanarycanarycanarycanarycanary"]
                .map(Secret::new);
        let alone =
            |secret: &Secret| Signer::new(std::slice::from_ref(secret)).unwrap().sign("1-2", 3, b"{}");
        let both = Signer::new(&[new.clone(), old.clone()]).unwrap().sign("1-2", 3, b"{}");
        assert_eq!(both, format!("{} {}", alone(&new), alone(&old)));
    }

    #[test]
    fn a_secret_that_is_too_weak_or_no_base64_is_refused() {
        for secret in
            ["", "whsec_", "canarycanarycanarycanarycanarycanary", "whsec_canary!!", "whsec_canary12"]
        {
            assert!(Signer::new(&[Secret::new(secret)]).unwrap_err().contains("24 to 64"), "{secret}");
        }
    }
}
