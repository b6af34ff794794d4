//! Coupons: never more redemptions than the cap, never two of one redeemer, over either database.

use futures_util::future::join_all;

use super::world::{On, World, id};
use crate::order::Redeemed::{self, Granted, SoldOut, Unknown};
use crate::order::Redemption;
use crate::store::{Session, StoreError};

fn redemption(code: &str, redeemer: &str) -> Redemption {
    Redemption { code: id(code), redeemer: id(redeemer), order: Some(id(&format!("order-of-{redeemer}"))) }
}

async fn redeem(session: &mut Session, code: &str, redeemers: &[&str]) -> Vec<Redeemed> {
    let asked: Vec<_> = redeemers.iter().map(|redeemer| redemption(code, redeemer)).collect();
    session.redeem(&asked).await.unwrap()
}

pub(super) async fn a_coupon_is_redeemed_in_order_until_it_is_sold_out(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    world.store.create_coupon(&id("SAVE"), 3).await.unwrap();

    assert_eq!(redeem(&mut session, "SAVE", &["ann", "bob"]).await, [Redeemed::Granted; 2]);
    assert_eq!(
        redeem(&mut session, "SAVE", &["cid", "bob", "dan"]).await,
        [Redeemed::Granted, Redeemed::Held, Redeemed::SoldOut]
    );
    assert_eq!(redeem(&mut session, "NONE", &["ann"]).await, [Redeemed::Unknown]);

    assert_eq!(world.store.coupon(&id("SAVE")).await.unwrap().unwrap().redeemed, 3);
    assert_eq!(
        world.texts("select redeemer from redemptions order by redeemer").await,
        ["ann", "bob", "cid"]
    );
    let order = world.store.order_of_redemption(&id("SAVE"), &id("ann")).await.unwrap();
    assert_eq!(order.as_deref(), Some("order-of-ann"));
}

pub(super) async fn coupons_of_one_batch_are_counted_each_for_itself(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    for (code, cap) in [("B", 1), ("A", 2)] {
        world.store.create_coupon(&id(code), cap).await.unwrap();
    }
    let asked = [("B", "ann"), ("A", "ann"), ("C", "ann"), ("B", "bob"), ("A", "bob")];
    let asked = asked.map(|(code, redeemer)| redemption(code, redeemer));
    assert_eq!(session.redeem(&asked).await.unwrap(), [Granted, Granted, Unknown, SoldOut, Granted]);
}

pub(super) async fn what_is_given_back_is_free_for_another(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    let code = id("SAVE");
    world.store.create_coupon(&code, 1).await.unwrap();
    assert_eq!(redeem(&mut session, "SAVE", &["ann"]).await, [Redeemed::Granted]);

    assert!(!world.store.give_back(&code, &id("bob")).await.unwrap(), "he never had it");
    assert!(world.store.give_back(&code, &id("ann")).await.unwrap());
    assert!(!world.store.give_back(&code, &id("ann")).await.unwrap(), "only once");

    assert_eq!(redeem(&mut session, "SAVE", &["bob", "ann"]).await, [Redeemed::Granted, Redeemed::SoldOut]);
    assert_eq!(world.store.coupon(&code).await.unwrap().unwrap().redeemed, 1);
}

pub(super) async fn a_coupon_is_created_once_and_keeps_its_cap(on: On) {
    let world = World::new(on).await;
    let (created, is_new) = world.store.create_coupon(&id("SAVE"), 5).await.unwrap();
    assert_eq!((created.max_redemptions, created.redeemed, is_new), (5, 0, true));
    let (stands, is_new) = world.store.create_coupon(&id("SAVE"), 6).await.unwrap();
    assert_eq!((stands.max_redemptions, is_new), (5, false));
    assert_eq!(world.store.coupon(&id("save")).await.unwrap(), None, "codes are exact");
    let answer = world.store.create_coupon(&id("MINUS"), -1).await;
    assert!(matches!(answer, Err(StoreError::Refused { .. })), "{answer:?}");
}

pub(super) async fn sessions_that_race_for_a_coupon_sell_it_exactly_out(on: On) {
    const CAP: i64 = 20;
    let world = World::new(on).await;
    world.store.create_coupon(&id("HOT"), CAP).await.unwrap();
    let races = (0..4).map(async |racer: usize| {
        let mut session = world.store.session();
        let mut granted = 0;
        for round in 0..10 {
            let names = [format!("own-{racer}-{round}"), format!("shared-{round}")];
            let answers = redeem(&mut session, "HOT", &[&names[0], &names[1]]).await;
            granted += answers.iter().filter(|answer| **answer == Redeemed::Granted).count();
        }
        granted
    });
    let granted: usize = join_all(races).await.into_iter().sum();

    assert_eq!(granted as i64, CAP);
    assert_eq!(world.number("select count(*) from redemptions").await, CAP);
    assert_eq!(world.store.coupon(&id("HOT")).await.unwrap().unwrap().redeemed, CAP);
}

pub(super) async fn a_coupon_cannot_be_oversold_by_hand(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    world.store.create_coupon(&id("SAVE"), 2).await.unwrap();
    redeem(&mut session, "SAVE", &["ann"]).await;
    assert!(world.try_sql("update coupons set redeemed = 3").await.is_err(), "the check stands");
    let twice = "insert into redemptions (code, redeemer) values ('SAVE', 'ann')";
    assert!(world.try_sql(twice).await.is_err(), "the key stands");
}
