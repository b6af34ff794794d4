//! `paylatch healthcheck`: whether the server of these settings is ready, for containers without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::printable;
use super::send::tell_chain;
use crate::config::Needs;

/// A container runtime gives a check a few seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer that is shown, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

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
    let late = |_| failed(format!("did not answer within {} s", ANSWER_WITHIN.as_secs()));
    let silent = |why| {
        failed(why).hint("is it running? `listen` of the settings says where it is looked for, or --url")
    };
    let (status, body) = timeout(ANSWER_WITHIN, ask(&url)).await.map_err(late)?.map_err(silent)?;
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
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(url: &Uri) -> Result<(StatusCode, String), String> {
    let (host, is_https) = (url.host().unwrap_or_default(), url.scheme_str() == Some("https"));
    let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let socket = TcpStream::connect((host.trim_matches(['[', ']']), port)).await;
    let socket = socket.map_err(|error| format!("does not answer: {error}"))?;
    if is_https { ask_over(secured(socket, host).await?, url).await } else { ask_over(socket, url).await }
}

/// As other probes do it, whoever shows whatever certificate is asked: nothing secret is sent.
#[cfg(feature = "tls")]
async fn secured(
    socket: TcpStream,
    host: &str,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static, String> {
    crate::http::connect_unverified(socket, host)
        .await
        .map_err(|error| format!("does not speak TLS: {error}"))
}

#[cfg(not(feature = "tls"))]
async fn secured(_: TcpStream, _: &str) -> Result<TcpStream, String> {
    Err("cannot be asked: expected a program built with `--features tls`".to_owned())
}

async fn ask_over(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Uri,
) -> Result<(StatusCode, String), String> {
    let gone = |error: hyper::Error| format!("does not answer: {}", tell_chain(&error));
    let (mut sender, connection) = handshake(TokioIo::new(socket)).await.map_err(gone)?;
    tokio::spawn(connection);
    let request = Request::get(url.path_and_query().map_or("/readyz", |path| path.as_str()))
        .header(header::HOST, url.authority().map_or("", |authority| authority.as_str()))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(gone)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
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
