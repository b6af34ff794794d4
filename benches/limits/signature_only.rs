//! A limit: the product's listener and signature check, and nothing behind them.
//!
//! `signature_only ADDRESS SECRET` answers every webhook that verifies until it is ended.

use std::error::Error;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use paylatch::http::{ListenerOptions, received_now, serve};
use paylatch::order::Id;
use paylatch::provider::{Providers, Source, SourceSettings, Webhook};
use paylatch::secret::Secret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// As in the program that is compared with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, secret] = arguments.as_slice() else {
        return Err("usage: signature_only ADDRESS SECRET; benches/compare/run starts it".into());
    };
    let app = Router::new().route("/webhooks/stripe", post(verify)).with_state(stripe(secret)?);
    let limits = ListenerOptions::new("public", 1_024);
    serve(TcpListener::bind(address).await?, app, limits, CancellationToken::new()).await;
    Ok(())
}

async fn verify(
    State(source): State<Source>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let webhook = Webhook { path_and_query, headers: &headers, body: &body };
    match source.verify(&webhook, received_now().0 / 1_000_000) {
        Ok(_) => (StatusCode::OK, "verified"),
        Err(_) => (StatusCode::UNAUTHORIZED, "refused"),
    }
}

fn stripe(secret: &str) -> Result<Source, Box<dyn Error>> {
    let settings = SourceSettings::new(Id::new("stripe")?, "stripe", vec![Secret::new(secret.to_owned())]);
    Source::new(settings, &Providers::load(None)?).map_err(|mistakes| format!("{mistakes:?}").into())
}
