//! No secret is ever shown: in no log, not even of everything, no error, metric or answer, and by no `Debug`.
//!
//! Every secret of the tests has a marker in it (`tests/tidy.rs` sees to that). The harness looks for it in whatever a
//! replica or a command prints and answers, and `scripts/test` in whatever the tests themselves printed.

use std::path::Path;

use bytes::Bytes;
use http::Method;
use paylatch::config::{File, Layers, Needs, Settings};
use paylatch::lock::Locks;
use paylatch::store::Store;

use crate::replica::{Replica, assert_no_secret, secret_in};
use crate::servers::{CANARY, HEX_CANARY, eventually};
use crate::webhooks::payment;
use crate::world::Plan;

const ADMIN_TOKEN: &str = "canary_admin_token_0123456789";
/// A token is sent as it is: its header must not be shown either.
const SENT_TOKEN: &str = "canary_callback_token_0123456789";
const FILE_SECRET: &str = "whsec_canary_of_a_file_0123456789";

#[tokio::test]
async fn a_server_that_logs_everything_shows_no_secret_whatever_it_is_asked() {
    let world = Plan::postgres().start().await;
    let directory = tempfile::tempdir().unwrap();
    let secret_file = directory.path().join("secret");
    std::fs::write(&secret_file, FILE_SECRET).unwrap();
    let mut settings = world.replicas[0].settings().clone();
    let database = settings["database_url"].replacen('@', ":canary_database_password@", 1);
    for (name, value) in [
        ("database_url", database),
        ("admin_token", format!("'{ADMIN_TOKEN}'")),
        ("log.filter", "'trace'".to_owned()),
        ("sources.xendit.provider", "'xendit'".to_owned()),
        ("sources.xendit.secrets", format!("['{SENT_TOKEN}']")),
        ("sources.adyen.provider", "'adyen'".to_owned()),
        ("sources.adyen.secrets", format!("['{}']", HEX_CANARY.repeat(8))),
        ("sources.club.provider", "'stripe'".to_owned()),
        ("sources.club.secret_files", format!("['{}']", secret_file.display())),
    ] {
        settings.insert(name.to_owned(), value);
    }
    assert!(settings["database_url"].contains(CANARY) && settings["lock.urls"].contains(CANARY));
    let replica = Replica::start(&settings).await;

    let webhook = payment("pi_1").of_order("order-1").succeeded();
    assert_eq!(replica.send(&webhook).await.outcome(), "applied");
    let mut forged = webhook.signed();
    forged.push(("Authorization".to_owned(), "Bearer canary_of_a_stranger".to_owned()));
    replica.post("/webhooks/club", &forged, webhook.body.clone()).await.unwrap();
    for token in [SENT_TOKEN, "canary_wrong_token"] {
        let headers = [("x-callback-token".to_owned(), token.to_owned())];
        replica.post("/webhooks/xendit", &headers, Bytes::from_static(b"{\"id\": 1}")).await.unwrap();
    }
    for token in [ADMIN_TOKEN, "canary_wrong_admin_token"] {
        let headers = [("Authorization".to_owned(), format!("Bearer {token}"))];
        for path in ["/metrics", "/openapi.json", "/api/v1/orders/stripe/order-1", "/api/v1/events?limit=5"] {
            replica.ask_admin(Method::GET, path, &headers).await;
        }
    }
    for command in [&["config"][..], &["config", "--json"], &["check"], &["check", "--json"], &["locks"]] {
        replica.cli(command).await;
    }
    replica.signal(nix::sys::signal::Signal::SIGHUP);
    let output = eventually("the cause is found and the sources are read again", async || {
        let output = replica.output();
        let has = |text: &str| output.contains(text);
        (has("a webhook does not verify") && has("the settings were read again")).then_some(output)
    })
    .await;

    // It logged everything, of the libraries too: nothing was found because nothing was shown.
    for library in ["\"DEBUG\"", "sqlx::query", "paylatch::http"] {
        assert!(output.contains(library), "{library} logged nothing");
    }
    assert_no_secret(&output);
}

#[test]
fn nothing_that_holds_a_secret_shows_it_for_debugging() {
    let text = format!(
        "admin_token = '{ADMIN_TOKEN}'\ndatabase_url = 'postgres://app:canary_password@127.0.0.1:1/app'\n\
         [lock]\nbackend = 'redis'\nurls = ['redis://:canary_password@127.0.0.1:1']\n\
         [sources.stripe]\nsecrets = ['{FILE_SECRET}']\n[sources.adyen]\nsecrets = ['{HEX_CANARY}']\n"
    );
    let file = Some(File { path: "paylatch.toml".into(), text: text.clone() });
    let settings =
        Settings::read(Layers { file, ..Layers::default() }, Needs { database: true, sources: true })
            .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let store = Store::open(settings.store.as_ref().unwrap()).unwrap();
    let locks = Locks::new(&settings.lock).unwrap();
    assert_no_secret(&format!("{settings:#?} {store:#?} {locks:#?} {:#?}", settings.sources));

    // Nor does what is said about a file of settings with a mistake in any line.
    for line in text.lines() {
        let broken = text.replace(line, &format!("{line} !"));
        let file = Some(File { path: Path::new("paylatch.toml").to_owned(), text: broken });
        let layers = Layers { file, ..Layers::default() };
        let mistakes = Settings::read(layers, Needs::default()).unwrap_err();
        assert_no_secret(&format!("{mistakes} {mistakes:?}"));
    }
}

#[test]
fn the_search_finds_each_marker_and_what_tests_print_is_searched() {
    for shown in [ADMIN_TOKEN, FILE_SECRET, HEX_CANARY] {
        let printed = format!("a log line\nwith {shown} in it");
        assert!(secret_in(&printed).is_some_and(|line| line.contains(shown)));
    }
    // `scripts/test` must find exactly these two: had it searched nothing, it would find none.
    println!("planted to be found: {CANARY}");
    eprintln!("planted to be found: {CANARY}");
}
