//! The walk-through in `docs/add-a-provider.md` works as written.

use std::path::Path;

use super::*;

/// The code block of the page that bears this name.
fn block<'a>(page: &'a str, name: &str) -> &'a str {
    let opening =
        page.lines().find(|line| line.starts_with("```") && line.ends_with(&format!(" {name}"))).unwrap();
    let (_, after) = page.split_once(&format!("{opening}\n")).unwrap();
    after.split_once("\n```").unwrap().0
}

#[test]
fn the_example_of_the_walk_through_verifies_and_reads_as_it_says() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/add-a-provider.md"))
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("acme.toml"), block(&page, "acme.toml")).unwrap();
    let providers = Providers::load(Some(dir.path())).unwrap();
    let secrets = vec![Secret::new("acme_secret")];
    let settings = SourceSettings { provider: "acme".to_owned(), secrets, ..settings("stripe") };
    let source = Source::new(settings, &providers).unwrap();

    let (name, value) = block(&page, "header").split_once(": ").unwrap();
    let sent = headers(&[(name.to_owned(), value.to_owned())]);
    let body = Bytes::copy_from_slice(block(&page, "acme.json").as_bytes());
    let webhook = Webhook { path_and_query: "/webhooks/acme", headers: &sent, body: &body };
    let events = source.verify(&webhook, NOW).unwrap().events(UnixMicros(1));
    let [event] = events.try_into().unwrap();
    let fact = event.fact().unwrap();
    let said = format!("{} {} {}", fact.kind, fact.money.amount, fact.money.currency);
    assert!(page.contains(&format!(
        "`{said}` of payment `{}`, order `{}`",
        event.payment().unwrap(),
        event.claim().unwrap().order
    )));
    assert!(providers.needs_only_a_secret("acme"));
}
