//! What a run sends, built and signed before it starts, and when each webhook is due.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;

use super::Bench;
use super::webhook::Template;
use crate::cli::failure::{Exit, Failure};
use crate::provider::Source;

/// Signatures are made before the run and must hold to its end: a Stripe signature holds 300 s.
pub(super) const RUN_MAX: Duration = Duration::from_secs(240);
/// Connections of one run.
const CONNECTIONS_MAX: usize = 10_000;
/// Webhooks that are built ahead for a second of closed loop, unless `--events` says otherwise: more than two cores can
/// send and verify.
const EVENTS_PER_SECOND: u64 = 120_000;
/// Webhooks that one run builds: about 100 bytes each.
const EVENTS_MAX: u64 = 5_000_000;
/// Ids of a run of duplicates: few enough to be known from its first moments on.
const DUPLICATED_IDS: u64 = 1_000;
/// `mixed` repeats one of so many webhooks that were sent last: some of these are still on their way.
const REPEATED_OF_LAST: u64 = 512;

/// Which webhooks are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mix {
    /// Each once.
    Distinct,
    /// A thousand, again and again.
    Duplicate,
    /// Every second one repeats one that was sent lately.
    Mixed,
}

impl Mix {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Distinct => "distinct",
            Self::Duplicate => "duplicate",
            Self::Mixed => "mixed",
        }
    }
}

/// A run, ready to start.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) connections: usize,
    /// Webhooks per second of an open loop; a closed loop sends as fast as it is answered.
    pub(super) rate: Option<f64>,
    /// At the start, not measured.
    pub(super) warmup: Duration,
    pub(super) duration: Duration,
    pub(super) deck: Deck,
}

/// Where webhooks are sent.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path_and_query: String,
}

/// Signed webhooks, and the order in which they are dealt.
#[derive(Debug)]
pub(super) struct Deck {
    mix: Mix,
    template: Template,
    /// Request line and headers that all have in common.
    head: String,
    /// The signature headers of each.
    signatures: Vec<Box<str>>,
}

impl Plan {
    /// Checks the limits, then builds and signs.
    pub(super) fn new(bench: &Bench, url: &Uri, source: &Source) -> Result<Self, Failure> {
        let target = Target::of(url);
        let (warmup, duration) = (seconds(bench.warmup), seconds(bench.duration));
        if duration.is_zero() || warmup + duration > RUN_MAX {
            return Err(usage(format!(
                "--warmup and --duration take {:?} s together",
                bench.warmup + bench.duration
            ))
            .hint(format_args!(
                "signatures are made before the run: expected more than 0, at most {} s",
                RUN_MAX.as_secs()
            )));
        }
        if !(1..=CONNECTIONS_MAX).contains(&bench.connections) {
            return Err(usage(format!(
                "--connections is {}; expected 1 to {CONNECTIONS_MAX}",
                bench.connections
            )));
        }
        if bench.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(usage("--rate is not a number of webhooks per second above 0".to_owned()));
        }
        let per_second = bench.rate.map_or(EVENTS_PER_SECOND as f64, f64::ceil);
        let turns = (per_second * (warmup + duration).as_secs_f64()).ceil() as u64;
        let events = match bench.mix {
            Mix::Distinct => turns,
            Mix::Duplicate => DUPLICATED_IDS,
            Mix::Mixed => turns.div_ceil(2),
        };
        let events = bench.events.unwrap_or(events).clamp(1, EVENTS_MAX);
        let deck = Deck::new(
            bench.mix,
            events,
            Template::new(bench.order_reuse, bench.body_bytes),
            &target,
            source,
        )?;
        Ok(Self { target, connections: bench.connections, rate: bench.rate, warmup, duration, deck })
    }
}

impl Deck {
    fn new(
        mix: Mix,
        events: u64,
        template: Template,
        target: &Target,
        source: &Source,
    ) -> Result<Self, Failure> {
        let mut signatures = Vec::with_capacity(usize::try_from(events).unwrap_or_default());
        let mut length = 0;
        for number in 0..events {
            let mut body = Vec::with_capacity(length);
            template.write(number, &mut body);
            length = body.len();
            let body = Bytes::from(body);
            let signed = source.sign(&body, template.created());
            if signed.body != body {
                return Err(usage(format!("source {} signs inside the body", source.name())).hint(
                    "bench sends Stripe's webhooks; name a source whose provider is stripe with --source",
                ));
            }
            let lines = signed.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
            signatures.push(lines.collect::<String>().into_boxed_str());
        }
        let Target { host, port, path_and_query } = target;
        let head = format!(
            "POST {path_and_query} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
        );
        Ok(Self { mix, template, head, signatures })
    }

    /// Writes the request of a turn, counted from 0; false when all distinct webhooks were dealt.
    pub(super) fn deal(&self, turn: u64, out: &mut Vec<u8>) -> bool {
        let number = self.number(turn);
        let Some(signature) = usize::try_from(number).ok().and_then(|index| self.signatures.get(index))
        else {
            return false;
        };
        out.clear();
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(signature.as_bytes());
        out.extend_from_slice(b"\r\n");
        self.template.write(number, out);
        true
    }

    pub(super) fn mix(&self) -> Mix {
        self.mix
    }

    pub(super) fn order_reuse(&self) -> u64 {
        self.template.order_reuse()
    }

    fn number(&self, turn: u64) -> u64 {
        match self.mix {
            Mix::Distinct => turn,
            Mix::Duplicate => turn % self.signatures.len().max(1) as u64,
            Mix::Mixed if turn.is_multiple_of(2) => turn / 2,
            Mix::Mixed => (turn / 2).saturating_sub(turn.wrapping_mul(7_919) % REPEATED_OF_LAST),
        }
    }
}

impl Target {
    fn of(url: &Uri) -> Self {
        Self {
            host: url.host().unwrap_or_default().to_owned(),
            port: url.port_u16().unwrap_or(80),
            path_and_query: url.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn usage(message: String) -> Failure {
    Failure::new(Exit::Usage, "bench", message)
}
