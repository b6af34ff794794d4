//! Known events that come again after something changed: the definitions, or what is kept of their bodies.

use super::*;
use crate::store::{By, Role, StoredEvent};

/// By the definition of today each stored amount is one more than it was read as.
fn one_more() -> Reader {
    Reader::new(|stored: &StoredEvent| {
        let body = String::from_utf8(stored.payload.as_ref()?.to_vec()).unwrap();
        let [event, payment, amount, _] = body.split(' ').collect::<Vec<_>>()[..] else { return None };
        Some(captured(event, payment, amount.parse::<i64>().unwrap() + 1))
    })
}

async fn purge(store: &Store) {
    let by = By::new("a clerk", Role::Shell, None, UnixMicros(0)).unwrap();
    store.purge_payloads(crate::http::received_now(), &by).await.unwrap();
}

#[tokio::test]
async fn a_body_that_contradicts_only_what_an_older_definition_read_is_a_duplicate() {
    let world = world_read_by(one_more(), |_| ()).await;
    let first = vec![captured("evt_1", "pi_1", 10), captured("evt_2", "pi_2", 10)];
    assert_eq!(world.outcomes(first).await, [Outcome::Applied; 2]);

    let both = vec![captured("evt_1", "pi_1", 11), captured("evt_2", "pi_2", 12)];
    let receipts = world.send(both).await.unwrap();

    let told: Vec<_> = receipts.iter().map(|r| (r.outcome, r.reason.is_some())).collect();
    assert_eq!(told, [(Outcome::Duplicate, false), (Outcome::Conflict, true)], "only the second says else");
    assert_eq!(world.store.counts(crate::http::received_now()).await.unwrap().conflicts, 1);
    let (store, _directory) = world.drained().await;
    let events = store.events(&store::EventFilter { limit: 10, ..Default::default() }).await.unwrap().rows;
    assert_eq!(events.iter().map(|event| event.duplicates).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(events.iter().map(|event| event.amount).collect::<Vec<_>>(), [Some(10); 2], "nothing moved");
}

#[tokio::test]
async fn a_body_that_contradicts_what_cannot_be_read_any_more_is_a_conflict() {
    let world = world_read_by(one_more(), |_| ()).await;
    assert_eq!(world.outcomes(vec![captured("evt_1", "pi_1", 10)]).await, [Outcome::Applied]);
    purge(&world.store).await;
    assert_eq!(world.outcomes(vec![captured("evt_1", "pi_1", 11)]).await, [Outcome::Conflict]);
}

#[tokio::test]
async fn bytes_that_were_purged_are_kept_again_when_they_come_again() {
    let world = world(|_| ()).await;
    let event = captured("evt_1", "pi_1", 10);
    assert_eq!(world.outcomes(vec![event.clone()]).await, [Outcome::Applied]);
    purge(&world.store).await;
    assert_eq!(world.store.raw(event.key()).await.unwrap(), None);
    // What a process remembers for minutes it does not look up; another one has not seen the event.
    let (settings, locks) = (&world.intake.shared.settings, locks());
    let (other, _lanes) = Intake::start(settings, &locks, &world.store, Reader::none());

    let receipts = other.process(vec![captured("evt_1", "pi_1", 10)], Instant::now()).await.unwrap();

    assert_eq!(receipts[0].outcome, Outcome::Duplicate);
    assert_eq!(world.store.raw(event.key()).await.unwrap(), Some(event.evidence().body.clone()));
}

#[tokio::test]
async fn duplicates_that_cannot_be_counted_in_an_outage_are_counted_after_it() {
    let directory = TempDir::new().unwrap();
    let url = Secret::new(format!("sqlite://{}/paylatch.db", directory.path().display()));
    let store = Store::open(&store::StoreSettings::new(url)).unwrap();
    let (tally, mut session) = (Tally::default(), store.session());
    let event = captured("evt_1", "pi_1", 10);
    tally.count_many(event.key(), 3);
    tally.write(&mut session).await;

    store.migrate().await.unwrap();
    let (_, changes) = crate::order::decide(crate::order::Snapshot::default(), &[&event]);
    session.save(&changes).await.unwrap();
    tally.write(&mut session).await;
    tally.write(&mut session).await;

    let events = store.events(&store::EventFilter { limit: 10, ..Default::default() }).await.unwrap().rows;
    assert_eq!(events.iter().map(|event| event.duplicates).collect::<Vec<_>>(), [3], "once");
}

#[tokio::test]
async fn what_comes_after_its_deadline_is_refused_and_not_stored() {
    let world = world(|_| ()).await;
    let deadline = world.intake.shared.settings.deadline;
    let late = Instant::now() - deadline - Duration::from_millis(1);
    let answer = world.intake.process(vec![captured("evt_1", "pi_1", 10)], late).await;
    assert_eq!(answer, Err(Refusal::DeadlinePassed));
    let (store, _directory) = world.drained().await;
    let events = store.events(&store::EventFilter { limit: 10, ..Default::default() }).await.unwrap().rows;
    assert!(events.is_empty(), "nobody waits for it any more: {events:?}");
}
