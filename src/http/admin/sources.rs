//! `/api/v1/sources`: when each source was last heard of, and whether that is longer ago than it should be.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::AdminState;
use crate::http::{Problem, received_now};
use crate::order::{Id, UnixMicros};
use crate::provider::Source;
use crate::store::TypeArrival;

/// Arrivals that a source's rhythm is read from, at most and at least.
const ARRIVALS_MAX: u32 = 60;
const ARRIVALS_MIN: usize = 10;
/// A source whose settings say nothing is silent after so many times its usual gap, and never earlier than this.
const USUAL_GAPS: i64 = 20;
const SILENT_AFTER_MIN_S: i64 = 15 * 60;

/// A configured source.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Source)]
pub(super) struct SourceState {
    /// Its name.
    pub(super) source: String,
    /// Its provider's definition.
    pub(super) provider: String,
    /// Where its webhooks are taken, on the public listener.
    pub(super) path: String,
    /// When its latest event was stored; a webhook that comes again does not move it.
    #[schema(format = DateTime)]
    pub(super) last_event_at: Option<String>,
    /// Seconds since then.
    pub(super) quiet_for_s: Option<i64>,
    /// The median of its latest gaps, in seconds; null before there are ten events.
    pub(super) usually_every_s: Option<i64>,
    /// After so many seconds it is silent: `sources.NAME.quiet_after`, or twenty usual gaps and at least 15 min.
    pub(super) silent_after_s: Option<i64>,
    /// `heard`, `silent`, or `nothing_yet`.
    pub(super) state: &'static str,
    /// When each type of its events last came, by type; one that stopped may be switched off at the provider.
    pub(super) types: Vec<TypeArrival>,
    /// Webhooks that this process refused.
    pub(super) refused: u64,
    /// Why it refused the last of them.
    pub(super) refused_for: Option<String>,
}

/// All sources.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceList {
    /// By name.
    sources: Vec<SourceState>,
}

/// The configured sources: when each was last heard of, against its own rhythm.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", security((), ("token" = [])), responses(
    (status = 200, description = "The sources", body = SourceList),
))]
pub(super) async fn list(State(admin): State<AdminState>) -> Result<Json<SourceList>, Problem> {
    let names = admin.source_names();
    Ok(Json(SourceList { sources: read(&admin, &names).await? }))
}

/// How these sources are; names of none are left out.
pub(super) async fn read(admin: &AdminState, names: &[Id]) -> Result<Vec<SourceState>, Problem> {
    let (arrivals, sources) = (admin.store.arrivals(names, ARRIVALS_MAX).await?, admin.sources.all());
    let types = admin.store.type_arrivals(None).await?;
    let now = received_now();
    let states = names.iter().filter_map(|name| {
        let source = sources.iter().find(|source| source.name() == name)?;
        let own =
            arrivals.iter().filter(|(of, _)| of == name.as_str()).map(|(_, at)| *at).collect::<Vec<_>>();
        let types = types.iter().filter(|own| own.source == name.as_str()).cloned().collect();
        Some(SourceState { types, ..state(admin, source, &own, now) })
    });
    Ok(states.collect())
}

/// `arrivals`: the newest first.
fn state(admin: &AdminState, source: &Source, arrivals: &[UnixMicros], now: UnixMicros) -> SourceState {
    let name = source.name().to_string();
    let last = arrivals.first().copied();
    let quiet_for_s = last.map(|last| (now.0 - last.0) / 1_000_000);
    let usually_every_s = usual_gap_s(arrivals);
    let silent_after_s = silent_after_s(source.settings().quiet_after, usually_every_s);
    let state = match (quiet_for_s, silent_after_s) {
        (None, _) => "nothing_yet",
        (Some(quiet), Some(limit)) if quiet > limit => "silent",
        (Some(_), _) => "heard",
    };
    let refused = admin.rejections.all();
    let mut refused = refused.into_iter().filter(|rejected| rejected.source == name);
    let latest = refused.next();
    let count =
        latest.as_ref().map_or(0, |latest| latest.webhooks) + refused.map(|own| own.webhooks).sum::<u64>();
    SourceState {
        provider: source.settings().provider.clone(),
        path: format!("/webhooks/{name}"),
        last_event_at: last
            .and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok())
            .map(|at| at.to_string()),
        quiet_for_s,
        usually_every_s,
        silent_after_s,
        state,
        types: Vec::new(),
        refused: count,
        refused_for: latest.map(|latest| latest.cause.unwrap_or(latest.reason)),
        source: name,
    }
}

fn usual_gap_s(arrivals: &[UnixMicros]) -> Option<i64> {
    if arrivals.len() < ARRIVALS_MIN {
        return None;
    }
    let mut gaps: Vec<i64> =
        arrivals.iter().zip(arrivals.iter().skip(1)).map(|(later, earlier)| later.0 - earlier.0).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map(|gap| gap / 1_000_000)
}

fn silent_after_s(setting: Option<Duration>, usually_every_s: Option<i64>) -> Option<i64> {
    let set = setting.and_then(|limit| i64::try_from(limit.as_secs()).ok());
    set.or_else(|| usually_every_s.map(|gap| gap.saturating_mul(USUAL_GAPS).max(SILENT_AFTER_MIN_S)))
}

#[cfg(test)]
mod tests {
    use super::{Duration, UnixMicros, silent_after_s, usual_gap_s};

    #[test]
    fn a_source_is_silent_against_its_own_rhythm_or_by_what_the_settings_say() {
        let every = |gap_s: i64, count: i64| -> Vec<UnixMicros> {
            (0..count).map(|n| UnixMicros((1_000_000 - n * gap_s) * 1_000_000)).collect()
        };
        assert_eq!(usual_gap_s(&every(120, 60)), Some(120));
        assert_eq!(usual_gap_s(&every(120, 9)), None, "too few to have a rhythm");
        assert_eq!(silent_after_s(None, Some(120)), Some(2_400));
        assert_eq!(silent_after_s(None, Some(1)), Some(900));
        assert_eq!(silent_after_s(None, None), None);
        assert_eq!(silent_after_s(Some(Duration::from_hours(6)), Some(1)), Some(21_600));
    }
}
