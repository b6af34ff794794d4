//! Takes announcements, and keeps the newest state of each order.
//!
//! ```sh
//! SECRET=whsec_... PORT=8090 DATABASE=orders.db cargo run --example receiver
//! ```

use std::env::var;
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::net::TcpListener;

/// How far a message's time may be from this machine's, in seconds.
const TOLERANCE_S: u64 = 300;
const TABLE: &str = "
    create table if not exists orders (
        source text, \"order\" text, epoch integer, version integer, status text, captured integer, refunded integer,
        primary key (source, \"order\")) strict";
/// One statement: it inserts, or replaces what is older, or does nothing. Two messages about one order that come at the same
/// time, in whatever order, leave the newer one.
const KEEP_IF_NEWER: &str = "
    insert into orders values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (source, \"order\") do update
       set epoch = excluded.epoch, version = excluded.version, status = excluded.status,
           captured = excluded.captured, refunded = excluded.refunded
     where (excluded.epoch, excluded.version) > (orders.epoch, orders.version)";

#[derive(Clone)]
struct Receiver {
    key: Vec<u8>,
    orders: SqlitePool,
}

#[derive(Deserialize)]
struct Message {
    r#type: String,
    data: Value,
}

#[derive(Serialize, Deserialize)]
struct Order {
    source: String,
    order: String,
    epoch: i64,
    version: i64,
    status: Option<String>,
    captured: Option<i64>,
    refunded: Option<i64>,
}

#[tokio::main]
#[allow(clippy::disallowed_methods, reason = "it is its own program")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(format!("127.0.0.1:{}", var("PORT")?)).await?;
    serve(listener, &var("SECRET")?, &var("DATABASE")?).await
}

/// Takes messages that `secret` signed.
pub(crate) async fn serve(listener: TcpListener, secret: &str, database: &str) -> Result<(), Box<dyn Error>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret))?;
    let file = SqliteConnectOptions::new().filename(database).create_if_missing(true);
    let orders = SqlitePool::connect_with(file).await?;
    sqlx::query(TABLE).execute(&orders).await?;
    let app = Router::new().route("/", get(list).post(receive)).with_state(Receiver { key, orders });
    Ok(axum::serve(listener, app).await?)
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // Over the bytes as they came, before anything is read from them.
    if !verifies(&receiver.key, &headers, &body) {
        return StatusCode::BAD_REQUEST;
    }
    let messages =
        serde_json::from_slice(&body).or_else(|_| serde_json::from_slice(&body).map(|one| vec![one]));
    let Ok(messages): Result<Vec<Message>, _> = messages else { return StatusCode::BAD_REQUEST };
    // Settlements have a ledger instead of a source, and would go into a table of their own.
    for Message { data, .. } in messages.into_iter().filter(|message| message.r#type.starts_with("order.")) {
        let Ok(data) = serde_json::from_value::<Order>(data) else { return StatusCode::BAD_REQUEST };
        let kept = sqlx::query(KEEP_IF_NEWER)
            .bind(data.source)
            .bind(data.order)
            .bind(data.epoch)
            .bind(data.version)
            .bind(data.status)
            .bind(data.captured)
            .bind(data.refunded)
            .execute(&receiver.orders)
            .await;
        if kept.is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    // Only now: what is not answered 2xx comes again.
    StatusCode::NO_CONTENT
}

/// Whether one of the signatures is over these bytes, at a time near now.
fn verifies(key: &[u8], headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, sent) = (header("webhook-id"), header("webhook-timestamp"));
    #[allow(clippy::disallowed_methods, reason = "it is its own program")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if !sent.parse().is_ok_and(|sent: u64| sent.abs_diff(now) <= TOLERANCE_S) {
        return false;
    }
    let signed = [id.as_bytes(), b".", sent.as_bytes(), b".", body].concat();
    let holds = |signature: &str| {
        let Some(shown) = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok()) else {
            return false;
        };
        // In constant time.
        Hmac::<Sha256>::new_from_slice(key)
            .is_ok_and(|mac| mac.chain_update(&signed).verify_slice(&shown).is_ok())
    };
    header("webhook-signature").split(' ').any(holds)
}

async fn list(State(receiver): State<Receiver>) -> Result<Json<Vec<Order>>, StatusCode> {
    type Row = (String, String, i64, i64, Option<String>, Option<i64>, Option<i64>);
    let rows: Result<Vec<Row>, _> = sqlx::query_as("select * from orders").fetch_all(&receiver.orders).await;
    let order = |(source, order, epoch, version, status, captured, refunded): Row| Order {
        source,
        order,
        epoch,
        version,
        status,
        captured,
        refunded,
    };
    let orders = rows.map(|rows| rows.into_iter().map(order).collect());
    orders.map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
