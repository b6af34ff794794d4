//! Traces: what an OpenTelemetry collector gets to know of a webhook, from its head to the save, and what it never does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

use crate::servers::{CANARY, eventually};
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// What was delivered, as it came.
#[derive(Clone, Default)]
pub struct Collector {
    deliveries: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Collector {
    pub async fn listen(&self) -> SocketAddr {
        let take = async |State(collector): State<Self>, headers: HeaderMap, body: Bytes| {
            collector.deliveries.lock().unwrap().push((headers, body));
            StatusCode::OK
        };
        let app = Router::new().route("/v1/traces", post(take)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(paylatch::http::serve(
            listener,
            app,
            paylatch::http::ListenerOptions::new("collector", 8),
            tokio_util::sync::CancellationToken::new(),
        ));
        address
    }

    pub fn spans(&self) -> Vec<Span> {
        let deliveries = self.deliveries.lock().unwrap();
        let decoded = deliveries
            .iter()
            .map(|(_, body)| ExportTraceServiceRequest::decode(body.clone()).expect("a request of OTLP"));
        let resources = decoded.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Everything that was sent of spans and their surroundings, as text.
    fn text(&self) -> String {
        let deliveries = self.deliveries.lock().unwrap();
        deliveries.iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect()
    }
}

fn attributes(span: &Span) -> HashMap<&str, String> {
    span.attributes
        .iter()
        .map(|pair| {
            let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
            let text = match value {
                Some(Value::StringValue(text)) => text.clone(),
                Some(Value::IntValue(number)) => number.to_string(),
                other => format!("{other:?}"),
            };
            (pair.key.as_str(), text)
        })
        .collect()
}

async fn world(collector: SocketAddr) -> World {
    Plan::sqlite()
        .set("otlp.endpoint", &format!("'http://{collector}'"))
        .set("otlp.headers", &format!("['x-api-key={CANARY}_of_the_collector']"))
        .start()
        .await
}

#[tokio::test]
async fn a_webhook_is_followed_from_its_head_to_the_save() {
    let collector = Collector::default();
    let world = world(collector.listen().await).await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();
    let answer = world.send(&webhook).await;
    let request = answer.header("x-request-id").unwrap().to_owned();
    world.replicas[0].terminate();
    assert!(world.replicas[0].ended().await.success());

    let spans = collector.spans();
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| {
            panic!("no {name} in {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>())
        })
    };
    let root = named("webhook");
    assert!(root.parent_span_id.is_empty());
    let told = attributes(root);
    assert_eq!(
        (told["source"].as_str(), &told["request"], &told["events"]),
        ("stripe", &request, &webhook.id)
    );
    for (child, parent) in [
        ("read", "webhook"),
        ("verify", "webhook"),
        ("store", "webhook"),
        ("batch", "store"),
        ("lease", "batch"),
        ("load", "batch"),
        ("save", "batch"),
        ("release", "batch"),
    ] {
        let span = named(child);
        assert_eq!(span.parent_span_id, named(parent).span_id, "{child} is below {parent}");
        assert_eq!(span.trace_id, root.trace_id, "{child} is in the webhook's trace");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    assert_eq!(attributes(named("batch"))["events"], "1");
    assert_eq!(attributes(named("save"))["orders"], "1");
    assert!(collector.text().contains("service.name") && collector.text().contains("paylatch"));
}

#[tokio::test]
async fn no_secret_is_in_a_trace_and_the_collector_is_shown_its_key() {
    let collector = Collector::default();
    let world = world(collector.listen().await).await;
    world.send(&payment("pi_1").succeeded()).await;
    world.replicas[0]
        .post("/webhooks/stripe", &[("Stripe-Signature".into(), "v1=ab".into())], "{}")
        .await
        .unwrap();
    eventually("spans arrive while it serves", async || (!collector.spans().is_empty()).then_some(())).await;
    world.replicas[0].terminate();
    assert!(world.replicas[0].ended().await.success());

    assert!(!collector.text().contains(CANARY));
    let deliveries = collector.deliveries.lock().unwrap();
    let key = deliveries[0].0.get("x-api-key").expect("its key").to_str().unwrap();
    assert_eq!(key, format!("{CANARY}_of_the_collector"));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_no_webhook_and_is_told_once() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let world = world(address).await;
    let replica = &world.replicas[0];
    for number in 0..20 {
        assert_eq!(world.send(&payment(&format!("pi_{number}")).succeeded()).await.outcome(), "applied");
    }
    replica.says("the collector takes no traces").await;
    replica.terminate();
    assert!(replica.ended().await.success());
    assert_eq!(replica.output().matches("the collector takes no traces").count(), 1);
}
