//! Leases over TLS: the certificates of managed and of self-made servers, in every deployment of Redis.

use std::path::{Path, PathBuf};

use paylatch::lock::{Attempt, HealthProblem, Locks, Tls};

use crate::authority::{Authority, Issued};
use crate::servers::{Clients, TlsRedis, TlsSentinel, until};
use crate::{is_busy, keys, settings, take};

pub(crate) fn trusting(ca: PathBuf) -> Tls {
    Tls { ca_file: Some(ca), ..Tls::default() }
}

fn locks(backend: &str, urls: &[String], tls: Tls) -> Locks {
    let settings = paylatch::lock::LockSettings { tls, ..settings(backend, urls) };
    Locks::new(&settings).expect("the settings of the test are right")
}

fn refused(urls: &[String], tls: Tls) -> String {
    let settings = paylatch::lock::LockSettings { tls, ..settings("redis", urls) };
    Locks::new(&settings).expect_err("wrong settings")
}

/// A lease is taken, seen by another, and given back.
pub(crate) async fn work(locks: &Locks, other: &Locks) {
    let many: Vec<String> = (0..40).map(|n| format!("order/{n}")).collect();
    let (lease, busy) = take(locks, &many).await;
    assert!(busy.is_empty(), "{busy:?}");
    assert!(is_busy(other, "order/7").await);
    lease.release().await;
    assert!(!is_busy(other, "order/7").await);
}

pub(crate) async fn are_refused(locks: &Locks) -> String {
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    match &locks.health().await[..] {
        [HealthProblem::Failure(text)] => text.clone(),
        other => panic!("expected one failure: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_of_a_private_authority_is_used_when_the_authority_is_named() {
    let authority = Authority::new();
    let redis = TlsRedis::start(&authority, Clients::Anyone);
    let contender = || locks("redis", &[redis.url()], trusting(authority.ca()));
    work(&contender(), &contender()).await;
    assert_eq!(redis.plain.leases(), Vec::<String>::new(), "given back to this very server");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused_and_the_reason_is_told() {
    let authority = Authority::new();
    let redis = TlsRedis::start(&authority, Clients::Anyone);
    for tls in [Tls::default(), trusting(Authority::new().ca())] {
        let told = are_refused(&locks("redis", &[redis.url()], tls)).await;
        assert!(told.contains("UnknownIssuer"), "{told}");
    }
    let plain = redis.url().replace("rediss", "redis");
    are_refused(&locks("redis", &[plain], Tls::default())).await;
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let other = authority.issue("redis.example");
    let redis = TlsRedis::start_with(&authority, &other, Clients::Anyone, &[]);
    let told = are_refused(&locks("redis", &[redis.url()], trusting(authority.ca()))).await;
    assert!(told.contains("not valid for"), "{told}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_client_certificate_is_shown_ours() {
    let authority = Authority::new();
    let redis = TlsRedis::start(&authority, Clients::Certified);
    let Issued { cert, key } = authority.issue("paylatch");
    let certified = || {
        let tls =
            Tls { cert_file: Some(cert.clone()), key_file: Some(key.clone()), ..trusting(authority.ca()) };
        locks("redis", &[redis.url()], tls)
    };
    work(&certified(), &certified()).await;
    are_refused(&locks("redis", &[redis.url()], trusting(authority.ca()))).await;
}

#[tokio::test]
async fn a_majority_of_servers_decides_over_tls() {
    let authority = Authority::new();
    let nodes = [(); 3].map(|()| TlsRedis::start(&authority, Clients::Anyone));
    let urls = nodes.each_ref().map(TlsRedis::url);
    let contender = || locks("redlock", &urls, trusting(authority.ca()));
    work(&contender(), &contender()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn the_nodes_that_a_cluster_names_are_spoken_to_over_tls() {
    let authority = Authority::new();
    let node = || {
        let issued = authority.issue("127.0.0.1");
        let options = ["--cluster-enabled", "yes", "--tls-cluster", "yes"];
        TlsRedis::start_with(&authority, &issued, Clients::Anyone, &options)
    };
    let nodes = [node(), node()];
    for (node, (first, last)) in nodes.iter().zip([("0", "8191"), ("8192", "16383")]) {
        node.plain.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]).expect("slots");
    }
    nodes[0].plain.command(&["CLUSTER", "MEET", "127.0.0.1", &nodes[1].tls_port.to_string()]).expect("met");
    until("both know each other", || {
        nodes.iter().all(|node| {
            node.plain.command(&["CLUSTER", "INFO"]).is_some_and(|info| {
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
            })
        })
    });
    let urls = [nodes[0].url().replace("rediss://", "rediss+cluster://")];
    let contender = || locks("redis", &urls, trusting(authority.ca()));
    work(&contender(), &contender()).await;
    are_refused(&locks("redis", &urls, Tls::default())).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn the_master_that_sentinel_names_is_spoken_to_over_tls() {
    let authority = Authority::new();
    let sentinel = TlsSentinel::start(&authority);
    let contender = || locks("redis", &[sentinel.url()], trusting(authority.ca()));
    work(&contender(), &contender()).await;
    assert_eq!(sentinel.master.plain.leases(), Vec::<String>::new());
    are_refused(&locks("redis", &[sentinel.url()], Tls::default())).await;
}

#[test]
fn files_that_do_not_hold_what_they_should_are_refused_by_the_name_of_their_setting() {
    let authority = Authority::new();
    let urls = ["rediss://127.0.0.1".to_owned()];
    let Issued { cert, key } = authority.issue("paylatch");
    let client = |cert: &Path, key: &Path| Tls {
        cert_file: Some(cert.to_owned()),
        key_file: Some(key.to_owned()),
        ..Tls::default()
    };
    for (tls, expected) in [
        (trusting("/nowhere/ca.pem".into()), "lock.ca_file cannot be used: /nowhere/ca.pem: No such file"),
        (trusting(key.clone()), "expected certificates, as PEM"),
        (client(&cert, &cert), "lock.key_file cannot be used"),
        (client(&key, &key), "lock.cert_file cannot be used"),
        (Tls { cert_file: Some(cert.clone()), ..Tls::default() }, "lock.key_file is not set"),
        (Tls { key_file: Some(key.clone()), ..Tls::default() }, "lock.cert_file is not set"),
    ] {
        let told = refused(&urls, tls);
        assert!(told.contains(expected), "{told}");
    }
    let told = refused(&["rediss://127.0.0.1/#insecure".to_owned()], Tls::default());
    assert!(told.contains("lock.ca_file"), "{told}");
}
