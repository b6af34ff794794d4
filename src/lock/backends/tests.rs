//! What a backend promises about its single calls, on a clock that stands still until told.

use std::time::Duration;

use tokio::time::advance;

use super::super::token::Token;
use super::local::Local;
use super::{Hold, Verb};

const TTL: Duration = Duration::from_secs(2);

fn hold(key: &str) -> Hold {
    Hold { key: key.to_owned(), token: Token::draw("test"), fence: 0 }
}

fn ask(local: &Local, verb: Verb, hold: &Hold) -> bool {
    local.ask(verb, std::slice::from_ref(hold), TTL) == [Some(0)]
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_sent_twice_answers_the_same() {
    let (local, hold) = (Local::default(), hold("order"));
    assert!(ask(&local, Verb::Acquire, &hold));
    assert!(ask(&local, Verb::Acquire, &hold));
}

#[tokio::test(start_paused = true)]
async fn only_the_first_of_two_releases_frees() {
    let (local, hold) = (Local::default(), hold("order"));
    assert!(ask(&local, Verb::Acquire, &hold));
    assert!(ask(&local, Verb::Release, &hold));
    assert!(!ask(&local, Verb::Release, &hold));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_neither_extends_nor_releases() {
    let (local, owner, stranger) = (Local::default(), hold("order"), hold("order"));
    assert!(ask(&local, Verb::Acquire, &owner));
    assert!(!ask(&local, Verb::Acquire, &stranger));
    assert!(!ask(&local, Verb::Extend, &stranger));
    assert!(!ask(&local, Verb::Release, &stranger));
    assert!(ask(&local, Verb::Extend, &owner));
}

#[tokio::test(start_paused = true)]
async fn what_has_lapsed_is_not_extended_but_acquired_anew() {
    let (local, late, next) = (Local::default(), hold("order"), hold("order"));
    assert!(ask(&local, Verb::Acquire, &late));
    advance(TTL).await;
    assert!(!ask(&local, Verb::Extend, &late));
    assert!(ask(&local, Verb::Acquire, &next));
    assert!(!ask(&local, Verb::Release, &late));
}
