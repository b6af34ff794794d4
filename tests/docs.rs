//! Facts in the documentation are compared with the code.

use std::fs;
use std::path::Path;

use paylatch::order::{Anomaly, Kind, Outcome, Status};

/// The words in the first column of the table under a heading.
fn table(page: &str, heading: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(word, _)| word.to_owned()))
        .collect()
}

#[test]
fn the_lifecycle_page_lists_the_words_of_the_code_in_their_order() {
    let words = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        table("lifecycle.md", "Kinds of fact"),
        words(Kind::ALL.iter().map(|kind| kind.as_str()).collect())
    );
    assert_eq!(
        table("lifecycle.md", "Status"),
        words(Status::ALL.iter().map(|status| status.as_str()).collect())
    );
    assert_eq!(table("lifecycle.md", "Anomaly"), words(Anomaly::ALL.iter().map(|a| a.as_str()).collect()));
    assert_eq!(table("lifecycle.md", "Outcomes"), words(Outcome::ALL.iter().map(|o| o.as_str()).collect()));
}
