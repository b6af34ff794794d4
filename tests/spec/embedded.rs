//! Inside another service the promises hold as well.

use http::{Method, StatusCode};
use tempfile::tempdir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::client::Client;
use crate::webhooks::{SECRET, payment};

#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../../examples/embed.rs"]
mod example;

#[tokio::test]
async fn a_service_that_mounts_the_routes_takes_each_event_once_also_after_it_was_started_again() {
    let directory = tempdir().expect("a directory");
    let settings = format!(
        "database_url = \"sqlite://{}\"\n[sources.stripe]\nprovider = \"stripe\"\nsecrets = [\"{SECRET}\"]\n",
        directory.path().join("shop.db").display()
    );
    let webhook = payment("pi_embedded").of_order("order-1").succeeded();
    for outcome in ["applied", "duplicate"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (done, ended) = oneshot::channel::<()>();
        let serving = async {
            let ended = async { drop(ended.await) };
            example::serve(listener, &settings, ended).await.map_err(|error| error.to_string())
        };
        let asking = async {
            let client = Client::new();
            let (headers, body) = (webhook.signed(), webhook.body.clone());
            let path = (address, "/payments/webhooks/stripe");
            let answer = client.request(Method::POST, path, &headers, body).await.expect("an answer");
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert!(String::from_utf8_lossy(&answer.body).contains(outcome), "{answer:?}");
            let get = async |path| {
                let answer = client.request(Method::GET, (address, path), &[], "".into()).await;
                answer.expect("an answer").status
            };
            assert_eq!(get("/").await, StatusCode::OK, "the shop's own");
            assert_eq!(get("/payments/readyz").await, StatusCode::OK);
            assert_eq!(get("/payments/else").await, StatusCode::NOT_FOUND);
            let refused = client.request(Method::POST, path, &[], "{}".into()).await.expect("an answer");
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
            drop(client);
            done.send(()).expect("it serves");
        };
        let (served, ()) = tokio::join!(serving, asking);
        assert_eq!(served, Ok(()));
    }
}

#[tokio::test]
async fn mistakes_in_the_settings_are_told_before_anything_starts() {
    let told =
        paylatch::Paylatch::start("database_url = \"x\"\nlock.ttl_ms = 1").await.expect_err("mistakes");
    let told = told.to_string();
    assert!(told.contains("database_url") && told.contains("lock.ttl_ms"), "{told}");
}
