//! Told: after a commit the latest state of each changed order reaches whoever asks for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::load::{nothing_acknowledged_is_lost, under_load};
use crate::servers::{Process, eventually};
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// A world in which changes of orders are noted.
fn telling(plan: Plan) -> Plan {
    plan.set("announce.enabled", "true")
}

async fn on_each_database() -> [World; 2] {
    [telling(Plan::postgres()).start().await, telling(Plan::sqlite()).start().await]
}

/// An application that asks, and keeps what it is told by (epoch, version).
#[derive(Default)]
pub struct Application {
    after: Option<String>,
    /// By order and source: epoch, version, and all that was told.
    pub orders: HashMap<(String, String), (i64, i64, Value)>,
    pub told: usize,
}

impl Application {
    /// Asks for one page and deals with it; tells whether anything is left.
    pub async fn ask(&mut self, world: &World, limit: usize) -> bool {
        let after = self.after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
        let answer = world.replicas[0].admin(&format!("/api/v1/announcements?limit={limit}{after}")).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let page = answer.json();
        for announcement in page["announcements"].as_array().unwrap() {
            self.hear(announcement);
        }
        self.after = Some(page["after"].as_str().unwrap().to_owned());
        page["at_end"] == false
    }

    pub async fn ask_until_the_end(&mut self, world: &World, limit: usize) {
        while self.ask(world, limit).await {}
    }

    fn hear(&mut self, announcement: &Value) {
        let data = &announcement["data"];
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        let number = |name: &str| data[name].as_i64().unwrap();
        let (key, news) = ((text("order"), text("source")), (number("epoch"), number("version")));
        self.told += 1;
        let known = self.orders.get(&key).map(|(epoch, version, _)| (*epoch, *version));
        if known.is_none_or(|known| news > known) {
            self.orders.insert(key, (news.0, news.1, data.clone()));
        }
    }

    /// What it believes is what the database has.
    pub async fn believes_what_is_true(&self, world: &World) {
        let rows = world
            .database
            .rows("select order_id, source, version, status, captured, refunded from orders")
            .await;
        let present = self.orders.values().filter(|(_, _, data)| data["gone"] == false).count();
        assert_eq!(present, rows.len());
        for row in rows {
            let key = ["order_id", "source"].map(|name| row[name].as_str().unwrap().to_owned());
            let (_, _, told) =
                self.orders.get(&key.clone().into()).unwrap_or_else(|| panic!("{key:?} was not told"));
            for column in ["version", "status", "captured", "refunded"] {
                assert_eq!(told[column], row[column], "{column} of {key:?}");
            }
        }
    }
}

#[tokio::test]
async fn each_changed_order_is_told_with_its_latest_state() {
    for world in on_each_database().await {
        let paid = payment("pi_1").of_order("order-1");
        world.outcomes(&[&paid.succeeded(), &payment("pi_2").of_order("order-2").failed()]).await;

        let answer = world.replicas[0].admin("/api/v1/announcements").await.json();
        let told = |place: usize, name: &str| answer["announcements"][place]["data"][name].clone();
        assert_eq!(answer["announcements"].as_array().unwrap().len(), 2);
        assert_eq!(answer["announcements"][0]["type"], "order.paid");
        assert_eq!(
            (told(0, "order"), told(0, "captured"), told(0, "gone")),
            ("order-1".into(), 1_000.into(), false.into())
        );
        assert_eq!(answer["announcements"][1]["type"], "order.failed");
        assert_eq!(answer["at_end"], true);

        // Two changes, told once, as the order is now.
        world.outcomes(&[&paid.refunded("re_1", 300), &paid.refunded("re_2", 700)]).await;
        let path = format!("/api/v1/announcements?after={}", answer["after"].as_str().unwrap());
        let answer = world.replicas[0].admin(&path).await.json();
        assert_eq!(answer["announcements"].as_array().unwrap().len(), 1);
        assert_eq!(answer["announcements"][0]["type"], "order.refunded");
        assert_eq!(answer["announcements"][0]["data"]["refunded"], 1_000);
    }
}

#[tokio::test]
async fn an_order_that_was_merged_into_another_is_told_to_be_gone() {
    for world in on_each_database().await {
        let nameless = payment("pi_1");
        world.outcomes(&[&nameless.succeeded()]).await;
        let mut application = Application::default();
        application.ask_until_the_end(&world, 10).await;
        let (_, _, provisional) = &application.orders[&("pi_1".to_owned(), "stripe".to_owned())];
        assert_eq!(provisional["provisional"], true);

        world.outcomes(&[&payment("pi_1").of_order("order-1").charge_succeeded()]).await;
        application.ask_until_the_end(&world, 10).await;

        let (_, _, gone) = &application.orders[&("pi_1".to_owned(), "stripe".to_owned())];
        assert_eq!((gone["gone"].clone(), gone["merged_into"].clone()), (true.into(), "order-1".into()));
        application.believes_what_is_true(&world).await;
    }
}

#[tokio::test]
async fn a_change_that_commits_late_is_not_passed_over() {
    let world = telling(Plan::postgres()).start().await;
    world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
    let mut application = Application::default();
    application.ask_until_the_end(&world, 10).await;

    // Draws its number first, and commits last.
    let mut late = connection(&world).await;
    let mut transaction = late.begin().await.unwrap();
    transaction
        .execute(
            "update orders set version = nextval('order_version'), captured = 1 where order_id = 'order-1'",
        )
        .await
        .unwrap();
    world.outcomes(&[&payment("pi_2").of_order("order-2").succeeded()]).await;
    let meanwhile = async { application.ask(&world, 10).await };
    let commit = async {
        // How long a foreign transaction stays open, while the application asks several times.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        transaction.commit().await.unwrap();
    };
    tokio::join!(meanwhile, commit);
    application.ask_until_the_end(&world, 10).await;

    application.believes_what_is_true(&world).await;
}

#[tokio::test]
async fn nothing_is_missing_when_replicas_are_killed_under_load() {
    let world = telling(Plan::postgres()).replicas(2).start().await;
    let mut application = Application::default();
    let is_over = AtomicBool::new(false);

    let traffic = async {
        let deliveries = under_load(&world.replicas, async |traffic| {
            for round in 0..4 {
                traffic.goes_on_for(60).await;
                // The first one answers the application.
                world.replicas[1].kill();
                world.replicas[1].start_again().await;
                if round == 2 {
                    world.proxies[0].cut();
                    world.proxies[0].restore();
                }
            }
        })
        .await;
        is_over.store(true, Ordering::Relaxed);
        deliveries
    };
    let asking = async {
        while !is_over.load(Ordering::Relaxed) {
            // A page that breaks off is asked for again, from the same place.
            let after = application.after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
            let answer =
                world.replicas[0].admin(&format!("/api/v1/announcements?limit=50&wait_s=1{after}")).await;
            if answer.status == 200 {
                let page = answer.json();
                page["announcements"].as_array().unwrap().iter().for_each(|one| application.hear(one));
                application.after = Some(page["after"].as_str().unwrap().to_owned());
            }
        }
    };
    let (deliveries, ()) = tokio::join!(traffic, asking);

    nothing_acknowledged_is_lost(&world, &deliveries).await;
    application.ask_until_the_end(&world, 50).await;
    application.believes_what_is_true(&world).await;
}

#[tokio::test]
async fn a_cursor_that_fell_off_or_is_of_another_epoch_is_refused() {
    for world in on_each_database().await {
        world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
        let mut application = Application::default();
        application.ask_until_the_end(&world, 10).await;
        let path = format!("/api/v1/announcements?after={}", application.after.as_ref().unwrap());

        world.outcomes(&[&payment("pi_2").of_order("order-2").succeeded()]).await;
        world.outcomes(&[&payment("pi_3").of_order("order-3").succeeded()]).await;
        world.database.execute("delete from order_changes where change <= 2").await;
        assert_eq!(world.replicas[0].admin(&path).await.json()["code"], "cursor_gone");
        // From the beginning of what there is.
        let rest = world.replicas[0].admin("/api/v1/announcements").await.json();
        assert_eq!(rest["announcements"][0]["data"]["order"], "order-3");

        let after = rest["after"].as_str().unwrap();
        assert!(world.cli(&["announce", "new-epoch"]).await.status.success());
        let answer = world.replicas[0].admin(&format!("/api/v1/announcements?after={after}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (410, "cursor_gone".into()));
        let anew = world.replicas[0].admin("/api/v1/announcements").await.json();
        assert_eq!(anew["announcements"][0]["data"]["epoch"], 2);
    }
}

#[tokio::test]
async fn nothing_is_noted_while_nobody_is_to_be_told() {
    for world in [Plan::postgres().start().await, Plan::sqlite().start().await] {
        world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
        assert_eq!(world.count("order_changes").await, 0);

        assert!(world.cli(&["announce", "on"]).await.status.success());
        world.outcomes(&[&payment("pi_2").of_order("order-2").succeeded()]).await;
        assert_eq!(world.count("order_changes").await, 1);

        assert!(world.cli(&["announce", "off"]).await.status.success());
        world.outcomes(&[&payment("pi_3").of_order("order-3").succeeded()]).await;
        assert_eq!(world.count("order_changes").await, 1);
    }
}

#[tokio::test]
async fn a_server_whose_role_may_not_note_changes_serves_and_says_which_command_does() {
    let world = Plan::postgres().start().await;
    let grants = "create role app login;
        grant select, insert, update, delete on all tables in schema public to app;
        grant usage on all sequences in schema public to app";
    world.database.execute(grants).await;
    let replica = &world.replicas[0];
    let user = replica.settings()["database_url"].replace("//postgres:", "//app:");
    replica.rewrite(|settings| {
        settings.insert("database_url".to_owned(), user);
        settings.insert("announce.enabled".to_owned(), "true".to_owned());
    });
    replica.kill();
    replica.start_again().await;

    replica.says("run `paylatch announce on` as the owner of the schema").await;
    assert_eq!(world.send(&payment("pi_1").of_order("order-1").succeeded()).await.outcome(), "applied");
}

#[tokio::test]
async fn the_announcements_token_asks_for_announcements_and_for_nothing_else() {
    let plan = telling(Plan::sqlite()).set("admin_token", "'an-admin-token-canary'");
    let world = plan.set("announce.token", "'an-announce-token-canary'").start().await;
    let ask = async |path: &str, token: &str| {
        let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
        world.replicas[0].ask_admin(http::Method::GET, path, &headers).await.status.as_u16()
    };
    for (path, token, status) in [
        ("/api/v1/announcements", "an-announce-token-canary", 200),
        ("/api/v1/announcements", "an-admin-token-canary", 200),
        ("/api/v1/announcements", "another", 401),
        ("/api/v1/orders", "an-announce-token-canary", 401),
        ("/metrics", "an-announce-token-canary", 401),
    ] {
        assert_eq!(ask(path, token).await, status, "{path} {token}");
    }
}

#[tokio::test]
#[ignore = "needs psycopg of PyPI: run by scripts/test --all"]
async fn an_application_in_python_ships_each_order_once_through_kills() {
    ships_each_order_once("consumer.py", |script| {
        let mut python = Command::new(packages().join("python/bin/python"));
        python.arg(script);
        python
    })
    .await;
}

#[tokio::test]
#[ignore = "needs pg of npm: run by scripts/test --all"]
async fn an_application_in_node_ships_each_order_once_through_kills() {
    ships_each_order_once("consumer.mjs", |script| {
        // Modules are looked for beside the script.
        let beside = packages().join("node").join("consumer.mjs");
        std::fs::copy(script, &beside).unwrap();
        let mut node = Command::new("node");
        node.arg(beside);
        node
    })
    .await;
}

async fn ships_each_order_once(script: &str, command: impl Fn(&Path) -> Command) {
    const KILLS: usize = 5;
    let world = telling(Plan::postgres()).start().await;
    // No key: whoever ships twice is seen.
    world.database.execute("create table shipments (order_id text, source text, worker text)").await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/announce").join(script);
    let start = || {
        let mut command = command(&script);
        command.env("DATABASE_URL", world.database_url()).stdin(Stdio::null());
        Process::start(&mut command, Signal::SIGKILL)
    };
    let mut application = start();
    for kill in 0..KILLS {
        for number in 0..40 {
            let id = format!("{kill}-{number}");
            let webhook = payment(&format!("pi_{id}")).of_order(&format!("order-{id}")).succeeded();
            assert_eq!(world.send(&webhook).await.outcome(), "applied");
        }
        application.kill();
        application = start();
    }
    let paid = world.count("orders").await;
    eventually("every order is shipped", async || (world.count("shipments").await >= paid).then_some(()))
        .await;

    let twice = "select order_id from shipments group by order_id having count(*) > 1";
    assert_eq!(world.database.rows(twice).await, Vec::<Value>::new());
    assert_eq!(world.count("shipments").await, paid);
}

/// Where `scripts/test --all` installs what the examples need.
fn packages() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/example-packages")
}

pub async fn connection(world: &World) -> PgConnection {
    let url = world.database_url();
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}
