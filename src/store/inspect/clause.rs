//! The part of a list's statement that depends on its filters: only those that are given, so that each can use its index.

use super::{EventFilter, OrderFilter};
use crate::store::StoreError;

/// Tables and conditions, and the texts for their `$1`, `$2`, ..
pub(super) struct Clause<'f> {
    tables: Vec<&'static str>,
    conditions: Vec<String>,
    pub(super) values: Vec<&'f str>,
}

impl<'f> Clause<'f> {
    /// Of a list of events, which are `e`. The table that says most comes first: SQLite joins in this order.
    pub(super) fn of_events(filter: &'f EventFilter) -> Result<Self, StoreError> {
        let mut clause = Self { tables: Vec::new(), conditions: Vec::new(), values: Vec::new() };
        if let Some(order) = &filter.order {
            clause.tables.push("payments p");
            clause.conditions.push("e.payment_id = p.payment_id and e.source = p.source".to_owned());
            clause.is("p.order_id", Some(order));
        }
        match filter.outcome.as_deref() {
            Some("conflict") => {
                clause.tables.push("(select distinct event_id, source from conflicts) c");
                clause.conditions.push("e.event_id = c.event_id and e.source = c.source".to_owned());
            }
            outcome => clause.is("e.outcome", outcome),
        }
        clause.tables.push("events e");
        clause.is("e.event_id", filter.id.as_deref());
        clause.is("e.source", filter.source.as_deref());
        clause.is("e.type", filter.type_name.as_deref());
        clause.is("e.payment_id", filter.payment.as_deref());
        clause.is_unread(&filter.unread);
        clause.behind(["e.event_id", "e.source"], filter.after.as_deref())?;
        Ok(clause)
    }

    /// Of a list of orders.
    pub(super) fn of_orders(filter: &'f OrderFilter) -> Result<Self, StoreError> {
        let mut clause = Self { tables: vec!["orders"], conditions: Vec::new(), values: Vec::new() };
        clause.is("order_id", filter.id.as_deref());
        clause.is("source", filter.source.as_deref());
        clause.is("status", filter.status.as_deref());
        let anomaly = filter.anomaly.map(|has| if has { "anomaly is not null" } else { "anomaly is null" });
        clause.conditions.extend(anomaly.map(str::to_owned));
        if filter.unclaimed {
            let unclaimed = "exists (select 1 from v_unclaimed u where u.payment_id = order_id and u.source = orders.source)";
            clause.conditions.push(unclaimed.to_owned());
        }
        clause.behind(["order_id", "source"], filter.after.as_deref())?;
        Ok(clause)
    }

    /// `from .. where ..`
    pub(super) fn sql(&self) -> String {
        let conditions =
            if self.conditions.is_empty() { "1 = 1".to_owned() } else { self.conditions.join(" and ") };
        format!("from {} where {conditions}", self.tables.join(" cross join "))
    }

    fn is(&mut self, column: &str, value: Option<&'f str>) {
        if let Some(value) = value {
            self.values.push(value);
            self.conditions.push(format!("{column} = ${}", self.values.len()));
        }
    }

    /// Of one of the sources, and read by another than its number says.
    fn is_unread(&mut self, readings: &'f [(String, i16)]) {
        if readings.is_empty() {
            return;
        }
        let of = |(source, read_by): &'f (String, i16)| {
            self.values.push(source);
            format!("(e.source = ${} and coalesce(e.read_by, 0) <> {read_by})", self.values.len())
        };
        let any: Vec<String> = readings.iter().map(of).collect();
        self.conditions.push(format!("({})", any.join(" or ")));
    }

    /// Behind the row `source/id`.
    fn behind(&mut self, [id, source]: [&str; 2], after: Option<&'f str>) -> Result<(), StoreError> {
        let Some(after) = after else { return Ok(()) };
        let (after_source, after_id) = after.split_once('/').ok_or_else(|| StoreError::Refused {
            code: "22023".to_owned(),
            message: "after is not the source/id of a row".to_owned(),
        })?;
        self.values.extend([after_id, after_source]);
        let n = self.values.len();
        self.conditions.push(format!("({id}, {source}) > (${}, ${n})", n - 1));
        Ok(())
    }
}
