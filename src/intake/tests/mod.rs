//! Group commit over a real store: what one process promises. Two replicas and faults are in `tests/spec`.

mod races;
mod redelivery;
mod simulation;

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::pending::{Pending, Room, fold_repeats};
use super::*;
use crate::lock;
use crate::order::{
    About, Basis, Claim, Currency, Evidence, Fact, Id, Key, Kind, Money, Outcome, Statement, UnixMicros,
};
use crate::secret::Secret;
use crate::store;

struct World {
    intake: Intake,
    lanes: JoinHandle<()>,
    store: Store,
    _directory: TempDir,
}

async fn world(change: impl FnOnce(&mut IntakeSettings)) -> World {
    world_read_by(Reader::none(), change).await
}

async fn world_read_by(reader: Reader, change: impl FnOnce(&mut IntakeSettings)) -> World {
    let directory = TempDir::new().unwrap();
    let url = Secret::new(format!("sqlite://{}/paylatch.db", directory.path().display()));
    let store = Store::open(&store::StoreSettings {
        call_timeout: Duration::from_secs(2),
        ..store::StoreSettings::new(url)
    })
    .unwrap();
    store.migrate().await.unwrap();
    let mut settings = settings();
    change(&mut settings);
    let (intake, lanes) = Intake::start(&settings, &locks(), &store, reader);
    World { intake, lanes, store, _directory: directory }
}

fn settings() -> IntakeSettings {
    IntakeSettings {
        lanes: 1,
        batch_events_max: 256,
        queue_events_max: 4096,
        queue_bytes_max: 1 << 20,
        deadline: Duration::from_secs(4),
        lock_wait: Duration::from_millis(2500),
        order_events_max: 10_000,
    }
}

fn locks() -> Locks {
    Locks::new(&lock::LockSettings {
        backend: "local".to_owned(),
        urls: Vec::new(),
        tls: lock::Tls::default(),
        ttl: Duration::from_secs(2),
        call_timeout: Duration::from_millis(100),
        retry_after: Duration::from_secs(1),
    })
    .unwrap()
}

impl World {
    /// Waits until every connection is open and the server was looked at: from then on what is committed is remembered.
    async fn settled(&self) {
        self.send(vec![captured("evt_first", "pi_first", 10)]).await.unwrap();
        while self.store.epochs().trusted().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn send(&self, events: Vec<Event>) -> Result<Vec<Receipt>, Refusal> {
        self.intake.process(events, Instant::now()).await
    }

    async fn outcomes(&self, events: Vec<Event>) -> Vec<Outcome> {
        self.send(events).await.unwrap().into_iter().map(|receipt| receipt.outcome).collect()
    }

    /// Lets the lanes end, so that everything is written.
    async fn drained(self) -> (Store, TempDir) {
        drop(self.intake);
        self.lanes.await.unwrap();
        (self.store, self._directory)
    }
}

/// A capture of `amount`, delivered now: each delivery has its own arrival.
fn captured(event: &str, payment: &str, amount: i64) -> Event {
    typed("payment_intent.succeeded", event, payment, amount)
}

fn typed(type_name: &str, event: &str, payment: &str, amount: i64) -> Event {
    static ARRIVALS: AtomicI64 = AtomicI64::new(1_000_000);
    let id = |text: &str| Id::new(text).unwrap();
    let body = Bytes::from(format!("{event} {payment} {amount} {type_name}"));
    let fact = Fact {
        kind: Kind::Captured,
        reference: id(payment),
        money: Some(Money { amount, currency: Currency::new("USD").unwrap() }),
        basis: Basis::Own,
    };
    let evidence = Evidence {
        body_sha256: Sha256::digest(&body).into(),
        body,
        headers: "{}".to_owned(),
        received_at: UnixMicros(ARRIVALS.fetch_add(1, Ordering::Relaxed)),
        read_by: None,
    };
    let key = Key { id: id(event), source: id("shop") };
    let claim = Some(Claim { order: id(&format!("order-of-{payment}")), rank: 0 });
    let said = (type_name.to_owned(), UnixMicros(1));
    let about = About { payment: Some(id(payment)), account: None };
    Event::new(key, said, about, Statement::Fact(fact), claim, evidence)
}

#[tokio::test]
async fn a_webhook_of_many_events_gets_their_receipts_in_its_order() {
    let world = world(|_| ()).await;
    let events =
        vec![captured("evt_1", "pi_1", 10), captured("evt_2", "pi_2", 10), captured("evt_3", "pi_1", 10)];
    let receipts = world.send(events).await.unwrap();
    let told: Vec<_> = receipts.iter().map(|r| (r.event.as_str(), r.outcome)).collect();
    assert_eq!(
        told,
        [("evt_1", Outcome::Applied), ("evt_2", Outcome::Applied), ("evt_3", Outcome::Restated)]
    );
    assert_eq!(receipts[2].order, Some(Id::new("order-of-pi_1").unwrap()));
    assert_eq!(world.send(Vec::new()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_event_that_reached_two_replicas_in_the_same_moment_is_a_duplicate_at_the_slower() {
    let world = world(|_| ()).await;
    let (settings, locks) = (&world.intake.shared.settings, locks());
    let (slower, _lanes) = Intake::start(settings, &locks, &world.store, Reader::none());
    let event = captured("evt_1", "pi_1", 10);
    assert_eq!(world.outcomes(vec![event.clone()]).await, [Outcome::Applied]);
    let receipts = slower.process(vec![event], Instant::now()).await.unwrap();
    assert_eq!(receipts[0].outcome, Outcome::Duplicate);
}

#[tokio::test]
async fn one_id_twice_in_a_batch_is_one_event_and_a_duplicate() {
    let world = world(|_| ()).await;
    let outcomes = world.outcomes(vec![captured("evt_1", "pi_1", 10), captured("evt_1", "pi_1", 10)]).await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Duplicate]);
    assert_eq!(world.outcomes(vec![captured("evt_1", "pi_1", 10)]).await, [Outcome::Duplicate]);

    let (store, _directory) = world.drained().await;
    let events = store.events(&store::EventFilter { limit: 10, ..Default::default() }).await.unwrap().rows;
    assert_eq!(events.iter().map(|event| event.duplicates).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn one_id_with_other_facts_in_the_same_batch_is_a_conflict() {
    let world = world(|_| ()).await;
    let outcomes = world.outcomes(vec![captured("evt_1", "pi_1", 10), captured("evt_1", "pi_1", 11)]).await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Conflict]);
    assert_eq!(world.store.counts(crate::http::received_now()).await.unwrap().conflicts, 1);
    assert_eq!(world.outcomes(vec![captured("evt_1", "pi_1", 12)]).await, [Outcome::Conflict]);
}

#[tokio::test]
async fn each_of_many_deliveries_that_contradict_is_a_conflict_and_none_is_counted_as_a_duplicate() {
    let world = world(|_| ()).await;
    assert_eq!(world.outcomes(vec![captured("evt_1", "pi_1", 10)]).await, [Outcome::Applied]);
    let sent = (0..12).map(|_| world.outcomes(vec![captured("evt_1", "pi_1", 20)]));
    let outcomes = futures_util::future::join_all(sent).await.concat();
    assert_eq!(outcomes, [Outcome::Conflict; 12]);

    let (store, _directory) = world.drained().await;
    let events = store.events(&store::EventFilter { limit: 10, ..Default::default() }).await.unwrap().rows;
    assert_eq!(events.iter().map(|event| event.duplicates).collect::<Vec<_>>(), [0]);
}

#[tokio::test]
async fn a_webhook_that_comes_again_is_found_once_it_is_durable() {
    let world = world(|_| ()).await;
    world.settled().await;
    let (webhook, events) =
        (Fingerprint([1; 32]), vec![captured("evt_1", "pi_1", 10), captured("evt_2", "pi_2", 10)]);
    assert_eq!(world.intake.find_duplicate(&webhook), None);
    world.intake.process_webhook(webhook, events, Instant::now()).await.unwrap();
    let recalled = world.intake.find_duplicate(&webhook).unwrap();
    let told: Vec<_> =
        recalled.iter().map(|r| (r.event.as_str(), r.order.as_ref().unwrap().as_str(), r.outcome)).collect();
    assert_eq!(
        told,
        [("evt_1", "order-of-pi_1", Outcome::Duplicate), ("evt_2", "order-of-pi_2", Outcome::Duplicate)]
    );

    let (store, _directory) = world.drained().await;
    let events = store.events(&store::EventFilter { limit: 10, ..Default::default() }).await.unwrap().rows;
    let duplicates = |id: &str| events.iter().find(|event| event.event_id == id).unwrap().duplicates;
    assert_eq!(["evt_1", "evt_2", "evt_first"].map(duplicates), [1, 1, 0]);
}

#[tokio::test]
async fn what_was_committed_before_a_connection_was_lost_is_asked_of_the_database_again() {
    let world = world(|_| ()).await;
    world.settled().await;
    let webhook = Fingerprint([1; 32]);
    let events = || vec![captured("evt_1", "pi_1", 10)];
    world.intake.process_webhook(webhook, events(), Instant::now()).await.unwrap();
    assert!(world.intake.find_duplicate(&webhook).is_some());

    world.store.epochs().end();

    assert_eq!(world.intake.find_duplicate(&webhook), None);
    let hashes = world.intake.hashes(&events());
    let found = world.intake.shared.cache.look_up(&events(), &hashes);
    assert!(matches!(found[0], Found::New { .. }), "{found:?}");
    assert_eq!(world.outcomes(events()).await, [Outcome::Duplicate]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_from_memory_once_the_last_look_at_the_server_is_two_seconds_old() {
    let epochs = crate::store::Epochs::default();
    let cache = DedupCache::new(epochs.clone());
    let event = captured("evt_1", "pi_1", 10);
    let hashes = [cache.hashes(&event)];
    let order = event.order_key().map(|order| order.id);
    let stored = Receipt { event: event.key().id.clone(), order, outcome: Outcome::Applied, reason: None };
    cache.remember(epochs.now(), [(&event, &hashes[0])].into_iter(), &[stored]);
    let is_found = || matches!(cache.look_up(std::slice::from_ref(&event), &hashes)[0], Found::Duplicate(_));
    assert!(!is_found(), "nobody has looked at the server yet");
    epochs.looked_at_one_server();
    assert!(is_found());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(!is_found());
}

#[tokio::test]
async fn a_webhook_that_contradicts_a_stored_event_is_never_found_as_its_duplicate() {
    let world = world(|_| ()).await;
    let contradiction = Fingerprint([2; 32]);
    world.send(vec![captured("evt_1", "pi_1", 10)]).await.unwrap();
    let told =
        world.intake.process_webhook(contradiction, vec![captured("evt_1", "pi_1", 11)], Instant::now());
    assert_eq!(told.await.unwrap()[0].outcome, Outcome::Conflict);
    assert_eq!(world.intake.find_duplicate(&contradiction), None);
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_dead_and_its_neighbours_are_applied() {
    let world = world(|_| ()).await;
    let mut events: Vec<_> = (0..9).map(|n| captured(&format!("evt_{n}"), &format!("pi_{n}"), 10)).collect();
    events.insert(4, typed(&"x".repeat(300), "evt_poisoned", "pi_poisoned", 10));
    let outcomes = world.outcomes(events).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Applied).count(), 9);
    assert_eq!(outcomes[4], Outcome::Dead);

    let again = world.outcomes(vec![typed(&"x".repeat(300), "evt_poisoned", "pi_poisoned", 10)]).await;
    assert_eq!(again, [Outcome::Duplicate]);
}

#[test]
fn a_dead_event_keeps_no_nul_which_jsonb_does_not_hold() {
    let mut event = captured("evt_1", "pi_1", 10);
    let evidence =
        Evidence { headers: r#"{"a":"x\u0000y","b":"\\u0000"}"#.to_owned(), ..event.evidence().clone() };
    event = Event::dead(event.key().source.clone(), Some(event.key().id.clone()), "why".to_owned(), evidence);
    let permit = || Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let room = Arc::new(Room::new(permit(), permit(), &metrics::Gauge::noop()));
    let hashes = DedupCache::new(crate::store::Epochs::default()).hashes(&event);
    let dead = Pending::new((event, hashes), None, Instant::now(), room).0.into_dead("refused".to_owned());
    assert_eq!(dead.event.evidence().headers, r#"{"a":"xy","b":"\\u0000"}"#);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_takes_again_when_there_is_room() {
    let world = world(|settings| settings.queue_events_max = 2).await;
    let first = world.send(vec![captured("evt_1", "pi_1", 10), captured("evt_2", "pi_2", 10)]);
    let mut first = Box::pin(first);
    assert!(futures_util::poll!(&mut first).is_pending());
    assert_eq!(world.send(vec![captured("evt_3", "pi_3", 10)]).await, Err(Refusal::QueueFull));
    first.await.unwrap();
    assert_eq!(world.outcomes(vec![captured("evt_3", "pi_3", 10)]).await, [Outcome::Applied]);
}

#[tokio::test]
async fn a_webhook_larger_than_the_whole_queue_is_taken_when_nothing_else_waits() {
    let world = world(|settings| settings.queue_events_max = 2).await;
    let events: Vec<_> = (0..5).map(|n| captured(&format!("evt_{n}"), &format!("pi_{n}"), 10)).collect();
    assert_eq!(world.outcomes(events).await, [Outcome::Applied; 5]);
}

#[tokio::test]
async fn a_webhook_whose_deadline_has_passed_is_refused() {
    let world = world(|settings| settings.deadline = Duration::ZERO).await;
    assert_eq!(world.send(vec![captured("evt_1", "pi_1", 10)]).await, Err(Refusal::DeadlinePassed));
}

#[tokio::test]
async fn a_sender_that_goes_away_cuts_nothing_and_the_lanes_drain_before_they_end() {
    let world = world(|_| ()).await;
    for n in 0..50 {
        let mut sending = Box::pin(world.send(vec![captured(&format!("evt_{n}"), "pi_1", 10)]));
        assert!(futures_util::poll!(&mut sending).is_pending());
    }
    let (store, _directory) = world.drained().await;
    let events = store.events(&store::EventFilter { limit: 100, ..Default::default() }).await.unwrap().rows;
    assert_eq!(events.len(), 50);
}

#[test]
fn deliveries_that_gathered_while_their_order_was_busy_are_all_counted() {
    let permit = || Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let room = Arc::new(Room::new(permit(), permit(), &metrics::Gauge::noop()));
    let cache = DedupCache::new(crate::store::Epochs::default());
    let delivery = || {
        let event = captured("evt_1", "pi_1", 10);
        let hashes = cache.hashes(&event);
        Pending::new((event, hashes), None, Instant::now(), Arc::clone(&room)).0
    };
    let (defer, _) = fold_repeats(vec![delivery(), delivery(), delivery()]);
    let (folded, _) = fold_repeats([delivery()].into_iter().chain(defer).collect());
    assert_eq!(folded.iter().map(Pending::repeats).collect::<Vec<_>>(), [3]);
}
