//! What a server says of itself when it has started: an aligned block for people.

use std::fmt::Write as _;

/// The title, and under it labels and values in two columns. `tone` dresses the labels.
pub(super) fn block(title: &str, lines: &[(&str, String)], tone: impl Fn(&str) -> String) -> String {
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    let mut text = format!("{title}\n");
    for (label, value) in lines {
        let _ = write!(text, "\n  {}  {value}", tone(&format!("{label:<width$}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn values_stand_under_each_other() {
        let lines = [("Webhooks", "a".to_owned()), ("API", "b".to_owned())];
        assert_eq!(block("it", &lines, str::to_owned), "it\n\n  Webhooks  a\n  API       b");
    }
}
