//! Told by SQL: an application in the same database keeps its place there, and is not led past what it was not told.

use sqlx::{Executor, Row};

use crate::told::connection;
use crate::webhooks::payment;
use crate::world::Plan;

#[tokio::test]
async fn an_application_cannot_confirm_a_change_that_was_not_made_yet() {
    let world = Plan::postgres().set("announce.enabled", "true").start().await;
    world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
    let mut application = connection(&world).await;
    let told =
        application.fetch_one("select max(change) from announcements_after('shop', 100)").await.unwrap();
    let last: i64 = told.get(0);

    let done = |change: i64| sqlx::query("select announcements_done('shop', $1)").bind(change);
    let refused = done(last + 256).execute(&mut application).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("no change {} was made yet", last + 256)), "{refused}");
    done(last).execute(&mut application).await.unwrap();

    world.outcomes(&[&payment("pi_2").of_order("order-2").succeeded()]).await;
    let told = application.fetch_one("select order_id from announcements_after('shop', 100)").await.unwrap();
    assert_eq!(told.get::<String, _>(0), "order-2");
}
