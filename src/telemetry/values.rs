//! Parses metrics out of Prometheus' text, for the dashboard's pages.

/// The values of a metric in `text`, each with its labels as they stand there: `source="stripe",outcome="applied"`.
#[must_use]
pub fn values(text: &str, metric: &str) -> Vec<(String, f64)> {
    let of_metric = text.lines().filter_map(|line| line.strip_prefix(metric)?.rsplit_once(' '));
    let values = of_metric.filter_map(|(labels, value)| {
        let labels = if labels.is_empty() { "" } else { labels.strip_prefix('{')?.strip_suffix('}')? };
        Some((labels.to_owned(), value.parse().ok()?))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn a_metric_is_read_with_its_labels_and_no_other_that_begins_alike() {
        let text = "# TYPE a_b gauge\na_b 3\n\na_b_max{of=\"x\"} 64\na{of=\"x\",by=\"y z\"} 2.5\n";
        assert_eq!(values(text, "a_b"), [(String::new(), 3.0)]);
        assert_eq!(values(text, "a"), [("of=\"x\",by=\"y z\"".to_owned(), 2.5)]);
        assert_eq!(values(text, "c"), []);
    }
}
