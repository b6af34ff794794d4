//! A merchant's application that is told: a web server that keeps what it hears, and answers as a test wants.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::servers::{Port, eventually};
use crate::world::World;

/// The secret that the endpoint signs with.
pub const SECRET: &str = "whsec_canarycanarycanarycanarycanarycanary";

/// What it answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub after: Duration,
}

/// A request that it heard.
#[derive(Debug, Clone)]
pub struct Heard {
    pub headers: HeaderMap,
    pub body: Bytes,
    pub at: Instant,
    pub status: u16,
}

type Rule = Box<dyn Fn(&Value) -> Reply + Send>;

/// What an application believes: for each order and source the latest that it took, by (epoch, version).
pub type Table = HashMap<(String, String), Value>;

struct Heart {
    heard: Mutex<Vec<Heard>>,
    rule: Mutex<Rule>,
}

/// A web server on a port that stays its own while it is away.
pub struct Receiver {
    heart: Arc<Heart>,
    port: Port,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), after: Duration::ZERO }
    }

    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        let receiver = Self::away();
        receiver.comes_back().await;
        receiver
    }

    /// One that nobody reaches yet.
    pub fn away() -> Self {
        let rule: Rule = Box::new(|_| Reply::status(204));
        let heart = Arc::new(Heart { heard: Mutex::default(), rule: Mutex::new(rule) });
        Self { heart, port: Port::reserve(), serving: Mutex::default() }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/paylatch?shop=1", self.port.number())
    }

    /// Answers so from now on; what is told, as JSON, comes in.
    pub fn answers(&self, rule: impl Fn(&Value) -> Reply + Send + 'static) {
        *self.heart.rule.lock().unwrap() = Box::new(rule);
    }

    pub fn goes_away(&self) {
        if let Some(serving) = self.serving.lock().unwrap().take() {
            serving.abort();
        }
    }

    pub async fn comes_back(&self) {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port.number()));
        let listener = eventually("the port is free", async || TcpListener::bind(address).await.ok()).await;
        let routes = Router::new().fallback(hear).with_state(Arc::clone(&self.heart));
        let serving = tokio::spawn(serve(listener, routes));
        *self.serving.lock().unwrap() = Some(serving);
    }

    /// Everything that it heard.
    pub fn heard(&self) -> Vec<Heard> {
        self.heart.heard.lock().unwrap().clone()
    }

    /// Every announcement that it heard, in order: those of a batch one by one.
    pub fn announcements(&self) -> Vec<Value> {
        self.heard().iter().flat_map(Heard::announcements).collect()
    }

    /// How often it was told of the order.
    pub fn times(&self, order: &str) -> usize {
        self.announcements().iter().filter(|told| told["data"]["order"] == order).count()
    }

    /// Waits until it was told of the order at least so often.
    pub async fn hears_of(&self, order: &str, times: usize) {
        eventually(&format!("{order} is told {times} times"), async || {
            (self.times(order) >= times).then_some(())
        })
        .await;
    }

    /// What it believes.
    pub fn table(&self) -> Table {
        let taken = self.heard().into_iter().filter(|heard| (200..300).contains(&heard.status));
        latest(taken.flat_map(|heard| heard.announcements()))
    }

    /// Waits until what it believes is what the database has.
    pub async fn believes_what_is_true(&self, world: &World) {
        becomes_true(world, async || self.table()).await;
    }
}

/// What somebody believes who was told all this.
pub fn latest(announcements: impl Iterator<Item = Value>) -> Table {
    let mut table = Table::new();
    for told in announcements {
        let data = told["data"].clone();
        let key = ["order", "source"].map(|name| data[name].as_str().unwrap().to_owned());
        let at = |data: &Value| (data["epoch"].as_i64().unwrap(), data["version"].as_i64().unwrap());
        if table.get(&key.clone().into()).is_none_or(|known| at(&data) > at(known)) {
            table.insert(key.into(), data);
        }
    }
    table
}

/// Waits until what somebody believes is what the database has.
pub async fn becomes_true(world: &World, mut believed: impl AsyncFnMut() -> Table) {
    let rows =
        world.database.rows("select order_id, source, version, status, captured, refunded from orders").await;
    eventually("what is believed equals the orders", async || {
        let table = believed().await;
        let is_true = |row: &Value| {
            let key = ["order_id", "source"].map(|name| row[name].as_str().unwrap().to_owned());
            let told = table.get(&key.into());
            told.is_some_and(|told| {
                ["version", "status", "captured", "refunded"].iter().all(|name| told[name] == row[name])
            })
        };
        let present = table.values().filter(|data| data["gone"] == false).count();
        (present == rows.len() && rows.iter().all(is_true)).then_some(())
    })
    .await;
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.goes_away();
    }
}

impl Heard {
    pub fn announcements(&self) -> Vec<Value> {
        match serde_json::from_slice(&self.body).expect("JSON") {
            Value::Array(several) => several,
            one => vec![one],
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// Serves until it is aborted, with all connections: one that goes away leaves none behind.
async fn serve(listener: TcpListener, routes: Router) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(routes.clone());
        connections.spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn hear(State(heart): State<Arc<Heart>>, headers: HeaderMap, body: Bytes) -> Response {
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let reply = (heart.rule.lock().unwrap())(&told);
    let heard = Heard { headers, body, at: Instant::now(), status: reply.status };
    heart.heard.lock().unwrap().push(heard);
    sleep(reply.after).await;
    let mut response = StatusCode::from_u16(reply.status).unwrap().into_response();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
