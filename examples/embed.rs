//! A shop that takes webhooks beside its own routes: `cargo run --example embed`, then
//! `curl http://127.0.0.1:8080/payments/readyz`.

use std::error::Error;
use std::future::Future;

use axum::Router;
use axum::routing::get;
use paylatch::Paylatch;
use tokio::net::TcpListener;

/// As `paylatch.toml` has them.
const SETTINGS: &str = r#"
database_url = "sqlite://shop.db"
[sources.stripe]
provider = "stripe"
secrets = ["whsec_canary_of_an_example"]
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    serve(listener, SETTINGS, async { drop(tokio::signal::ctrl_c().await) }).await
}

/// Serves until `done`: the provider sends to `/payments/webhooks/stripe`.
pub(crate) async fn serve(
    listener: TcpListener,
    settings: &str,
    done: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    Paylatch::migrate(settings).await?;
    let paylatch = Paylatch::start(settings).await?;
    let shop = Router::new().route("/", get(async || "the shop")).nest("/payments", paylatch.routes());
    axum::serve(listener, shop).with_graceful_shutdown(done).await?;
    paylatch.close().await;
    Ok(())
}
