//! `paylatch listen`: a receiver of announcements for trying out. It verifies, compares, prints, and fails or is slow on purpose.

mod news;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use clap::Args;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::news::{Known, Message};
use super::context::{Context, now_seconds};
use super::failure::{Exit, Failure};
use super::output::{Output, Tone, block, printable};
use crate::config::parse_age;
use crate::http::{ListenerOptions, serve};
use crate::order::Id;
use crate::provider::{Providers, Source, SourceSettings, Webhook};
use crate::secret::Secret;

/// How announcements are signed.
const SIGNED_AS: &str = "standard-webhooks";
/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// The latest answer.
const SLOW_MAX: Duration = Duration::from_mins(10);

#[derive(Args)]
pub(super) struct Listen {
    /// The port on this machine's loopback.
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// The endpoint's secret [default: a new one, which is printed].
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// Answer 503 to so many of each hundred; or to this share of all, such as 0.2.
    #[arg(long, value_name = "N", default_value = "0", value_parser = percent)]
    fail: u64,
    /// Answer so many milliseconds late; or so long, such as 2s.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = delay)]
    slow: Duration,
}

/// What takes the messages.
struct Receiver {
    source: Source,
    fail: u64,
    slow: Duration,
    come: AtomicU64,
    known: Mutex<Known>,
    output: Output,
}

/// `20`, or `0.2`: a number with a point is a share.
fn percent(text: &str) -> Result<u64, &'static str> {
    const EXPECTED: &str = "expected 0 to 100, or a share such as 0.2";
    let of_hundred = match text.split_once('.') {
        Some(("0", digits)) if !digits.is_empty() => {
            format!("{digits:0<2}").get(..2).and_then(|two| two.parse().ok())
        }
        Some(("1", digits)) if digits.bytes().all(|digit| digit == b'0') => Some(100),
        Some(_) => None,
        None => text.parse().ok(),
    };
    of_hundred.filter(|percent| *percent <= 100).ok_or(EXPECTED)
}

/// `500` milliseconds, or `2s`; ten minutes at most.
fn delay(text: &str) -> Result<Duration, String> {
    let delay = text.parse().map(Duration::from_millis).or_else(|_| parse_age(text))?;
    Some(delay)
        .filter(|delay| *delay <= SLOW_MAX)
        .ok_or_else(|| format!("expected {} s at most", SLOW_MAX.as_secs()))
}

/// Takes messages until it is interrupted.
pub(super) async fn run(context: &Context, listen: &Listen) -> Result<(), Failure> {
    let providers =
        Providers::load(None).map_err(|error| Failure::new(Exit::Failed, "providers", error.to_string()))?;
    let made = || providers.generate_secret(SIGNED_AS);
    let secret = listen.secret.as_ref().map_or_else(made, |secret| Secret::new(secret.as_str()));
    let source = source(&providers, secret.clone())?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port));
    let taken = |error: std::io::Error| {
        let failure = if error.kind() == std::io::ErrorKind::AddrInUse {
            Failure::new(Exit::Unavailable, "port_in_use", format!("{address} is in use"))
        } else {
            Failure::new(Exit::Unavailable, "cannot_listen", format!("cannot listen on {address}: {error}"))
        };
        failure.hint("choose another port: --port 0 takes one that is free")
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().unwrap_or(address);
    tell(context.output, address, listen.secret.is_none().then_some(&secret));
    let receiver = Receiver {
        source,
        fail: listen.fail,
        slow: listen.slow,
        come: AtomicU64::new(0),
        known: Mutex::default(),
        output: context.output,
    };
    let app = Router::new().fallback(post(receive)).with_state(Arc::new(receiver));
    let options = ListenerOptions::new("listen", CONNECTIONS_MAX);
    serve(listener, app, options, CancellationToken::new()).await;
    Ok(())
}

fn source(providers: &Providers, secret: Secret) -> Result<Source, Failure> {
    let name =
        Id::new("listen").map_err(|error| Failure::new(Exit::Failed, "wrong_id", error.to_string()))?;
    Source::new(SourceSettings::new(name, SIGNED_AS, vec![secret]), providers).map_err(|mistakes| {
        let failure = Failure::new(
            Exit::Usage,
            "wrong_secret",
            "the secret is not written as Standard Webhooks writes them",
        );
        mistakes.into_iter().fold(failure, |failure, (_, problem)| failure.fact(problem))
    })
}

/// What the settings need to know of it. A secret that was given is not shown.
fn tell(output: Output, address: SocketAddr, made: Option<&Secret>) {
    let lines = [("Address", format!("http://{address}/")), ("Signed as", "Standard Webhooks".to_owned())];
    output.line(block("A receiver for trying out", &lines, |label| output.tone(Tone::Strong, label)));
    let secret = made.map_or("...", Secret::expose);
    output.line(format_args!(
        "\nTo be told here, in paylatch.toml:\n\n[endpoints.listen]\nurl = \"http://{address}/\"\nsecrets = [\"{secret}\"]\n\
         allow = [\"127.0.0.0/8\"]\n\nCtrl-C ends it. What comes is shown here:\n"
    ));
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    sleep(receiver.slow).await;
    let webhook = Webhook { path_and_query: "/", headers: &headers, body: &body };
    if let Err(rejection) = receiver.source.verify(&webhook, now_seconds()) {
        receiver.say(Tone::Bad, 401, &rejection.to_string());
        return StatusCode::UNAUTHORIZED;
    }
    if receiver.fails_now() {
        receiver.say(Tone::Bad, 503, "failed on purpose");
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let messages = Message::read(&body);
    if messages.is_empty() {
        receiver.say(Tone::Strong, 200, "verified; it is no announcement of an order");
        return StatusCode::OK;
    }
    let told = receiver.take(&messages);
    // Written at once: a batch of a hundred would wait for the terminal a hundred times.
    receiver.say_all(Tone::Strong, 200, told.iter().map(String::as_str));
    StatusCode::OK
}

impl Receiver {
    /// Spread evenly, so that a few messages show it.
    fn fails_now(&self) -> bool {
        let before = self.come.fetch_add(1, Ordering::Relaxed);
        (before + 1) * self.fail / 100 > before * self.fail / 100
    }

    /// Keeps those that are newer than what is known; a line for each.
    fn take(&self, messages: &[Message]) -> Vec<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |message: &Message| {
            let dropped = if known.take(message) { "" } else { "  not newer than what is known: dropped" };
            format!("{message}{dropped}")
        };
        messages.iter().map(line).collect()
    }

    fn say(&self, tone: Tone, status: u16, text: &str) {
        self.say_all(tone, status, [text]);
    }

    fn say_all<'a>(&self, tone: Tone, status: u16, texts: impl IntoIterator<Item = &'a str>) {
        let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        let status = self.output.tone(tone, status);
        let lines = texts.into_iter().map(|text| format!("{time}  {status}  {}", printable(text)));
        self.output.line(lines.collect::<Vec<_>>().join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, delay, percent};

    #[test]
    fn failures_are_counted_of_a_hundred_or_as_a_share_and_delays_in_milliseconds_or_with_their_unit() {
        let shares = [("20", 20), ("0.2", 20), ("0.05", 5), ("1", 1), ("1.0", 100), ("100", 100), ("0", 0)];
        for (text, expected) in shares {
            assert_eq!(percent(text), Ok(expected), "{text}");
        }
        assert!(["101", "1.5", "0.", "-1", "", "0.x"].iter().all(|text| percent(text).is_err()));
        assert_eq!(delay("500"), Ok(Duration::from_millis(500)));
        assert_eq!(delay("2s"), Ok(Duration::from_secs(2)));
        assert!(["600001", "1h", "soon"].iter().all(|text| delay(text).is_err()));
    }
}
