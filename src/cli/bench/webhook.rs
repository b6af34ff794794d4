//! What is sent: a captured Stripe payment of about 1.5 KB, or of a cart that makes it larger, with ids of Stripe's shape.

use std::fmt::Write;

use crate::cli::context::now_seconds;

/// The body, with places for what differs between two payments.
const PAYMENT: &str = include_str!("payment.json");
/// The account's part of every id.
const ACCOUNT: &str = "KoUZkBbJbT";
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Ids begin with their second, as Stripe's do, so they come nearly sorted. About so many share one.
const PAYMENTS_PER_SECOND: u64 = 20_000;

/// Writes the bodies of a run, each under ids of its own.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    /// Unix seconds.
    created: i64,
    /// So that no two runs share ids.
    seed: u64,
    /// Payments of one order.
    order_reuse: u64,
    /// What is in the cart: the same in all bodies.
    items: String,
}

#[derive(Debug)]
enum Piece {
    Text(&'static str),
    Created,
    Event,
    Payment,
    Order,
    Suffix,
    Items,
}

impl Template {
    /// Bodies of `body_bytes`, or as long as they are without a cart.
    pub(super) fn new(order_reuse: u64, body_bytes: usize) -> Self {
        let bare = Self::with_items(order_reuse, String::new());
        let mut body = Vec::new();
        bare.write(0, &mut body);
        Self { items: items(body_bytes.saturating_sub(body.len())), ..bare }
    }

    fn with_items(order_reuse: u64, items: String) -> Self {
        Self {
            pieces: pieces(PAYMENT),
            created: now_seconds(),
            seed: rand::random(),
            order_reuse: order_reuse.max(1),
            items,
        }
    }

    /// Unix seconds, the time of all its payments.
    pub(super) fn created(&self) -> i64 {
        self.created
    }

    /// Payments in a row that belong to one order.
    pub(super) fn order_reuse(&self) -> u64 {
        self.order_reuse
    }

    /// Appends the body of payment `number`. All bodies of a template have one length.
    pub(super) fn write(&self, number: u64, out: &mut Vec<u8>) {
        let second = number_in_base_62::<5>(self.created.unsigned_abs() + number / PAYMENTS_PER_SECOND);
        let random = number_in_base_62::<8>(scattered(number, self.seed));
        let order = number_in_base_62::<8>(scattered(number / self.order_reuse, self.seed));
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Created => out.extend_from_slice(self.created.to_string().as_bytes()),
                Piece::Event => write_id(out, b"evt_1", &second, &random),
                Piece::Payment => write_id(out, b"pi_3", &second, &random),
                Piece::Suffix => write_id(out, b"", &second, &random),
                Piece::Items => out.extend_from_slice(self.items.as_bytes()),
                Piece::Order => {
                    out.extend_from_slice(b"ord_");
                    out.extend_from_slice(&order);
                }
            }
        }
    }
}

/// A member of so many bytes: a cart, whose last item has a note that fills it up. None where there is no room for one.
fn items(bytes: usize) -> String {
    const BEGIN: &str = r#","items":["#;
    const LAST: &str = r#"{"note":""#;
    const END: &str = r#""}]"#;
    let Some(room) = bytes.checked_sub(BEGIN.len() + LAST.len() + END.len()) else { return String::new() };
    let mut cart = String::new();
    for number in 0_u64.. {
        let sku = number_in_base_62::<8>(scattered(number, 0));
        let (sku, row, seat) = (String::from_utf8_lossy(&sku), number % 40 + 1, number * 7 % 60 + 1);
        let item = format!(
            r#"{{"id":"il_1{ACCOUNT}{sku}","object":"item","amount":{},"currency":"eur","description":"Ticket, row {row}, seat {seat}","discountable":true,"price":"price_1{ACCOUNT}{sku}","quantity":1}},"#,
            4_999 - row * 10
        );
        if cart.len() + item.len() > room {
            break;
        }
        cart.push_str(&item);
    }
    let note = room - cart.len();
    let mut items = String::with_capacity(bytes);
    let _never_fails = write!(items, "{BEGIN}{cart}{LAST}{:x<note$}{END}", "");
    items
}

fn write_id(out: &mut Vec<u8>, prefix: &[u8], second: &[u8], random: &[u8]) {
    for part in [prefix, second, ACCOUNT.as_bytes(), random] {
        out.extend_from_slice(part);
    }
}

/// A text with places like `{event}`, cut at them.
fn pieces(mut text: &'static str) -> Vec<Piece> {
    let places = || {
        [
            ("{created}", Piece::Created),
            ("{event}", Piece::Event),
            ("{payment}", Piece::Payment),
            ("{order}", Piece::Order),
            ("{suffix}", Piece::Suffix),
            ("{items}", Piece::Items),
        ]
    };
    let mut pieces = Vec::new();
    while let Some((at, word, piece)) = places()
        .into_iter()
        .filter_map(|(word, piece)| Some((text.find(word)?, word, piece)))
        .min_by_key(|(at, ..)| *at)
    {
        let (before, after) = text.split_at(at);
        pieces.push(Piece::Text(before));
        pieces.push(piece);
        text = after.strip_prefix(word).unwrap_or(after);
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// A number below 2^47 that looks random and belongs to `number` alone: an odd factor permutes.
fn scattered(number: u64, seed: u64) -> u64 {
    const ODD: u64 = 0x5851_f42d_4c95_7f2d;
    number.wrapping_add(seed).wrapping_mul(ODD) & ((1 << 47) - 1)
}

/// The last `DIGITS` digits.
fn number_in_base_62<const DIGITS: usize>(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(number % 62).unwrap_or_default();
        *digit = BASE_62.get(value).copied().unwrap_or(b'0');
        number /= 62;
    }
    digits
}
