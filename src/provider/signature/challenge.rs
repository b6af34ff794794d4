//! How a provider asks by GET whether an endpoint holds the secret: the answer is a proof of the text that it sends.

use super::super::definition;
use super::super::fields::Scalar;
use super::super::fields::{View, only};
use super::{Prover, Rejection, Scheme, letter_set, unwritable};

/// A compiled `challenge`.
#[derive(Debug, Clone)]
pub(super) struct Challenge {
    query: String,
    letters: Vec<bool>,
    length: (usize, usize),
}

impl Challenge {
    pub(super) fn new(challenge: &definition::ChallengeTable) -> Self {
        let definition::ChallengeTable { query, alphabet, length } = challenge;
        Self { query: query.clone(), letters: letter_set(alphabet), length: *length }
    }

    fn is_one(&self, text: &[u8]) -> bool {
        let (from, to) = self.length;
        (from..=to).contains(&text.len())
            && text.iter().all(|byte| self.letters.get(usize::from(*byte)) == Some(&true))
    }
}

impl Scheme {
    /// What to answer to a GET with a challenge in its query.
    pub(in crate::provider) fn answer(&self, path_and_query: &str) -> Option<String> {
        let challenge = self.challenge.as_ref()?;
        let Prover::Keys(keys, Some(encoding)) = &self.prover else { return None };
        let (_, query) = path_and_query.split_once('?')?;
        let Scalar::Text(text) = only(query.as_bytes(), &challenge.query) else { return None };
        if !challenge.is_one(text.as_bytes()) {
            return None;
        }
        let proof = keys.first()?.prove(|_, sink| {
            sink(text.as_bytes());
            Ok::<_, std::convert::Infallible>(())
        });
        let Ok(proof) = proof;
        Some(self.render(&encoding.write(&proof), ""))
    }

    /// Everybody can have a challenge signed. What is signed as one must not pass for a webhook.
    ///
    /// # Errors
    /// When it would.
    pub(super) fn refuse_a_challenge(&self, view: &View<'_>) -> Result<(), Rejection> {
        let Some(challenge) = &self.challenge else { return Ok(()) };
        let text = self.signed_text(view).map_err(|_| unwritable())?;
        if challenge.is_one(&text) {
            return Err(Rejection::new(
                "signature_malformed",
                "what is signed is a challenge, not a webhook",
            ));
        }
        Ok(())
    }
}
