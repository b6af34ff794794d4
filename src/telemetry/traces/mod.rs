//! Traces for an OpenTelemetry collector: a webhook from its head to its receipts, a batch from its leases to its save.
//!
//! The spans are `tracing`'s, at the level `debug`, so that they cost nothing while neither a collector nor the log's filter
//! wants them. They name sources, requests, events and counts; never a header, a body or a secret.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod present;
#[cfg(feature = "otlp")]
mod wire;

use crate::secret::Secret;

#[cfg(not(feature = "otlp"))]
pub use absent::Traces;
#[cfg(feature = "otlp")]
pub use present::Traces;

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// The collector's URL, to which `/v1/traces` is added.
    pub endpoint: String,
    /// What it wants to see, such as an API key: name and value.
    pub headers: Vec<(String, Secret)>,
    /// One webhook in so many is traced.
    pub one_in: usize,
}
