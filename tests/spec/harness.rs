//! The harness itself: what the other tests rely on.

use sqlx::{ConnectOptions, Executor};

use crate::proxy::Proxy;
use crate::servers::{Postgres, Redis};

#[tokio::test]
async fn postgres_keeps_what_was_committed_before_a_crash() {
    let mut postgres = Postgres::start_private().await;
    let database = postgres.create_database().await;
    database.connect().await.unwrap().execute("create table kept (n int)").await.unwrap();

    postgres.crash();
    assert!(database.connect().await.is_err());
    postgres.start_again().await;

    assert!(database.connect().await.unwrap().execute("select n from kept").await.is_ok());
}

#[tokio::test]
async fn redis_comes_back_empty() {
    let mut redis = Redis::start_private().await;
    redis::cmd("SET").arg("key").arg(1).exec_async(&mut redis.connection().await).await.unwrap();

    redis.kill();
    redis.start_again().await;

    let keys: usize = redis::cmd("DBSIZE").query_async(&mut redis.connection().await).await.unwrap();
    assert_eq!(keys, 0);
}

#[tokio::test]
async fn the_proxy_cuts_off_a_reply_after_the_request_took_effect() {
    let postgres = Postgres::start_private().await;
    let options = postgres.options();
    options.connect().await.unwrap().execute("create table kept (word text)").await.unwrap();
    let proxy = Proxy::start((options.get_host().to_owned(), options.get_port())).await;
    let mut behind = options.clone().port(proxy.address().port()).connect().await.unwrap();

    let cut = proxy.cut_reply_to("needle", 0);
    let insert = sqlx::query("insert into kept values ($1)").bind("needle").execute(&mut behind).await;

    cut.is_there().await;
    assert!(insert.is_err(), "{insert:?}");
    let kept: i64 = sqlx::query_scalar("select count(*) from kept")
        .fetch_one(&mut options.connect().await.unwrap())
        .await
        .unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn the_proxy_holds_a_reply_until_it_is_released() {
    let postgres = Postgres::start_private().await;
    let options = postgres.options();
    let proxy = Proxy::start((options.get_host().to_owned(), options.get_port())).await;
    let mut behind = options.clone().port(proxy.address().port()).connect().await.unwrap();

    let held = proxy.hold_reply_to("needle");
    let asking = tokio::spawn(async move {
        sqlx::query_scalar::<_, String>("select $1").bind("needle").fetch_one(&mut behind).await.unwrap()
    });
    held.is_there().await;
    assert!(!asking.is_finished());
    held.release();

    assert_eq!(asking.await.unwrap(), "needle");
}
