//! Stripe's webhooks in their documented shape, and their signatures.

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The signing secret of the source `stripe`.
pub const SECRET: &str = "whsec_canary_stripe_0123456789abcdef";

/// Names and values of headers.
pub type Headers = Vec<(String, String)>;

/// An event as Stripe sends it.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// `evt_..`
    pub id: String,
    /// The exact bytes.
    pub body: Bytes,
}

/// A payment intent of 1,000 cents, of which webhooks tell.
#[derive(Debug, Clone)]
pub struct Payment {
    id: String,
    order: Option<String>,
    amount: i64,
    currency: &'static str,
}

/// The payment intent `id`, of which no event names the order.
pub fn payment(id: &str) -> Payment {
    Payment { id: id.to_owned(), order: None, amount: 1_000, currency: "usd" }
}

impl Payment {
    /// Its intent and charges carry this order in their metadata.
    pub fn of_order(mut self, order: &str) -> Self {
        self.order = Some(order.to_owned());
        self
    }

    /// How much, in cents.
    pub fn amount(mut self, amount: i64) -> Self {
        self.amount = amount;
        self
    }

    /// In which currency, in Stripe's spelling.
    pub fn in_currency(mut self, currency: &'static str) -> Self {
        self.currency = currency;
        self
    }

    pub fn authorized(&self) -> Webhook {
        self.intent("payment_intent.amount_capturable_updated", "requires_capture", (self.amount, 0))
    }

    pub fn succeeded(&self) -> Webhook {
        self.intent("payment_intent.succeeded", "succeeded", (0, self.amount))
    }

    /// An event of any type about the intent.
    pub fn of_type(&self, type_name: &str) -> Webhook {
        self.intent(type_name, "succeeded", (0, self.amount))
    }

    pub fn failed(&self) -> Webhook {
        self.intent("payment_intent.payment_failed", "requires_payment_method", (0, 0))
    }

    pub fn canceled(&self) -> Webhook {
        self.intent("payment_intent.canceled", "canceled", (0, 0))
    }

    /// The same money as [`Payment::succeeded`], told by the charge.
    pub fn charge_succeeded(&self) -> Webhook {
        event("charge.succeeded", self.charge(0))
    }

    /// Refunds so far, as a running total.
    pub fn charge_refunded(&self, total: i64) -> Webhook {
        event("charge.refunded", self.charge(total))
    }

    /// One refund; Stripe names only the payment in it.
    pub fn refunded(&self, refund: &str, amount: i64) -> Webhook {
        event("refund.created", self.refund(refund, amount, "succeeded"))
    }

    pub fn refund_failed(&self, refund: &str, amount: i64) -> Webhook {
        event("refund.failed", self.refund(refund, amount, "failed"))
    }

    /// A dispute; Stripe names only the payment in it.
    pub fn disputed(&self, dispute: &str, amount: i64) -> Webhook {
        event("charge.dispute.created", self.dispute(dispute, amount, "needs_response"))
    }

    pub fn dispute_won(&self, dispute: &str, amount: i64) -> Webhook {
        event("charge.dispute.closed", self.dispute(dispute, amount, "won"))
    }

    pub fn dispute_lost(&self, dispute: &str, amount: i64) -> Webhook {
        event("charge.dispute.closed", self.dispute(dispute, amount, "lost"))
    }

    /// A paid checkout session, which names the merchant's cart.
    pub fn checkout_completed(&self, cart: &str) -> Webhook {
        let session = json!({
            "id": format!("cs_{}", self.id), "object": "checkout.session", "livemode": false, "mode": "payment",
            "payment_intent": self.id, "payment_status": "paid", "status": "complete", "created": 1_700_000_000,
            "amount_subtotal": self.amount, "amount_total": self.amount, "currency": self.currency,
            "client_reference_id": cart, "metadata": {},
        });
        event("checkout.session.completed", session)
    }

    fn intent(&self, kind: &str, status: &str, (capturable, received): (i64, i64)) -> Webhook {
        let intent = json!({
            "id": self.id, "object": "payment_intent", "livemode": false, "created": 1_700_000_000,
            "amount": self.amount, "amount_capturable": capturable, "amount_received": received,
            "currency": self.currency, "status": status, "capture_method": "automatic",
            "latest_charge": format!("ch_{}", self.id), "metadata": self.metadata(),
        });
        event(kind, intent)
    }

    fn charge(&self, refunded: i64) -> Value {
        json!({
            "id": format!("ch_{}", self.id), "object": "charge", "livemode": false, "created": 1_700_000_000,
            "amount": self.amount, "amount_captured": self.amount, "amount_refunded": refunded,
            "captured": true, "paid": true, "refunded": refunded == self.amount, "disputed": false,
            "currency": self.currency, "status": "succeeded", "payment_intent": self.id,
            "metadata": self.metadata(),
        })
    }

    fn refund(&self, refund: &str, amount: i64, status: &str) -> Value {
        json!({
            "id": refund, "object": "refund", "created": 1_700_000_000, "amount": amount,
            "currency": self.currency, "status": status, "charge": format!("ch_{}", self.id),
            "payment_intent": self.id, "metadata": {}, "reason": null,
        })
    }

    fn dispute(&self, dispute: &str, amount: i64, status: &str) -> Value {
        json!({
            "id": dispute, "object": "dispute", "livemode": false, "created": 1_700_000_000, "amount": amount,
            "currency": self.currency, "status": status, "reason": "fraudulent",
            "charge": format!("ch_{}", self.id), "payment_intent": self.id, "metadata": {},
        })
    }

    fn metadata(&self) -> Value {
        self.order.as_ref().map_or_else(|| json!({}), |order| json!({ "order_id": order }))
    }
}

impl Webhook {
    /// The same event under another id.
    pub fn with_id(&self, id: &str) -> Self {
        self.with("id", json!(id))
    }

    /// The same event at another time (unix seconds).
    pub fn at(&self, time: i64) -> Self {
        self.with("created", json!(time))
    }

    /// The same event with another value of a field of its envelope.
    pub fn with(&self, field: &str, value: Value) -> Self {
        let mut event: Value = serde_json::from_slice(&self.body).expect("JSON");
        event[field] = value;
        Self { id: event["id"].as_str().expect("an id").to_owned(), body: event.to_string().into() }
    }

    /// The headers of a webhook that Stripe sends now.
    pub fn signed(&self) -> Headers {
        self.signed_with(SECRET, now())
    }

    /// The headers of a webhook that the owner of `secret` sends at `time` (unix seconds).
    pub fn signed_with(&self, secret: &str, time: i64) -> Headers {
        let signature = format!("t={time},v1={}", mac(secret, time, &self.body));
        vec![
            ("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()),
            ("Stripe-Signature".to_owned(), signature),
        ]
    }
}

/// What Stripe signs with: HMAC-SHA256 over `time.body`, in hexadecimal.
pub fn mac(secret: &str, time: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// Unix seconds.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Wraps an object into an event of its own id, a second later than the one before.
fn event(kind: &str, object: Value) -> Webhook {
    static EVENTS: AtomicI64 = AtomicI64::new(0);
    let number = EVENTS.fetch_add(1, Ordering::Relaxed);
    let id = format!("evt_{number:06}");
    let body = json!({
        "id": id, "object": "event", "api_version": "2025-09-30.clover", "created": 1_700_000_000 + number,
        "type": kind, "livemode": false, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "data": { "object": object },
    });
    Webhook { id, body: body.to_string().into() }
}
