//! `paylatch dev --demo`: webhooks that are in the program, so that every page and command has something to show.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::Uri;

use crate::cli::failure::{Exit, Failure};
use crate::cli::fixtures::Fixture;
use crate::cli::output::Output;
use crate::cli::replay::Summary;
use crate::cli::samples::{self, Wanted, contradict, vary};
use crate::cli::sender::{Sender, Sent};
use crate::provider::{Providers, Source, SourceSettings};

/// Whose samples are sent, all of them: together they have every status, and some that are parked.
const SOURCES: [&str; 4] = ["stripe", "adyen", "paystack", "razorpay"];
/// The source that what needs a person is sent to, too.
const TROUBLED: &str = "stripe";
/// A capture of 20.00 USD among its samples, and a refund of another payment.
const CAPTURE: &str = "03-payment_intent.succeeded.json";
const REFUND: &str = "07-refund.created.json";
/// Far more than was captured, in minor units.
const TOO_MUCH: i64 = 99_900;
/// Verified, and no JSON to its end.
const UNREADABLE: &[u8] = br#"{"id":"evt_demo_unreadable","object":"event","type":"payment_intent.succ"#;
/// Of a type that nobody mapped.
const UNMAPPED: &[u8] = br#"{"id":"evt_demo_unmapped","object":"event","created":1789003000,"livemode":false,
"type":"payment_intent.teleported","data":{"object":{"id":"pi_demo_unmapped","object":"payment_intent"}}}"#;

/// Sends them, and sums up what became of them.
pub(super) async fn run(
    output: Output,
    providers: &Providers,
    sources: &[Source],
    address: SocketAddr,
) -> Result<(), Failure> {
    output.line("The demonstration, also with what needs a person, so with warnings, and one webhook of a stranger:\n");
    let begun = Instant::now();
    let mut sent = Vec::new();
    let of_demo = |source: &&Source| SOURCES.contains(&source.name().as_str());
    for source in sources.iter().filter(of_demo) {
        sent.extend(send(source, address, samples::of(&source.settings().provider)).await?);
        if source.name().as_str() == TROUBLED {
            sent.extend(send(source, address, trouble(source)?).await?);
            let stranger = stranger(providers, source)?;
            sent.extend(send(&stranger, address, vec![sample(source, CAPTURE)?]).await?);
        }
    }
    Summary::of(&sent, begun.elapsed()).tell(output);
    output.line("");
    Ok(())
}

async fn send(source: &Source, address: SocketAddr, fixtures: Vec<Fixture>) -> Result<Vec<Sent>, Failure> {
    let url = format!("http://{address}/webhooks/{}", source.name());
    let url: Uri =
        url.parse().map_err(|_| Failure::new(Exit::Failed, "wrong_url", format!("{url} is no URL")))?;
    Ok(Sender::new(source.clone(), url)?.send_all(fixtures, 1, || {}).await)
}

/// What needs a person: another body under a known id, a refund of more than there was, what cannot be read, what nobody
/// mapped. And a duplicate, which needs nobody.
fn trouble(source: &Source) -> Result<Vec<Fixture>, Failure> {
    let wrong =
        |why| Failure::new(Exit::Failed, "no_samples", format!("the demonstration cannot be made: {why}"));
    let (capture, refund) = (sample(source, CAPTURE)?, sample(source, REFUND)?);
    let payment = samples::read(source, &refund.body).map_err(wrong)?;
    let payment = payment.first().and_then(|event| event.payment()).map(ToString::to_string);
    let too_much = Wanted { amount: Some(TOO_MUCH), payment, ..Wanted::default() };
    Ok(vec![
        Fixture::new("a duplicate", capture.body.clone()),
        Fixture::new("a conflict", contradict(source, &capture.body, TOO_MUCH).map_err(wrong)?),
        Fixture::new("a refund of too much", vary(source, &refund.body, &too_much).map_err(wrong)?),
        Fixture::new("an unreadable one", Bytes::from_static(UNREADABLE)),
        Fixture::new("an unmapped one", Bytes::from_static(UNMAPPED)),
    ])
}

fn sample(source: &Source, name: &str) -> Result<Fixture, Failure> {
    let of_source = samples::of(&source.settings().provider).into_iter();
    let missing = || Failure::new(Exit::Failed, "no_samples", format!("{name} is not in the program"));
    of_source.into_iter().find(|sample| sample.name() == name).ok_or_else(missing)
}

/// One who claims to be the source and does not have its secret.
fn stranger(providers: &Providers, source: &Source) -> Result<Source, Failure> {
    let secrets = vec![providers.generate_secret(&source.settings().provider)];
    let settings = SourceSettings { secrets, ..source.settings().clone() };
    Source::new(settings, providers)
        .map_err(|_| Failure::new(Exit::Failed, "no_samples", "no source can be made for the demonstration"))
}
