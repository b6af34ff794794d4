//! What the service promises about the ends of leases, on a clock that stands still until told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance};

use super::renewal::HOLD_MAX;
use super::{Lease, LeaseService};
use crate::lock::backends::Backend;
use crate::lock::{Attempt, LockSettings, Tls};

const TTL: Duration = Duration::from_secs(2);

fn service() -> Arc<LeaseService> {
    let settings = LockSettings {
        backend: "local".to_owned(),
        urls: Vec::new(),
        tls: Tls::default(),
        ttl: TTL,
        call_timeout: TTL / 4,
        retry_after: TTL,
    };
    Arc::new(LeaseService::new(Backend::new(&settings).expect("it is local"), &settings))
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_over_before_it_was_learnt_of_is_none_and_its_keys_are_busy() {
    let service = service();
    let asked_at = Instant::now();
    let holds = service.holds(&["order".to_owned()]);
    advance(TTL).await;
    let late = Lease::new(&service, holds, asked_at);
    let (lease, busy) = service.unless_over(late, vec!["other".to_owned()]);
    assert_eq!((lease.keys().len(), busy), (0, vec!["other".to_owned(), "order".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_not_renewed_any_more_once_it_is_released_or_dropped() {
    let service = service();
    for is_released in [true, false] {
        let Attempt::Acquired { lease, busy } = service.acquire_each(&["order".to_owned()]).await else {
            panic!("it is local")
        };
        assert_eq!(busy, Vec::<String>::new());
        assert_eq!(service.held_leases.due(HOLD_MAX).map(|due| due.len()), Some(1));
        if is_released {
            lease.release().await;
        } else {
            drop(lease);
        }
        assert!(service.held_leases.due(HOLD_MAX).is_none(), "released: {is_released}");
    }
}
