//! The settings of a source: one account of a provider, as configured.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::order::Id;
use crate::secret::Secret;

/// One account of a provider, as configured.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The name in the URL: `POST /webhooks/{name}`.
    pub name: Id,
    /// The definition's name.
    pub provider: String,
    /// Any may match.
    pub secrets: Vec<Secret>,
    /// Seconds; `None` = the definition's own.
    pub tolerance_s: Option<u64>,
    /// Events of the other mode are noted.
    pub mode: Option<Mode>,
    /// JSON pointers to the merchant's order id, ahead of the definition's own.
    pub order: Vec<String>,
    /// For providers that sign the URL.
    pub public_url: Option<String>,
    /// For providers that sign with a certificate.
    pub cert_dir: Option<PathBuf>,
    /// What the definition asks for beside secrets.
    pub params: BTreeMap<String, String>,
    /// The merchant's accounts at the provider: events of others are noted. None listed: all are the merchant's.
    pub accounts: Vec<String>,
    /// Accounts that are known to be others': their events are noted, too, and nobody is told.
    pub ignore_accounts: Vec<String>,
    /// Sources of one ledger share their order numbers; `None` is a ledger of the source's own name.
    pub ledger: Option<Id>,
    /// Silent for longer, something is probably wrong.
    pub quiet_after: Option<Duration>,
    /// Whether a field that the buyer can set may name the order.
    pub customer_claims: CustomerClaims,
    /// Types that are known to mean nothing here, as the definition writes types.
    pub ignore_types: Vec<String>,
}

/// Whether a field that the buyer can set may name the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words are the setting's values")]
pub enum CustomerClaims {
    #[default]
    Accept,
    Ignore,
}

impl SourceSettings {
    /// What holds unless something else is said.
    #[must_use]
    pub fn new(name: Id, provider: impl Into<String>, secrets: Vec<Secret>) -> Self {
        Self {
            name,
            provider: provider.into(),
            secrets,
            tolerance_s: None,
            mode: None,
            order: Vec::new(),
            public_url: None,
            cert_dir: None,
            params: BTreeMap::new(),
            accounts: Vec::new(),
            ignore_accounts: Vec::new(),
            ledger: None,
            quiet_after: None,
            customer_claims: CustomerClaims::default(),
            ignore_types: Vec::new(),
        }
    }
}

/// Whether money is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words are the setting's values")]
pub enum Mode {
    Live,
    Test,
}
