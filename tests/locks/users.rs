//! Lock services that ask who comes: users and passwords, and what a user must be allowed.

use paylatch::lock::{Attempt, HealthProblem, LockSettings, Locks, Tls};

use crate::authority::{Authority, Issued};
use crate::servers::{Clients, Cluster, Etcd, LockService, Nodes, Redis, eventually};
use crate::tls::{are_refused, trusting, work};
use crate::{keys, locks, renewed, settings, take};

const PASSWORD: &str = "canary@/%";

/// The URL of a server with a user in it.
fn as_user(user: &str, password: &str, url: &str) -> String {
    let password = password.replace('%', "%25").replace('@', "%40").replace('/', "%2F");
    url.replacen("://", &format!("://{user}:{password}@"), 1)
}

fn etcd(url: String, tls: Tls) -> Locks {
    let settings = LockSettings { tls, ..settings("etcd", &[url]) };
    Locks::new(&settings).expect("the settings of the test are right")
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_user_of_etcd_logs_in_and_takes_leases_over_tls() {
    let authority = Authority::new();
    let server = Etcd::start_over_tls(&authority, Clients::Anyone);
    server.ask_for_users(PASSWORD);
    let user = |password| etcd(as_user("paylatch", password, &server.tls_url()), trusting(authority.ca()));
    work(&user(PASSWORD), &user(PASSWORD)).await;
    assert_eq!(user(PASSWORD).health().await, [], "a user of our keys alone is enough");
    assert_eq!(user(PASSWORD).held().await, Ok(Vec::new()));

    let told = are_refused(&user("canary")).await;
    assert!(told.contains("the log-in is refused") && !told.contains("canary"), "{told}");
    let told = are_refused(&etcd(as_user("paylatch", PASSWORD, &server.tls_url()), Tls::default())).await;
    assert!(told.contains("UnknownIssuer"), "{told}");
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_token_that_etcd_has_forgotten_or_ended_is_renewed_by_the_next_call() {
    let mut server = Etcd::start();
    server.ask_for_users(PASSWORD);
    let user = etcd(as_user("paylatch", PASSWORD, &server.url()), Tls::default());
    take(&user, &keys(["order"])).await.0.release().await;
    server.change_a_role(PASSWORD);
    // One attempt, none is lost: what was refused is asked again with a new token.
    assert!(matches!(user.acquire_each(&keys(["order"])).await, Attempt::Acquired { .. }));
    user.drain().await;
    server.restart();
    take(&user, &keys(["order"])).await.0.release().await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn an_etcd_that_asks_for_a_client_certificate_is_shown_ours() {
    let authority = Authority::new();
    let server = Etcd::start_over_tls(&authority, Clients::Certified);
    let Issued { cert, key } = authority.issue("paylatch");
    let tls = Tls { cert_file: Some(cert), key_file: Some(key), ..trusting(authority.ca()) };
    work(&etcd(server.tls_url(), tls.clone()), &etcd(server.tls_url(), tls)).await;
    are_refused(&etcd(server.tls_url(), trusting(authority.ca()))).await;
}

#[cfg(feature = "zookeeper")]
#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn the_leases_of_a_user_of_zookeeper_are_nobody_elses() {
    let server = crate::servers::ZooKeeper::start();
    let user = |password| locks("zookeeper", &[as_user("paylatch", password, &server.url())]);
    work(&user(PASSWORD), &user(PASSWORD)).await;
    for other in [user("canary"), locks("zookeeper", &[server.url()])] {
        let told = are_refused(&other).await;
        assert!(told.contains("refuses /paylatch-lock") && !told.contains("canary"), "{told}");
    }
}

/// What docs/locks.md says that a user of Redis needs, and what providers give who withhold the dangerous commands.
const ENOUGH: [&[&str]; 2] = [
    &["~paylatch:lock:*", "+eval", "+set", "+get", "+pexpire", "+del", "+time", "+scan", "+pttl"],
    &["~*", "+@all", "-@dangerous"],
];

fn add_user(redis: &Redis, rules: &[&str]) {
    let password = format!(">{PASSWORD}");
    let words = [&["ACL", "SETUSER", "paylatch", "on", password.as_str()], rules].concat();
    redis.command(&words).expect("a user");
}

#[tokio::test]
async fn a_user_of_redis_needs_no_more_than_the_page_says() {
    let page = include_str!("../../docs/locks.md");
    assert!(page.contains(&ENOUGH[0].join(" ")), "docs/locks.md names other rules");
    for rules in ENOUGH {
        let redis = Redis::start();
        add_user(&redis, rules);
        let user = || locks("redis", &[as_user("paylatch", PASSWORD, &redis.url())]);
        work(&user(), &user()).await;
        let locks = user();
        let found = locks.health().await;
        assert!(matches!(&found[..], [HealthProblem::Warning(text)] if text.contains("INFO")), "{found:?}");
        let (lease, _) = take(&locks, &keys(["order"])).await;
        let held = locks.held().await.expect("a list");
        assert_eq!(held.iter().map(|held| held.key.as_str()).collect::<Vec<_>>(), ["order"]);
        renewed(&lease, 1).await;
        lease.release().await;
        assert_eq!(locks.clocks().await.len(), 1);
    }
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_user_of_a_cluster_needs_two_commands_more() {
    let cluster = Cluster::start();
    let more = ["+ping", "+cluster|slots"];
    let page = include_str!("../../docs/locks.md").replace("\\|", "|");
    assert!(page.contains(&more.join(" ")), "docs/locks.md names other rules");
    for node in cluster.masters.iter().chain([&cluster.replica]) {
        add_user(node, &[ENOUGH[0], &more].concat());
    }
    let urls: Vec<String> = cluster.urls().iter().map(|url| as_user("paylatch", PASSWORD, url)).collect();
    work(&locks("redis", &urls), &locks("redis", &urls)).await;
    assert_eq!(locks("redis", &urls).held().await, Ok(Vec::new()));
    let found = locks("redis", &urls).health().await;
    assert!(found.iter().all(|found| matches!(found, HealthProblem::Warning(_))), "{found:?}");
}

#[tokio::test]
async fn a_user_who_may_not_acquire_is_as_good_as_away() {
    let redis = Redis::start();
    for left_out in ["+eval", "+set", "+time"] {
        let rules: Vec<&str> = ENOUGH[0].iter().copied().filter(|rule| *rule != left_out).collect();
        add_user(&redis, &[&["reset"], &["on", ">canary"][..], &rules].concat());
        let user =
            locks("redis", &["redis://paylatch:canary@127.0.0.1".to_owned() + &format!(":{}", redis.port)]);
        let attempt = user.acquire_each(&keys(["order"])).await;
        assert!(matches!(attempt, Attempt::Unavailable), "without {left_out}: {attempt:?}");
    }
}

#[tokio::test]
async fn a_majority_of_servers_decides_where_none_may_be_asked_who_it_is() {
    let nodes = Nodes::start();
    nodes.0.iter().for_each(|node| add_user(node, ENOUGH[1]));
    let urls = nodes.urls().iter().map(|url| as_user("paylatch", PASSWORD, url)).collect::<Vec<_>>();
    work(&locks("redlock", &urls), &locks("redlock", &urls)).await;
    assert!(
        locks("redlock", &urls).health().await.iter().all(|found| matches!(found, HealthProblem::Warning(_)))
    );
    eventually("all is released", || nodes.0.iter().all(|node| node.leases().is_empty())).await;
}
