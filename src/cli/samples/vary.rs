//! Makes another webhook of a sample: new ids, and the amount, order or payment that was asked for.
//!
//! It works on the text, whatever the provider's format: what the source reads from the sample tells which texts to look
//! for, and what it reads from the result proves that the right ones were replaced.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::text::{Text, is_a_number_between, like, replace, replace_id};
use crate::cli::context::{now_micros, now_seconds};
use crate::order::{Currency, Event, Id, Money, Statement, display_amount};
use crate::provider::{Signed, Source, Webhook};

/// The shape of an id that is counted up, when the sample has a short one.
const COUNTED: &str = "100000000";

/// What the new webhook should say; what is not said here is new where it is an id, and as in the sample otherwise.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Wanted {
    /// In minor units.
    pub(in crate::cli) amount: Option<i64>,
    pub(in crate::cli) currency: Option<Currency>,
    pub(in crate::cli) order: Option<String>,
    pub(in crate::cli) payment: Option<String>,
}

/// What `source` reads from a body that it signs itself.
///
/// # Errors
/// Why it does not: only the provider can sign, say.
pub(in crate::cli) fn read(source: &Source, body: &Bytes) -> Result<Vec<Event>, String> {
    read_signed(source, "/", &source.sign(body, now_seconds()))
}

/// The same of one that is signed already, for a URL.
pub(in crate::cli) fn read_signed(
    source: &Source,
    path_and_query: &str,
    signed: &Signed,
) -> Result<Vec<Event>, String> {
    let parse = |(name, value): &(String, String)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    };
    let headers: HeaderMap = signed.headers.iter().filter_map(parse).collect();
    let webhook = Webhook { path_and_query, headers: &headers, body: &signed.body };
    let verified = source.verify(&webhook, now_seconds()).map_err(|rejection| rejection.to_string())?;
    Ok(verified.events(now_micros()))
}

/// The body of another webhook like `body`.
///
/// # Errors
/// What cannot be had of this sample.
pub(in crate::cli) fn vary(source: &Source, body: &Bytes, wanted: &Wanted) -> Result<Bytes, String> {
    let old = only_event(source, body)?;
    let text = std::str::from_utf8(body).map_err(|_| "it is no text".to_owned())?;
    let text = Text::of(text);
    let renamed = with_ids(&text, &old, wanted)?;
    // Most have their own id in the text. Of some it is made of other fields, or of the bytes.
    let texts = [renamed.clone(), with_parts(&renamed, &old), format!("{renamed}{}", text.padding())];
    let mut problem = String::new();
    for text in texts {
        match with_what_is_wanted(source, &text, &old, wanted) {
            Ok(body) => return Ok(body),
            Err(why) => problem = why,
        }
    }
    Err(problem)
}

/// Puts the money in, and looks at what the result says.
fn with_what_is_wanted(source: &Source, text: &str, old: &Event, wanted: &Wanted) -> Result<Bytes, String> {
    let money = old.money().map(|own| Money {
        amount: wanted.amount.unwrap_or(own.amount),
        currency: wanted.currency.unwrap_or(own.currency),
    });
    let new = match money {
        Some(money) => with_money(source, text, old, money)?,
        None if wanted.amount.is_some() || wanted.currency.is_some() => {
            return Err("it has no amount".to_owned());
        }
        None => Bytes::copy_from_slice(text.as_bytes()),
    };
    let event = only_event(source, &new)?;
    if event.key() == old.key() || event.type_name() != old.type_name() {
        return Err("no new id can be put into it".to_owned());
    }
    let is = |own: Option<&Id>, wanted: &Option<String>| {
        wanted.is_none() || own.map(Id::as_str) == wanted.as_deref()
    };
    if !is(event.claim().map(|claim| &claim.order), &wanted.order) {
        return Err("this order cannot be put into it".to_owned());
    }
    if !is(event.payment(), &wanted.payment) {
        return Err("this payment cannot be put into it".to_owned());
    }
    Ok(new)
}

/// The same event with another amount: what a provider would never send, for trying out.
pub(in crate::cli) fn contradict(source: &Source, body: &Bytes, amount: i64) -> Result<Bytes, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is no text".to_owned())?;
    let old = only_event(source, body)?;
    let currency = old.money().ok_or("it has no amount")?.currency;
    with_money(source, text, &old, Money { amount, currency })
}

fn only_event(source: &Source, body: &Bytes) -> Result<Event, String> {
    let mut events = read(source, body)?;
    match (events.pop(), events.is_empty()) {
        (Some(event), true) => Ok(event),
        _ => Err("it carries several events".to_owned()),
    }
}

/// New ids wherever the sample has its own: of the event, the payment, the movement and the order.
fn with_ids(text: &Text<'_>, old: &Event, wanted: &Wanted) -> Result<String, String> {
    let order = old.claim().map(|claim| claim.order.as_str());
    if order.is_none() && wanted.order.is_some() {
        return Err(match old.statement() {
            Statement::Noted(why) | Statement::Parked(why) => {
                format!("this source takes no order from it: {why}")
            }
            _ => "it names no order".to_owned(),
        });
    }
    if old.payment().is_none() && wanted.payment.is_some() {
        return Err("it is about no payment".to_owned());
    }
    if order.is_some() && wanted.payment.is_some() && wanted.order.is_none() {
        return Err("it names an order, which has to be said beside the payment".to_owned());
    }
    let given_or_new = |own: &str, wanted: &Option<String>| wanted.clone().unwrap_or_else(|| like(own));
    let payment = old.payment().map(Id::as_str);
    // The order goes first: with some providers one and the same text is the payment, too.
    let given = [(order, &wanted.order), (payment, &wanted.payment)]
        .map(|(own, wanted)| own.map(|own| (own, given_or_new(own, wanted))));
    let of_message = [Some(old.key().id.as_str()), old.fact().map(|fact| fact.reference.as_str())];
    let made = of_message.map(|own| own.map(|own| (own, like(own))));
    let mut written = text.text.to_owned();
    let mut done: Vec<&str> = Vec::new();
    for (own, new) in given.iter().chain(&made).flatten() {
        // The movement may be the payment itself.
        if !done.contains(own) {
            written = replace_id(&written, &text.write(own), &text.write(new));
            done.push(own);
        }
    }
    Ok(written)
}

/// The same for the fields that the event's id is put together from, up to a time: those that have digits.
fn with_parts(text: &str, old: &Event) -> String {
    let is_no_time = |part: &&str| ![4, 7].iter().all(|place| part.as_bytes().get(*place) == Some(&b'-'));
    let parts = old.key().id.as_str().split(':').take_while(is_no_time);
    let ids = parts.filter(|part| part.contains(|own: char| own.is_ascii_digit()));
    ids.fold(text.to_owned(), |written, part| {
        // Of few digits there are soon no new ones.
        let new = if part.len() < 6 { like(COUNTED) } else { like(part) };
        replace_id(&written, part, &new)
    })
}

/// The money in the form in which the sample has it: as minor units, or as people write it.
fn with_money(source: &Source, text: &str, old: &Event, money: Money) -> Result<Bytes, String> {
    let own = old.money().ok_or("it has no amount")?;
    let [old_code, new_code] = [own, &money].map(|money| money.currency.as_str().to_owned());
    let text = replace_id(text, &old_code, &new_code);
    let text = replace_id(&text, &old_code.to_ascii_lowercase(), &new_code.to_ascii_lowercase());
    for write in [in_minor_units, in_decimals, in_two_decimals, in_few_decimals] {
        let (old, new) = (write(own.amount, own.currency), write(money.amount, money.currency));
        let body = Bytes::from(replace(&text, &old, &new, is_a_number_between));
        if only_event(source, &body).is_ok_and(|event| event.money() == Some(&money)) {
            return Ok(body);
        }
    }
    Err("this amount or currency cannot be put into it".to_owned())
}

fn in_minor_units(amount: i64, _: Currency) -> String {
    amount.to_string()
}

fn in_decimals(amount: i64, currency: Currency) -> String {
    display_amount(amount, currency)
}

/// `20.00`, also where the currency has more decimals.
fn in_two_decimals(amount: i64, currency: Currency) -> String {
    let few = in_few_decimals(amount, currency);
    let decimals = few.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match decimals {
        0 => format!("{few}.00"),
        1 => format!("{few}0"),
        _ => few,
    }
}

/// `20` and `20.5`, as programs write numbers.
fn in_few_decimals(amount: i64, currency: Currency) -> String {
    let decimals = display_amount(amount, currency);
    match decimals.contains('.') {
        true => decimals.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => decimals,
    }
}
