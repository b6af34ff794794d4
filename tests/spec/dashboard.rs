//! The dashboard: who may see and do what, that nothing a stranger chose becomes part of a page, and that every link leads on.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::json;

use crate::client::Answer;
use crate::replica::Replica;
use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

const OPERATOR: &str = "canary_operator_token";
const VIEWER: &str = "canary_viewer_token";

/// What would be markup, a script, or a text that reads otherwise than it is.
const HOSTILE: &str =
    "\"><img src=x onerror=alert(1)>'\u{202e}gpj.live\u{2066}&amp;</script><script>alert(1)</script>{{7*7}}";

/// As long as an id may be.
fn hostile(prefix: &str) -> String {
    let text = format!("{prefix}{HOSTILE}");
    let rest = 255 - text.chars().count();
    text + &"é".repeat(rest)
}

fn header(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn bearer(token: &str) -> (String, String) {
    header("Authorization", format!("Bearer {token}"))
}

fn browser(cookie: &str) -> Vec<(String, String)> {
    vec![header("Accept", "text/html"), header("Cookie", cookie)]
}

/// What a form of a page sends.
async fn submit(
    replica: &Replica,
    path: &str,
    headers: &[(String, String)],
    fields: &[(&str, &str)],
) -> Answer {
    let body =
        fields.iter().fold(form_urlencoded::Serializer::new(String::new()), |mut form, (name, value)| {
            form.append_pair(name, value);
            form
        });
    let mut headers = headers.to_vec();
    headers.push(header("Content-Type", "application/x-www-form-urlencoded"));
    headers.push(header("Sec-Fetch-Site", "same-origin"));
    replica.send_admin(Method::POST, path, &headers, { body }.finish()).await
}

async fn log_in(replica: &Replica, token: &str) -> Option<String> {
    let fields = [("token", token), ("name", "Ann"), ("then", "/orders")];
    let answer = submit(replica, "/login", &[], &fields).await;
    (answer.status == StatusCode::SEE_OTHER).then(|| {
        assert_eq!(answer.header("location"), Some("/orders"));
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    })
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// Where the links of a page lead.
fn links(page: &str) -> BTreeSet<String> {
    let hrefs = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let own = hrefs.filter(|href| !href.starts_with("data:") && !href.is_empty());
    own.map(|href| {
        format!("/{}", href.trim_start_matches("./").trim_start_matches('/').replace("&amp;", "&"))
    })
    .collect()
}

/// Where the forms of a page that change something lead.
fn actions(page: &str) -> BTreeSet<String> {
    let forms = page.split("method=\"post\" action=\"").skip(1).filter_map(|rest| rest.split('"').next());
    forms.map(|action| format!("/{action}")).collect()
}

/// A webhook of money without an amount.
fn parked(id: &str) -> Webhook {
    let object = json!({"object": "payment_intent", "id": format!("{id}_payment"), "currency": "usd"});
    payment("pi_parked").succeeded().with_id(id).with("data", json!({ "object": object }))
}

fn escaped_in_path(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// One of everything, with hostile names wherever a stranger chooses one.
async fn fill(world: &World) {
    let (order, event, of_payment) = (hostile("o"), hostile("e"), hostile("p"));
    let paid = payment(&of_payment).of_order(&order).succeeded().with_id(&event);
    let odd = payment(&of_payment).of_order("another<b>").of_type(&hostile("t")).with_id("evt_odd");
    let refunded = payment("pi_2").of_order("ord_2").refunded("re_2", 5_000);
    let webhooks =
        [&paid, &odd, &payment("pi_2").of_order("ord_2").succeeded(), &refunded, &parked(&hostile("k"))];
    for webhook in webhooks {
        assert_eq!(world.send(webhook).await.status, StatusCode::OK);
    }
    let other = payment(&of_payment).of_order(&order).amount(77).succeeded().with_id(&event);
    assert_eq!(world.send(&other).await.outcome(), "conflict");
    world.send(&payment("pi_3").succeeded()).await;
    let replica = &world.replicas[0];
    replica.post("/webhooks/stripe", &[], paid.body.clone()).await.unwrap();
    replica.post("/webhooks/%3Cscript%3Ealert(1)", &[], paid.body.clone()).await.unwrap();
}

/// The API refuses a source that there is not, where a page shows an empty list and links to it.
fn may_be_refused(path: &str, answer: &Answer) -> bool {
    path.contains("outcome=&")
        || answer.status == StatusCode::SEE_OTHER
        || text(answer).contains("source: expected one of")
}

#[tokio::test]
async fn nothing_that_a_stranger_chose_becomes_part_of_a_page_and_every_link_leads_on() {
    for world in World::on_each_database().await {
        fill(&world).await;
        let replica = &world.replicas[0];
        let question = escaped_in_path(&hostile("o"));
        let mut waiting: BTreeSet<String> = [
            "orders",
            "events",
            "find",
            "rejected",
            "live",
            "actions",
            "settlements",
        ]
        .iter()
        .map(|page| {
            format!("/{page}?q={question}&source={question}&type={question}&order={question}&done={question}")
        })
        .chain([format!("/find?q={}", &question[..9]), "/".to_owned()])
        .collect();
        let (mut seen, mut forms) = (BTreeSet::new(), BTreeSet::new());
        while let Some(path) = waiting.pop_first() {
            if !seen.insert(path.clone()) || path.starts_with("/api/v1/live") {
                continue;
            }
            assert!(seen.len() < 400, "the pages lead on for ever: {seen:?}");
            let answer = replica.admin(&path).await;
            assert!(
                answer.status == StatusCode::OK || may_be_refused(&path, &answer),
                "{path}: {} {}",
                answer.status,
                text(&answer)
            );
            let kind = answer.header("content-type").unwrap_or_default().to_owned();
            if !kind.starts_with("text/html") || path == "/docs" {
                continue;
            }
            let page = text(&answer);
            is_harmless(&path, &page, &answer);
            forms.extend(actions(&page));
            waiting.extend(links(&page));
        }
        for page in
            ["/attention", "/sources/stripe", "/health", "/events/stripe/evt%5Fodd", "/orders/stripe/ord%5F2"]
        {
            let is_seen = seen.iter().any(|own| own.replace("%5F", "_") == page.replace("%5F", "_"));
            assert!(is_seen, "{page} is led to: {seen:?}");
        }
        assert!(
            forms.iter().any(|action| action.starts_with("/orders/stripe/ord_2/acknowledge")),
            "{forms:?}"
        );
        for action in forms {
            let answer = submit(replica, &action, &[], &[]).await;
            assert!(
                ![404, 405].contains(&answer.status.as_u16()) || action.contains("logout"),
                "{action}: {answer:?}"
            );
        }
    }
}

/// A page without what fields are filled in with: that goes back as it came, and is nothing but text.
fn without_values(page: &str) -> String {
    let mut parts = page.split(" value=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| shown + part.split_once('"').map_or("", |(_, rest)| rest))
}

fn is_harmless(path: &str, page: &str, answer: &Answer) {
    let page = &without_values(page);
    for markup in
        ["<img", "<script>", "onerror=alert(1)>", "\u{202e}", "\u{2066}", " style=", "javascript:", "://"]
    {
        let shown = page.replace("onerror=alert(1)&gt;", "").replace("http://www.w3.org", "");
        assert!(!shown.contains(markup), "{markup:?} in {path}: {page}");
    }
    assert_eq!(page.matches("<script").count(), 1, "only the script of our own: {path}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{path}");
    }
}

#[tokio::test]
async fn a_viewer_sees_everything_but_bodies_and_changes_nothing() {
    let tokens = |plan: Plan| {
        let plan = plan.set("admin_token", &format!("'{OPERATOR}'"));
        plan.set("admin_view_token", &format!("'{VIEWER}'"))
    };
    let world = tokens(Plan::sqlite()).start().await;
    let webhook = payment("pi_1").of_order("ord_1").succeeded();
    world.send(&webhook).await;
    world.send(&parked("evt_parked")).await;
    let replica = &world.replicas[0];
    let (operator, viewer) =
        (log_in(replica, OPERATOR).await.unwrap(), log_in(replica, VIEWER).await.unwrap());
    assert_eq!(log_in(replica, "wrong").await, None);

    let raw = format!("/api/v1/events/stripe/{}/raw", webhook.id);
    for path in
        ["/", "/orders/stripe/ord_1", "/attention", "/api/v1/orders", "/metrics", "/api/v1/actions", &raw]
    {
        let asked = async |headers: &[(String, String)]| {
            replica.ask_admin(Method::GET, path, headers).await.status.as_u16()
        };
        let for_viewers = if path == raw { 403 } else { 200 };
        assert_eq!(asked(&[]).await, 401, "{path}");
        assert_eq!(asked(&[bearer(OPERATOR)]).await, 200, "{path}");
        assert_eq!(asked(&[bearer(VIEWER)]).await, for_viewers, "{path}");
        assert_eq!(asked(&browser(&operator)).await, 200, "{path}");
        assert_eq!(asked(&browser(&viewer)).await, for_viewers, "{path}");
    }
    let to_login =
        replica.ask_admin(Method::GET, "/orders?status=paid", &[header("Accept", "text/html")]).await;
    assert_eq!(to_login.header("location"), Some("/login?then=%2Forders%3Fstatus%3Dpaid"));

    let event = format!("/events/stripe/{}", webhook.id);
    let shown = async |cookie: &str| text(&replica.ask_admin(Method::GET, &event, &browser(cookie)).await);
    assert!(shown(&operator).await.contains("payment_intent") && shown(&operator).await.contains("<pre"));
    assert!(
        !shown(&viewer).await.contains("<pre")
            && !shown(&viewer).await.contains("method=\"post\" action=\"reprocess")
    );

    for action in ["/events/stripe/evt_parked/acknowledge", "/reprocess", "/payments/stripe/pi_1/assign"] {
        let answer = submit(replica, action, &browser(&viewer), &[("note", "no")]).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "not_permitted"), "{action}");
    }
    assert_eq!(world.count("operator_actions").await, 0);
    let note = [("note", "settled by hand")];
    let answer = submit(replica, "/events/stripe/evt_parked/acknowledge", &browser(&operator), &note).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    let actions = world.database.rows("select actor, role, action, target, note from operator_actions").await;
    assert_eq!(actions.len(), 1, "{actions:?}");
    let told = ["actor", "role", "action", "target", "note"]
        .map(|name| actions[0][name].as_str().unwrap().to_owned());
    assert_eq!(told, ["Ann", "operator", "acknowledge_event", "evt_parked", "settled by hand"]);
}

#[tokio::test]
async fn a_session_ends_when_its_token_is_another() {
    let plan = Plan::sqlite().set("admin_token", &format!("'{OPERATOR}'"));
    let world = plan.start().await;
    let replica = &world.replicas[0];
    let cookie = log_in(replica, OPERATOR).await.unwrap();
    let status =
        async || replica.ask_admin(Method::GET, "/api/v1/orders", &browser(&cookie)).await.status.as_u16();
    assert_eq!(status().await, 200);
    let port = replica.admin_address().port();
    assert!(cookie.starts_with(&format!("paylatch_{port}=")), "{cookie}");
    replica.rewrite(|settings| {
        settings.insert("admin_token".to_owned(), "'canary_another_token'".to_owned());
    });
    replica.terminate();
    replica.ended().await;
    replica.start_again().await;
    assert_eq!(status().await, 401, "the cookie was made by a token that is gone");
}

#[tokio::test]
async fn only_pages_of_this_server_may_change_anything_with_or_without_a_token() {
    let world = Plan::sqlite().start().await;
    world.send(&parked("evt_parked")).await;
    let replica = &world.replicas[0];
    let own = replica.admin_address();
    let path = "/events/stripe/evt_parked/acknowledge";
    let form = header("Content-Type", "application/x-www-form-urlencoded");
    for foreign in [
        vec![
            header("Sec-Fetch-Site", "same-site"),
            header("Origin", format!("http://127.0.0.1:{}", own.port() ^ 1)),
        ],
        vec![header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")],
        vec![header("Sec-Fetch-Site", "none")],
        vec![header("Origin", format!("http://127.0.0.1:{}", own.port() ^ 1))],
        vec![header("Origin", "null")],
    ] {
        let headers: Vec<_> = foreign.into_iter().chain([form.clone()]).collect();
        for path in [path, "/reprocess", "/login", "/api/v1/coupons", "/api/v1/payments/stripe/pi/assignment"]
        {
            let answer = replica.send_admin(Method::POST, path, &headers, "note=no".to_owned()).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "cross_origin"),
                "{path} {headers:?}"
            );
        }
    }
    assert_eq!(world.count("event_acknowledgements").await, 0);
    let rebound = [header("Host", "evil.example")];
    let answer = replica.ask_admin(Method::GET, "/", &rebound).await;
    assert_eq!(answer.code(), "host_unknown", "a name that a page made up for this machine");

    let of_ours = [form, header("Origin", format!("http://{own}"))];
    let answer = replica.send_admin(Method::POST, path, &of_ours, "note=settled".to_owned()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert_eq!(world.count("event_acknowledgements").await, 1);
}

#[tokio::test]
async fn an_order_shows_what_it_came_to_after_each_event() {
    for world in World::on_each_database().await {
        let payment = payment("pi_1").of_order("ord_1012");
        world
            .outcomes(&[
                &payment.succeeded(),
                &payment.refunded("re_1", 400),
                &payment.refund_failed("re_1", 400),
            ])
            .await;
        let replica = &world.replicas[0];
        let found = replica.admin("/find?q=ord_1012").await;
        assert_eq!(found.header("location"), Some("/orders/stripe/ord_1012"), "one step from every page");
        for by in ["happened", "arrived"] {
            let page = text(&replica.admin(&format!("/orders/stripe/ord_1012?by={by}")).await);
            let table = page.split("rows timeline").nth(1).unwrap().split("<tbody>").nth(1).unwrap();
            let rows = table.split("</tr>").take(3);
            let after: Vec<bool> = rows.map(|row| row.contains("refunded 4.00 USD")).collect();
            assert_eq!(after, [false, true, false], "the refund came and went: {table}");
            assert!(page.contains("Paid: 10.00 USD was captured"), "{page}");
        }
        world.outcomes(&[&payment.refunded("re_2", 9_900)]).await;
        let page = text(&replica.admin("/orders/stripe/ord_1012").await);
        assert!(page.contains("captured 10.00 USD, refunded 99.00 USD"), "its anomaly, as money: {page}");
    }
}

#[tokio::test]
async fn orders_that_are_not_paid_as_expected_and_findings_are_among_what_needs_a_person() {
    for world in World::on_each_database().await {
        let replica = &world.replicas[0];
        world.outcomes(&[&payment("pi_1").of_order("ord_1").succeeded()]).await;
        let terms = json!({"amount": 500, "currency": "USD", "revision": 1});
        replica.put_admin("/api/v1/expectations/stripe/ord_1", &terms).await;
        world.database.execute(&finding("ch_1")).await;
        // The list is a moment behind, and what was counted is shown for half a minute.
        eventually("it is listed", async || {
            let list = replica.admin("/api/v1/settlements?anomaly=overpaid").await.json();
            list["settlements"].as_array().is_some_and(|rows| rows.len() == 1).then_some(())
        })
        .await;
        let page = eventually("it is shown", async || {
            let page = text(&replica.admin("/").await);
            page.contains("needs you <b>2</b>").then_some(page)
        })
        .await;
        assert!(page.contains("<b>1</b> order not paid as expected"), "{page}");
        assert!(page.contains("<b>1</b> finding"), "{page}");
        let page = text(&replica.admin("/attention").await);
        assert!(!page.contains("Nothing needs you") && page.contains("not paid as you expect"), "{page}");
    }
}

#[tokio::test]
async fn parked_events_are_read_again_once_it_was_shown_what_that_changes() {
    for world in World::on_each_database().await {
        let replica = &world.replicas[0];
        world.send(&payment("pi_1").of_order("ord_1").succeeded()).await;
        let id = world.database.rows("select event_id from events").await[0]["event_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let damage =
            "update events set outcome = 'parked', reason = 'amount is missing', facts_sha256 = body_sha256";
        world.database.execute(damage).await;

        let attention = text(&replica.admin("/attention").await);
        assert!(
            attention.contains("amount is missing") && attention.contains("show what would change"),
            "{attention}"
        );
        let chosen = [("source", "stripe"), ("outcome", "parked")];
        let plan = text(&submit(replica, "/reprocess", &[], &chosen).await);
        assert!(plan.contains("1 would change") && plan.contains("Do it"), "{plan}");
        assert_eq!(world.event(&id).await.unwrap()["outcome"], "parked", "nothing is written by looking");
        assert_eq!(world.count("operator_actions").await, 0);

        let asked = json!({"source": "stripe", "outcome": "parked", "dry_run": false});
        let refused = replica.post_admin("/api/v1/reprocess", &asked).await.unwrap();
        assert_eq!(refused.code(), "body_invalid", "a reason is asked for");
        let now = [chosen[0], chosen[1], ("now", "true"), ("note", "the definition was mended")];
        let done = text(&submit(replica, "/reprocess", &[], &now).await);
        assert!(done.contains("1 changed"), "{done}");
        assert_ne!(world.event(&id).await.unwrap()["outcome"], "parked");
        assert_eq!(world.count("operator_actions").await, 1);
        world.audit_is_clean().await;
        let actions = text(&replica.admin("/actions").await);
        assert!(
            actions.contains("reprocess event") && actions.contains("the definition was mended"),
            "{actions}"
        );
    }
}

#[tokio::test]
async fn all_that_failed_for_one_cause_is_settled_at_once_and_nothing_else_is() {
    for world in World::on_each_database().await {
        let replica = &world.replicas[0];
        for id in ["evt_1", "evt_2", "evt_3", "evt_4"] {
            world.send(&parked(id)).await;
        }
        let other_type = parked("evt_other").with("type", json!("payment_intent.canceled"));
        world.send(&other_type).await;
        let other_cause = "update events set reason = 'another one' where event_id = 'evt_4'";
        world.database.execute(other_cause).await;
        let note = json!({"note": "test traffic", "cause": "parked"});

        let path = "/api/v1/events/stripe/evt_1/acknowledgements";
        let wrong = json!({"note": "test traffic", "cause": "applied"});
        assert_eq!(replica.post_admin(path, &wrong).await.unwrap().code(), "query_invalid");
        let settled = replica.post_admin(path, &note).await.unwrap().json();
        assert_eq!((&settled["settled"], &settled["more"]), (&3.into(), &false.into()), "{settled}");
        let again = replica.post_admin(path, &note).await.unwrap();
        assert_eq!((again.status.as_u16(), again.code().as_str()), (404, "unknown_event"));

        let attention = text(&replica.admin("/attention").await);
        assert!(attention.contains("another one") && !attention.contains("evt_1"), "{attention}");
        let form = [("note", "by hand"), ("cause", "parked")];
        let answer = submit(replica, "/events/stripe/evt_4/acknowledge", &[], &form).await;
        assert_eq!(answer.header("location"), Some("/attention?done=Acknowledged+1+event."));

        let kept =
            "select target, note from operator_actions where action = 'acknowledge_cause' order by action_id";
        let kept = world.database.rows(kept).await;
        let told = |row: usize, column: &str| kept[row][column].as_str().unwrap().to_owned();
        assert_eq!((told(0, "target"), told(0, "note")), ("evt_1".to_owned(), "test traffic".to_owned()));
        assert_eq!((told(1, "target"), told(1, "note")), ("evt_4".to_owned(), "by hand".to_owned()));
        assert_eq!((kept.len(), world.count("event_acknowledgements").await), (2, 4));
    }
}

#[tokio::test]
async fn a_finding_is_settled_from_its_page_and_over_the_api() {
    for world in World::on_each_database().await {
        let replica = &world.replicas[0];
        for reference in ["ch_1", "ch/2"] {
            world.database.execute(&finding(reference)).await;
        }
        let page = text(&replica.admin("/settlements").await);
        assert!(actions(&page).contains("/findings/stripe/ch%2F2/acknowledge"), "{page}");
        let answer =
            submit(replica, "/findings/stripe/ch%2F2/acknowledge", &[], &[("note", "known to the bank")])
                .await;
        assert_eq!(answer.header("location"), Some("/settlements?done=Acknowledged+1+finding."));

        let path = "/api/v1/findings/stripe/ch_1/acknowledgements";
        let settled = replica.post_admin(path, &json!({"note": "known"})).await.unwrap().json();
        assert_eq!(settled, json!({"source": "stripe", "reference": "ch_1", "settled": 1}));
        assert!(text(&replica.admin("/settlements").await).contains("Nothing disagrees"));
        let none = "/api/v1/findings/stripe/none/acknowledgements";
        let none = replica.post_admin(none, &json!({"note": "?"})).await.unwrap();
        assert_eq!(none.code(), "unknown_finding");
        assert_eq!(world.count("operator_actions").await, 2);
    }
}

#[tokio::test]
async fn a_refused_webhook_is_explained_and_a_silent_source_is_named() {
    let world = Plan::sqlite().set("sources.stripe.quiet_after", "'1m'").start().await;
    let replica = &world.replicas[0];
    let webhook = payment("pi_1").of_order("ord_1").succeeded();
    world.send(&webhook).await;
    let forged = webhook.signed_with("whsec_canary_of_another", crate::webhooks::now());
    replica.post("/webhooks/stripe", &forged, webhook.body.clone()).await.unwrap();
    replica.post("/webhooks/strype", &[], webhook.body.clone()).await.unwrap();

    let page = crate::servers::eventually("the cause is found", async || {
        let page = text(&replica.admin("/rejected").await);
        page.contains("body rewritten").then_some(page)
    })
    .await;
    assert!(page.contains("/webhooks/strype was asked for"), "{page}");
    let told = replica.admin("/api/v1/rejections").await.json();
    assert_eq!(told["rejections"].as_array().unwrap().len(), 2, "{told}");

    assert_eq!(replica.admin("/api/v1/sources").await.json()["sources"][0]["state"], "heard");
    let long_ago = "update events set received_at = '2026-01-01T00:00:00.000000Z'";
    world.database.execute(long_ago).await;
    assert_eq!(replica.admin("/api/v1/sources").await.json()["sources"][0]["state"], "silent");
    assert!(text(&replica.admin("/").await).contains(">silent<"));
}

#[tokio::test]
async fn the_first_page_of_a_process_does_not_wait_for_a_count_of_what_needs_a_person() {
    let world = Plan::postgres().start().await;
    assert_eq!(world.outcomes(&[&parked("evt_parked")]).await, ["parked"]);
    let replica = &world.replicas[0];
    replica.terminate();
    replica.ended().await;
    replica.start_again().await;
    eventually("the server counted", async || {
        (replica.metric("paylatch_events_parked", &[]).await == 1.0).then_some(())
    })
    .await;

    // Whoever counts waits, and nothing else of the page does.
    let held = world
        .database
        .execute("begin; lock table acknowledgements in access exclusive mode; select pg_sleep(5); commit");
    let looked = async {
        let waits = "select count(*) from pg_locks where relation = 'acknowledgements'::regclass and granted and mode = 'AccessExclusiveLock'";
        eventually("the table is locked", async || (world.database.number(waits).await == 1).then_some(()))
            .await;
        let page = text(&replica.admin("/").await);
        assert_eq!(world.database.number(waits).await, 1, "it was held all the while");
        page
    };
    let (page, ()) = tokio::join!(looked, held);
    assert!(page.contains("needs you <b>1</b>") && page.contains("<b>1</b> parked event"), "{page}");
}

#[tokio::test]
#[ignore = "needs chromium, node and packages of npm: run by scripts/test --all"]
async fn every_page_holds_in_a_browser() {
    let world = Plan::sqlite()
        .set("endpoints.shop.url", "'http://127.0.0.1:9/nobody'")
        .set("endpoints.shop.secrets", &format!("['{}']", crate::receiver::SECRET))
        .start()
        .await;
    fill(&world).await;
    let of_shop = payment("pi_1012").of_order("ord_1012");
    world.outcomes(&[&of_shop.authorized(), &of_shop.succeeded(), &of_shop.refunded("re_1012", 400)]).await;
    world.database.execute(&finding(&hostile("r").replace('\'', "''"))).await;
    let expected = json!({"amount": 2_000, "currency": "USD", "revision": 1});
    world.replicas[0].put_admin("/api/v1/expectations/stripe/ord_1012", &expected).await;
    let (order, event) = (escaped_in_path(&hostile("o")), escaped_in_path(&hostile("e")));
    let of_all = [
        format!("/orders/stripe/{order}"),
        format!("/events/stripe/{event}"),
        "/orders/stripe/ord_1012".to_owned(),
    ];
    let lists = [
        "/",
        "/orders",
        "/events",
        "/find?q=ord",
        "/attention",
        "/rejected",
        "/sources",
        "/sources/stripe",
        "/health",
    ];
    let rest = ["/settlements", "/endpoints", "/live", "/actions", "/docs"];
    let pages: Vec<String> = lists.into_iter().chain(rest).map(str::to_owned).chain(of_all).collect();
    let empty = Plan::sqlite().start().await;
    let closed = Plan::sqlite().set("admin_token", &format!("'{OPERATOR}'")).start().await;
    let all = [
        (&world, pages),
        (&empty, ["/", "/orders", "/attention"].map(str::to_owned).to_vec()),
        (&closed, vec!["/login".to_owned()]),
    ];
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let looking = all.map(|(world, pages)| {
        let mut node = std::process::Command::new("node");
        node.arg(root.join("tests/browser/pages.mjs"))
            .arg(root.join("target/browser-packages"))
            .arg(format!("http://{}", world.replicas[0].admin_address()))
            .args(pages);
        tokio::task::spawn_blocking(move || node.output())
    });
    for looked in looking {
        let output = looked.await.unwrap().expect("node");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    }
}

/// What inserts an open finding.
fn finding(reference: &str) -> String {
    format!(
        "insert into findings (reference, source, kind, finding, detail, first_seen, last_seen)
         values ('{reference}', 'stripe', 'captured', 'missing_here', '{{}}', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')"
    )
}
