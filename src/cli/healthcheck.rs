//! `paylatch healthcheck`: whether the server of these settings is ready, for containers without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode, Uri};

use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::printable;
use crate::config::Needs;
use crate::http_client::{HttpClient, Limits, Tls, Trust};

/// A container runtime gives a check a few seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Args)]
pub(super) struct Healthcheck {
    /// What to ask [default: /readyz of the configured listener].
    #[arg(long)]
    url: Option<String>,
}

/// Asks, and says why not if it is not ready.
pub(super) async fn run(context: &Context, check: &Healthcheck) -> Result<(), Failure> {
    let url = url(context, check)?;
    let failed = |why: String| Failure::new(Exit::Failed, "not_ready", format!("{url} {why}"));
    let silent = |why| {
        failed(why).hint("is it running? `listen` of the settings says where it is looked for, or --url")
    };
    let (status, body) = ask(&url).await.map_err(silent)?;
    if status != StatusCode::OK {
        return Err(failed(format!("answers {}", status.as_u16())).fact(printable(body.trim())));
    }
    context.output.line("ready");
    Ok(())
}

fn url(context: &Context, check: &Healthcheck) -> Result<Uri, Failure> {
    let text = match &check.url {
        Some(url) => url.clone(),
        None => {
            let settings = context.settings_or_dev(Needs::default())?;
            let scheme = if settings.http.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", reachable(settings.listen))
        }
    };
    let wrong = || {
        Failure::new(Exit::Usage, "wrong_url", format!("{text:?} is no URL of a server"))
            .hint("expected a URL such as http://127.0.0.1:8080/readyz")
    };
    let url: Uri = text.parse().map_err(|_| wrong())?;
    match (url.scheme_str(), url.authority(), url.path()) {
        (Some(scheme), Some(authority), "/") => {
            format!("{scheme}://{authority}/readyz").parse().map_err(|_| wrong())
        }
        (Some(_), Some(_), _) => Ok(url),
        _ => Err(wrong()),
    }
}

/// Who listens on every address is asked on this machine's own.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// As other probes do it, whoever shows whatever certificate is asked: nothing secret is sent.
async fn ask(url: &Uri) -> Result<(StatusCode, String), String> {
    let limits = Limits {
        connect_within: ANSWER_WITHIN,
        answer_within: ANSWER_WITHIN,
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    let client = HttpClient::new(limits, &Tls { trust: Trust::Anyone, identity: None })?;
    let request = Request::get(url).body(Bytes::new()).map_err(|error| error.to_string())?;
    let answer = client.send(request).await.map_err(|why| format!("does not answer: {why}"))?;
    Ok((answer.status(), String::from_utf8_lossy(answer.body()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_server_on_every_address_is_asked_on_the_loopback() {
        for (listen, asked) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:8080", "[::1]:8080"), ("10.0.0.7:80", "10.0.0.7:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
