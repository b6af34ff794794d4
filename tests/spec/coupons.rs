//! A coupon is redeemed as often as it allows and never once more, whoever races for it and whatever breaks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::sync::Barrier;

use crate::client::Answer;
use crate::servers::eventually;
use crate::world::{Plan, World};

const CAP: i64 = 100;
/// Those who want it; every third asks twice.
const REDEEMERS: usize = 300;
/// Requests on their way at once.
const AT_ONCE: usize = 48;

#[tokio::test]
async fn three_servers_racing_for_a_coupon_of_100_grant_exactly_100() {
    let world = Plan::postgres().replicas(3).start().await;
    create(&world, CAP).await;

    let answers = race(async |redeemer, first| {
        world.replicas[first % 3].post_admin(REDEMPTIONS, &asked(redeemer)).await.expect("an answer")
    })
    .await;

    let granted = with_status(&answers, 201);
    assert_eq!(granted.len(), CAP as usize);
    assert_eq!(granted.iter().collect::<BTreeSet<_>>().len(), CAP as usize, "each to another redeemer");
    let held = with_status(&answers, 200);
    assert!(held.iter().all(|holder| granted.contains(holder)));
    assert_eq!(with_status(&answers, 409).len(), answers.len() - granted.len() - held.len());
    counts_agree(&world, CAP).await;
}

#[tokio::test]
async fn requests_that_come_during_a_commit_are_committed_together_as_the_next_one() {
    let world = World::start().await;
    create(&world, CAP).await;

    let sent = AtomicUsize::new(0);
    let first = world.proxies[0].hold_reply_to("redeemer-0");
    let gather = async {
        first.is_there().await;
        eventually("the others ask", async || (sent.load(Ordering::Relaxed) >= AT_ONCE).then_some(())).await;
        first.release();
    };
    let racing = race(async |redeemer, _| {
        sent.fetch_add(1, Ordering::Relaxed);
        world.replicas[0].post_admin(REDEMPTIONS, &asked(redeemer)).await.expect("an answer")
    });
    tokio::join!(racing, gather);

    let commits = world.database.number("select count(distinct xmin::text) from redemptions").await;
    assert!(commits <= CAP / 2, "{CAP} redemptions took {commits} commits");
    counts_agree(&world, CAP).await;
}

#[tokio::test]
async fn read_then_write_without_the_check_sells_more_than_100() {
    const CLERKS: usize = 8;
    let world = Plan::postgres().start().await;
    world.database.execute("create table naive (redeemer text primary key)").await;

    // Eight servers that read how many are left before any of them writes, as often as it takes to sell out.
    let all_have_read = Barrier::new(CLERKS);
    join_all((0..CLERKS).map(async |clerk| {
        for turn in 0..20 {
            let sold = world.database.number("select count(*) from naive").await;
            all_have_read.wait().await;
            if sold < CAP {
                world.database.execute(&format!("insert into naive values ('{clerk}-{turn}')")).await;
            }
            all_have_read.wait().await;
        }
    }))
    .await;

    assert!(world.count("naive").await > CAP);
}

#[tokio::test]
async fn a_server_killed_before_it_could_answer_counts_nobody_twice() {
    let world = Plan::postgres().replicas(3).start().await;
    create(&world, CAP).await;

    // The database has granted it, and the server that asked is killed before it learns so.
    let held = world.proxies[0].hold_reply_to("redeemer-0");
    let murder = async {
        held.is_there().await;
        world.replicas[0].kill();
    };
    let racing = race(async |redeemer, first| {
        let first = world.replicas[first % 3].post_admin(REDEMPTIONS, &asked(redeemer)).await;
        match first {
            Ok(answer) if answer.status != 503 => answer,
            _ => world.replicas[1].post_admin(REDEMPTIONS, &asked(redeemer)).await.expect("an answer"),
        }
    });
    let (answers, ()) = tokio::join!(racing, murder);

    let served: BTreeSet<_> =
        with_status(&answers, 201).into_iter().chain(with_status(&answers, 200)).collect();
    assert!(served.contains("redeemer-0"), "asked again, it was told that it holds the coupon");
    let rows = world.database.rows("select redeemer from redemptions").await;
    let holders: BTreeSet<_> = rows.iter().map(|row| row["redeemer"].as_str().unwrap().to_owned()).collect();
    assert_eq!(served, holders, "who was served has it, and nobody else");
    counts_agree(&world, CAP).await;
}

#[tokio::test]
async fn one_server_over_sqlite_grants_exactly_100() {
    let world = Plan::sqlite().start().await;
    create(&world, CAP).await;

    let answers = race(async |redeemer, _| {
        world.replicas[0].post_admin(REDEMPTIONS, &asked(redeemer)).await.expect("an answer")
    })
    .await;

    assert_eq!(with_status(&answers, 201).len(), CAP as usize);
    counts_agree(&world, CAP).await;
}

#[tokio::test]
async fn a_coupon_is_kept_over_a_restart_and_freed_when_it_is_given_back() {
    for world in World::on_each_database().await {
        let replica = &world.replicas[0];
        create(&world, 1).await;
        let redeem = async |redeemer| {
            replica.post_admin(REDEMPTIONS, &asked(redeemer)).await.expect("an answer").status.as_u16()
        };
        assert_eq!(redeem("ann").await, 201);

        replica.kill();
        replica.start_again().await;

        assert_eq!([redeem("ann").await, redeem("bob").await], [200, 409]);
        assert_eq!(replica.delete("/api/v1/coupons/HOT/redemptions/ann").await.status, 204);
        assert_eq!([redeem("bob").await, redeem("ann").await], [201, 409]);
        counts_agree(&world, 1).await;
    }
}

#[tokio::test]
async fn a_redemption_that_is_being_saved_is_answered_before_the_end() {
    let world = World::start().await;
    create(&world, 1).await;

    let reply = world.proxies[0].hold_reply_to("ann");
    let end = async {
        reply.is_there().await;
        world.replicas[0].terminate();
        reply.release();
    };
    let ann = asked("ann");
    let (answer, ()) = tokio::join!(world.replicas[0].post_admin(REDEMPTIONS, &ann), end);

    assert_eq!(answer.expect("an answer").status, 201);
    assert!(world.replicas[0].ended().await.success());
}

const REDEMPTIONS: &str = "/api/v1/coupons/HOT/redemptions";

async fn create(world: &World, max_redemptions: i64) {
    let coupon = json!({"code": "HOT", "max_redemptions": max_redemptions});
    let answer = world.replicas[0].post_admin("/api/v1/coupons", &coupon).await.expect("an answer");
    assert_eq!(answer.status, 201);
}

fn asked(redeemer: &str) -> serde_json::Value {
    json!({"redeemer": redeemer, "order": format!("order of {redeemer}")})
}

/// Everybody asks, at the server that `ask` chooses by the number of the request.
async fn race(ask: impl AsyncFn(&str, usize) -> Answer) -> Vec<(String, Answer)> {
    let times = |redeemer| if redeemer % 3 == 0 { 2 } else { 1 };
    let requests =
        (0..REDEEMERS).flat_map(|redeemer| (0..times(redeemer)).map(move |_| redeemer)).enumerate();
    let ask = &ask;
    let answers = stream::iter(requests).map(async |(number, redeemer)| {
        let redeemer = format!("redeemer-{redeemer}");
        let answer = ask(&redeemer, number).await;
        (redeemer, answer)
    });
    answers.buffer_unordered(AT_ONCE).collect().await
}

/// Who was answered with this status, as often as they were.
fn with_status(answers: &[(String, Answer)], status: u16) -> Vec<String> {
    let those = answers.iter().filter(|(_, answer)| answer.status == status);
    those.map(|(redeemer, _)| redeemer.clone()).collect()
}

/// The coupon counts what was redeemed.
async fn counts_agree(world: &World, expected: i64) {
    assert_eq!(world.count("redemptions").await, expected);
    let redeemed = world.database.number("select redeemed from coupons where code = 'HOT'").await;
    assert_eq!(redeemed, expected);
}
