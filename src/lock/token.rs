//! The token that is stored with a key and proves whose it is.

use std::fmt;
use std::sync::Arc;

/// `<instance>:<128 random bits in hex>`, drawn for each acquisition and never chosen by a caller: a token used twice
/// would let the clean-up of one acquisition delete the lease of another.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Token(Arc<str>);

impl Token {
    pub(super) fn draw(instance: &str) -> Self {
        Self(format!("{instance}:{:032x}", rand::random::<u128>()).into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A positive number out of its random part, for services that name leases by numbers.
    pub(super) fn lease_id(&self) -> i64 {
        let digits = self.0.get(self.0.len().saturating_sub(15)..).unwrap_or_default();
        i64::from_str_radix(digits, 16).unwrap_or_default().max(1)
    }

    /// The instance that drew `token`, as people may see it: the random part would let its reader release the key.
    pub(super) fn owner(token: &str) -> String {
        token.split(':').next().unwrap_or_default().to_owned()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::owner(&self.0))
    }
}

/// Names this process to people who list what is held: its id on its host, and something that a restart changes.
pub(super) fn instance() -> String {
    format!("{}-{:08x}", std::process::id(), rand::random::<u32>())
}
