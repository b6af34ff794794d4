//! What is written about providers is there: the walk-through works, every definition is built in and has fixtures.

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
    assert!(page.contains(&format!(
        "`{fact}` of payment `{}`, order `{}`",
        event.payment().unwrap(),
        event.claim().unwrap().order
    )));
    assert!(providers.needs_only_a_secret("acme"));
}

#[test]
fn every_provider_says_how_to_get_from_nothing_to_its_first_event_and_where_the_order_s_id_goes() {
    for (name, definition) in &providers().definitions {
        let docs = &definition.docs;
        assert!(docs.setup.len() >= 3 || docs.closed.is_some(), "{name}: {:?}", docs.setup);
        assert!(
            docs.closed.is_some() || docs.setup.iter().any(|step| step.contains("/webhooks/SOURCE")),
            "{name}"
        );
        assert!(!docs.order_id.is_empty(), "{name}");
    }
}

#[test]
fn every_definition_is_built_in_and_every_fixture_is_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names_in = |dir: &str| {
        let entries = std::fs::read_dir(root.join(dir)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let mut built_in: Vec<String> = providers().names().map(|name| format!("{name}.toml")).collect();
    built_in.sort();
    assert_eq!(names_in("providers"), built_in);

    let page = std::fs::read_to_string(root.join("fixtures/README.md")).unwrap();
    for provider in providers().names() {
        let (_, section) = page.split_once(&format!("\n## {provider}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        for file in names_in(&format!("fixtures/{provider}")) {
            assert!(section.contains(&format!("| `{file}` |")), "{provider}/{file}");
        }
    }
}
