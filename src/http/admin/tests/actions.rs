//! Who acts by the API, as it is kept.

use super::{Office, body, statuses};
use crate::http::AdminSettings;

const ASSIGN: &str = "/api/v1/payments/stripe/pi_1/assignment";
const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn an_action_over_the_api_is_kept_with_who_asked_for_it_and_the_request() {
    let proxied = AdminSettings { proxy_user_header: "x-user".parse().ok(), ..AdminSettings::default() };
    for (settings, headers, by, actor) in [
        (AdminSettings::default(), "", "", "the API"),
        (AdminSettings::default(), "", r#", "by": "a clerk""#, "a clerk"),
        (AdminSettings::default(), "X-User: mallory\r\n", "", "the API"),
        (proxied.clone(), "X-User: ann@shop.example\r\n", r#", "by": "mallory""#, "ann@shop.example"),
        (proxied, "", r#", "by": "a clerk""#, "a clerk"),
    ] {
        let office = Office::with(settings).await.filled().await;
        let asked = format!(r#"{{"order": "order/2", "note": "told by phone"{by}}}"#);
        let headers = format!("{JSON}X-Request-Id: req-7\r\n{headers}");
        let answer = office.request("POST", ASSIGN, &headers, &asked).await;
        assert_eq!(statuses(&answer), [200], "{answer}");

        let list = body(&office.get("/api/v1/actions").await);
        let action = &list["actions"][0];
        assert_eq!((&action["actor"], &action["role"]), (&actor.into(), &"operator".into()), "{action}");
        assert_eq!((&action["action"], &action["target"]), (&"assign_payment".into(), &"pi_1".into()));
        assert_eq!((&action["note"], &action["request_id"]), (&"told by phone".into(), &"req-7".into()));
        assert_eq!(action["before"]["order"], "order/1");
        assert_eq!(action["after"]["order"], "order/2");
    }
}

#[tokio::test]
async fn actions_are_listed_the_latest_first_page_by_page() {
    let office = Office::with_rows().await;
    for order in ["a", "b", "c"] {
        let asked = format!(r#"{{"order": "{order}", "note": "moved"}}"#);
        assert_eq!(statuses(&office.request("POST", ASSIGN, JSON, &asked).await), [200]);
    }
    let (mut path, mut seen) = ("/api/v1/actions?limit=2".to_owned(), Vec::new());
    loop {
        let page = body(&office.get(&path).await);
        let orders = page["actions"].as_array().unwrap().iter();
        seen.push(orders.map(|row| row["after"]["order"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        let Some(after) = page["after"].as_i64() else { break };
        path = format!("/api/v1/actions?limit=2&after={after}");
    }
    assert_eq!(seen, [vec!["c", "b"], vec!["a"]]);
    let wrong = office.get("/api/v1/actions?after=x").await;
    assert_eq!((statuses(&wrong), &body(&wrong)["code"]), (vec![400], &"query_invalid".into()));
}
