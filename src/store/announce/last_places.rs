//! A page of the log, in which what changed several times stands several times: each is told once, at its last place.

use std::collections::HashMap;

/// What has a place in the log.
pub(super) trait Placed {
    /// Where; what is not from the log has none, and comes first.
    fn position(&self) -> Option<i64>;
    /// What it is about: whether that is a settlement, its ledger or source, and its order.
    fn about(&self) -> (bool, &str, &str);
    /// Takes over what is to be known of an earlier place.
    fn follows(&mut self, earlier: &Self);
}

/// Keeps each at its last place, in the order of the log.
pub(super) fn at_last_places<T: Placed>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_by_key(Placed::position);
    let last = last_places(&rows);
    for (place, &last) in last.iter().enumerate().filter(|(place, last)| place < last) {
        let (earlier, later) = rows.split_at_mut(last);
        later[0].follows(&earlier[place]);
    }
    let mut is_last = last.iter().enumerate().map(|(place, last)| place == *last);
    rows.retain(|_| is_last.next().unwrap_or_default());
    rows
}

/// For each row the place of the last one that is about the same.
fn last_places<T: Placed>(rows: &[T]) -> Vec<usize> {
    let mut places = HashMap::with_capacity(rows.len());
    let from_the_end = rows.iter().enumerate().rev();
    let mut last: Vec<usize> =
        from_the_end.map(|(place, row)| *places.entry(row.about()).or_insert(place)).collect();
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use super::{Placed, at_last_places};

    /// Its place, the order, and since when it is to be told.
    #[derive(Debug, PartialEq, Eq)]
    struct Row(Option<i64>, &'static str, i64);

    impl Placed for Row {
        fn position(&self) -> Option<i64> {
            self.0
        }

        fn about(&self) -> (bool, &str, &str) {
            (false, "shop", self.1)
        }

        fn follows(&mut self, earlier: &Self) {
            self.2 = self.2.min(earlier.2);
        }
    }

    #[test]
    fn each_stands_at_its_last_place_and_knows_of_all_earlier_ones() {
        let rows = vec![
            Row(Some(7), "a", 70),
            Row(Some(3), "b", 30),
            Row(Some(5), "a", 50),
            Row(None, "a", 60),
            Row(None, "c", 10),
            Row(Some(9), "b", 90),
        ];
        assert_eq!(at_last_places(rows), [Row(None, "c", 10), Row(Some(7), "a", 50), Row(Some(9), "b", 30)]);
    }
}
