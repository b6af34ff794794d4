//! `/api/v1/attention`: what needs a person, one line for each cause.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::AdminState;
use crate::http::{Problem, received_now};
use crate::store::{FailureCause, OpenAnomaly, OrderFilter, OrderRow, WaitingCount};

/// Anomalies, and orders without a name, that are told.
const TOLD_MAX: u32 = 100;

/// What needs a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Attention {
    /// Why events are parked, dead or in conflict, the commonest cause first.
    pub(super) failures: Vec<FailureCause>,
    /// Anomalies of orders, at most 100.
    pub(super) anomalies: Vec<OpenAnomaly>,
    /// Orders that hold or held money and that no event names: their payment's id stands in. At most 100.
    pub(super) unclaimed: Vec<OrderRow>,
    /// Orders whose refund, authorization or dispute waits for longer than the settings allow, by source.
    pub(super) waiting: Vec<WaitingCount>,
}

impl Attention {
    pub(super) fn is_empty(&self) -> bool {
        self.failures.is_empty()
            && self.anomalies.is_empty()
            && self.unclaimed.is_empty()
            && self.waiting.is_empty()
    }
}

/// What needs a person: failed events by cause, anomalies, money that no order claims, and money that waits for too long.
#[utoipa::path(get, path = "/api/v1/attention", tag = "attention", security((), ("token" = [])), responses(
    (status = 200, description = "What nobody has settled", body = Attention),
))]
pub(super) async fn list(State(admin): State<AdminState>) -> Result<Json<Attention>, Problem> {
    read(&admin).await.map(Json)
}

pub(super) async fn read(admin: &AdminState) -> Result<Attention, Problem> {
    let unclaimed = OrderFilter { unclaimed: true, limit: TOLD_MAX, ..OrderFilter::default() };
    let (store, limits) = (admin.store.clone(), admin.waiting_limits);
    let waiting = async move { store.waiting_money(&limits, received_now()).await };
    let store = &admin.store;
    Ok(Attention {
        failures: store.failure_causes().await?,
        anomalies: store.open_anomalies(TOLD_MAX).await?,
        unclaimed: store.orders(&unclaimed).await?.rows,
        waiting: admin.waiting.shown(waiting).await?,
    })
}
