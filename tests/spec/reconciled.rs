//! What the provider's own record and ours disagree in is found, exactly that, and goes when both agree.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tempfile::TempDir;

use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

const HEADER: &str = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,charge_id,payment_intent_id,customer_facing_amount,customer_facing_currency,payment_metadata[order_id]";
const ADYEN: &str = "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number
Co,Shop,PSPA1,B1,visa,2026-11-20 10:22:31,CET,Settled,CAPA1,EUR,,45.99,1,EUR,,45.10,,0.30,0.09,0.50,118
Co,Shop,PSPA1,B1,visa,2026-11-20 12:00:00,CET,Refunded,MODA1,EUR,5.00,,1,EUR,5.10,,0.10,,,,118
Co,Shop,PSPA1,B1,mc,2026-11-20 09:00:00,CET,Chargeback,DISP1,EUR,20.00,,1,EUR,35.00,,,,,,118
Co,Shop,PSPX,B7,mc,2026-11-20 09:00:00,CET,Settled,CAPX,EUR,,12.00,1,EUR,,11.90,,,,,118
Co,Shop,PSPB1,B2,mc,2026-11-20 09:00:00,CET,Settled,CAPB1,EUR,,7.00,1,EUR,,6.90,,,,,118
Co,Shop,,,,2026-11-20 23:00:00,CET,MerchantPayout,,EUR,,,,EUR,22.00,,,,,,118
";
const SEEDS: u64 = 4;
const PAYMENTS: usize = 14;

/// What becomes of a movement on its way into the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Told,
    /// Its webhook never came.
    WebhookLost,
    /// The report does not have it.
    RowWithheld,
    /// Its row is there twice.
    RowRepeated,
    /// The provider moved the money twice, by rows of their own.
    MovedTwice,
    AmountChanged,
    CurrencyChanged,
}

const FATES: [Fate; 8] = [
    Fate::Told,
    Fate::Told,
    Fate::WebhookLost,
    Fate::RowWithheld,
    Fate::RowRepeated,
    Fate::MovedTwice,
    Fate::AmountChanged,
    Fate::CurrencyChanged,
];

/// A movement as Stripe tells it, and its row.
struct Movement {
    webhook: Webhook,
    row: Row,
}

#[derive(Clone)]
struct Row {
    id: String,
    created: i64,
    category: &'static str,
    reference: String,
    payment: String,
    amount: i64,
    currency: &'static str,
    order: String,
}

impl Row {
    fn text(&self) -> String {
        let Self { id, category, reference, payment, currency, order, .. } = self;
        let at =
            jiff::Timestamp::from_second(self.created).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let sign = if *category == "charge" { "" } else { "-" };
        let amount = format!("{sign}{}.{:02}", self.amount / 100, self.amount % 100);
        let facing = if *category == "dispute" { ",".to_owned() } else { format!("{amount},{currency}") };
        format!(
            "{id},{at},{currency},{amount},0.30,1.00,{category},{reference},ch_{payment},{payment},{facing},{order}"
        )
    }

    fn kind(&self) -> &'static str {
        match self.category {
            "charge" => "captured",
            "refund" => "refunded",
            _ => "disputed",
        }
    }
}

fn movement(
    webhook: Webhook,
    category: &'static str,
    reference: &str,
    payment: &str,
    amount: i64,
    order: &str,
) -> Movement {
    let event: Value = serde_json::from_slice(&webhook.body).unwrap();
    let row = Row {
        id: format!("txn_{reference}"),
        created: event["created"].as_i64().unwrap(),
        category,
        reference: reference.to_owned(),
        payment: payment.to_owned(),
        amount,
        currency: "usd",
        order: order.to_owned(),
    };
    Movement { webhook, row }
}

/// What Stripe did in a while: captures, some with a refund and a lost dispute.
fn history(seed: u64, random: &mut StdRng) -> Vec<Movement> {
    let mut movements = Vec::new();
    for number in 0..PAYMENTS {
        let id = format!("pi_{seed}_{number}");
        let order = format!("order-{seed}-{number}");
        let amount = random.random_range(100..100_000);
        let own = payment(&id).of_order(&order).amount(amount);
        movements.push(movement(own.succeeded(), "charge", &id, &id, amount, &order));
        let is_edge = number == 0 || number == PAYMENTS - 1;
        if !is_edge && random.random_bool(0.5) {
            let refund = format!("re_{seed}_{number}");
            let part = random.random_range(1..amount);
            movements.push(movement(own.refunded(&refund, part), "refund", &refund, &id, part, ""));
        }
        if !is_edge && random.random_bool(0.3) {
            let dispute = format!("dp_{seed}_{number}");
            movements.push(movement(
                own.dispute_lost(&dispute, amount),
                "dispute",
                &dispute,
                &id,
                amount,
                "",
            ));
        }
    }
    movements
}

type Found = (String, String, String);

/// The report's rows, and what they must be found to differ in.
fn report(movements: &[Movement], fates: &[Fate], random: &mut StdRng) -> (String, BTreeSet<Found>) {
    let (mut rows, mut expected) = (Vec::new(), BTreeSet::new());
    for (Movement { row, .. }, fate) in movements.iter().zip(fates) {
        let has_amount = row.category != "dispute";
        let mut expect = |finding: &str| {
            expected.insert((finding.to_owned(), row.kind().to_owned(), row.reference.clone()));
        };
        let mut told = row.clone();
        match fate {
            Fate::Told => {}
            Fate::WebhookLost => expect("missing_here"),
            Fate::RowWithheld => {
                expect("not_in_report");
                continue;
            }
            Fate::RowRepeated => rows.push(row.text()),
            Fate::MovedTwice => {
                rows.push(Row { id: format!("{}_again", row.id), ..row.clone() }.text());
                if has_amount {
                    expect("amount_differs");
                }
            }
            Fate::AmountChanged => {
                told.amount += 1;
                if has_amount {
                    expect("amount_differs");
                }
            }
            Fate::CurrencyChanged => {
                told.currency = "eur";
                if has_amount {
                    expect("currency_differs");
                }
            }
        }
        rows.push(told.text());
    }
    // In whatever order a provider lists them.
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.random_range(0..=at));
    }
    (format!("{HEADER}\n{}\n", rows.join("\n")), expected)
}

#[tokio::test]
async fn a_report_with_rows_withheld_doubled_and_changed_gives_exactly_those_findings() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        for seed in 0..SEEDS {
            let mut random = StdRng::seed_from_u64(seed);
            let movements = history(seed, &mut random);
            let fates: Vec<Fate> = movements
                .iter()
                .map(|movement| {
                    // The first and the last row say what time the report is about.
                    let is_edge = [format!("pi_{seed}_0"), format!("pi_{seed}_{}", PAYMENTS - 1)]
                        .contains(&movement.row.payment);
                    if is_edge { Fate::Told } else { FATES[random.random_range(0..FATES.len())] }
                })
                .collect();
            for (movement, _) in movements.iter().zip(&fates).filter(|(_, fate)| **fate != Fate::WebhookLost)
            {
                world.send(&movement.webhook).await;
            }
            let before = stored(&world).await;
            let (text, expected) = report(&movements, &fates, &mut random);
            let told = reconcile(&world, &files, &format!("{seed}.csv"), &text, &["--json"]).await;

            let own = |reference: &str| movements.iter().any(|movement| movement.row.reference == reference);
            let found: BTreeSet<Found> =
                told.findings.iter().map(found).filter(|(_, _, reference)| own(reference)).collect();
            assert_eq!(found, expected, "seed {seed}");
            assert_eq!(told.code, Some(i32::from(!told.findings.is_empty())));
            assert_eq!(stored(&world).await, before, "a report changes nothing of ours");
        }
        world.audit_is_clean().await;
    }
}

#[tokio::test]
async fn a_finding_goes_by_itself_when_both_sides_agree() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        let own = payment("pi_1").of_order("order-1");
        let first = movement(own.succeeded(), "charge", "pi_1", "pi_1", 1_000, "order-1");
        let lost = movement(own.refunded("re_1", 400), "refund", "re_1", "pi_1", 400, "");
        let withheld = movement(own.refunded("re_2", 100), "refund", "re_2", "pi_1", 100, "");
        let last = movement(own.refunded("re_3", 50), "refund", "re_3", "pi_1", 50, "");
        world.outcomes(&[&first.webhook, &withheld.webhook, &last.webhook]).await;

        let text = csv(&[&first.row, &lost.row, &last.row]);
        let told = reconcile(&world, &files, "a.csv", &text, &["--json"]).await;
        assert_eq!(words(&told), ["missing_here re_1", "not_in_report re_2"]);
        let missing = told.findings.iter().find(|finding| finding["finding"] == "missing_here").unwrap();
        assert_eq!((&missing["payment_id"], &missing["theirs"]), (&"pi_1".into(), &400.into()));
        assert_eq!(missing["ours"], Value::Null);
        assert_eq!(world.cli(&["reconcile", "--findings"]).await.status.code(), Some(1));

        world.send(&lost.webhook).await;
        let told = listed(&world.cli(&["reconcile", "--findings", "--json"]).await);
        assert_eq!(words(&told), ["not_in_report re_2"], "its event came");

        let told = reconcile(&world, &files, "b.csv", &csv(&[&withheld.row]), &["--json"]).await;
        assert_eq!((words(&told), told.code), (Vec::new(), Some(0)), "its row came");
        assert_eq!(world.cli(&["reconcile", "--findings"]).await.status.code(), Some(0));
        assert_eq!(world.count("findings").await, 2, "they are kept, as gone");
    }
}

#[tokio::test]
async fn findings_are_listed_over_the_api_and_counted_and_serve_compares_them_again() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        let own = payment("pi_1").of_order("order-1");
        let told = movement(own.succeeded(), "charge", "pi_1", "pi_1", 1_000, "order-1");
        let lost = [1, 2, 3].map(|number| {
            let refund = format!("re/{number}");
            movement(own.refunded(&refund, number), "refund", &refund, "pi_1", number, "")
        });
        world.send(&told.webhook).await;
        let rows: Vec<&Row> = std::iter::once(&told).chain(&lost).map(|movement| &movement.row).collect();
        reconcile(&world, &files, "a.csv", &csv(&rows), &["--json"]).await;

        let replica = &world.replicas[0];
        let (mut listed, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/findings?source=stripe&finding=missing_here&limit=2{after}");
            let page = replica.admin(&path).await.json();
            listed.extend(page["findings"].as_array().expect("a list").clone());
            let Some(next) = page["after"].as_str() else { break };
            after = format!("&after={}", next.replace('/', "%2F"));
        }
        let references: Vec<_> =
            listed.iter().map(|finding| finding["reference"].as_str().unwrap()).collect();
        assert_eq!(references, ["re/1", "re/2", "re/3"]);
        let none = replica.admin("/api/v1/findings?finding=row_changed").await.json();
        assert_eq!(none, serde_json::json!({ "findings": [], "after": null }));
        assert_eq!(replica.admin("/api/v1/findings?finding=nonsense").await.status, 400);

        // What is missing comes while it is down; a server compares what is open as soon as it is ready.
        let [first, ..] = &lost;
        world.send(&first.webhook).await;
        replica.kill();
        replica.start_again().await;
        let labels = ["source=\"stripe\"", "finding=\"missing_here\""];
        eventually("the gauge tells of them", async || {
            (replica.metric("paylatch_findings", &labels).await >= 2.0).then_some(())
        })
        .await;
        eventually("what came is gone", async || {
            let page = replica.admin("/api/v1/findings").await.json();
            (page["findings"].as_array()?.len() == 2).then_some(())
        })
        .await;
        let last = replica.metric("paylatch_reconcile_last_seconds", &["source=\"stripe\""]).await;
        let until = replica.metric("paylatch_reconciled_until_seconds", &["source=\"stripe\""]).await;
        assert!(until > 1_699_999_999.0 && last > until, "{until} {last}");
    }
}

#[tokio::test]
async fn old_reports_are_cleared_but_for_what_an_open_finding_rests_on() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        let agreed = movement(payment("pi_1").succeeded(), "charge", "pi_1", "pi_1", 1_000, "");
        let lost = movement(payment("pi_2").succeeded(), "charge", "pi_2", "pi_2", 1_000, "");
        world.send(&agreed.webhook).await;
        let text = csv(&[&agreed.row, &lost.row]);
        reconcile(&world, &files, "a.csv", &text, &["--json"]).await;

        let purge = ["purge", "--reports-older-than", "1d"];
        assert!(world.cli(&purge).await.status.success());
        assert_eq!(
            (world.count("report_rows").await, world.count("reports").await),
            (2, 1),
            "they are not old"
        );
        let purge = ["purge", "--reports-older-than", "0s"];
        assert!(world.cli(&purge).await.status.success());
        assert_eq!((world.count("report_rows").await, world.count("reports").await), (1, 1));
        assert_eq!(world.database.rows("select row_id from report_rows").await[0]["row_id"], "txn_pi_2");
        reconcile(&world, &files, "a.csv", &text, &["--json"]).await;
        assert_eq!(world.count("report_rows").await, 2, "the same bytes are read again for what was cleared");
        assert!(world.cli(&purge).await.status.success());

        world.send(&lost.webhook).await;
        world.cli(&["reconcile", "--findings"]).await;
        assert!(world.cli(&purge).await.status.success());
        for table in ["report_rows", "reports", "findings"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
        let actions = world.database.rows("select action from operator_actions").await;
        assert!(actions.iter().all(|action| action["action"] == "purge_reports") && actions.len() == 3);
    }
}

#[tokio::test]
async fn the_same_bytes_again_and_rows_of_overlapping_files_count_once() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        let own = payment("pi_1").of_order("order-1");
        let first = movement(own.succeeded(), "charge", "pi_1", "pi_1", 1_000, "order-1");
        let second = movement(own.refunded("re_1", 400), "refund", "re_1", "pi_1", 400, "");
        world.outcomes(&[&first.webhook, &second.webhook]).await;

        for (file, rows, new) in [("a.csv", vec![&first.row], 1), ("b.csv", vec![&first.row, &second.row], 1)]
        {
            let told = reconcile(&world, &files, file, &csv(&rows), &["--json"]).await;
            assert_eq!((told.findings.len(), &told.all["files"][0]["new"]), (0, &new.into()), "{file}");
        }
        let again = reconcile(&world, &files, "b.csv", &csv(&[&first.row, &second.row]), &["--json"]).await;
        assert_eq!(again.all["files"][0]["was_read"], true);
        assert_eq!(world.count("report_rows").await, 2);

        // The provider's row says something else than before: the first stands, and a person is told.
        let changed = Row { amount: 500, ..second.row.clone() };
        let told = reconcile(&world, &files, "c.csv", &csv(&[&changed]), &["--json"]).await;
        assert_eq!(words(&told), ["row_changed txn_re_1"]);
        assert_eq!((&told.findings[0]["ours"], &told.findings[0]["theirs"]), (&400.into(), &500.into()));
        // It comes again as it was.
        let told = reconcile(&world, &files, "d.csv", &csv(&[&second.row]), &["--json"]).await;
        assert_eq!(words(&told), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_acknowledged_finding_counts_again_when_its_sums_change() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        let own = payment("pi_1").of_order("order-1");
        let told = movement(own.succeeded(), "charge", "pi_1", "pi_1", 1_000, "order-1");
        world.send(&told.webhook).await;
        let more = Row { amount: 1_100, ..told.row.clone() };
        let first = reconcile(&world, &files, "a.csv", &csv(&[&more]), &["--json"]).await;
        assert_eq!(words(&first), ["amount_differs pi_1"]);
        assert_eq!(check(&world).await, (Some(1), true));

        let settle = ["reconcile", "--source", "stripe", "--acknowledge", "pi_1", "--note", "a tip"];
        assert!(world.cli(&settle).await.status.success());
        assert_eq!(world.cli(&["reconcile", "--findings"]).await.status.code(), Some(0));
        assert_eq!(check(&world).await, (Some(1), false), "findings are not what it fails for any more");
        let all = listed(&world.cli(&["reconcile", "--findings", "--all", "--json"]).await);
        assert_eq!(
            (&all.findings[0]["acknowledged"], &all.findings[0]["acknowledged_note"]),
            (&true.into(), &"a tip".into())
        );

        let tip = Row { id: "txn_tip".to_owned(), amount: 7, ..told.row.clone() };
        let again = reconcile(&world, &files, "b.csv", &csv(&[&tip]), &["--json"]).await;
        assert_eq!(words(&again), ["amount_differs pi_1"], "with another sum it counts again");
    }
}

#[tokio::test]
async fn what_no_rule_knows_is_named_and_summed_and_what_is_missing_is_asked_for() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        let own = payment("pi_1").of_order("order-1");
        let told = movement(own.succeeded(), "charge", "pi_1", "pi_1", 1_000, "order-1");
        world.send(&told.webhook).await;
        let strange = "txn_8,2023-11-14 23:00:00,usd,-9.00,0,-9.00,=HYPERLINK(1),,,,,,\ntxn_9,2023-11-14 23:00:00,usd,-1.00,0,-1.00,=HYPERLINK(1),,,,,,\n";
        let text = csv(&[&told.row]) + strange;
        let found = reconcile(&world, &files, "a.csv", &text, &["--json"]).await;
        assert_eq!(words(&found), ["unknown_type =HYPERLINK(1)"]);
        assert_eq!(found.findings[0]["detail"], serde_json::json!({ "rows": 2, "sums": { "USD": "1000" } }));
        let table = world.cli(&["reconcile", "--findings"]).await;
        assert!(String::from_utf8_lossy(&table.stdout).contains("'=HYPERLINK(1)"), "no spreadsheet runs it");

        let without = text.replace("payment_intent_id", "payment_intent");
        let refused = run(&world, &files, "b.csv", &without, &[]).await;
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            told.contains("no column payment_intent_id") && told.contains("tick `payment_intent_id`"),
            "{told}"
        );

        let broken = text.replace("10.00,usd,order-1", "1O.00,usd,order-1");
        let unread = reconcile(&world, &files, "c.csv", &broken, &["--json"]).await;
        assert_eq!(unread.all["files"][0]["unreadable"], 1);
        assert!(unread.all["files"][0]["problems"][0].as_str().unwrap().contains("customer_facing_amount"));
        assert_eq!(unread.code, Some(1));
    }
}

#[tokio::test]
async fn what_adyen_settled_is_compared_by_the_references_of_its_modifications() {
    let plan = Plan::postgres().set("sources.adyen.provider", "'adyen'");
    let world = plan.set("sources.adyen.secrets", &format!("['{}']", "c0dec0de".repeat(8))).start().await;
    let files = tempfile::tempdir().unwrap();
    let event = |code, reference, original, order, value| {
        adyen_event("Shop", (code, reference, original), order, (value, "EUR"))
    };
    let events = [
        event("AUTHORISATION", "PSPA1", "", "B1", 10_000),
        event("CAPTURE", "CAPA1", "PSPA1", "B1", 4_599),
        event("CAPTURE", "CAPA2", "PSPA1", "B1", 5_401),
        event("REFUND", "MODA1", "PSPA1", "B1", 500),
        event("CHARGEBACK", "DISP1", "PSPA1", "B1", 2_000),
        // This one is captured with its authorization: no capture is told.
        event("AUTHORISATION", "PSPB1", "", "B2", 700),
    ];
    let export = files.path().join("adyen.jsonl");
    std::fs::write(&export, events.join("\n")).unwrap();
    let imported = world.cli(&["import", "--source", "adyen", export.to_str().unwrap()]).await;
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let report = files.path().join("settlement.csv");
    std::fs::write(&report, ADYEN).unwrap();

    let command = [
        "reconcile",
        "--source",
        "adyen",
        "--report",
        "adyen-settlement",
        report.to_str().unwrap(),
        "--json",
    ];
    let output = world.cli(&[command.as_slice(), &["--settle-days", "0"]].concat()).await;
    let all = json(&output);
    let told =
        Told { findings: all["findings"].as_array().unwrap().clone(), all, code: output.status.code() };

    assert_eq!(words(&told), ["missing_here CAPX", "not_in_report CAPA2"]);
    let unknown = world.cli(&["reconcile", "--source", "adyen", "--report", "nonsense", "x"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("--report adyen-settlement: Customer Area"));
}

#[tokio::test]
async fn rows_of_accounts_that_are_not_the_source_s_are_counted_and_compared_with_nothing() {
    let plan = Plan::postgres().set("sources.adyen.provider", "'adyen'");
    let plan = plan.set("sources.adyen.accounts", "['ShopNL']");
    let world = plan.set("sources.adyen.secrets", &format!("['{}']", "c0dec0de".repeat(8))).start().await;
    let files = tempfile::tempdir().unwrap();
    let (first, fourth) = ("PSPA000000000001", "PSPA000000000004");
    let events = [
        adyen_event("ShopNL", ("AUTHORISATION", first, ""), "order-1", (4_599, "EUR")),
        adyen_event("ShopNL", ("CAPTURE", "CAPA000000000001", first), "order-1", (4_599, "EUR")),
        adyen_event("ShopNL", ("CHARGEBACK", "DISP000000000001", first), "order-1", (4_599, "EUR")),
        adyen_event("ShopNL", ("AUTHORISATION", fourth, ""), "order-4", (1_200, "USD")),
    ];
    let export = files.path().join("adyen.jsonl");
    std::fs::write(&export, events.join("\n")).unwrap();
    let imported = world.cli(&["import", "--source", "adyen", export.to_str().unwrap()]).await;
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));

    let report = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reports/adyen-settlement.csv");
    let command = ["reconcile", "--source", "adyen", "--report", "adyen-settlement", report, "--json"];
    let mut told = Vec::new();
    for flags in [["--settle-days", "0", "--dry-run"].as_slice(), &["--settle-days", "0"]] {
        let output = world.cli(&[command.as_slice(), flags].concat()).await;
        let all = json(&output);
        let findings = all["findings"].as_array().unwrap().clone();
        let file = &all["files"][0];
        assert_eq!((&file["foreign"], &file["unreadable"]), (&serde_json::json!({ "ShopDE": 1 }), &0.into()));
        let passed_over =
            serde_json::json!({ "DepositCorrection": 1, "Fee": 1, "MerchantPayout": 1, "PaymentCost": 1 });
        assert_eq!((&file["ignored"], &file["ignored_types"]), (&4.into(), &passed_over));
        told.push(words(&Told { findings, all, code: output.status.code() }));
    }
    let expected = [
        "missing_here CAPA000000000002",
        "missing_here CAPA000000000003",
        "missing_here CAPA000000000005",
        "missing_here DISP000000000002",
        "unknown_type ManualCorrected",
        "unknown_type PaidOut",
    ];
    assert_eq!(told, [expected, expected], "a dry run tells the same");
}

#[tokio::test]
async fn a_dry_run_finds_the_same_and_keeps_nothing() {
    for world in World::on_each_database().await {
        let files = tempfile::tempdir().unwrap();
        let own = payment("pi_1").of_order("order-1");
        let first = movement(own.succeeded(), "charge", "pi_1", "pi_1", 1_000, "order-1");
        let silent = movement(payment("pi_2").succeeded(), "charge", "pi_2", "pi_2", 1_000, "");
        let last = movement(own.refunded("re_1", 50), "refund", "re_1", "pi_1", 50, "");
        world.outcomes(&[&first.webhook, &silent.webhook]).await;
        let other = Row { order: "order-2".to_owned(), ..first.row.clone() };
        let text = csv(&[&other, &last.row]);

        let preview = reconcile(&world, &files, "a.csv", &text, &["--json", "--dry-run"]).await;
        assert_eq!(words(&preview), ["missing_here re_1", "not_in_report pi_2", "order_differs pi_1"]);
        assert_eq!(preview.code, Some(1));
        for table in ["reports", "report_rows", "findings"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
        let kept = reconcile(&world, &files, "a.csv", &text, &["--json"]).await;
        assert_eq!(words(&kept), words(&preview));
    }
}

/// A notification of Adyen's of this account: its code, its own reference and the original's.
fn adyen_event(
    account: &str,
    (code, reference, original): (&str, &str, &str),
    order: &str,
    (value, currency): (i64, &str),
) -> String {
    let item = serde_json::json!({
        "amount": { "currency": currency, "value": value }, "eventCode": code, "eventDate": "2026-11-20T10:30:00+01:00",
        "merchantAccountCode": account, "merchantReference": order, "originalReference": original,
        "pspReference": reference, "success": "true",
    });
    serde_json::json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": item }] })
        .to_string()
}

/// What `reconcile` printed as JSON.
struct Told {
    all: Value,
    findings: Vec<Value>,
    code: Option<i32>,
}

async fn reconcile(world: &World, files: &TempDir, name: &str, text: &str, flags: &[&str]) -> Told {
    let output = run(world, files, name, text, flags).await;
    let all = json(&output);
    let findings = all["findings"].as_array().expect("a list").clone();
    Told { all, findings, code: output.status.code() }
}

async fn run(world: &World, files: &TempDir, name: &str, text: &str, flags: &[&str]) -> Output {
    let path = files.path().join(name);
    std::fs::write(&path, text).unwrap();
    let arguments =
        ["reconcile", "--source", "stripe", "--report", "stripe-itemized", path.to_str().unwrap()];
    world.cli(&[&arguments, flags].concat()).await
}

fn listed(output: &Output) -> Told {
    let all = json(output);
    let findings = all.as_array().expect("a list").clone();
    Told { all, findings, code: output.status.code() }
}

fn json(output: &Output) -> Value {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}{err}"))
}

fn found(finding: &Value) -> Found {
    let [word, kind, reference] =
        ["finding", "kind", "reference"].map(|name| finding[name].as_str().expect("a text").to_owned());
    (word, kind, reference)
}

fn words(told: &Told) -> Vec<String> {
    let mut words: Vec<String> = told
        .findings
        .iter()
        .map(|finding| {
            let (word, _, reference) = found(finding);
            format!("{word} {reference}")
        })
        .collect();
    words.sort();
    words
}

fn csv(rows: &[&Row]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| row.text()).collect();
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// All that our side has.
async fn stored(world: &World) -> BTreeMap<&'static str, Vec<Value>> {
    let mut stored = BTreeMap::new();
    for (table, key) in [("events", "event_id"), ("payments", "payment_id"), ("orders", "order_id")] {
        stored.insert(
            table,
            world.database.rows(&format!("select * from {table} order by {key}, source")).await,
        );
    }
    stored
}

/// How `check --production` ends, and whether it names findings.
async fn check(world: &World) -> (Option<i32>, bool) {
    let output = world.cli(&["check", "--production", "--json"]).await;
    let parts = json(&output);
    let fails = |part: &Value| part["part"] == "record" && part["ok"] == false;
    (output.status.code(), parts.as_array().expect("a list").iter().any(fails))
}
