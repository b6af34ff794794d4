//! `paylatch check` says what of the lock service is unfit, and whose clock is off.

use std::process::Output;

use crate::lock_servers::{LockService, Nodes, Redis};
use crate::webhooks::{SECRET, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn a_lock_service_that_may_evict_is_warned_of() {
    let redis = Redis::start();
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).expect("set");
    let world = Plan::postgres().locked_by(&redis).start().await;

    let check = world.cli(&["check"]).await;

    assert!(check.status.success(), "a warning is no failure: {}", said(&check));
    assert_eq!(warnings(&check).len(), 1);
    assert!(warnings(&check)[0].contains("maxmemory-policy allkeys-lru"), "{}", said(&check));
}

#[tokio::test]
async fn a_source_that_has_been_silent_for_longer_than_it_may_fails_the_production_check() {
    let quiet = |plan: Plan| plan.set("sources.stripe.quiet_after", "'1h'");
    for (plan, earlier) in [
        (Plan::postgres(), "received_at = received_at - interval '2 hours'"),
        (Plan::sqlite(), "received_at = '2026-01-01T00:00:00.000000Z'"),
    ] {
        let world = quiet(plan).start().await;
        let silence = async || {
            let check: serde_json::Value =
                serde_json::from_slice(&world.cli(&["check", "--production", "--json"]).await.stdout)
                    .unwrap();
            let part =
                check.as_array().unwrap().iter().find(|part| part["part"] == "silence").unwrap().clone();
            (part["ok"].as_bool().unwrap(), part["code"].clone())
        };
        assert_eq!(silence().await, (true, serde_json::Value::Null), "a source that nothing ever came from");

        world.send(&payment("pi_1").of_order("order-1").succeeded()).await;
        assert_eq!(silence().await, (true, serde_json::Value::Null));

        world.database.execute(&format!("update events set {earlier}")).await;
        assert_eq!(silence().await, (false, "silent".into()));
        let warned = warnings(&world.cli(&["check"]).await);
        assert!(warned.iter().any(|line| line.contains("silence")), "{warned:?}");
    }
}

#[tokio::test]
async fn a_type_that_nobody_mapped_is_listed_and_fails_the_production_check_until_it_is_ignored() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let world = plan.start().await;
        let types = async || {
            let check: serde_json::Value =
                serde_json::from_slice(&world.cli(&["check", "--production", "--json"]).await.stdout)
                    .unwrap();
            check.as_array().unwrap().iter().find(|part| part["part"] == "types").unwrap().clone()
        };
        assert_eq!(types().await["ok"], true);

        let unknown = payment("pi_1").of_order("order-1").of_type("payment_intent.brand_new");
        assert_eq!(world.send(&unknown).await.outcome(), "noted");
        let found = types().await;
        assert_eq!((found["ok"].clone(), found["code"].clone()), (false.into(), "unmapped_types".into()));
        let listed = world.cli(&["events", "--unmapped", "--json"]).await;
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(listed[0]["type"], "payment_intent.brand_new");
        assert_eq!(listed[0]["events"], 1);

        world.replicas[0].rewrite(|settings| {
            settings.insert("sources.stripe.ignore_types".into(), "['payment_intent.brand_*']".into());
        });
        assert_eq!(types().await["ok"], true);
    }
}

#[tokio::test]
async fn events_of_accounts_that_are_not_listed_fail_the_production_check_until_somebody_says_whose_they_are()
{
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let world = plan.set("sources.stripe.accounts", "['acct_ours']").start().await;
        let accounts = async || {
            let check = world.cli(&["check", "--production", "--json"]).await;
            let parts: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
            parts.as_array().unwrap().iter().find(|part| part["part"] == "accounts").cloned()
        };
        let paid = payment("pi_1").of_order("order-1").succeeded();
        assert_eq!(world.outcomes(&[&paid.with("account", "acct_ours".into())]).await, ["applied"]);
        assert_eq!(accounts().await, None);

        let strange = payment("pi_2").of_order("order-1").succeeded().with("account", "acct_strange".into());
        assert_eq!(world.outcomes(&[&strange]).await, ["noted"]);
        let found = accounts().await.unwrap();
        assert_eq!((&found["ok"], &found["code"]), (&false.into(), &"foreign_accounts".into()), "{found}");
        assert!(found["found"].as_str().unwrap().contains("acct_strange of stripe (1 of"), "{found}");
        let counted = ["source=\"stripe\""];
        assert_eq!(world.replicas[0].metric("paylatch_foreign_account_events_total", &counted).await, 1.0);

        world.replicas[0].rewrite(|settings| {
            settings.insert("sources.stripe.ignore_accounts".into(), "['acct_strange']".into());
        });
        assert_eq!(accounts().await, None);
    }
}

#[tokio::test]
async fn an_account_that_is_configured_as_two_sources_is_warned_of() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let second = [("provider", "'stripe'".to_owned()), ("secrets", format!("['{SECRET}']"))];
        let world =
            second.iter().fold(plan, |plan, (key, value)| plan.set(&format!("sources.second.{key}"), value));
        let world = world.start().await;
        let paid = payment("pi_1").of_order("order-1").succeeded();
        world.outcomes(&[&paid]).await;
        assert_eq!(warnings(&world.cli(&["check"]).await), [""; 0]);

        let again =
            world.replicas[0].post("/webhooks/second", &paid.signed(), paid.body.clone()).await.unwrap();
        assert_eq!(again.outcome(), "applied");
        let told = warnings(&world.cli(&["check"]).await);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("1 of the latest payments of") && told[0].contains("pi_1"), "{told:?}");
    }
}

#[tokio::test]
async fn nodes_of_redlock_that_are_away_or_the_same_are_warned_of() {
    /// The second entry is the first server again, under another name; the third server is away.
    struct Muddled(Nodes);
    impl LockService for Muddled {
        fn backend(&self) -> &'static str {
            self.0.backend()
        }
        fn urls(&self) -> Vec<String> {
            let mut urls = self.0.urls();
            let same = urls[0].replace("127.0.0.1", "localhost");
            urls.insert(1, same);
            urls.push("redis://127.0.0.1:1".to_owned());
            urls
        }
    }
    let muddled = Muddled(Nodes::start());
    let world = Plan::postgres().locked_by(&muddled).start().await;

    let check = world.cli(&["check"]).await;

    assert!(check.status.success(), "three of five are a majority: {}", said(&check));
    let warnings = warnings(&check);
    assert_eq!(warnings.len(), 2, "{}", said(&check));
    assert!(warnings[0].contains("entries 1 and 2 of lock.urls are one server"), "{}", said(&check));
    assert!(warnings[1].contains("entry 5 of lock.urls") && warnings[1].contains("not reachable"));
}

#[tokio::test]
async fn a_lock_service_that_does_not_answer_fails_the_check_and_says_why() {
    let redis = Redis::start();
    let world = Plan::postgres().locked_by(&redis).start().await;
    drop(redis);

    let check = world.cli(&["check"]).await;

    assert_eq!(check.status.code(), Some(69));
    let told = said(&check);
    assert!(told.contains("redis does not answer") && told.contains("Redis is not reachable"), "{told}");
}

#[tokio::test]
async fn a_database_whose_clock_is_off_is_warned_of_with_direction_and_size() {
    for (shift, direction) in [("+", "ahead of"), ("-", "behind")] {
        let world = World::start().await;
        assert_eq!(warnings(&world.cli(&["check"]).await), Vec::<String>::new(), "all is well");
        let clock = "create schema wrong; \
             create function wrong.clock_timestamp() returns timestamptz language sql as \
             'select pg_catalog.clock_timestamp() SHIFT interval ''90 seconds'''; \
             do $$ begin execute format( \
             'alter database %I set search_path = wrong, public, pg_catalog', current_database()); end $$";
        world.database.execute(&clock.replace("SHIFT", shift)).await;

        let check = world.cli(&["check"]).await;

        let warnings = warnings(&check);
        assert!(check.status.success() && warnings.len() == 1, "{}", said(&check));
        assert!(warnings[0].contains("the database: its clock is"), "{warnings:?}");
        let (size, rest) = warnings[0].split_once(" ms ").unwrap();
        let size: u32 = size.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((80_000..=90_000).contains(&size) && rest.starts_with(direction), "{warnings:?}");
    }
}

fn warnings(check: &Output) -> Vec<String> {
    said(check).lines().filter(|line| line.starts_with("warn")).map(str::to_owned).collect()
}

fn said(check: &Output) -> String {
    String::from_utf8_lossy(&[check.stdout.clone(), check.stderr.clone()].concat()).into_owned()
}
