//! Every metric with its meaning, in one table.
//!
//! Labels come from settings and from our own words, never from what a sender sent.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Prometheus' own words")]
pub enum MeterKind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric that this program has.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    /// As Prometheus knows it; a histogram's without `_bucket`, `_sum`, `_count`.
    pub name: &'static str,
    /// What it is.
    pub kind: MeterKind,
    /// What it tells.
    pub means: &'static str,
}

const fn counter(name: &'static str, means: &'static str) -> Meter {
    Meter { name, kind: MeterKind::Counter, means }
}

const fn gauge(name: &'static str, means: &'static str) -> Meter {
    Meter { name, kind: MeterKind::Gauge, means }
}

const fn histogram(name: &'static str, means: &'static str) -> Meter {
    Meter { name, kind: MeterKind::Histogram, means }
}

/// All of them.
pub const METERS: &[Meter] = &[
    counter("paylatch_events_total", "Events answered 2xx, by what became of them."),
    counter(
        "paylatch_unmapped_events_total",
        "Events of a type or status that no definition decides; `paylatch events --unmapped` lists them.",
    ),
    counter(
        "paylatch_foreign_account_events_total",
        "Events of accounts that are none of the source's `accounts`: noted, and money that moves nothing here.",
    ),
    counter(
        "paylatch_unusable_order_ids_total",
        "Events whose field for the merchant's order holds no usable id; their payment stands for itself.",
    ),
    counter(
        "paylatch_rejections_total",
        "Webhooks not answered 2xx, by why; 503s are sent again by the provider.",
    ),
    counter(
        "paylatch_secret_matches_total",
        "Webhooks that verified, by which of the source's secrets, counted from 1; an old one that stays still can go.",
    ),
    histogram(
        "paylatch_webhook_seconds",
        "From a webhook's last byte to its answer, of those whose signature holds.",
    ),
    gauge("paylatch_build_info", "1, with the version that runs."),
    gauge("paylatch_connections", "Open connections."),
    gauge("paylatch_connections_max", "Connections that may be open."),
    counter(
        "paylatch_connections_refused_total",
        "Connections closed at once, because their peer had all it may have.",
    ),
    counter(
        "paylatch_connections_given_way_total",
        "Waiting connections that were ended, because there was no room for another.",
    ),
    counter(
        "paylatch_refusals_held_back_total",
        "Refusals that were answered a second late, because their client had many.",
    ),
    counter(
        "paylatch_refusals_unlogged_total",
        "Refused webhooks without a line in the log, because too many came.",
    ),
    counter(
        "paylatch_accept_errors_total",
        "Connections that could not be accepted, for want of file descriptors.",
    ),
    counter(
        "paylatch_tls_handshakes_failed_total",
        "Connections that ended in their handshake; so does each while the certificate is one that its clients refuse.",
    ),
    counter("paylatch_handler_panics_total", "Requests answered 500 because this program failed."),
    gauge("paylatch_queue_events", "Events taken in and not answered yet."),
    histogram("paylatch_commit_batch_events", "Events committed together."),
    counter(
        "paylatch_save_races_total",
        "Saves refused because another replica was faster, or an event inserted without a load was stored already; they are tried again.",
    ),
    counter(
        "paylatch_unloaded_inserts_total",
        "Events inserted without a load: `new`; `known`, so that a key refused them and they were decided again from a load; or `unsaved`.",
    ),
    gauge(
        "paylatch_events_missing_since_seconds",
        "Unix time from which on acknowledged events are missing, because another server or an older state took the database's place. Absent if never.",
    ),
    counter("paylatch_database_errors_total", "Loads and saves that failed for want of the database."),
    counter("paylatch_lane_panics_total", "Lanes that failed and were started again."),
    counter(
        "paylatch_lock_acquire_total",
        "Calls for leases, by answer; after `unavailable` work goes on without.",
    ),
    histogram("paylatch_lock_wait_seconds", "How long a batch waited for the lock service's answer."),
    histogram("paylatch_lock_hold_seconds", "How long leases were held."),
    histogram("paylatch_lock_hold_ratio", "How long leases were held, of their time to live."),
    counter("paylatch_lock_busy_timeouts_total", "Waits for a busy key that were given up."),
    counter("paylatch_lock_lost_total", "Leases that ended before they were given back, by reason."),
    counter("paylatch_lock_release_total", "Leases given back, by whether they were still ours."),
    counter("paylatch_lock_extend_total", "Leases renewed, by result."),
    counter(
        "paylatch_lock_orphan_cleanup_total",
        "Leases given back that were granted after we had stopped waiting.",
    ),
    gauge("paylatch_lock_cleanup_queue_depth", "Leases being given back, or cleaned up, at this moment."),
    counter("paylatch_lock_outages_total", "Times that the lock service went away."),
    counter(
        "paylatch_redlock_vote_total",
        "What Redlock's servers answered; `missing` is no answer in time.",
    ),
    histogram("paylatch_redlock_node_seconds", "How long Redlock's servers took to answer."),
    gauge(
        "paylatch_orders_with_anomaly",
        "Orders whose events contradict each other, by anomaly, less those acknowledged.",
    ),
    gauge(
        "paylatch_last_event_timestamp_seconds",
        "When the latest event of a source was stored, in Unix seconds; duplicates do not move it.",
    ),
    gauge(
        "paylatch_quiet_after_seconds",
        "After how long a silent source is an alarm: `sources.NAME.quiet_after`.",
    ),
    gauge(
        "paylatch_events_parked",
        "Stored events whose payment, amount or currency is missing, less those acknowledged.",
    ),
    gauge(
        "paylatch_payments_unclaimed",
        "Payments whose money moved and that no event names an order for, by source.",
    ),
    gauge(
        "paylatch_orders_waiting",
        "Orders whose refund, authorization or dispute waits for longer than `[waiting]` allows, by source and what they wait for.",
    ),
    gauge("paylatch_settlements", "Orders that are not paid as the merchant expects, by ledger and anomaly."),
    gauge(
        "paylatch_orders_unexpected",
        "Orders that are paid and of which nothing is expected, of the newest 2,000 events of each source that are older than 15 min; only of ledgers in which something is expected.",
    ),
    gauge(
        "paylatch_settlement_due_minor",
        "What is missing of unpaid and underpaid orders, in minor units, by ledger and currency.",
    ),
    gauge(
        "paylatch_expectation_conflicts",
        "Other terms that came under a revision that stands, and that no higher one has replaced.",
    ),
    counter(
        "paylatch_announcements_total",
        "Orders that endpoints were told of, by result: `order_failed` waits, `endpoint_failed` comes again, `dropped` is of a type that it does not want.",
    ),
    histogram("paylatch_announcement_seconds", "From an order's change to an endpoint's 2xx."),
    histogram("paylatch_announcement_attempt_seconds", "How long endpoints took to answer."),
    gauge(
        "paylatch_announcement_lag_seconds",
        "How old the oldest change is that an endpoint was not told of.",
    ),
    gauge(
        "paylatch_announcement_backlog_changes",
        "Entries of the log of changes that an endpoint was not told of, about.",
    ),
    gauge(
        "paylatch_announcement_waits",
        "Orders that an endpoint is told of later, by reason: `refused`, `failed` without an answer, `slow`, `provisional`, `resend`.",
    ),
    gauge(
        "paylatch_announcement_given_up",
        "Orders that an endpoint is not told of any more; `paylatch announcements --given-up`.",
    ),
    gauge(
        "paylatch_endpoint_state",
        "0 told, 1 being tried, 2 left alone because it takes nothing, 3 paused.",
    ),
    gauge(
        "paylatch_announcement_watermark_age_seconds",
        "For how long a save that does not end has held up what can be told.",
    ),
    gauge("paylatch_events_dead", "Stored events that could not be read, less those acknowledged."),
    gauge(
        "paylatch_findings",
        "What the provider's own record and ours disagree in, by source and finding, less those acknowledged.",
    ),
    gauge(
        "paylatch_reconciled_until_seconds",
        "The end of the latest report that a source was compared with, in Unix seconds; absent if there was none.",
    ),
    gauge(
        "paylatch_reconcile_last_seconds",
        "When a source was last compared with its provider's record, in Unix seconds; absent if it never was.",
    ),
    gauge(
        "paylatch_conflicts",
        "Bodies that came under the id of a stored event and say something else, less those acknowledged.",
    ),
];
