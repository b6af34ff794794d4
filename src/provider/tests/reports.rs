//! Reports of providers: what their rows say, whatever a file looks like.

use super::super::{BadReport, Line, Report, Taken};
use super::{settings, source};
use crate::order::{ReportRow, TimeSpan};

pub(super) fn report(provider: &str) -> Report {
    source(settings(provider)).reports().remove(0)
}

pub(super) type Read = (Vec<Line>, Option<TimeSpan>);

pub(super) fn read(report: &Report, text: &[u8]) -> Result<Read, BadReport> {
    let mut lines = Vec::new();
    let span = report.read(&[], text, |_, line| {
        lines.push(line);
        Taken::More
    })?;
    Ok((lines, span))
}

/// `captured pi_1 pi_1 1000 USD order`: kind, payment, references, amount, currency and order of each row.
pub(super) fn said(report: &Report, text: &str) -> Vec<String> {
    read(report, text.as_bytes()).unwrap().0.iter().map(shown).collect()
}

pub(super) fn shown(line: &Line) -> String {
    match line {
        Line::Ignored(_) => "ignored".to_owned(),
        Line::Foreign(account) => format!("foreign {account}"),
        Line::Unreadable(problem) => problem.clone(),
        Line::Row(ReportRow { type_name, fact: None, .. }) => format!("unknown {type_name}"),
        Line::Row(ReportRow { fact: Some(fact), money, .. }) => {
            let money = money.map_or(String::new(), |(amount, currency)| format!(" {amount} {currency}"));
            let other = fact.other_reference.as_ref().map_or(String::new(), |other| format!("|{other}"));
            let order = fact.order.as_ref().map_or(String::new(), |order| format!(" {order}"));
            format!("{} {} {}{other}{money}{order}", fact.kind, fact.payment, fact.reference)
        }
    }
}

pub(super) const STRIPE: &str = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,charge_id,payment_intent_id,customer_facing_amount,customer_facing_currency\n";

#[test]
fn stripe_s_rows_say_what_the_buyer_paid() {
    let rows = "txn_1,2026-11-27 10:00:00,usd,100.00,3.20,96.80,charge,ch_1,ch_1,pi_1,100.00,usd
txn_2,2026-11-27 11:00:00,usd,-25.00,0.00,-25.00,refund,re_1,ch_1,pi_1,-25.00,usd
txn_3,2026-11-27 12:00:00,usd,-40.00,15.00,-55.00,dispute,dp_1,ch_1,pi_1,,
txn_5,2026-11-27 12:01:00,usd,-40.00,0,-40.00,partial_capture_reversal,re_x,ch_2,pi_2,-40.00,usd
txn_7,2026-11-27 12:03:00,usd,10.40,0.6,9.8,charge,ch_4,ch_4,pi_4,14.63,cad
txn_9,2026-11-28 00:00:00,usd,-200.00,0,-200.00,payout,po_1,,,,
txn_10,2026-11-28 00:00:00,usd,-9.00,0,-9.00,something_new,,,,,
";
    assert_eq!(
        said(&report("stripe"), &(STRIPE.to_owned() + rows)),
        [
            "captured pi_1 pi_1|ch_1 10000 USD",
            "refunded pi_1 re_1 2500 USD",
            "disputed pi_1 dp_1 4000 USD",
            "captured pi_2 pi_2|ch_2 -4000 USD",
            "captured pi_4 pi_4|ch_4 1463 CAD",
            "ignored",
            "unknown something_new",
        ]
    );
}

#[test]
fn adyen_s_rows_are_in_the_currency_of_the_payment() {
    let header = "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number\n";
    let rows = "Co,Shop,PSPA1,B1,visa,2026-11-27 10:22:31,CET,Settled,CAPA1,EUR,,45.99,1,EUR,,45.10,,0.30,0.09,0.50,118
Co,Shop,PSPA1,B1,visa,2026-11-27 12:00:00,CET,Refunded,MODA1,EUR,5.00,,1,EUR,5.10,,0.10,,,,118
Co,Shop,PSPA1,B1,mc,2026-11-27 09:00:00,CET,Chargeback,DISP1,EUR,20.00,,1,EUR,35.00,,,,,,118
Co,Shop,,,,2026-11-27 23:00:00,CET,MerchantPayout,,EUR,,,,EUR,22.00,,,,,,118
";
    let report = report("adyen");
    let text = header.to_owned() + rows;
    assert_eq!(
        said(&report, &text),
        [
            "captured PSPA1 CAPA1|PSPA1 4599 EUR B1",
            "refunded PSPA1 MODA1|PSPA1 500 EUR",
            "disputed PSPA1 DISP1 2000 EUR",
            "ignored",
        ]
    );
    // CET may be written all year: an hour is left open on each side.
    let span = read(&report, text.as_bytes()).unwrap().1.unwrap();
    let hours = (span.to.0 - span.from.0) / 3_600_000_000;
    assert_eq!(hours, 1, "09:00 to 12:00 by that clock, less an hour at each end");
}

#[test]
fn paypal_s_lines_are_told_by_their_first_cell_and_count_hundredths() {
    let text = "\"RH\",\"2026/11/28 03:00:00 -0800\",\"A\",\"FLWXYZ\",\"011\"
\"SH\",\"2026/11/27 00:00:00 -0800\",\"2026/11/27 23:59:59 -0800\",\"FLWXYZ\"
\"CH\",\"Transaction ID\",\"Invoice ID\",\"PayPal Reference ID\",\"PayPal Reference ID Type\",\"Transaction Event Code\",\"Transaction Initiation Date\",\"Transaction Completion Date\",\"Transaction Debit or Credit\",\"Gross Transaction Amount\",\"Gross Transaction Currency\",\"Fee Debit or Credit\",\"Fee Amount\",\"Fee Currency\",\"Custom Field\"
\"SB\",\"CAP1\",\"inv\",\"O-1\",\"ODR\",\"T0006\",\"2026/11/27 10:00:00 -0800\",\"2026/11/27 10:00:00 -0800\",\"CR\",3000,\"USD\",\"DR\",117,\"USD\",\"order-1\"
\"SB\",\"REF1\",\"\",\"CAP1\",\"TXN\",\"T1107\",\"2026/11/27 11:00:00 -0800\",\"2026/11/27 11:00:00 -0800\",\"DR\",1000,\"USD\",\"CR\",0,\"USD\",\"\"
\"SB\",\"CB1\",\"\",\"CAP1\",\"TXN\",\"T1201\",\"2026/11/27 12:00:00 -0800\",\"2026/11/27 12:00:00 -0800\",\"DR\",3000,\"USD\",\"DR\",0,\"USD\",\"\"
\"SB\",\"YEN1\",\"\",\"\",\"\",\"T0006\",\"2026/11/27 10:00:00 -0800\",\"2026/11/27 10:00:00 -0800\",\"CR\",10000,\"JPY\",\"DR\",117,\"JPY\",\"order-2\"
\"SB\",\"OUT1\",\"\",\"\",\"\",\"T0400\",\"2026/11/27 13:00:00 -0800\",\"2026/11/27 13:00:00 -0800\",\"DR\",9000,\"USD\",\"DR\",0,\"USD\",\"\"
\"SF\",\"USD\",3000
\"SC\",5
\"RF\",1
\"FF\",5
";
    assert_eq!(
        said(&report("paypal"), text),
        [
            "captured CAP1 CAP1 3000 USD order-1",
            "refunded CAP1 REF1 1000 USD",
            "disputed CAP1 CAP1 3000 USD",
            "captured YEN1 YEN1 100 JPY order-2",
            "ignored",
        ]
    );
}

#[test]
fn json_is_read_page_after_page() {
    let page = |items: &str| format!(r#"{{"entity":"collection","count":1,"items":[{items}]}}"#);
    let payment = r#"{"entity_id":"pay_1","type":"payment","amount":50000,"currency":"INR","fee":1000,"created_at":1795000000,"settlement_id":"setl_1","payment_id":null,"order_receipt":"order-1","dispute_id":null}"#;
    let refund = r#"{"entity_id":"rfnd_1","type":"refund","amount":100,"currency":"INR","created_at":1795000100,"payment_id":"pay_1","dispute_id":null}"#;
    let dispute = r#"{"entity_id":"adj_1","type":"adjustment","amount":500,"currency":"INR","created_at":1795000200,"payment_id":"pay_1","dispute_id":"disp_1"}"#;
    let fee = r#"{"entity_id":"adj_2","type":"adjustment","amount":500,"currency":"INR","created_at":1795000200,"payment_id":null,"dispute_id":null}"#;
    let text = [page(payment), page(&format!("{refund},{dispute}")), page(fee)].join("\n");
    assert_eq!(
        said(&report("razorpay"), &text),
        [
            "captured pay_1 pay_1 50000 INR order-1",
            "refunded pay_1 rfnd_1 100 INR",
            "disputed pay_1 disp_1 500 INR",
            "ignored"
        ]
    );
    assert!(
        read(&report("razorpay"), b"{\"error\":{}}").unwrap_err().problem.contains("no list at /items/*")
    );
    assert!(read(&report("razorpay"), b"{\"items\":[{]}").unwrap_err().problem.contains("not readable JSON"));
}

#[test]
fn shopify_and_square_name_the_order_and_the_payment() {
    let shopify = r#"{"data":{"shopifyPaymentsAccount":{"balanceTransactions":{"edges":[
        {"node":{"id":"gid://shopify/T/1","type":"CHARGE","test":false,"transactionDate":"2026-11-27T10:00:00Z","amount":{"amount":"12.50","currencyCode":"EUR"},"associatedOrder":{"id":"gid://shopify/Order/450789469"}}},
        {"node":{"id":"gid://shopify/T/2","type":"REFUND","test":false,"transactionDate":"2026-11-27T11:00:00Z","amount":{"amount":"-2.50","currencyCode":"EUR"},"associatedOrder":{"id":"gid://shopify/Order/450789469"}}},
        {"node":{"id":"gid://shopify/T/3","type":"CHARGE","test":true,"transactionDate":"2026-11-27T11:00:00Z","amount":{"amount":"1.00","currencyCode":"EUR"},"associatedOrder":null}}
    ]}}}}"#;
    assert_eq!(
        said(&report("shopify"), shopify),
        ["captured 450789469 450789469 1250 EUR", "refunded 450789469 450789469 250 EUR", "ignored"]
    );
    let square = r#"{"payout_entries":[
        {"id":"poe_1","payout_id":"po_1","effective_at":"2026-11-27T03:07:09Z","type":"CHARGE","gross_amount_money":{"amount":15000,"currency_code":"USD"},"type_charge_details":{"payment_id":"PAY1"}},
        {"id":"poe_2","payout_id":"po_1","effective_at":"2026-11-27T03:07:09Z","type":"REFUND","gross_amount_money":{"amount":-5000,"currency":"USD"},"type_refund_details":{"payment_id":"PAY1","refund_id":"R1"}}
    ],"cursor":""}"#;
    assert_eq!(
        said(&report("square"), square),
        ["captured PAY1 PAY1 15000 USD", "refunded PAY1 PAY1 5000 USD"]
    );
}

#[test]
fn a_byte_order_mark_line_ends_quotes_and_other_columns_change_nothing() {
    let report = report("stripe");
    let plain = STRIPE.to_owned()
        + "txn_1,2026-11-27 10:00:00,usd,100.00,3.20,96.80,charge,ch_1,ch_1,pi_1,100.00,usd\n";
    let expected = said(&report, &plain);
    assert_eq!(expected, ["captured pi_1 pi_1|ch_1 10000 USD"]);
    let marked = format!("\u{feff}{plain}");
    let crlf = plain.replace('\n', "\r\n");
    let quoted =
        plain.lines().map(|line| format!("\"{}\"\n", line.replace(',', "\",\""))).collect::<String>();
    let marked_and_quoted = format!("\u{feff}{quoted}");
    // In another order, with a column that nobody knows, whose text has commas, quotes and a line end in it.
    let wider = plain
        .lines()
        .zip(["news", "\"a, \"\"b\"\"\nc\""])
        .map(|(line, more)| {
            let cells: Vec<&str> = line.split(',').rev().chain([more]).collect();
            cells.join(",") + "\n"
        })
        .collect::<String>();
    let without_end = plain.trim_end().to_owned();
    for text in [marked, crlf, quoted, marked_and_quoted, wider, without_end] {
        assert_eq!(said(&report, &text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_told_row_by_row() {
    let row = |cells: &str| format!("{STRIPE}{cells}\n");
    for (cells, problem) in [
        (
            "txn_1,2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,ch_1,pi_1,\"1,000.00\",usd",
            "customer_facing_amount \"1,000.00\" is not a plain decimal number: expected digits with a point before the decimals, as in 1234.50, and nothing between the thousands",
        ),
        (
            "txn_1,2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,ch_1,pi_1,1.005,usd",
            "customer_facing_amount \"1.005\" has more decimals than its currency",
        ),
        (
            "txn_1,2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,ch_1,pi_1,99999999999999999999,usd",
            "customer_facing_amount \"99999999999999999999\" is too large",
        ),
        (
            "txn_1,2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,ch_1,pi_1,--1,usd",
            "customer_facing_amount \"--1\" is negative",
        ),
        (
            "txn_1,2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,ch_1,pi_1,1.00,dollars",
            "customer_facing_currency \"dollars\" is no currency",
        ),
        (
            "txn_1,2026-11-27 10:00:00,usd,,0,1,charge,ch_1,ch_1,pi_1,,usd",
            "customer_facing_amount and gross are empty",
        ),
        (",2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,ch_1,pi_1,1.00,usd", "balance_transaction_id is empty"),
        (
            "txn_1,2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,,,1.00,usd",
            "payment_intent_id and charge_id are empty",
        ),
        ("txn_1,2026-11-27 10:00:00,usd,1,0,1,refund,,ch_1,pi_1,1.00,usd", "source_id is empty"),
        ("txn_1,2026-11-27 10:00:00,usd,1,0,1,,ch_1,ch_1,pi_1,1.00,usd", "reporting_category is empty"),
        ("txn_1,charge", "it has 2 cells, the header 12"),
    ] {
        assert_eq!(said(&report("stripe"), &row(cells)), [problem], "{cells}");
    }
}

#[test]
fn a_file_that_is_not_the_report_is_refused_with_what_to_tick() {
    let report = report("stripe");
    let without = STRIPE.replace("payment_intent_id,", "");
    let bad = read(&report, without.as_bytes()).unwrap_err();
    assert!(bad.problem.contains("no column payment_intent_id"), "{bad}");
    assert!(bad.ways_out[0].contains("tick `payment_intent_id`"), "{bad:?}");
    for (text, problem) in [
        (b"".to_vec(), "it is empty"),
        (b"id,Type,Amount\n1,2,3\n".to_vec(), "no column"),
        ([STRIPE.as_bytes(), b"txn_1,\xff\xfe\n"].concat(), "not UTF-8"),
        (b"a,".repeat(2_000), "more than 1000"),
        ([STRIPE.as_bytes(), b"\"txn_1,", &b"x\n".repeat(1024 * 1024)].concat(), "a record is longer"),
    ] {
        let bad = read(&report, &text).unwrap_err();
        assert!(bad.problem.contains(problem), "{bad}");
    }
}

#[test]
fn json_that_never_ends_or_is_very_deep_is_refused() {
    let report = report("razorpay");
    let long = [b"{\"items\":[{\"entity_id\":\"".as_slice(), &b"x".repeat(3 * 1024 * 1024)].concat();
    let deep = [b"{\"items\":".as_slice(), &b"[".repeat(100_000)].concat();
    for text in [long, deep] {
        assert!(read(&report, &text).is_err());
    }
}
