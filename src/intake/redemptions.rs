//! The lane of redemptions: everyone who wants a hot coupon is served in groups, as events are.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::order::{Redeemed, Redemption};
use crate::store::{Session, Store, StoreError};

use super::Refusal;
use super::lane::{Lane, Queue, answered, hand_over};

/// Redemptions that are committed together.
const BATCH_MAX: usize = 256;
/// Tries of a batch that the database did not answer, or refused because another server was faster. A redeemer that was
/// served by a lost try holds the coupon.
const TRIES_MAX: u32 = 3;

/// A redemption that waits for its commit.
#[derive(Debug)]
pub(super) struct RedemptionRequest {
    redemption: Redemption,
    reply: oneshot::Sender<Result<Redeemed, Refusal>>,
}

/// Hands a redemption to its lane and waits for what became of it.
pub(super) async fn redeem(
    lane: &mpsc::Sender<RedemptionRequest>,
    redemption: Redemption,
    deadline: Instant,
) -> Result<Redeemed, Refusal> {
    let (reply, answer) = oneshot::channel();
    hand_over(lane, RedemptionRequest { redemption, reply })?;
    answered(answer, deadline).await
}

/// Serves a batch in one call of the database.
pub(super) struct RedemptionLane {
    database: Store,
    session: Session,
}

impl Lane for RedemptionLane {
    type Request = RedemptionRequest;

    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    async fn commit(&mut self, gathered: Vec<RedemptionRequest>, _queue: &mut Queue<RedemptionRequest>) {
        let (redemptions, waiting) = fold_repeats(gathered);
        match self.redeem(&redemptions).await {
            Ok(redeemed) => {
                for (waiting, redeemed) in waiting.into_iter().zip(redeemed) {
                    answer(waiting, redeemed);
                }
            }
            Err(error) => {
                tracing::warn!(%error, redemptions = redemptions.len(), "not redeemed; the callers are told to ask again");
                let refusal = Refusal::from(&error);
                for reply in waiting.into_iter().flatten() {
                    let _ = reply.send(Err(refusal));
                }
            }
        }
    }

    fn reopen(&mut self) {
        self.session = self.database.session();
    }
}

impl RedemptionLane {
    pub(super) fn new(database: Store) -> Self {
        let session = database.session();
        Self { database, session }
    }

    async fn redeem(&mut self, redemptions: &[Redemption]) -> Result<Vec<Redeemed>, StoreError> {
        let mut tries = 1;
        loop {
            match self.session.redeem(redemptions).await {
                Err(StoreError::Misconfigured(why)) => return Err(StoreError::Misconfigured(why)),
                Err(_) if tries < TRIES_MAX => tries += 1,
                answer => return answer,
            }
        }
    }
}

/// Those who wait for one redemption.
type Waiting = Vec<oneshot::Sender<Result<Redeemed, Refusal>>>;

/// A redeemer who asks twice for one coupon is one redemption.
fn fold_repeats(gathered: Vec<RedemptionRequest>) -> (Vec<Redemption>, Vec<Waiting>) {
    let mut redemptions: Vec<Redemption> = Vec::with_capacity(gathered.len());
    let mut waiting: Vec<Waiting> = Vec::with_capacity(gathered.len());
    let mut place = HashMap::with_capacity(gathered.len());
    for RedemptionRequest { redemption, reply } in gathered {
        let index =
            *place.entry((redemption.code.clone(), redemption.redeemer.clone())).or_insert(redemptions.len());
        if let Some(waiting) = waiting.get_mut(index) {
            waiting.push(reply);
        } else {
            redemptions.push(redemption);
            waiting.push(vec![reply]);
        }
    }
    (redemptions, waiting)
}

/// The first is told what became of it; to those who asked the same again, a coupon that was granted is held.
fn answer(waiting: Waiting, redeemed: Redeemed) {
    let again = if redeemed == Redeemed::Granted { Redeemed::Held } else { redeemed };
    for (index, reply) in waiting.into_iter().enumerate() {
        let _ = reply.send(Ok(if index == 0 { redeemed } else { again }));
    }
}
