//! `PgBouncer` in transaction mode, which hands each transaction to another session: everything works through it.

use std::time::Duration;

use http::Method;
use tokio::time::sleep;

use crate::database::Database;
use crate::lock_servers::PgBouncer;
use crate::replica::{Replica, Settings, run, write_settings};
use crate::servers::{Postgres, eventually};
use crate::webhooks::{SECRET, payment};

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_pooler_in_transaction_mode_is_enough_for_the_server_and_every_command() {
    let mut postgres = Postgres::start().await;
    let database = postgres.create_database().await;
    let pooler = PgBouncer::before_database(database.get_port(), database.get_database().unwrap());
    let settings = settings(&pooler);
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("paylatch.toml");
    write_settings(&settings, &config);
    let migrated = run(directory.path(), Some(&config), &["migrate", "--wait-for", "20s"]).await;
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));

    let replica = Replica::start(&settings).await;
    let payments: Vec<_> =
        (0..12).map(|n| payment(&format!("pi_{n}")).of_order(&format!("order-{n}"))).collect();
    for webhook in payments.iter().map(crate::webhooks::Payment::succeeded) {
        assert_eq!(replica.send(&webhook).await.outcome(), "applied");
        assert_eq!(replica.send(&webhook).await.outcome(), "duplicate");
    }
    for command in [
        "check",
        "orders",
        "orders order-1",
        "events --order order-1",
        "events --unmapped",
        "reprocess --all --yes",
        "payments assign pi_1 order-2 --source stripe --note moved",
        "audit --repair",
        "announce on",
        "announce new-epoch",
        "announce off",
        "purge --payloads-older-than 0s",
        "actions",
        "migrate",
    ] {
        let output = replica.cli(&command.split(' ').collect::<Vec<_>>()).await;
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(replica.request(Method::GET, "/readyz").await.unwrap().status.as_u16(), 200);
    let left = "select count(*) from pg_locks where locktype = 'advisory'";
    let left = Database::postgres(database).number(left).await;
    assert_eq!(left, 0, "no session keeps a lock that its next user would not know of");
}

/// A source whose database is behind the pooler.
fn settings(pooler: &PgBouncer) -> Settings {
    [
        ("database_url", format!("'{}'", pooler.url())),
        ("database_schema", "'paylatch'".to_owned()),
        ("lock.backend", "'local'".to_owned()),
        ("sources.stripe.provider", "'stripe'".to_owned()),
        ("sources.stripe.secrets", format!("['{SECRET}']")),
        ("sources.stripe.mode", "'test'".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_pooler_that_hides_a_failover_does_not_hide_what_it_lost() {
    let mut postgres = Postgres::start_private().await;
    let database = postgres.create_database().await;
    let pooler = PgBouncer::before_database(database.get_port(), database.get_database().unwrap());
    let settings = settings(&pooler);
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("paylatch.toml");
    write_settings(&settings, &config);
    let migrated = run(directory.path(), Some(&config), &["migrate", "--wait-for", "20s"]).await;
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));

    // A standby as of now, made as a backup is.
    postgres.crash();
    let copy = postgres.copy_data();
    postgres.start_again().await;
    let replica = Replica::start(&settings).await;
    let lost = payment("pi_lost").of_order("order-lost").succeeded();
    let outcome = async || {
        let accepted = eventually("it is accepted", async || {
            replica.try_send(&lost).await.ok().filter(|answer| answer.status.is_success())
        });
        accepted.await.outcome()
    };
    assert_eq!(outcome().await, "applied");
    assert_eq!(outcome().await, "duplicate");
    // Once a second an event is remembered by which the next server is known to lack some.
    sleep(Duration::from_millis(1_200)).await;

    // The standby takes its place; the connections to the pooler stay open.
    postgres.crash();
    postgres.replace_data(&copy);
    postgres.start_again().await;
    replica.says("lacks acknowledged events").await;
    assert_eq!(outcome().await, "applied", "it was lost, and is stored again");
    let stored = "select count(*) from paylatch.events where event_id = '".to_owned() + &lost.id + "'";
    assert_eq!(Database::postgres(database).number(&stored).await, 1);
}

#[tokio::test]
async fn migrate_waits_for_a_database_that_is_not_there_yet_and_gives_up_in_time() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings: Settings =
        [("database_url".to_owned(), format!("'postgres://postgres@127.0.0.1:{port}/postgres'"))].into();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("paylatch.toml");
    write_settings(&settings, &config);
    let began = std::time::Instant::now();
    let given_up = run(directory.path(), Some(&config), &["migrate", "--wait-for", "2s"]).await;
    assert_eq!(given_up.status.code(), Some(69), "{}", String::from_utf8_lossy(&given_up.stderr));
    assert!(began.elapsed() >= std::time::Duration::from_secs(2), "it waited");

    // A door that opens later leads to the database.
    let mut postgres = Postgres::start().await;
    let database = postgres.create_database().await;
    let (host, own_port) = (database.get_host().to_owned(), database.get_port());
    let opened = async {
        // How long there is no database.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let door = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            let (mut inside, _) = door.accept().await.unwrap();
            let mut outside = tokio::net::TcpStream::connect((host.as_str(), own_port)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut inside, &mut outside).await });
        }
    };
    let name = database.get_database().unwrap();
    let url = format!("database_url=postgres://postgres@127.0.0.1:{port}/{name}");
    let arguments = ["--set", &url, "migrate", "--wait-for", "30s"];
    let migrated = tokio::select! {
        output = run(directory.path(), Some(&config), &arguments) => output,
        () = opened => unreachable!("the door stays open"),
    };
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    assert!(String::from_utf8_lossy(&migrated.stdout).contains("applied 1 tables"));
}
