//! `paylatch sign`: a webhook as its provider would send it, as a curl line.

use std::path::{Path, PathBuf};

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::context::{Context, now_seconds};
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::sender::{content_type, webhook_url};
use super::stored::webhook_of;
use crate::config::Needs;
use crate::provider::{Signed, Source, Webhook};

/// The longest body that goes into the line itself, in bytes: systems limit the length of an argument.
const INLINE_BYTES_MAX: usize = 100_000;

#[derive(Args)]
pub(super) struct Sign {
    /// The source whose secret signs.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// The file with the body.
    #[arg(required_unless_present = "event")]
    file: Option<PathBuf>,
    /// Instead of a file, this event of the source, by the bytes that are stored.
    #[arg(long, value_name = "EVENT_ID", conflicts_with = "file")]
    event: Option<String>,
    /// Where to send it: the whole URL, or the server's alone [default: the configured listener].
    #[arg(long)]
    url: Option<String>,
}

/// Prints the curl line.
pub(super) async fn run(context: &Context, sign: &Sign) -> Result<(), Failure> {
    let needs = Needs { database: sign.event.is_some(), sources: false };
    let settings = context.settings_or_dev(needs)?;
    let source = context.source(&settings, &sign.source)?;
    let url = webhook_url(sign.url.as_deref(), &settings, source)?;
    let fixture = match (&sign.event, &sign.file) {
        (Some(event), _) => webhook_of(&context.reached_store(&settings).await?, source, &url, event).await?,
        (None, Some(file)) => Fixture::read(file)?,
        (None, None) => return Ok(()),
    };
    let signed = signed(source, &url, &fixture)?;
    context.output.line(curl_line(&url.to_string(), &signed, &fixture)?);
    Ok(())
}

/// The webhook as its provider would send it, if this program can make one that its own server would take.
fn signed(source: &Source, url: &Uri, fixture: &Fixture) -> Result<Signed, Failure> {
    let (path_and_query, now) = (url.path_and_query().map_or("/", |path| path.as_str()), now_seconds());
    let signed = source.sign_again(path_and_query, &fixture.headers, &fixture.body, now);
    let parsed = |(name, value): &(String, String)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    };
    let headers: HeaderMap = signed.headers.iter().filter_map(parsed).collect();
    let webhook = Webhook { path_and_query, headers: &headers, body: &signed.body };
    match source.verify(&webhook, now) {
        Ok(_) => Ok(signed),
        Err(rejection) => {
            let message = format!(
                "no request of {} can be signed here that its source would take: {}",
                fixture.path.display(),
                rejection.detail
            );
            Err(Failure::new(Exit::Failed, "cannot_sign", message).hint(
                "where the provider signs with a key of its own, only it can: let it send one (its dashboard has a test \
                 or a resend button), or `paylatch import` what it exports",
            ))
        }
    }
}

/// A line that sends `signed` when it is pasted. A body that its provider signs from within differs from the file's, and
/// is written into the line; so is one that is in no file.
pub(super) fn curl_line(url: &str, signed: &Signed, fixture: &Fixture) -> Result<String, Failure> {
    let headers = content_type(&signed.headers, &signed.body);
    let headers: String = headers
        .iter()
        .chain(&signed.headers)
        .map(|(name, value)| format!(" -H {}", quote(&format!("{name}: {value}"))))
        .collect();
    let body = if fixture.is_file && signed.body == fixture.body {
        format!("@{}", fixture.path.display())
    } else {
        inline(&signed.body, &fixture.path)?
    };
    Ok(format!("curl -sS {}{headers} --data-binary {}", quote(url), quote(&body)))
}

fn inline(body: &[u8], path: &Path) -> Result<String, Failure> {
    let text =
        std::str::from_utf8(body).ok().filter(|text| text.len() <= INLINE_BYTES_MAX && !text.contains('\0'));
    text.filter(|text| !text.starts_with('@')).map(str::to_owned).ok_or_else(|| {
        let message = format!("the signed body of {} does not fit into a command line", path.display());
        Failure::new(Exit::Failed, "body_not_inline", message).hint("`paylatch replay` signs and sends it")
    })
}

/// One word for a shell, whatever is in it.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(body: &'static str) -> Fixture {
        Fixture { is_file: true, ..Fixture::new("it's.json", body.into()) }
    }

    #[test]
    fn the_line_names_the_file_whose_exact_bytes_were_signed() {
        let signed = Signed { headers: vec![("Sig".into(), "t=1".into())], body: "{}".into() };
        assert_eq!(
            curl_line("http://h/webhooks/s", &signed, &fixture("{}")).unwrap(),
            r"curl -sS 'http://h/webhooks/s' -H 'Content-Type: application/json' -H 'Sig: t=1' --data-binary '@it'\''s.json'"
        );
    }

    #[test]
    fn a_body_that_carries_its_own_signature_stands_in_the_line() {
        let signed = Signed { headers: Vec::new(), body: r#"{"sig":"it's"}"#.into() };
        let line = curl_line("http://h/", &signed, &fixture("{}")).unwrap();
        assert!(line.ends_with(r#"--data-binary '{"sig":"it'\''s"}'"#), "{line}");
    }

    #[test]
    fn a_line_that_could_not_verify_is_not_printed_and_one_of_a_signed_url_does() {
        let of = |provider: &str| crate::provider::tests::source(crate::provider::tests::settings(provider));
        let url = |text: &str| text.parse::<Uri>().unwrap();
        let refused = signed(&of("paypal"), &url("http://h/webhooks/paypal"), &fixture("{}")).unwrap_err();
        assert_eq!(refused.code(), "cannot_sign");
        assert!(refused.message().contains("paypal-transmission-id is missing"), "{refused}");

        let notified = fixture(r#"{"id":"1","type":"payment","data":{"id":"123"}}"#);
        let asked = url("http://h/webhooks/mercadopago?data.id=123&type=payment");
        signed(&of("mercadopago"), &asked, &notified).unwrap();
        signed(&of("mercadopago"), &url("http://h/webhooks/mercadopago"), &notified).unwrap();
    }
}
