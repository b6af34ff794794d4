//! Samples and batches spans, and hands them to the wire.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Level, Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::TraceSettings;
use super::wire::Wire;

/// The collector has as long for one delivery.
const DELIVERY_MAX: Duration = Duration::from_secs(5);
/// What the process is called in traces.
const NAME: &str = "paylatch";

/// The traces of this process, on their way to the collector. A full buffer drops spans, never delays a webhook.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts to deliver. Call it inside the runtime.
    ///
    /// # Errors
    /// What is wrong with the endpoint or the headers.
    pub fn start(settings: &TraceSettings) -> Result<Self, String> {
        let headers: HashMap<_, _> =
            settings.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Wire::new(DELIVERY_MAX)?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')))
            .with_headers(headers)
            .with_timeout(DELIVERY_MAX)
            .build()
            .map_err(|error| format!("cannot be used: {error}"))?;
        let share = Sampler::TraceIdRatioBased(1.0 / settings.one_in.max(1) as f64);
        let instance = format!("{:016x}", rand::random::<u64>());
        let resource = Resource::builder_empty().with_service_name(NAME).with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
        ]);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(resource.build());
        Ok(Self(provider.build()))
    }

    pub(in super::super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(NAME))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(NAME, Level::DEBUG))
    }

    /// Delivers what is still here, within the time of one delivery.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(DELIVERY_MAX)).await;
        if let Ok(Err(error)) = ended {
            warn!(%error, "the last traces are not delivered");
        }
    }
}
