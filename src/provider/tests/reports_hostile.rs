//! What people give for a report, and what becomes of a report on its way.

use super::super::{BadReport, Line, Taken};
use super::reports::{STRIPE, read, report, said};

const CHARGE: &str = "txn_1,2026-11-27 10:00:00,usd,100.00,3.20,96.80,charge,ch_1,ch_1,pi_1,100.00,usd\n";
const OTHER: &str = "txn_2,2026-11-27 11:00:00,usd,5.00,0.20,4.80,charge,ch_2,ch_2,pi_2,5.00,usd\n";

fn refused(provider: &str, bytes: &[u8]) -> BadReport {
    read(&report(provider), bytes).unwrap_err()
}

/// A row whose buyer paid such an amount.
fn paid(amount: &str, currency: &str) -> String {
    format!("{STRIPE}txn_1,2026-11-27 10:00:00,usd,1,0,1,charge,ch_1,ch_1,pi_1,{amount},{currency}\n")
}

#[test]
fn what_is_no_text_of_this_report_is_named_with_the_way_out() {
    let utf_16 = |text: &str, mark: bool| {
        let mark = mark.then_some(0xfeff_u16);
        mark.into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    for (provider, bytes, problem, way_out) in [
        ("stripe", b"".to_vec(), "it is empty", "download it again"),
        ("stripe", b"\xef\xbb\xbf \r\n".to_vec(), "it is empty", "download it again"),
        ("razorpay", b"\n".to_vec(), "it is empty", "download it again"),
        ("stripe", utf_16(STRIPE, true), "it is UTF-16", "iconv -f UTF-16 -t UTF-8"),
        ("stripe", utf_16(STRIPE, false), "it is UTF-16", "iconv -f UTF-16 -t UTF-8"),
        ("paypal", b"PK\x03\x04rest".to_vec(), "a ZIP archive or a spreadsheet", "save the sheet as CSV"),
        ("paypal", b"\x1f\x8b\x08".to_vec(), "it is compressed", "gunzip"),
        ("adyen", b"<!DOCTYPE html><title>Log in</title>".to_vec(), "a page of HTML", "a login that ended"),
        ("shopify", b"Transaction Date,Type,Order\n".to_vec(), "it is not JSON", "what the API answers"),
        ("adyen", b"{\"items\":[]}".to_vec(), "it is JSON, not CSV", "a file of the provider's"),
    ] {
        let bad = refused(provider, &bytes);
        assert!(bad.problem.contains(problem), "{bad:?}");
        assert!(bad.ways_out.iter().any(|told| told.contains(way_out)), "{bad:?}");
        assert!(bad.ways_out.len() > 1, "and how to get the report: {bad:?}");
    }
}

#[test]
fn a_file_of_another_provider_or_with_other_separators_is_refused_and_says_why() {
    let adyen = "Company Account,Merchant Account,Psp Reference,Type\nCo,Shop,PSP1,Settled\n";
    assert!(
        refused("stripe", adyen.as_bytes()).problem.contains("it has no column"),
        "Adyen's is not Stripe's"
    );
    let bad = refused("paypal", STRIPE.as_bytes());
    assert!(bad.problem.contains("line 1 begins with \"balance_transaction_id\""), "{bad:?}");
    assert!(bad.problem.contains("lines of this report with CH, SB, SH, SC, FF, RH"), "{bad:?}");
    for (mark, named) in [(";", "semicolons"), ("\t", "tabs")] {
        for (provider, text) in [("stripe", STRIPE), ("paypal", "RH,2026/11/21 03:44:19 -0800,A\n")] {
            let bad = refused(provider, text.replace(',', mark).as_bytes());
            assert!(bad.ways_out[0].contains(&format!("separated by {named}")), "{bad:?}");
        }
    }
}

#[test]
fn a_header_alone_says_nothing_and_one_that_comes_again_is_no_row() {
    let stripe = report("stripe");
    assert_eq!(said(&stripe, STRIPE), Vec::<String>::new());
    let expected = said(&stripe, &format!("{STRIPE}{CHARGE}{OTHER}"));
    assert_eq!(expected.len(), 2);
    // Two files behind each other, the second with a mark of its own or its columns the other way round.
    let reversed = |line: &str| line.trim_end().split(',').rev().collect::<Vec<_>>().join(",") + "\n";
    for again in [
        format!("{STRIPE}{CHARGE}{STRIPE}{OTHER}"),
        format!("{STRIPE}{CHARGE}\u{feff}{STRIPE}{OTHER}"),
        format!("{STRIPE}{CHARGE}{}{}", reversed(STRIPE), reversed(OTHER)),
        format!("{STRIPE}{STRIPE}{CHARGE}{OTHER}"),
        format!("{STRIPE}{CHARGE}\u{feff}\"{}{OTHER}", STRIPE.replacen(',', "\",", 1)),
    ] {
        assert_eq!(said(&stripe, &again), expected, "{again}");
    }
    let bad =
        refused("stripe", format!("{STRIPE}{CHARGE}{}", STRIPE.replace("payment_intent_id,", "")).as_bytes());
    assert!(bad.problem.contains("no column payment_intent_id"), "the second lacks a column: {bad:?}");
    // What a buyer wrote is no header.
    let named = CHARGE.replace("pi_1", "reporting_category");
    assert_eq!(
        said(&stripe, &format!("{STRIPE}{named}")),
        ["captured reporting_category reporting_category|ch_1 10000 USD"]
    );
}

#[test]
fn a_column_that_is_there_twice_is_refused() {
    let text = STRIPE.replace("fee,net", "gross,net");
    let bad = refused("stripe", text.as_bytes());
    assert_eq!(bad.problem, "it has the column gross 2 times");
}

#[test]
fn a_total_at_the_end_and_a_row_that_is_cut_off_are_told() {
    let stripe = report("stripe");
    let captured = "captured pi_1 pi_1|ch_1 10000 USD";
    let total = format!("{STRIPE}{CHARGE}Total,,,100.00,3.20,96.80,,,,,,\n");
    assert_eq!(said(&stripe, &total), [captured, "reporting_category is empty"]);
    let cut = format!("{STRIPE}{CHARGE}{}", &OTHER[..40]);
    assert_eq!(said(&stripe, &cut), [captured, "it has 6 cells, the header 12"]);
    let page = r#"{"items":[{"entity_id":"pay_1","type":"payment","amount":1"#;
    let bad = refused("razorpay", page.as_bytes());
    assert!(bad.problem.contains("not readable JSON") && bad.ways_out[0].contains("cut off"), "{bad:?}");
}

#[test]
fn a_paypal_file_that_lacks_lines_is_told_by_its_count() {
    let whole =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reports/paypal-stl-old.csv"));
    let whole = whole.unwrap();
    let paypal = report("paypal");
    let lines: Vec<&str> = whole.lines().collect();
    let without = |gone: &[usize]| {
        let left = lines.iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, line)| *line);
        said(&paypal, &left.collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(without(&[]).len(), 2, "two rows, and nothing is wrong");
    assert_eq!(
        without(&[4])[1],
        "it counts 2 rows, and 1 were before it: lines are missing; get the file again"
    );
    let cut_off = "the file ends without a line SC, which counts its rows: it is cut off; get it again";
    assert_eq!(without(&[6, 7, 8, 9, 10])[2], cut_off);
    // Where a section goes on in another file, its last line says that this one is whole.
    assert_eq!(without(&[7, 8, 9]).len(), 2);
    // A section that goes on in another part of the report, which has no header: the parts together are the whole.
    let first = [&lines[..5], &["\"FF\",1"]].concat().join("\n");
    let second = ["\"FH\",\"02\"", lines[5], lines[6], "\"SC\",2", "\"FF\",1"].join("\n");
    assert_eq!(said(&paypal, &format!("{first}\n\u{feff}{second}\n")), without(&[]));
    let bad = refused("paypal", second.as_bytes());
    assert!(
        bad.problem.contains("line 2 is a row, and no header") && bad.ways_out[0].contains("cat FIRST"),
        "{bad:?}"
    );
    let empty = lines[..3].join("\n") + "\n\"SC\",0\n\"FF\",0\n";
    assert_eq!(said(&paypal, &empty), Vec::<String>::new(), "a day without a transaction");
    let strange = whole.replace("\"SF\"", "\"XX\"");
    assert!(
        said(&paypal, &strange)[2].starts_with("it begins with \"XX\", and lines of this report with CH, SB")
    );
}

#[test]
fn pages_of_an_api_that_are_missing_or_errors_are_told() {
    let page = |cursor: &str| {
        let charge = r#"{"id":"poe_1","type":"CHARGE","effective_at":"2026-11-27T03:07:09Z","gross_amount_money":{"amount":1,"currency":"USD"},"type_charge_details":{"payment_id":"PAY1"}}"#;
        format!(r#"{{"cursor":{cursor},"payout_entries":[{charge}]}}"#)
    };
    let square = report("square");
    let captured = "captured PAY1 PAY1 1 USD";
    for last in ["\"\"", "null"] {
        assert_eq!(
            said(&square, &(page("\"x\"") + &page(last))),
            [captured, captured],
            "the same page twice"
        );
    }
    let missing = "page 2 is the last one, and its /cursor says that another follows: get it too";
    assert_eq!(said(&square, &(page("\"x\"") + &page("\"y\""))), [captured, captured, missing]);
    let refusal = page("\"x\"") + r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#;
    let bad = refused("square", refusal.as_bytes());
    assert!(bad.problem.contains("page 2 has no list at /payout_entries/*"), "{bad:?}");
    assert!(bad.ways_out[0].contains("get that page again"), "{bad:?}");
    let shopify = r#"{"errors":[{"message":"Throttled"}],"data":null}"#;
    assert!(
        refused("shopify", shopify.as_bytes()).problem.contains("page 1 has no list"),
        "an answer of GraphQL"
    );
    let list = r#"{"data":[{"node":{"type":"CHARGE"}}]}"#;
    assert!(
        refused("shopify", list.as_bytes()).problem.contains("no list"),
        "a list elsewhere is not that list"
    );
}

#[test]
fn amounts_are_read_as_they_are_written_or_not_at_all() {
    let stripe = report("stripe");
    for (amount, currency, expected) in [
        ("0.00", "usd", "0 USD"),
        ("-0.00", "usd", "0 USD"),
        ("-0", "jpy", "0 JPY"),
        ("500", "jpy", "500 JPY"),
        ("500.00", "jpy", "500 JPY"),
        ("1.234", "kwd", "1234 KWD"),
        ("1.2340", "kwd", "1234 KWD"),
        ("25", "usd", "2500 USD"),
        ("25.5", "USD", "2550 USD"),
        (" 25.50 ", " usd ", "2550 USD"),
    ] {
        assert_eq!(said(&stripe, &paid(amount, currency)), [format!("captured pi_1 pi_1|ch_1 {expected}")]);
    }
    for amount in [
        "\"1,234.50\"",
        "\"1.234,50\"",
        "\"25,50\"",
        "1 234.50",
        "=25+1",
        "+25.00",
        "$25.00",
        "(25.00)",
        "2.5e1",
        "25.",
        ".5",
        "٢٥",
    ] {
        let told = said(&stripe, &paid(amount, "usd"));
        let shown = amount.trim_matches('"');
        assert!(
            told[0].starts_with(&format!("customer_facing_amount \"{shown}\" is not a plain")),
            "{told:?}"
        );
        assert!(told[0].contains("as in 1234.50"), "{told:?}");
    }
    for (amount, currency) in [("500.50", "jpy"), ("1.2345", "kwd"), ("1.005", "usd")] {
        assert!(said(&stripe, &paid(amount, currency))[0].contains("more decimals than its currency"));
    }
    let paise = |amount: &str| {
        format!(
            r#"{{"items":[{{"entity_id":"pay_1","type":"payment","amount":{amount},"currency":"INR"}}]}}"#
        )
    };
    assert!(
        said(&report("razorpay"), &paise("1000.50"))[0].contains("/amount \"1000.50\" has more decimals")
    );
}

#[test]
fn a_time_that_a_spreadsheet_wrote_anew_is_told_where_the_row_is_compared() {
    let stripe = report("stripe");
    let changed = CHARGE.replace("2026-11-27 10:00:00", "27/11/2026 10:00");
    let told = said(&stripe, &format!("{STRIPE}{changed}"));
    assert!(
        told[0].starts_with("created_utc \"27/11/2026 10:00\" is no time as this report writes it"),
        "{told:?}"
    );
    let payout = changed.replace("charge,", "payout,");
    assert_eq!(said(&stripe, &format!("{STRIPE}{payout}")), ["ignored"]);
}

#[test]
fn a_type_that_cannot_be_listed_is_told_as_unreadable() {
    let stripe = report("stripe");
    for (type_name, problem) in [
        ("x".repeat(300), "reporting_category is longer than 255 characters"),
        ("a\u{0}b".to_owned(), "reporting_category contains a control character"),
    ] {
        let row = CHARGE.replace("charge,", &format!("{type_name},"));
        assert_eq!(said(&stripe, &format!("{STRIPE}{row}")), [problem]);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_told_by_the_line_that_it_begins_in() {
    let note = "\"a\nb\"";
    let wide = |line: &str, more: &str| format!("{},{more}\n", line.trim_end());
    let text = [
        wide(STRIPE, "note"),
        wide(CHARGE, note),
        wide(&CHARGE.replace("100.00,usd", "1O0.00,usd"), "x"),
        wide(OTHER, "x"),
    ];
    for end in ["\n", "\r\n"] {
        let mut unreadable = Vec::new();
        let text = text.concat().replace("\n", end);
        let read = report("stripe").read(&[], text.as_bytes(), |line, told| {
            unreadable.extend(matches!(told, Line::Unreadable(_)).then_some(line));
            Taken::More
        });
        read.unwrap();
        assert_eq!(unreadable, [4], "behind a row of two lines: {end:?}");
    }
}
