//! `paylatch certificates fetch`: the certificates that a provider signs with, from its own hosts into `cert_dir`.

use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Request;

use super::context::{Context, now_seconds};
use super::failure::{Exit, Failure};
use crate::config::Needs;
use crate::http_client::{HttpClient, Limits, Tls};

/// A chain of certificates has some KB.
const LIMITS: Limits = Limits {
    connect_within: Duration::from_secs(5),
    answer_within: Duration::from_secs(10),
    answer_bytes_max: 64 * 1024,
};

#[derive(Args)]
pub(super) struct Certificates {
    #[command(subcommand)]
    does: Does,
}

#[derive(Subcommand)]
enum Does {
    /// Fetch certificates from the provider's own hosts, and save those that lead to the source's authorities.
    #[command(
        after_help = "Example: paylatch certificates fetch --source paypal https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
    )]
    Fetch(Fetch),
}

#[derive(Args)]
struct Fetch {
    /// The source whose provider signs with a certificate.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// Their URLs, as the provider's webhooks give them (PayPal: the header paypal-cert-url).
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
}

/// Fetches and keeps each, or stops at the first that may not be trusted.
pub(super) async fn run(context: &Context, certificates: &Certificates) -> Result<(), Failure> {
    let Does::Fetch(fetch) = &certificates.does;
    let settings = context.settings(Needs { database: false, sources: true })?;
    let source = context.source(&settings, &fetch.source)?;
    let own = source.certificates().ok_or_else(|| {
        let message = format!("the provider of source {} signs with no certificate", source.name());
        Failure::new(Exit::Usage, "no_certificates", message)
    })?;
    let client = HttpClient::new(LIMITS, &Tls::default());
    let client = client.map_err(|why| Failure::new(Exit::Failed, "no_client", why))?;
    for url in &fetch.urls {
        let untrusted = |why: String| {
            Failure::new(Exit::Failed, "certificate_refused", format!("{url}: {why}"))
                .hint("nothing was saved of it; trust.pem in cert_dir holds the authorities to trust")
        };
        let name = own.name_of(url).map_err(|rejection| untrusted(rejection.detail))?;
        let pem = get(&client, url).await?;
        let file = own.keep(name, &pem, now_seconds()).map_err(untrusted)?;
        context.output.line(format_args!("{} is trusted and saved", file.display()));
    }
    Ok(())
}

async fn get(client: &HttpClient, url: &str) -> Result<Bytes, Failure> {
    let unfetched =
        |why: String| Failure::new(Exit::Unavailable, "certificate_unfetched", format!("{url}: {why}"));
    let request = Request::get(url).body(Bytes::new()).map_err(|error| unfetched(error.to_string()))?;
    let answer = client.send(request).await.map_err(|why| unfetched(why.to_string()))?;
    match answer.status().as_u16() {
        200 => Ok(answer.into_body()),
        status => Err(unfetched(format!("it answers {status}"))),
    }
}
