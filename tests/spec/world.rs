//! A running service: a database, a lock service, and replicas of the real binary.

use std::ops::Range;
use std::process::Output;

use serde_json::Value;
use sqlx::ConnectOptions;
use tempfile::TempDir;

use crate::client::Answer;
use crate::database::Database;
use crate::lock_servers::LockService;
use crate::proxy::Proxy;
use crate::replica::{Replica, Settings, Surroundings, run, write_settings};
use crate::servers::{Postgres, Redis};
use crate::webhooks::{SECRET, Webhook, payment};

/// What a world is made of.
pub struct Plan {
    store: Store,
    has_redis: bool,
    owns_servers: bool,
    replicas: usize,
    settings: Settings,
    surroundings: Surroundings,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Postgres,
    Sqlite,
}

/// A running service. Each replica of it reaches Postgres through a proxy of its own.
pub struct World {
    pub replicas: Vec<Replica>,
    pub proxies: Vec<Proxy>,
    pub database: Database,
    pub postgres: Option<Postgres>,
    pub redis: Option<Redis>,
    database_url: String,
    _directory: TempDir,
}

impl Plan {
    /// Postgres and Redis.
    pub fn postgres() -> Self {
        Self::new(Store::Postgres).set("lock.backend", "'redis'")
    }

    /// SQLite and the local lock.
    pub fn sqlite() -> Self {
        Self::new(Store::Sqlite).set("lock.backend", "'local'")
    }

    /// How many processes serve.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// The replicas share this lock service.
    pub fn locked_by(mut self, service: &impl LockService) -> Self {
        self.has_redis = false;
        let urls: Vec<String> = service.urls().iter().map(|url| format!("'{url}'")).collect();
        self.set("lock.backend", &format!("'{}'", service.backend()))
            .set("lock.urls", &format!("[{}]", urls.join(", ")))
    }

    /// Every replica has a lock of its own: only the database stands between them.
    pub fn without_a_shared_lock(mut self) -> Self {
        self.has_redis = false;
        self.set("lock.backend", "'local'")
    }

    /// The servers are the test's own, so that it may stop them and look into them.
    pub fn owning_servers(mut self) -> Self {
        self.owns_servers = true;
        self
    }

    /// A setting by its dotted name; the value is TOML.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable of the environment of each replica and of its commands.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.surroundings.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Starts it: servers, schema, replicas.
    pub async fn start(self) -> World {
        let directory = tempfile::Builder::new().prefix("paylatch-world-").tempdir().expect("a directory");
        match self.store {
            Store::Postgres => self.start_on_postgres(directory).await,
            Store::Sqlite => self.start_on_sqlite(directory).await,
        }
    }

    fn new(store: Store) -> Self {
        let settings = [
            ("sources.stripe.provider", "'stripe'".to_owned()),
            ("sources.stripe.secrets", format!("['{SECRET}']")),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        let has_redis = store == Store::Postgres;
        let surroundings = Surroundings::default();
        Self { store, has_redis, owns_servers: false, replicas: 1, settings, surroundings }
    }

    async fn start_on_postgres(mut self, directory: TempDir) -> World {
        let mut postgres =
            if self.owns_servers { Postgres::start_private().await } else { Postgres::start().await };
        let redis = match (self.has_redis, self.owns_servers) {
            (false, _) => None,
            (true, true) => Some(Redis::start_private().await),
            (true, false) => Some(Redis::start().await),
        };
        if let Some(redis) = &redis {
            self.settings.insert("lock.urls".to_owned(), format!("['{}']", redis.url()));
        }
        let database = postgres.create_database().await;
        self.migrate(&directory, database.to_url_lossy().as_str()).await;
        let (mut replicas, mut proxies) = (Vec::new(), Vec::new());
        for _ in 0..self.replicas {
            let proxy = Proxy::start((database.get_host().to_owned(), database.get_port())).await;
            let behind = database.clone().host("127.0.0.1").port(proxy.address().port());
            self.set_database(behind.to_url_lossy().as_str());
            replicas.push(Replica::start_within(&self.settings, self.surroundings.clone()).await);
            proxies.push(proxy);
        }
        let mut database_url = database.to_url_lossy();
        database_url.set_query(None); // what only this program's driver knows
        let database_url = database_url.to_string();
        let database = Database::postgres(database);
        World {
            replicas,
            proxies,
            database,
            postgres: Some(postgres),
            redis,
            database_url,
            _directory: directory,
        }
    }

    async fn start_on_sqlite(mut self, directory: TempDir) -> World {
        let path = directory.path().join("paylatch.db");
        self.migrate(&directory, &format!("sqlite://{}", path.display())).await;
        let replicas = vec![Replica::start_within(&self.settings, self.surroundings).await];
        let database_url = format!("sqlite://{}", path.display());
        let database = Database::sqlite(&path);
        World {
            replicas,
            proxies: Vec::new(),
            database,
            postgres: None,
            redis: None,
            database_url,
            _directory: directory,
        }
    }

    async fn migrate(&mut self, directory: &TempDir, database_url: &str) {
        self.set_database(database_url);
        let config = directory.path().join("paylatch.toml");
        write_settings(&self.settings, &config);
        let output = run(directory.path(), Some(&config), &["migrate"]).await;
        assert!(output.status.success(), "paylatch migrate: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn set_database(&mut self, url: &str) {
        self.settings.insert("database_url".to_owned(), format!("'{url}'"));
    }
}

impl World {
    /// One replica over Postgres and Redis.
    pub async fn start() -> Self {
        Plan::postgres().start().await
    }

    /// One replica over each kind of database.
    pub async fn on_each_database() -> [Self; 2] {
        [Plan::postgres().start().await, Plan::sqlite().start().await]
    }

    /// The Postgres database itself, not through a replica's proxy.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Sends a webhook to the first replica.
    pub async fn send(&self, webhook: &Webhook) -> Answer {
        self.replicas[0].send(webhook).await
    }

    /// Sends webhooks one after the other to the first replica and gives their outcomes.
    pub async fn outcomes(&self, webhooks: &[&Webhook]) -> Vec<String> {
        let mut outcomes = Vec::new();
        for webhook in webhooks {
            outcomes.push(self.send(webhook).await.outcome());
        }
        outcomes
    }

    /// Pays an order `order-N` of each number, by a payment `pi_of_order-N`, at the first replica.
    pub async fn pay(&self, numbers: Range<usize>) {
        for number in numbers {
            let order = format!("order-{number}");
            self.send(&payment(&format!("pi_of_{order}")).of_order(&order).succeeded()).await;
        }
    }

    /// Sends a webhook as a provider does: to any replica in turn, again until one accepts it.
    pub async fn deliver(&self, webhook: &Webhook) -> Answer {
        let first = rand::random_range(0..self.replicas.len());
        let mut turns = self.replicas.iter().cycle().skip(first);
        crate::servers::eventually("a replica accepts the webhook", async || {
            let answer = turns.next()?.try_send(webhook).await.ok()?;
            assert!(
                answer.status.is_success() || answer.status.as_u16() == 503,
                "{}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
            answer.status.is_success().then_some(answer)
        })
        .await
    }

    /// An order's row.
    pub async fn order(&self, order: &str) -> Option<Value> {
        let mut rows = self.database.rows(&format!("select * from orders where order_id = '{order}'")).await;
        rows.pop()
    }

    /// An order's status and amounts: authorized, captured, refunded, disputed.
    pub async fn money(&self, order: &str) -> (String, [i64; 4]) {
        let row = self.order(order).await.unwrap_or_else(|| panic!("there is no order {order}"));
        let amount = |name: &str| row[name].as_i64().expect("an amount");
        let amounts = ["authorized", "captured", "refunded", "disputed"].map(amount);
        (row["status"].as_str().expect("a status").to_owned(), amounts)
    }

    /// An event's row.
    pub async fn event(&self, id: &str) -> Option<Value> {
        self.database.rows(&format!("select * from events where event_id = '{id}'")).await.pop()
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        self.database.number(&format!("select count(*) from {table}")).await
    }

    /// Runs a command of the binary.
    pub async fn cli(&self, arguments: &[&str]) -> Output {
        self.replicas[0].cli(arguments).await
    }

    /// Nothing is told to the endpoint until it is resumed.
    pub async fn pause(&self, endpoint: &str) {
        self.act_on(endpoint, "pause").await;
    }

    /// The endpoint is told again, at once.
    pub async fn resume(&self, endpoint: &str) {
        self.act_on(endpoint, "resume").await;
    }

    async fn act_on(&self, endpoint: &str, action: &str) {
        let done = self.cli(&["endpoints", action, endpoint]).await;
        assert!(done.status.success(), "{action} {endpoint}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The orders and payments are what the events say.
    pub async fn audit_is_clean(&self) {
        let output = self.cli(&["audit"]).await;
        assert!(
            output.status.success(),
            "paylatch audit: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
