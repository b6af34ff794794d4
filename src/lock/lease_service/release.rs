//! Releases keys, also when their holder is gone or the service does not answer: in the background, within bounds, by
//! calls that free nothing but what is ours.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::contract::{Hold, Verb};
use super::super::meter::{self, Released};
use super::LeaseService;

/// Where keys that are released come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A lease that was released or dropped.
    Lease,
    /// An acquisition that the service refused, perhaps after doing a part of it.
    Refused,
    /// An acquisition without an answer: it may even reach the service after its release does.
    Unanswered,
}

impl LeaseService {
    /// Releases `holds` in the background, again and again until answered or `until`, when they have lapsed. `None` when
    /// that is done already, or left to their lapse.
    pub(super) fn release_in_background(
        self: &Arc<Self>,
        holds: Vec<Hold>,
        until: Instant,
        origin: Origin,
    ) -> Option<JoinHandle<()>> {
        let (Ok(runtime), Ok(place)) = (Handle::try_current(), self.releases.clone().try_acquire_owned())
        else {
            self.count(origin, Released::Unknown);
            return None;
        };
        let service = self.clone();
        let waiting = meter::PendingRelease::begins(self.backend.name());
        let mut work = Box::pin(async move {
            service.count(origin, service.release_until(&holds, until, origin).await);
            drop((place, waiting));
        });
        let is_done = work.as_mut().now_or_never().is_some();
        (!is_done).then(|| self.calls.spawn_on(work, &runtime))
    }

    pub(super) async fn wait_for(&self, released: JoinHandle<()>) {
        // If it is late or cut off, the keys lapse; a counter tells how releases ended.
        drop(timeout(self.call_timeout, released).await);
    }

    async fn release_until(&self, holds: &[Hold], until: Instant, origin: Origin) -> Released {
        loop {
            let released = match self.backend.ask(Verb::Release, holds, self.ttl).await {
                Ok(freed) if freed.iter().all(Option::is_some) => Released::All,
                // An acquisition whose answer was lost has taken only the keys that were free then.
                Ok(freed) if origin != Origin::Lease && freed.iter().any(Option::is_some) => Released::All,
                Ok(_) => Released::NotHeld,
                Err(_) => Released::Unknown,
            };
            let settled = match released {
                Released::All => true,
                Released::NotHeld => origin != Origin::Unanswered,
                Released::Unknown => false,
            };
            let again_at = Instant::now() + self.ttl / RELEASE_TRIES;
            if settled || again_at >= until {
                return released;
            }
            sleep_until(again_at).await;
        }
    }

    fn count(&self, origin: Origin, released: Released) {
        match origin {
            Origin::Lease => meter::release(self.backend.name(), released),
            Origin::Refused | Origin::Unanswered => meter::clean_up(self.backend.name(), released),
        }
    }
}

/// Releases in work at once. Beyond it keys are left to lapse.
pub(super) const RELEASES_MAX: usize = 1024;
/// How often at most a release is sent within a TTL.
const RELEASE_TRIES: u32 = 8;
