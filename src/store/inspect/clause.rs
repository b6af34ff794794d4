//! The part of a list's statement that depends on its filters: only those that are given, so that each can use its index.

use crate::store::StoreError;

/// What a list is ordered by, and how a row's place in it is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Sequence {
    /// Its columns, which are unique together.
    pub(in crate::store) columns: &'static [&'static str],
    /// The order in which a cursor names them, divided by slashes: only the last may hold one.
    pub(in crate::store) in_cursor: &'static [usize],
}

/// Tables and conditions, each with the texts for its places, which are written `$`.
#[derive(Debug)]
pub(in crate::store) struct Clause<'f> {
    sequence: Sequence,
    tables: Vec<String>,
    /// Tables that rows are only looked up in once they are found.
    joined: Vec<&'static str>,
    /// What an index finds, however many rows there are.
    finds: Vec<(String, Vec<&'f str>)>,
    /// What every row that was found has to be looked at for.
    filters: Vec<(String, Vec<&'f str>)>,
}

/// A statement from its `from` on, with the texts for its `$1`, `$2`, ..
pub(in crate::store) struct Bound<'f> {
    pub(in crate::store) sql: String,
    pub(in crate::store) values: Vec<&'f str>,
}

impl<'f> Clause<'f> {
    /// Of these tables; the one that says most comes first: SQLite joins in this order.
    pub(in crate::store) fn new(sequence: Sequence, tables: &[&str]) -> Self {
        let tables = tables.iter().map(|table| (*table).to_owned()).collect();
        Self { sequence, tables, joined: Vec::new(), finds: Vec::new(), filters: Vec::new() }
    }

    /// Only rows that are in this, too, which says more than any other table.
    pub(in crate::store) fn lead_by(&mut self, table: String, on: &str) {
        self.tables.insert(0, table);
        self.find(on, &[]);
    }

    /// Only rows that an index finds by this.
    pub(in crate::store) fn find(&mut self, condition: impl Into<String>, values: &[&'f str]) {
        self.finds.push((condition.into(), values.to_vec()));
    }

    /// Only rows that have one in this table, by this.
    pub(in crate::store) fn join(&mut self, table: &'static str, condition: impl Into<String>) {
        self.joined.push(table);
        self.filter(condition, &[]);
    }

    /// Only rows that are so once they are looked at.
    pub(in crate::store) fn filter(&mut self, condition: impl Into<String>, values: &[&'f str]) {
        self.filters.push((condition.into(), values.to_vec()));
    }

    /// The same, if a value is asked for.
    pub(in crate::store) fn filter_by(&mut self, condition: &str, value: Option<&'f str>) {
        self.filters.extend(value.map(|value| (condition.to_owned(), vec![value])));
    }

    /// Behind the row that a cursor names.
    pub(in crate::store) fn behind(&mut self, after: Option<&'f str>) -> Result<(), StoreError> {
        let Some(after) = after else { return Ok(()) };
        let named = self.sequence.in_cursor;
        let parts: Vec<&str> = after.splitn(named.len(), '/').collect();
        if parts.len() < named.len() {
            let message = "after is not the cursor of a row".to_owned();
            return Err(StoreError::Refused { code: "22023".to_owned(), message });
        }
        let mut place: Vec<(usize, &str)> = named.iter().copied().zip(parts).collect();
        place.sort_unstable();
        let place: Vec<&str> = place.into_iter().map(|(_, part)| part).collect();
        self.find(self.compared(">"), &place);
        Ok(())
    }

    /// Not behind this place.
    pub(super) fn up_to(&mut self, place: &'f [String]) {
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        self.find(self.compared("<="), &place);
    }

    /// How a place in the list is written.
    pub(super) fn cursor(&self, place: &[&str]) -> String {
        let named = self.sequence.in_cursor.iter().filter_map(|column| place.get(*column).copied());
        named.collect::<Vec<_>>().join("/")
    }

    pub(super) fn has_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// Its columns, as a select and an order name them.
    pub(in crate::store) fn sequence(&self) -> String {
        self.sequence.columns.join(", ")
    }

    /// The rows that an index finds.
    pub(super) fn found(&self) -> Bound<'f> {
        self.bound(self.tables.join(" cross join "), self.finds.iter())
    }

    /// Those of them that pass.
    pub(in crate::store) fn passing(&self) -> Bound<'f> {
        let tables = self.tables.iter().map(String::as_str).chain(self.joined.iter().copied());
        let tables = tables.collect::<Vec<_>>().join(" cross join ");
        self.bound(tables, self.finds.iter().chain(&self.filters))
    }

    fn compared(&self, operator: &str) -> String {
        let places = vec!["$"; self.sequence.columns.len()].join(", ");
        format!("({}) {operator} ({places})", self.sequence())
    }

    fn bound<'c>(
        &'c self,
        tables: String,
        conditions: impl Iterator<Item = &'c (String, Vec<&'f str>)>,
    ) -> Bound<'f>
    where
        'f: 'c,
    {
        let (mut sql, mut values) = (format!("from {tables} where 1 = 1"), Vec::new());
        for (condition, texts) in conditions {
            let mut parts = condition.split('$');
            sql.push_str(" and ");
            sql.push_str(parts.next().unwrap_or_default());
            for (part, text) in parts.zip(texts) {
                values.push(*text);
                sql.push_str(&format!("${}{part}", values.len()));
            }
        }
        Bound { sql, values }
    }
}
