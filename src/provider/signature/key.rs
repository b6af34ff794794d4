//! Keys and proofs: what a secret becomes, and what it makes of a signed text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::super::definition::{Definition, Encoding, Hash, HmacProof, KeyEncoding, Proof};
use super::super::{Mistake, SourceSettings};
use super::public_key::PublicKey;
use crate::secret::Secret;

/// A secret, ready to prove: the key's blocks are hashed once, not per request.
#[derive(Clone)]
pub(super) enum Key {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    HmacSha512(Hmac<Sha512>),
    /// A plain hash; the template puts the secret into the text.
    Digest(Hash, Secret),
    /// The secret is the proof.
    Token(Secret),
    /// Only the sender can prove.
    Public(PublicKey),
}

impl Key {
    /// A MAC key.
    ///
    /// # Errors
    /// What the secret should look like.
    pub(super) fn hmac(
        hash: Hash,
        encoding: KeyEncoding,
        prefix: &str,
        secret: &Secret,
    ) -> Result<Self, String> {
        let text = secret.expose();
        let bytes = match encoding {
            KeyEncoding::Text => text.as_bytes().to_vec(),
            KeyEncoding::Raw => text
                .chars()
                .map(u8::try_from)
                .collect::<Result<_, _>>()
                .map_err(|_| "has a character beyond U+00FF; expected Latin-1 text")?,
            KeyEncoding::Hex => {
                hex::decode(text).map_err(|_| "is not hexadecimal; copy it whole from the provider's page")?
            }
            KeyEncoding::Base64 => {
                STANDARD.decode(text.strip_prefix(prefix).unwrap_or(text)).map_err(|_| {
                    format!("is not base64 (after `{prefix}`); copy it whole from the provider's page")
                })?
            }
            KeyEncoding::Sha1OfText => Sha1::digest(text).to_vec(),
        };
        if bytes.is_empty() {
            return Err("is empty".to_owned());
        }
        let key = match hash {
            Hash::Md5 => return Err("would make an HMAC of MD5; expected sha1, sha256 or sha512".to_owned()),
            Hash::Sha1 => Hmac::new_from_slice(&bytes).map(Self::HmacSha1),
            Hash::Sha256 => Hmac::new_from_slice(&bytes).map(Self::HmacSha256),
            Hash::Sha512 => Hmac::new_from_slice(&bytes).map(Self::HmacSha512),
        };
        key.map_err(|_| "has an unusable length".to_owned())
    }

    /// What the key makes of the text that `write` streams.
    ///
    /// # Errors
    /// Those of `write`.
    pub(super) fn prove<E>(
        &self,
        write: impl FnOnce(&str, &mut dyn FnMut(&[u8])) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        match self {
            Self::HmacSha1(key) => mac(key.clone(), |sink| write("", sink)),
            Self::HmacSha256(key) => mac(key.clone(), |sink| write("", sink)),
            Self::HmacSha512(key) => mac(key.clone(), |sink| write("", sink)),
            Self::Digest(hash, secret) => {
                let write = |sink: &mut dyn FnMut(&[u8])| write(secret.expose(), sink);
                match hash {
                    Hash::Md5 => digest::<Md5, E>(write),
                    Hash::Sha1 => digest::<Sha1, E>(write),
                    Hash::Sha256 => digest::<Sha256, E>(write),
                    Hash::Sha512 => digest::<Sha512, E>(write),
                }
            }
            Self::Token(secret) => Ok(secret.expose().as_bytes().to_vec()),
            Self::Public(_) => Ok(Vec::new()),
        }
    }
}

fn mac<M: Mac, E>(
    mut mac: M,
    write: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    write(&mut |piece| mac.update(piece))?;
    Ok(mac.finalize().into_bytes().to_vec())
}

fn digest<D: Digest, E>(write: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>) -> Result<Vec<u8>, E> {
    let mut digest = D::new();
    write(&mut |piece| digest.update(piece))?;
    Ok(digest.finalize().to_vec())
}

impl Encoding {
    /// The one way to write these bytes. A received proof is compared as text: decoding it first would let upper case,
    /// missing padding and trailing rubbish pass.
    pub(super) fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::HexAnyCase => hex::encode_upper(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// A source's secrets as keys, and how their proofs are written.
///
/// # Errors
/// Which secret is wrong, and what was expected.
pub(super) fn keys(
    definition: &Definition,
    source: &SourceSettings,
) -> Result<(Vec<Key>, Option<Encoding>), Mistake> {
    let mut keys = Vec::with_capacity(source.secrets.len());
    for (position, secret) in source.secrets.iter().enumerate() {
        let problem = |problem: String| ("secrets".to_owned(), format!("secret {} {problem}", position + 1));
        if secret.expose().is_empty() {
            return Err(problem("is empty".to_owned()));
        }
        let public = definition.signature.public_key.as_ref();
        if let Some(key) = public.and_then(|public| secret.expose().strip_prefix(&public.prefix)) {
            keys.push(PublicKey::bare_ed25519(key).map(Key::Public).map_err(problem)?);
            continue;
        }
        keys.push(match &definition.signature.proof {
            Proof::Hmac(hmac) => {
                let encoding = key_encoding(hmac, source)?;
                Key::hmac(hmac.hash, encoding, &definition.secret_prefix, secret).map_err(problem)?
            }
            Proof::Digest(digest) => Key::Digest(digest.hash, secret.clone()),
            Proof::PublicKey(proof) => {
                PublicKey::new(secret.expose(), proof.algorithm).map(Key::Public).map_err(problem)?
            }
            Proof::Token | Proof::Certificate(_) | Proof::Jws(_) => Key::Token(secret.clone()),
        });
    }
    if keys.is_empty() {
        return Err(("secrets".to_owned(), "expected at least one secret".to_owned()));
    }
    let encoding = match &definition.signature.proof {
        Proof::Hmac(hmac) => Some(hmac.encoding),
        Proof::Digest(digest) => Some(digest.encoding),
        Proof::PublicKey(proof) => Some(proof.encoding),
        Proof::Token | Proof::Certificate(_) | Proof::Jws(_) => None,
    };
    Ok((keys, encoding))
}

/// The key's encoding, which may be a param of the source.
///
/// # Errors
/// What is wrong with the word.
pub(in crate::provider) fn key_encoding(
    hmac: &HmacProof,
    source: &SourceSettings,
) -> Result<KeyEncoding, Mistake> {
    let key = || "signature.proof.hmac.key".to_owned();
    let word = match hmac.key.strip_prefix("param:") {
        None => Cow::Borrowed(&hmac.key),
        Some(name) => Cow::Owned(
            source
                .params
                .get(name)
                .cloned()
                .ok_or_else(|| (key(), format!("param `{name}` is not declared")))?,
        ),
    };
    match word.as_str() {
        "text" => Ok(KeyEncoding::Text),
        "raw" => Ok(KeyEncoding::Raw),
        "hex" => Ok(KeyEncoding::Hex),
        "base64" => Ok(KeyEncoding::Base64),
        "sha1-of-text" => Ok(KeyEncoding::Sha1OfText),
        other => Err((key(), format!("unknown `{other}`; expected text, raw, hex, base64 or sha1-of-text"))),
    }
}
