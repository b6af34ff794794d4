//! `paylatch send`: one webhook of a kind, with new ids, as its provider would send it.

use std::collections::BTreeMap;

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::context::Context;
use super::edit::edited;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::healthcheck::reachable;
use super::output::printable;
use super::receipts::receipts;
use super::samples::{self, Wanted};
use super::sender::{Sender, Sent, webhook_url};
use crate::config::{Needs, Settings};
use crate::order::Currency;
use crate::provider::Source;

#[derive(Args)]
pub(super) struct Send {
    /// The source that it is sent to, and whose secret signs.
    source: String,
    /// The type of event, in the provider's words. Without it, the types that can be sent are listed.
    #[arg(value_name = "TYPE")]
    type_name: Option<String>,
    /// The amount, in minor units: 4200 of USD is 42.00.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    amount: Option<i64>,
    /// The currency, such as USD. That of the sample unless it is said.
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// The merchant's order. A new one unless it is said.
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// The provider's payment, such as that of a refund. A new one unless it is said.
    #[arg(long, value_name = "ID")]
    payment: Option<String>,
    /// Change the body in your editor before it is sent.
    #[arg(long, requires = "type_name")]
    edit: bool,
    /// Where to send it: the whole URL, or the server's alone [default: the configured listener].
    #[arg(long)]
    url: Option<String>,
}

/// Sends it, and prints its receipt; tells whether it was accepted.
pub(super) async fn run(context: &Context, send: &Send) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let source = context.source(&settings, &send.source)?;
    let url = webhook_url(send.url.as_deref(), &settings, source)?;
    let types = samples::by_type(source);
    if types.is_empty() {
        let provider = &source.settings().provider;
        let nothing = format!("there is nothing in the program that can be sent for provider {provider}");
        return Err(Failure::new(Exit::Usage, "no_samples", nothing)
            .hint("`paylatch sign` and `paylatch replay` send files of yours"));
    }
    let Some(type_name) = &send.type_name else {
        types.keys().for_each(|name| context.output.line(printable(name)));
        return Ok(true);
    };
    let made = send.of_type(source, &types, type_name)?;
    let body = if send.edit { edited(context, made)? } else { made };
    let sent = Sender::new(source.clone(), url.clone())?.send_all(vec![body], 1, || {}).await;
    if let [Sent { answer: Err(why), .. }] = &sent[..] {
        return Err(Failure::new(
            Exit::Unavailable,
            "no_server",
            format!("no server answers at {url}: {why}"),
        )
        .hint("`paylatch dev` starts one; --url names another"));
    }
    context.output.line(receipts(&sent));
    if let Some(page) = page(&settings, source, &sent) {
        context.output.note(format_args!("the order: {page}"));
    }
    Ok(sent.iter().all(Sent::is_accepted))
}

/// Where the order can be looked at, if the server is that of these settings.
fn page(settings: &Settings, source: &Source, sent: &[Sent]) -> Option<String> {
    let order = sent.first()?.answer.as_ref().ok()?.receipts.first()?.order.as_ref()?;
    let order = utf8_percent_encode(order, NON_ALPHANUMERIC).to_string().replace("%5F", "_");
    Some(format!("http://{}/orders/{}/{order}", reachable(settings.admin_listen), source.name()))
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::new(&text.to_ascii_uppercase()).ok_or_else(|| "expected a code such as USD".to_owned())
}

impl Send {
    /// Made of the first sample of the type that can say what is wanted.
    fn of_type(
        &self,
        source: &Source,
        types: &BTreeMap<String, Vec<Fixture>>,
        type_name: &str,
    ) -> Result<Fixture, Failure> {
        let unknown = || {
            let nothing = format!("there is no {type_name:?} of source {} in the program", source.name());
            let names: Vec<_> = types.keys().map(|name| printable(name)).collect();
            Failure::new(Exit::Usage, "unknown_type", nothing)
                .hint(format_args!("there are: {}", names.join(", ")))
        };
        let of_type = types.get(type_name).ok_or_else(unknown)?;
        let wanted = Wanted {
            amount: self.amount,
            currency: self.currency,
            order: self.order.clone(),
            payment: self.payment.clone(),
        };
        let mut problem = String::new();
        for sample in of_type {
            match samples::vary(source, &sample.body, &wanted) {
                Ok(body) => return Ok(Fixture::new(type_name, body)),
                Err(why) => problem = why,
            }
        }
        Err(Failure::new(
            Exit::Usage,
            "unsupported_change",
            format!("a {type_name} cannot be sent so: {problem}"),
        )
        .hint("leave out what cannot be had, or write a file and `paylatch replay` it"))
    }
}
