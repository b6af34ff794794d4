//! Settled: was this order paid, in full, once, in the right currency, by the right account?

use http::Method;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::servers::eventually;
use crate::webhooks::{SECRET, Webhook, payment};
use crate::world::{Plan, World};

/// A shop with cards and gift cards: two sources of one ledger.
fn shop(plan: Plan) -> Plan {
    plan.set("sources.stripe.ledger", "'shop'")
        .set("sources.gift.provider", "'stripe'")
        .set("sources.gift.secrets", &format!("['{SECRET}']"))
        .set("sources.gift.ledger", "'shop'")
}

async fn on_each_database() -> [World; 2] {
    [shop(Plan::postgres()).start().await, shop(Plan::sqlite()).start().await]
}

fn usd(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

impl World {
    async fn expect(&self, order: &str, terms: &Value) -> Answer {
        self.replicas[0].put_admin(&format!("/api/v1/expectations/shop/{order}"), terms).await
    }

    async fn settlement(&self, order: &str) -> Value {
        self.replicas[0].admin(&format!("/api/v1/expectations/shop/{order}")).await.json()
    }

    /// What came of it, what is held, what is due, and what a person should look at.
    async fn verdict(&self, order: &str) -> (String, i64, i64, Vec<String>) {
        let told = self.settlement(order).await;
        let anomalies = told["anomalies"].as_array().unwrap().iter();
        (
            told["settlement"].as_str().unwrap().to_owned(),
            told["held"].as_i64().unwrap(),
            told["due"].as_i64().unwrap(),
            anomalies.map(|one| one["anomaly"].as_str().unwrap().to_owned()).collect(),
        )
    }

    async fn pays_by_gift_card(&self, webhook: &Webhook) {
        let answer = self.replicas[0].post("/webhooks/gift", &webhook.signed(), webhook.body.clone()).await;
        assert_eq!(answer.unwrap().outcome(), "applied");
    }

    /// The list comes to say what the order itself does: it is a moment behind.
    async fn list_agrees(&self, order: &str) {
        let now = self.settlement(order).await;
        eventually("the list agrees with the order", async || {
            let list = self.replicas[0].admin("/api/v1/settlements?limit=200").await.json();
            let row = list["settlements"].as_array()?.iter().find(|row| row["order_id"] == order)?.clone();
            let agrees = ["settlement", "held", "due", "captured", "refunded", "lost", "anomalies"]
                .iter()
                .all(|column| row[column] == now[column]);
            agrees.then_some(())
        })
        .await;
    }
}

fn verdict(settlement: &str, held: i64, due: i64, anomalies: &[&str]) -> (String, i64, i64, Vec<String>) {
    (settlement.to_owned(), held, due, anomalies.iter().map(|word| (*word).to_owned()).collect())
}

#[tokio::test]
async fn an_order_is_settled_by_the_money_that_came_and_the_list_follows() {
    for world in on_each_database().await {
        let order = payment("pi_1").of_order("order-1").amount(10_000);
        let answer = world.expect("order-1", &usd(10_000)).await;
        assert_eq!((answer.status.as_u16(), answer.json()["outcome"].clone()), (201, "stated".into()));
        assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 10_000, &[]));
        world.list_agrees("order-1").await;

        world.outcomes(&[&order.succeeded()]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 10_000, 0, &[]));
        world.list_agrees("order-1").await;

        world.outcomes(&[&order.refunded("re_1", 4_000)]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 6_000, 4_000, &[]));
        world.list_agrees("order-1").await;
        world.audit_is_clean().await;
    }
}

#[tokio::test]
async fn of_several_statements_the_highest_revision_counts_in_whatever_order_they_come() {
    for world in on_each_database().await {
        let revised =
            |revision: i64, amount: i64| json!({ "amount": amount, "currency": "usd", "revision": revision });
        for (revision, amount, status, outcome) in [
            (2, 9_000, 201, "stated"),
            (1, 10_000, 200, "superseded"),
            (2, 9_000, 200, "held"),
            (1, 10_000, 200, "superseded"),
            (3, 8_000, 201, "stated"),
        ] {
            let answer = world.expect("order-1", &revised(revision, amount)).await;
            assert_eq!((answer.status.as_u16(), answer.json()["outcome"].clone()), (status, outcome.into()));
        }
        assert_eq!(world.settlement("order-1").await["expected"]["amount"], 8_000);

        let answer = world.expect("order-1", &revised(3, 7_999)).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (409, "expectation_conflict".to_owned()));
        assert_eq!(world.settlement("order-1").await["expected"]["amount"], 8_000, "the first stands");
        assert_eq!(world.count("expectation_conflicts").await, 1, "the other is kept");
        assert_eq!(world.count("expectations").await, 3);
    }
}

#[tokio::test]
async fn what_cannot_be_expected_is_refused_and_an_unknown_order_or_ledger_is_said_to_be() {
    for world in on_each_database().await {
        let ask = async |path: &str| {
            let answer = world.replicas[0].admin(path).await;
            (answer.status.as_u16(), answer.code())
        };
        assert_eq!(ask("/api/v1/expectations/stripe/order-1").await, (404, "unknown_ledger".to_owned()));
        assert_eq!(ask("/api/v1/expectations/shop/order-1").await, (404, "unknown_order".to_owned()));
        assert_eq!(ask("/api/v1/settlements?anomaly=odd").await, (400, "query_invalid".to_owned()));
        for terms in [
            json!({ "amount": -1, "currency": "USD" }),
            json!({ "amount": 1.5, "currency": "USD" }),
            json!({ "amount": 1, "currency": "US" }),
            json!({ "amount": 1 }),
            json!({ "amount": 1, "currency": "USD", "tolerance": 3 }),
            json!({ "amount": 1, "currency": "USD", "due_at": "tomorrow" }),
            json!({ "amount": 1, "currency": "USD", "due_at": "-000001-01-01T00:00:00Z" }),
            json!({ "amount": 9_223_372_036_854_775_808_u64, "currency": "USD" }),
        ] {
            let answer = world.expect("order-1", &terms).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (400, "body_invalid".to_owned()), "{terms}");
        }
        assert_eq!(world.count("expectations").await, 0);
        // Money of which nobody said what it should be.
        world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
        let told = world.settlement("order-1").await;
        assert_eq!((&told["expected"], &told["settlement"]), (&Value::Null, &Value::Null));
        assert_eq!(told["orders"][0]["captured"], 1_000);
    }
}

#[tokio::test]
async fn a_thousand_orders_are_stated_at_once_and_a_line_that_is_wrong_states_none() {
    for world in on_each_database().await {
        let line = |n: u32, ledger: &str| {
            format!(
                "{{\"ledger\":\"{ledger}\",\"order\":\"order-{n}\",\"amount\":{n},\"currency\":\"USD\"}}\n"
            )
        };
        let post = async |lines: String| world.replicas[0].post_lines("/api/v1/expectations", lines).await;
        let thousand: String = (0..1_000).map(|n| line(n, "shop")).collect();

        assert_eq!(post(format!("{thousand}{}", line(1_000, "shop"))).await.code(), "body_invalid");
        assert_eq!(post(format!("{}{}", line(0, "shop"), line(1, "other"))).await.code(), "unknown_ledger");
        assert_eq!(post(format!("{}{{}}", line(0, "shop"))).await.code(), "body_invalid");
        assert_eq!(world.count("expectations").await, 0);

        let answer = post(format!("{thousand}\n")).await.json();
        assert_eq!(answer["expectations"].as_array().unwrap().len(), 1_000);
        assert_eq!(answer["expectations"][999]["outcome"], "stated");
        assert_eq!(world.count("expectations").await, 1_000);

        let twice = line(0, "shop")
            + &line(0, "shop").replace(":0,", ":7,")
            + &line(7, "shop").replace("order-7", "new").repeat(2);
        let answer = post(twice).await.json();
        let outcomes: Vec<&Value> =
            answer["expectations"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
        assert_eq!(outcomes, ["held", "conflict", "stated", "held"]);
    }
}

#[tokio::test]
async fn a_buyer_who_changed_the_amount_is_seen() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(23_775)).await;
        world.outcomes(&[&payment("pi_1").of_order("order-1").amount(5).succeeded()]).await;
        assert_eq!(world.verdict("order-1").await, verdict("underpaid", 5, 23_770, &["underpaid"]));
    }
}

#[tokio::test]
async fn a_buyer_who_changed_the_currency_has_not_paid() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(10_000)).await;
        // The first cent decides the currency of the order's own row, and of nothing else.
        let yen = payment("pi_1").of_order("order-1").amount(10_000).in_currency("jpy");
        world.outcomes(&[&yen.succeeded()]).await;
        assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 10_000, &["currency_unexpected"]));

        world.outcomes(&[&payment("pi_2").of_order("order-1").amount(10_000).succeeded()]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 10_000, 0, &["currency_unexpected"]));

        world.outcomes(&[&yen.refunded("re_1", 10_000)]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 10_000, 0, &[]));
    }
}

#[tokio::test]
async fn a_payment_that_names_another_s_order_settles_only_what_it_named_first() {
    for world in on_each_database().await {
        world.expect("mine", &usd(1_000)).await;
        world.expect("theirs", &usd(1_000)).await;
        let intent = payment("pi_1");
        world
            .outcomes(&[
                &intent.clone().of_order("theirs").succeeded(),
                &intent.of_order("mine").charge_succeeded(),
            ])
            .await;
        assert_eq!(world.verdict("theirs").await, verdict("settled", 1_000, 0, &[]));
        assert_eq!(world.verdict("mine").await, verdict("unpaid", 0, 1_000, &[]));
        assert_eq!(world.settlement("theirs").await["orders"][0]["anomaly"], "order_mismatch");
    }
}

#[tokio::test]
async fn money_of_a_foreign_account_settles_nothing() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let world = shop(plan).set("sources.stripe.accounts", "['acct_ours']").start().await;
        world.expect("order-1", &usd(1_000)).await;
        let paid = payment("pi_1").of_order("order-1").succeeded();
        assert_eq!(world.outcomes(&[&paid.with("account", json!("acct_evil"))]).await, ["noted"]);
        assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 1_000, &[]));
    }
}

#[tokio::test]
async fn money_for_a_canceled_order_is_seen_until_it_is_given_back() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(1_000)).await;
        let closed = json!({ "amount": 1_000, "currency": "USD", "revision": 2, "closed": true });
        world.expect("order-1", &closed).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 0, 0, &[]));

        let order = payment("pi_1").of_order("order-1");
        world.outcomes(&[&order.succeeded()]).await;
        assert_eq!(world.verdict("order-1").await, verdict("overpaid", 1_000, 0, &["paid_though_closed"]));
        world.outcomes(&[&order.refunded("re_1", 1_000)]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 0, 0, &[]));
    }
}

#[tokio::test]
async fn a_free_order_is_settled_without_a_payment() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(0)).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 0, 0, &[]));
    }
}

#[tokio::test]
async fn a_gift_card_and_a_card_add_up_over_two_sources() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(10_000)).await;
        world.pays_by_gift_card(&payment("gift_1").of_order("order-1").amount(4_000).succeeded()).await;
        assert_eq!(world.verdict("order-1").await, verdict("underpaid", 4_000, 6_000, &["underpaid"]));
        world.outcomes(&[&payment("pi_1").of_order("order-1").amount(6_000).succeeded()]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 10_000, 0, &[]));
        world.list_agrees("order-1").await;
        assert_eq!(world.settlement("order-1").await["orders"].as_array().unwrap().len(), 2);

        let told = world.cli(&["orders", "order-1", "--json"]).await;
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        assert_eq!(told["settlement"]["settlement"], "settled");
        assert_eq!(told["settlement"]["orders"].as_array().unwrap().len(), 2);
        assert_eq!(told["timeline"].as_array().unwrap().len(), 2);
        let one = world.replicas[0].admin("/api/v1/orders/gift/order-1").await.json();
        assert_eq!((&one["captured"], &one["settlement"]["held"]), (&4_000.into(), &10_000.into()));
    }
}

#[tokio::test]
async fn partial_payments_add_up_and_a_second_whole_one_is_one_too_many() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(3_000)).await;
        let part = |id: &str, amount| payment(id).of_order("order-1").amount(amount).succeeded();
        world.outcomes(&[&part("pi_1", 1_000), &part("pi_2", 2_000)]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 3_000, 0, &[]));
        world.outcomes(&[&part("pi_3", 3_000)]).await;
        assert_eq!(world.verdict("order-1").await, verdict("overpaid", 6_000, 0, &["paid_twice"]));
        world.list_agrees("order-1").await;

        let listed =
            world.replicas[0].admin("/api/v1/settlements?anomaly=paid_twice&ledger=shop").await.json();
        assert_eq!(listed["settlements"].as_array().unwrap().len(), 1);
        let listed = world.cli(&["orders", "--settlement", "overpaid", "--json"]).await;
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(listed[0]["order_id"], "order-1");

        world.outcomes(&[&payment("pi_3").of_order("order-1").amount(3_000).refunded("re_1", 3_000)]).await;
        assert_eq!(world.verdict("order-1").await, verdict("settled", 3_000, 0, &[]));
    }
}

#[tokio::test]
async fn an_unpaid_order_is_an_anomaly_only_once_it_is_due() {
    for world in on_each_database().await {
        world
            .expect("early", &json!({ "amount": 5, "currency": "USD", "due_at": "2999-01-01T00:00:00Z" }))
            .await;
        world
            .expect("late", &json!({ "amount": 5, "currency": "USD", "due_at": "2026-01-01T00:00:00Z" }))
            .await;
        assert_eq!(world.verdict("early").await, verdict("unpaid", 0, 5, &[]));
        assert_eq!(world.verdict("late").await, verdict("unpaid", 0, 5, &["unpaid"]));
        world.list_agrees("late").await;
        let listed = world.replicas[0].admin("/api/v1/settlements?anomaly=unpaid").await.json();
        assert_eq!(listed["settlements"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_customer_who_came_back_makes_an_event_due_and_coming_back_again_does_not_put_it_off() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(1_000)).await;
        let come_back = async || {
            let path = "/api/v1/expectations/shop/order-1/returned";
            let answer = world.replicas[0].ask_admin(Method::POST, path, &[]).await;
            assert_eq!(answer.status, 200);
            let told = answer.json();
            (told["returned_at"].clone(), told["expected"]["due_at"].clone())
        };
        let first = come_back().await;
        assert!(first.0.is_string() && first.1.is_string(), "{first:?}");
        assert_eq!(come_back().await, first);
        assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 1_000, &[]));

        world
            .database
            .execute("update customer_returns set returned_at = '2026-01-01T00:00:00.000000Z'")
            .await;
        assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 1_000, &["unpaid"]));
        // An event that came says that the webhooks do; the money may take its time.
        world.outcomes(&[&payment("pi_1").of_order("order-1").failed()]).await;
        assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 1_000, &[]));
    }
}

#[tokio::test]
async fn anomalies_of_settlements_fail_the_production_check_are_counted_and_end_with_a_revision() {
    for world in on_each_database().await {
        let payment_part = async || {
            let check = world.cli(&["check", "--production", "--json"]).await;
            let check: Value = serde_json::from_slice(&check.stdout).unwrap();
            check.as_array().unwrap().iter().find(|part| part["part"] == "payment").unwrap().clone()
        };
        world.expect("order-1", &usd(500)).await;
        world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
        world.list_agrees("order-1").await;
        assert_eq!(payment_part().await["code"], "settlement_anomalies");
        // It counts when it starts, and twice a minute.
        world.replicas[0].kill();
        world.replicas[0].start_again().await;
        eventually("it is counted", async || {
            let labels = ["ledger=\"shop\"", "anomaly=\"overpaid\""];
            (world.replicas[0].metric("paylatch_settlements", &labels).await == 1.0).then_some(())
        })
        .await;

        let expect = ["expect", "order-1", "10.00", "USD", "--revision", "2", "--ledger", "shop"];
        assert!(world.cli(&expect).await.status.success());
        world.list_agrees("order-1").await;
        assert_eq!(payment_part().await["ok"], true);
    }
}

#[tokio::test]
async fn the_command_line_states_what_the_api_does() {
    for world in on_each_database().await {
        let stated = world
            .cli(&["expect", "order-1", "100.00", "USD", "--due", "2d", "--tolerance-over", "20", "--json"])
            .await;
        let stated: Value = serde_json::from_slice(&stated.stdout).unwrap();
        assert_eq!(
            (&stated["outcome"], &stated["settlement"]["expected"]["amount"]),
            (&"stated".into(), &10_000.into())
        );

        let again = world.cli(&["expect", "order-1", "99.00", "USD"]).await;
        let told = String::from_utf8_lossy(&again.stderr).into_owned();
        assert_eq!(again.status.code(), Some(1), "{told}");
        assert!(told.contains("expectation_conflict") && told.contains("--revision 2"), "{told}");
        assert_eq!(world.cli(&["expect", "order-1", "99.001", "USD"]).await.status.code(), Some(2));

        let closed = world.cli(&["expect", "order-1", "100.00", "USD", "--close", "--revision", "2"]).await;
        assert!(closed.status.success());
        assert_eq!(world.verdict("order-1").await, verdict("settled", 0, 0, &[]));

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("orders.jsonl");
        std::fs::write(
            &file,
            "{\"ledger\":\"shop\",\"order\":\"order-2\",\"amount\":7,\"currency\":\"USD\"}\n",
        )
        .unwrap();
        let stated = world.cli(&["expect", "--file", file.to_str().unwrap()]).await;
        assert_eq!(
            String::from_utf8_lossy(&stated.stdout).trim(),
            "0 conflict, 0 held, 1 stated, 0 superseded"
        );
        assert_eq!(world.verdict("order-2").await, verdict("unpaid", 0, 7, &[]));
        // An order of which nothing came yet is found, too.
        assert!(world.cli(&["orders", "order-2"]).await.status.success());
    }
}

#[tokio::test]
async fn expectations_are_stated_from_a_csv_by_the_names_of_its_header_and_never_by_a_guess() {
    let world = shop(Plan::sqlite()).start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders.csv");
    let state = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        let stated = world.cli(&["expect", "--file", file.to_str().unwrap()]).await;
        let told = [stated.stdout, stated.stderr].concat();
        (stated.status.code(), String::from_utf8_lossy(&told).trim().to_owned())
    };
    // A byte order mark, CRLF, quotes with commas and line breaks in them, other columns, another order of them.
    let exported = "\u{feff}note,currency,\"amount_decimal\",order,ledger,closed\r\n\
                    \"=cmd|' /C calc'!A0, \"\"quoted\"\"\r\n\",USD,10.00,order-1,shop,\r\n\
                    ,JPY,500,order-2,shop,true\r\n";
    assert_eq!(state(exported).await, (Some(0), "0 conflict, 0 held, 2 stated, 0 superseded".to_owned()));
    assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 1_000, &[]));
    let minor = "order,ledger,amount,currency,revision\norder-1,shop,700,USD,2\n\norder-1,shop,700,USD,2\n";
    assert_eq!(state(minor).await, (Some(0), "0 conflict, 1 held, 1 stated, 0 superseded".to_owned()));
    assert_eq!(world.verdict("order-1").await, verdict("unpaid", 0, 700, &[]));

    let open_quote = format!("order,ledger,amount,currency\n\"{}", "x".repeat(1 << 20));
    for (text, problem) in [
        ("order,ledger,amount,currency\norder-3,shop,10.00,USD\n", "line 2: amount: expected a whole number"),
        ("order,ledger,amount,currency\norder-3,shop,10\n", "line 2: it has 3 cells, the header 4"),
        ("order,ledger,currency\norder-3,shop,USD\n", "no column amount"),
        (
            "order,ledger,amount,amount_decimal,currency\norder-3,shop,10,0.10,USD\n",
            "both amount and amount_decimal",
        ),
        (&open_quote, "is a quote left open?"),
    ] {
        let (code, told) = state(text).await;
        assert!(code == Some(1) && told.contains(problem), "{told}");
    }
}

#[tokio::test]
async fn settlements_that_were_tampered_with_are_found_and_put_right() {
    for world in on_each_database().await {
        world.expect("order-1", &usd(1_000)).await;
        world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
        world.list_agrees("order-1").await;
        world.audit_is_clean().await;

        world.database.execute("update settlements set settlement = 'unpaid', held = 0").await;
        let audit = world.cli(&["audit", "--json"]).await;
        let found: Value = serde_json::from_slice(&audit.stdout).unwrap();
        assert_eq!(audit.status.code(), Some(1));
        assert_eq!(found["differences"].as_array().unwrap().len(), 2, "{found}");

        world.database.execute("update settlements set stale = true").await;
        world.list_agrees("order-1").await;
        world.audit_is_clean().await;
    }
}

#[tokio::test]
async fn settlements_come_to_be_right_though_servers_are_killed_and_the_log_was_off() {
    let world = shop(Plan::postgres()).replicas(2).start().await;
    for n in 0..30 {
        let order = format!("order-{n}");
        world.expect(&order, &usd(1_000)).await;
        if n == 10 {
            world.replicas[1].kill();
        }
        if n == 20 {
            world.replicas[1].start_again().await;
            // What changes now is noted by nobody.
            assert!(world.cli(&["announce", "off"]).await.status.success());
        }
        world.outcomes(&[&payment(&format!("pi_{n}")).of_order(&order).succeeded()]).await;
    }
    assert!(world.cli(&["announce", "on"]).await.status.success());
    eventually("every order is settled in the list", async || {
        (world.database.number("select count(*) from settlements where settlement = 'settled'").await == 30)
            .then_some(())
    })
    .await;
    world.audit_is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3: run by scripts/test --all"]
async fn a_shop_in_python_ships_what_is_settled_once() {
    ships_what_is_settled("python3", "shop.py").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: run by scripts/test --all"]
async fn a_shop_in_node_ships_what_is_settled_once() {
    ships_what_is_settled("node", "shop.mjs").await;
}

async fn ships_what_is_settled(interpreter: &str, script: &str) {
    let world = shop(Plan::sqlite()).start().await;
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/checkout").join(script);
    let directory = tempfile::tempdir().unwrap();
    let api = world.replicas[0].settings()["admin_listen"].trim_matches('\'').to_owned();
    let does = |arguments: &[&str]| {
        let mut command = std::process::Command::new(interpreter);
        command.arg(&script).args(arguments).env("PAYLATCH_API", format!("http://{api}"));
        command.env("PAYLATCH_LEDGER", "shop").env("SHOP_DATABASE", directory.path().join("shop"));
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    does(&["order", "order-1", "1000", "USD"]);
    does(&["order", "order-2", "23775", "USD"]);
    does(&["returned", "order-1"]);
    assert_eq!(does(&["fulfil"]), "");

    let paid = |order: &str| payment(&format!("pi_{order}")).of_order(order).succeeded();
    world.outcomes(&[&paid("order-1"), &paid("order-2")]).await;
    assert_eq!(does(&["fulfil"]), "shipped order-1\n");
    assert_eq!(does(&["fulfil"]), "");
    assert!(world.settlement("order-1").await["returned_at"].is_string());
}
