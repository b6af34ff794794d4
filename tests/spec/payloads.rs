//! Signed bodies that no provider should send: each ends as docs/lifecycle.md says, in both databases, and nothing panics.

use bytes::Bytes;
use serde_json::Value;

use crate::webhooks::{Webhook, payment};
use crate::world::World;

/// One body, what becomes of its event, and the order that it is found under, if any.
struct Case {
    name: &'static str,
    body: Bytes,
    outcome: &'static str,
    order: Option<&'static str>,
}

/// A captured payment with a piece of its text replaced.
fn with(from: &str, to: impl AsRef<[u8]>) -> Bytes {
    let body = payment("pi_1").of_order("order-1").succeeded().body;
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (before, after) = text.split_once(from).unwrap_or_else(|| panic!("{from} is not in {text}"));
    [before.as_bytes(), to.as_ref(), after.as_bytes()].concat().into()
}

/// A captured payment with a member more, which nobody reads.
fn beside(member: impl AsRef<[u8]>) -> Bytes {
    with("\"object\":\"event\"", [br#""object":"event","x":"#, member.as_ref()].concat())
}

fn case(name: &'static str, body: Bytes, outcome: &'static str, order: Option<&'static str>) -> Case {
    Case { name, body, outcome, order }
}

/// By the rows of the catalogue of faults: text, depth, NUL, doubled keys, numbers, shapes, sizes, long ids.
#[allow(clippy::too_many_lines, reason = "a table, of a line for each case")]
fn cases() -> Vec<Case> {
    let own = Some("order-1");
    let payment_s = Some("pi_1");
    let long = "i".repeat(9_000);
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    vec![
        case("bytes that are no UTF-8", beside(b"\"\xff\xfe\""), "dead", None),
        case("an overlong slash", beside(b"\"\xc0\xaf\""), "dead", None),
        case("a byte order mark", [b"\xef\xbb\xbf", &with("pi_1", "pi_1")[..]].concat().into(), "dead", None),
        case("half a surrogate where nobody reads", beside(r#""\ud800""#), "applied", own),
        case("half a surrogate as order", with("order-1", r"\ud800"), "applied", payment_s),
        case("128 levels", beside(nested(128)), "applied", own),
        case("400,000 levels", beside(nested(400_000)), "applied", own),
        case("NUL where nobody reads", beside(r#""\u0000""#), "applied", own),
        case("NUL in the order", with("order-1", r"order\u00001"), "applied", payment_s),
        case("NUL in the payment", with("\"id\":\"pi_1\"", r#""id":"pi\u00001""#), "parked", None),
        case("a doubled key where nobody reads", beside(r#"1,"x":2"#), "applied", own),
        case(
            "a doubled amount",
            with("\"amount_received\":1000", r#""amount_received":1,"amount_received":9"#),
            "dead",
            None,
        ),
        case(
            "an amount beyond every type",
            with("\"amount_received\":1000", r#""amount_received":1e400"#),
            "parked",
            own,
        ),
        case(
            "an amount of 30 digits",
            with("\"amount_received\":1000", format!("\"amount_received\":{}", "9".repeat(30))),
            "parked",
            own,
        ),
        case(
            "an amount with decimals",
            with("\"amount_received\":1000", r#""amount_received":10.5"#),
            "parked",
            own,
        ),
        case(
            "an amount below nothing",
            with("\"amount_received\":1000", r#""amount_received":-1"#),
            "parked",
            own,
        ),
        case(
            "an amount as text",
            with("\"amount_received\":1000", r#""amount_received":"1000""#),
            "applied",
            own,
        ),
        case("a number that would expand", beside("1e131000"), "applied", own),
        case("an array for the event", Bytes::from_static(br#"["evt_1",1]"#), "dead", None),
        case(
            "100,000 keys",
            beside(format!(
                "{{{}}}",
                (0..100_000).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(",")
            )),
            "applied",
            own,
        ),
        case("half a million elements", beside(format!("[{}0]", "0,".repeat(499_000))), "applied", own),
        case(
            "an event id of 9,000 characters",
            with("\"id\":\"evt_", format!("\"id\":\"{long}")),
            "dead",
            None,
        ),
        case(
            "a payment id of 9,000 characters",
            with("\"id\":\"pi_1\"", format!("\"id\":\"{long}\"")),
            "parked",
            None,
        ),
        case("an order id of 9,000 characters", with("order-1", &long), "applied", payment_s),
    ]
}

#[tokio::test]
async fn hostile_payloads_end_as_designed_and_are_kept_byte_by_byte() {
    for world in World::on_each_database().await {
        for Case { name, body, outcome, order } in cases() {
            for table in ["events", "payments", "orders", "conflicts"] {
                world.database.execute(&format!("delete from {table}")).await;
            }
            let body = unheard_of(name, &body);
            let answer = world.send(&Webhook { id: String::new(), body: body.clone() }).await;

            assert_eq!(answer.outcome(), outcome, "{name}");
            let told = &answer.json()["receipts"][0]["order"];
            assert_eq!(told, &order.map_or(Value::Null, Value::from), "{name}");
            let rows = world.database.rows("select outcome, payload from events").await;
            assert_eq!((rows.len(), &rows[0]["outcome"]), (1, &Value::from(outcome)), "{name}");
            assert_eq!(rows[0]["payload"], format!("\\x{}", hex::encode(&body)), "{name}");
        }
        world.audit_is_clean().await;
        for panics in ["paylatch_handler_panics_total", "paylatch_lane_panics_total"] {
            assert_eq!(world.replicas[0].metric(panics, &[]).await, 0.0, "{panics}");
        }
    }
}

/// The event under an id of its own: what was committed lately is answered from memory.
fn unheard_of(name: &str, body: &Bytes) -> Bytes {
    let Some(at) = body.windows(9).position(|window| window == b"\"id\":\"evt") else { return body.clone() };
    let id = format!("\"id\":\"evt_{}", name.replace([' ', ','], "_"));
    [&body[..at], id.as_bytes(), &body[at + 9..]].concat().into()
}
