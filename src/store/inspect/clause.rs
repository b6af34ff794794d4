//! The part of a list's statement that depends on its filters: only those that are given, so that each can use its index.

use crate::store::StoreError;

/// Rows that are looked at for one part of a list, whether they pass its filters or not.
pub const LOOKED_AT_MAX: u32 = 2_000;

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
    lead: Option<Lead>,
    tables: Vec<String>,
    /// Tables that rows are only looked up in once they are found.
    joined: Vec<&'static str>,
    /// What an index finds, however many rows there are.
    finds: Vec<(String, Vec<&'f str>)>,
    /// What every row that was found has to be looked at for.
    filters: Vec<(String, Vec<&'f str>)>,
}

/// What leads to the rows.
#[derive(Debug)]
struct Lead {
    /// A query with the columns of the list's sequence, which is `lead`.
    query: String,
    /// What finds the row that belongs to one of it.
    on: &'static str,
}

/// A statement from its `from` on, with the texts for its `$1`, `$2`, ..
#[derive(Debug, Default)]
pub(in crate::store) struct Bound<'f> {
    pub(in crate::store) sql: String,
    pub(in crate::store) values: Vec<&'f str>,
}

impl<'f> Clause<'f> {
    /// Of these tables; the one that says most comes first: SQLite joins in this order.
    pub(in crate::store) fn new(sequence: Sequence, tables: &[&str]) -> Self {
        let tables = tables.iter().map(|table| (*table).to_owned()).collect();
        Self { sequence, lead: None, tables, joined: Vec::new(), finds: Vec::new(), filters: Vec::new() }
    }

    /// Only rows that belong to one of this query. All that finds rows finds them in it, and no more of it is looked at than a part
    /// of the list may look at: a planner that did not know so would rather walk all rows in the order of the list.
    pub(in crate::store) fn lead_by(&mut self, query: String, on: &'static str) {
        self.lead = Some(Lead { query, on });
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
    pub(in crate::store) fn found(&self) -> Bound<'f> {
        self.bound(&[], &[])
    }

    /// Those of them that pass.
    pub(in crate::store) fn passing(&self) -> Bound<'f> {
        self.bound(&self.joined, &self.filters)
    }

    fn compared(&self, operator: &str) -> String {
        let places = vec!["$"; self.sequence.columns.len()].join(", ");
        format!("({}) {operator} ({places})", self.sequence())
    }

    fn bound(&self, joined: &[&str], filters: &[(String, Vec<&'f str>)]) -> Bound<'f> {
        let mut bound = Bound::default();
        let tables = self.tables.iter().map(String::as_str).chain(joined.iter().copied());
        let tables = tables.collect::<Vec<_>>().join(" cross join ");
        match &self.lead {
            None => {
                bound.sql = format!("from {tables} where 1 = 1");
                bound.and(&self.finds);
            }
            Some(Lead { query, on }) => {
                bound.sql = format!("from (select * from ({query}) lead where 1 = 1");
                bound.and(&self.finds);
                let sequence = self.sequence();
                bound.sql.push_str(&format!(
                    " order by {sequence} limit {LOOKED_AT_MAX}) lead cross join {tables} where {on}"
                ));
            }
        }
        bound.and(filters);
        bound
    }
}

impl<'f> Bound<'f> {
    /// Adds conditions, with numbers for their places.
    fn and(&mut self, conditions: &[(String, Vec<&'f str>)]) {
        for (condition, texts) in conditions {
            let mut parts = condition.split('$');
            self.sql.push_str(" and ");
            self.sql.push_str(parts.next().unwrap_or_default());
            for (part, text) in parts.zip(texts) {
                self.values.push(*text);
                self.sql.push_str(&format!("${}{part}", self.values.len()));
            }
        }
    }
}
