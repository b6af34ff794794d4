//! What the parts promise each other, on a clock that stands still until told.

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::breaker::Breaker;
use super::contract::Failure;
use super::held_leases::Term;
use super::token::Token;
use super::{Attempt, LockSettings, Locks, Tls};

const TTL: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn an_open_breaker_lets_one_call_through_each_retry_after() {
    let breaker = Breaker::new("test", Duration::from_secs(1));
    assert!(breaker.lets_through());
    breaker.failed(&Failure::Unsent("no route".to_owned()));
    assert!(!breaker.lets_through());
    advance(Duration::from_secs(1)).await;
    assert!(breaker.lets_through());
    assert!(!breaker.lets_through(), "one is enough to find out");
    breaker.answered();
    assert!(breaker.lets_through());
}

#[tokio::test(start_paused = true)]
async fn a_lease_reaches_as_far_as_its_ttl_from_the_question_less_the_drift() {
    let asked_at = Instant::now();
    advance(TTL / 2).await;
    let term = Term::from_call(asked_at, TTL);
    assert_eq!(term.until - Instant::now(), TTL / 2 - Duration::from_millis(20 + 2));
    advance(TTL / 2).await;
    assert!(term.is_lost());
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_a_minute_and_then_lapses() {
    let settings = LockSettings {
        backend: "local".to_owned(),
        urls: Vec::new(),
        ttl: TTL,
        call_timeout: TTL / 4,
        retry_after: TTL,
        tls: Tls::default(),
    };
    let locks = Locks::new(&settings).expect("the settings are right");
    let key = ["order".to_owned()];
    let since = Instant::now();
    let Attempt::Acquired { lease, .. } = locks.acquire_each(&key).await else { panic!("it is local") };

    lease.lost().await;

    let held = since.elapsed();
    assert!(held > Duration::from_secs(59) && held < Duration::from_secs(60) + TTL, "{held:?}");
    advance(TTL / 2).await;
    let next = locks.acquire_each(&key).await;
    assert!(matches!(&next, Attempt::Acquired { busy, .. } if busy.is_empty()), "{next:?}");
}

#[test]
fn a_token_shows_its_instance_and_keeps_the_rest() {
    let token = Token::draw("4711-9c3f");
    assert_eq!(format!("{token:?}"), "4711-9c3f");
    assert_eq!(token.as_str().len(), "4711-9c3f:".len() + 32);
    assert_ne!(token, Token::draw("4711-9c3f"));
}
