//! What is replaced while the server serves.

use std::collections::HashMap;

use crate::announce::Relay;
use crate::config::Settings;
use crate::http::{Sources, Tls};
use crate::order::Id;
use crate::provider::Source;

/// What a running server takes of settings that were read again: the sources, the certificate of the listener, and the
/// endpoints' secrets and limits.
#[derive(Debug)]
pub struct ReloadHandle {
    sources: Sources,
    tls: Option<Tls>,
    relay: Relay,
}

impl ReloadHandle {
    pub(super) fn new(sources: Sources, tls: Option<Tls>, relay: Relay) -> Self {
        Self { sources, tls, relay }
    }

    /// Takes them from the next webhook and the next handshake on. A listener does not change between HTTP and HTTPS.
    pub fn replace(&self, settings: &Settings) {
        self.sources.replace(by_name(&settings.sources));
        self.relay.replace(&settings.relay.endpoints);
        if let (Some(tls), Some(newer)) = (&self.tls, &settings.http.tls) {
            tls.replace(newer);
        }
    }
}

/// The sources as the listener looks them up.
pub(crate) fn by_name(sources: &[Source]) -> HashMap<Id, Source> {
    sources.iter().map(|source| (source.name().clone(), source.clone())).collect()
}
