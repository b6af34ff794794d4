//! Lanes beside each other, and beside other servers that are faster.

use futures_util::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::store::{Faults, Simulated};

fn started(database: &Simulated, lanes: usize) -> (Intake, JoinHandle<()>) {
    let settings = IntakeSettings { lanes, ..settings() };
    Intake::start(&settings, &locks(), &Store::simulated(database), Reader::none())
}

/// Each in a webhook of its own, all at once.
async fn all_are_applied(intake: &Intake, events: Vec<Event>) {
    let sent = events.into_iter().map(|event| intake.process(vec![event], Instant::now()));
    for receipts in join_all(sent).await {
        assert_eq!(receipts.unwrap()[0].outcome, Outcome::Applied);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_always_loses_to_others_is_split_until_its_parts_are_fast_enough() {
    let slow_together = Faults { orders_at_once: Some(2), ..Faults::default() };
    let database = Simulated::new(1, slow_together);
    let (intake, _lanes) = started(&database, 1);
    let events = (0..40).map(|n| captured(&format!("evt_{n}"), &format!("pi_{n}"), 10)).collect();
    all_are_applied(&intake, events).await;
    assert!(database.tables().are_the_fold());
}

#[tokio::test(start_paused = true)]
async fn events_of_one_payment_are_in_one_lane_and_never_wait_for_each_other_s_lease() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let database = Simulated::new(1, Faults::default());
    let (intake, _lanes) = started(&database, 8);
    let of_one_payment = |n| {
        let payment = format!("pi_{n}");
        ["payment_intent.succeeded", "charge.succeeded"]
            .map(|type_name| typed(type_name, &format!("evt_{n}_{type_name}"), &payment, 10))
    };
    let events = (0..40).flat_map(of_one_payment);
    let sent = events.map(|event| intake.process(vec![event], Instant::now()));
    assert!(join_all(sent).await.iter().all(Result::is_ok));
    let page = counted.render();
    assert!(page.contains("paylatch_lock_acquire_total{backend=\"local\",result=\"acquired\"}"), "{page}");
    assert!(!page.contains("result=\"busy\""), "{page}");
}
