//! What a shop is told about coupons.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Office;
use crate::http::tests::{body, statuses};

impl Office {
    /// The answer's status and body.
    async fn post(&self, path: &str, sent: Value) -> (u16, Value) {
        self.post_text(path, &sent.to_string()).await
    }

    async fn post_text(&self, path: &str, sent: &str) -> (u16, Value) {
        let answer = self.request("POST", path, "Content-Type: application/json\r\n", sent).await;
        (statuses(&answer)[0], body(&answer))
    }

    async fn with_coupon(max_redemptions: i64) -> Self {
        let office = Self::open().await;
        let coupon = json!({"code": "SAVE", "max_redemptions": max_redemptions});
        assert_eq!(office.post("/api/v1/coupons", coupon).await.0, 201);
        office
    }

    async fn redeem(&self, redeemer: &str, order: &str) -> (u16, Value) {
        let asked = json!({"redeemer": redeemer, "order": order});
        self.post("/api/v1/coupons/SAVE/redemptions", asked).await
    }

    async fn redeemed(&self) -> Value {
        body(&self.get("/api/v1/coupons/SAVE").await)["redeemed"].clone()
    }
}

#[tokio::test]
async fn a_coupon_is_created_once() {
    let office = Office::open().await;
    let coupon = json!({"code": "SAVE", "max_redemptions": 2});
    let row = json!({"code": "SAVE", "max_redemptions": 2, "redeemed": 0});
    assert_eq!(office.post("/api/v1/coupons", coupon.clone()).await, (201, row.clone()));
    assert_eq!(office.post("/api/v1/coupons", coupon).await, (200, row.clone()));

    let (status, problem) =
        office.post("/api/v1/coupons", json!({"code": "SAVE", "max_redemptions": 3})).await;
    assert_eq!((status, &problem["code"]), (409, &"coupon_differs".into()));
    assert_eq!(problem["detail"], "its max_redemptions is 2");
    assert_eq!(body(&office.get("/api/v1/coupons/SAVE").await), row);
}

#[tokio::test]
async fn a_redeemer_has_a_coupon_once_and_for_the_order_that_came_first() {
    let office = Office::with_coupon(1).await;
    let has = |outcome| json!({"code": "SAVE", "redeemer": "ann", "order": "order-1", "outcome": outcome});
    assert_eq!(office.redeem("ann", "order-1").await, (201, has("granted")));
    assert_eq!(office.redeem("ann", "order-1").await, (200, has("held")));
    assert_eq!(office.redeem("ann", "order-2").await, (200, has("held")));
    let (status, problem) = office.redeem("bob", "order-3").await;
    assert_eq!((status, &problem["code"]), (409, &"sold_out".into()));
    assert_eq!(office.redeemed().await, 1);
}

#[tokio::test]
async fn a_redemption_needs_no_order() {
    let office = Office::with_coupon(1).await;
    let asked = json!({"redeemer": "ann"});
    for (status, outcome) in [(201, "granted"), (200, "held")] {
        let has = json!({"code": "SAVE", "redeemer": "ann", "outcome": outcome});
        assert_eq!(office.post("/api/v1/coupons/SAVE/redemptions", asked.clone()).await, (status, has));
    }
}

#[tokio::test]
async fn a_redemption_that_is_given_back_frees_one() {
    let office = Office::with_coupon(1).await;
    office.redeem("ann@example.com", "order-1").await;
    let path = "/api/v1/coupons/SAVE/redemptions/ann%40example.com";
    assert_eq!(statuses(&office.request("DELETE", path, "", "").await), [204]);
    let again = office.request("DELETE", path, "", "").await;
    assert_eq!((statuses(&again), &body(&again)["code"]), (vec![404], &"unknown_redemption".into()));
    assert_eq!(office.redeem("bob", "order-2").await.0, 201);
    assert_eq!(office.redeemed().await, 1);
}

#[tokio::test]
async fn requests_that_come_together_are_granted_up_to_the_cap() {
    let office = Office::with_coupon(10).await;
    let answers = join_all((0..60).map(async |n| office.redeem(&format!("r-{}", n % 30), "o").await.0)).await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 10);
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 10);
    assert_eq!(office.redeemed().await, 10);
}

#[tokio::test]
async fn what_has_no_coupon_is_said_to_be_unknown() {
    let office = Office::open().await;
    for path in ["/api/v1/coupons/NONE", "/api/v1/coupons/%00"] {
        assert_eq!(body(&office.get(path).await)["code"], "unknown_coupon");
        let answer = office.post(&format!("{path}/redemptions"), json!({"redeemer": "ann"})).await;
        assert_eq!((answer.0, &answer.1["code"]), (404, &"unknown_coupon".into()));
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_is_refused_and_names_the_field() {
    let office = Office::with_coupon(1).await;
    let long = "x".repeat(256);
    for (path, sent, named) in [
        ("/api/v1/coupons", "{\"max_redemptions\": 1}", "missing field `code`"),
        ("/api/v1/coupons", "{\"code\": \"A\"}", "missing field `max_redemptions`"),
        ("/api/v1/coupons", "{\"code\": \"A\", \"max_redemptions\": \"1\"}", "max_redemptions: invalid type"),
        (
            "/api/v1/coupons",
            "{\"code\": \"A\", \"max_redemptions\": 1.5}",
            "max_redemptions: 1.5 is no whole number",
        ),
        (
            "/api/v1/coupons",
            "{\"code\": \"A\", \"max_redemptions\": -1}",
            "max_redemptions: expected 0 or more",
        ),
        ("/api/v1/coupons", "{\"code\": \"\", \"max_redemptions\": 1}", "code is empty"),
        ("/api/v1/coupons", "{\"code\": \"A\", \"max_redemptions\": 1, \"cap\": 2}", "unknown field `cap`"),
        ("/api/v1/coupons", "{\"code\"", "JSON"),
        ("/api/v1/coupons/SAVE/redemptions", "{\"order\": \"o\"}", "missing field `redeemer`"),
        ("/api/v1/coupons/SAVE/redemptions", "{\"redeemer\": \"a\\nb\"}", "redeemer contains a control"),
        (
            "/api/v1/coupons/SAVE/redemptions",
            &json!({"redeemer": "ann", "order": long}).to_string(),
            "order is longer than 255",
        ),
    ] {
        let (status, problem) = office.post_text(path, sent).await;
        assert_eq!((status, &problem["code"]), (400, &"body_invalid".into()), "{sent}");
        assert!(problem["detail"].as_str().unwrap().contains(named), "{sent}: {problem}");
    }
    assert_eq!(office.redeemed().await, 0);
}

#[tokio::test]
async fn what_a_web_page_could_send_unasked_changes_nothing() {
    let office = Office::open().await;
    let sent = "{\"code\": \"SAVE\", \"max_redemptions\": 1}";
    for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        let answer = office.request("POST", "/api/v1/coupons", kind, sent).await;
        assert_eq!((statuses(&answer), &body(&answer)["code"]), (vec![415], &"not_json".into()), "{kind}");
    }
    assert_eq!(statuses(&office.get("/api/v1/coupons/SAVE").await), [404]);
    let kind = "Content-Type: Application/JSON; charset=utf-8\r\n";
    assert_eq!(statuses(&office.request("POST", "/api/v1/coupons", kind, sent).await), [201]);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_a_method_that_is_none_is_refused() {
    let office = Office::open().await;
    let (status, problem) = office.post_text("/api/v1/coupons", &" ".repeat(20_000)).await;
    assert_eq!((status, &problem["code"]), (413, &"body_too_large".into()));
    for (path, allow) in [
        ("/api/v1/coupons", "POST"),
        ("/api/v1/coupons/SAVE", "GET, HEAD"),
        ("/api/v1/coupons/SAVE/redemptions", "POST"),
        ("/api/v1/coupons/SAVE/redemptions/ann", "DELETE"),
    ] {
        let answer = office.request("PUT", path, "", "").await;
        assert_eq!(statuses(&answer), [405], "{path}");
        assert!(answer.contains(&format!("allow: {allow}\r\n")), "{answer}");
    }
}
