//! What a scheme's keys make of a request: to compare with what came, or to send.

use super::super::definition::Encoding;
use super::super::fields::View;
use super::key::Key;
use super::template::{Template, Unwritable};
use super::{Prover, Scheme};

impl Scheme {
    /// The texts that would prove the view's signed texts under `key`.
    pub(super) fn proofs(
        &self,
        key: &Key,
        encoding: Option<Encoding>,
        view: &View<'_>,
    ) -> Result<Vec<Vec<u8>>, Unwritable> {
        match key {
            Key::Token(_) => return Ok(vec![key.prove(|_, _| Ok(()))?]),
            Key::Public(_) => return Ok(Vec::new()),
            Key::HmacSha1(_) | Key::HmacSha256(_) | Key::HmacSha512(_) | Key::Digest(..) => {}
        }
        let prove = |template: &Template| {
            let proof = key.prove(|secret, sink| template.write(view, secret, sink))?;
            Ok(match encoding {
                Some(encoding) => encoding.write(&proof).into_bytes(),
                None => proof,
            })
        };
        self.signed.iter().map(prove).collect()
    }

    /// The signed text as bytes, for what cannot be streamed into.
    pub(super) fn signed_text(&self, view: &View<'_>) -> Result<Vec<u8>, Unwritable> {
        let mut text = Vec::new();
        for template in self.signed.iter().take(1) {
            template.write(view, "", &mut |piece| text.extend_from_slice(piece))?;
        }
        Ok(text)
    }

    /// The first secret's proof of a view. Only the holder of its key can sign with a certificate.
    pub(in crate::provider) fn first_proof(&self, view: &View<'_>) -> Option<String> {
        let Prover::Keys(keys, encoding) = &self.prover else { return None };
        let proof = self.proofs(keys.first()?, *encoding, view).ok()?.into_iter().next()?;
        String::from_utf8(proof).ok()
    }

    /// What a named part of the signature holds when this program is the sender.
    pub(in crate::provider) fn part<'a>(&'a self, name: &str, now: &'a str) -> &'a str {
        self.format.part(name, now)
    }

    /// How a proof is written where the signature stands.
    pub(in crate::provider) fn render(&self, proof: &str, now: &str) -> String {
        let part = |name| (name, self.part(name, now));
        let parts: Vec<_> = self.selectors.parts.iter().map(String::as_str).map(part).collect();
        self.format.render(proof, &parts, &self.list_settings)
    }
}
