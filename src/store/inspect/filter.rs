//! What lists of orders and events can be filtered by, and which of it an index finds.

use super::clause::{Clause, Sequence};
use super::waiting::WaitingSince;
use crate::order::Anomaly;
use crate::store::StoreError;

/// Which orders; a filter that is `None` lets all through.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// By id.
    pub id: Option<String>,
    /// By source.
    pub source: Option<String>,
    /// By status, in the words of the database.
    pub status: Option<String>,
    /// By anomaly.
    pub anomaly: Option<AnomalyFilter>,
    /// Only those that hold or held money and that no event names: their payment's id stands in for the order.
    pub unclaimed: bool,
    /// Only those whose money waits for this, since before that.
    pub waiting: Option<WaitingSince>,
    /// After this row: `source/id` of the last one seen.
    pub after: Option<String>,
    /// How many rows, at most [`ROWS_MAX`](super::ROWS_MAX).
    pub limit: u32,
}

/// Which events; a filter that is `None` lets all through.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// By id.
    pub id: Option<String>,
    /// By source.
    pub source: Option<String>,
    /// By the provider's name for what happened.
    pub type_name: Option<String>,
    /// By outcome, in the words of the database; `conflict` are those that another body came for.
    pub outcome: Option<String>,
    /// By the order that their payment belongs to now.
    pub order: Option<String>,
    /// By payment.
    pub payment: Option<String>,
    /// Only those of these sources that were read by another than the number of each; none listed: all.
    pub unread: Vec<(String, i16)>,
    /// After this row: `source/id` of the last one seen.
    pub after: Option<String>,
    /// How many rows, at most [`ROWS_MAX`](super::ROWS_MAX).
    pub limit: u32,
}

/// Which anomalies an order has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnomalyFilter {
    /// At least one.
    Any,
    /// None.
    None,
    /// This one, be it beside others.
    Of(Anomaly),
}

impl AnomalyFilter {
    /// The words for it: `true`, `false`, and those of the anomalies.
    pub fn words() -> impl Iterator<Item = &'static str> + Clone {
        ["true", "false"].into_iter().chain(Anomaly::ALL.iter().map(|anomaly| anomaly.as_str()))
    }

    /// What a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "true" => Some(Self::Any),
            "false" => Some(Self::None),
            word => Anomaly::ALL.iter().find(|anomaly| anomaly.as_str() == word).copied().map(Self::Of),
        }
    }
}

impl OrderFilter {
    pub(in crate::store) fn clause(&self) -> Result<Clause<'_>, StoreError> {
        // What nobody claims goes by its payment's id: the index of such payments is in the order of the list. What waits goes by
        // what was found.
        let (columns, table): (&[&str; 2], _) = match (self.waiting, self.unclaimed) {
            (Some(_), _) => (&["lead.of_order", "lead.of_source"], "orders"),
            (None, true) => (&["p.payment_id", "p.source"], "payments p"),
            (None, false) => (&["orders.order_id", "orders.source"], "orders"),
        };
        let is_by_order = self.waiting.is_none() && !self.unclaimed;
        let [id_is, source_is] = columns.map(|column| format!("{column} = $"));
        let sequence = Sequence { columns, in_cursor: &[1, 0] };
        let mut clause = Clause::new(sequence, &[table]);
        if let Some(waiting) = self.waiting {
            let on = "orders.order_id = lead.of_order and orders.source = lead.of_source";
            clause.lead_by(waiting.sql()?, on);
        }
        if self.unclaimed {
            let of_payment = "orders.order_id = p.payment_id and orders.source = p.source";
            if self.waiting.is_some() {
                clause.join("payments p", format!("p.link = 'provisional' and {of_payment}"));
            } else {
                clause.find("p.link = 'provisional'", &[]);
                clause.join("orders", of_payment);
            }
            clause.filter("(captured > 0 or refunded > 0 or disputed > 0)", &[]);
        }
        match &self.anomaly {
            Some(AnomalyFilter::Any | AnomalyFilter::Of(_)) if is_by_order => {
                clause.find("orders.anomaly is not null", &[]);
            }
            Some(AnomalyFilter::Any | AnomalyFilter::Of(_)) => {
                clause.filter("orders.anomaly is not null", &[]);
            }
            Some(AnomalyFilter::None) => clause.filter("orders.anomaly is null", &[]),
            None => {}
        }
        if let Some(AnomalyFilter::Of(word)) = &self.anomaly {
            clause.filter(
                "exists (select 1 from v_anomalies a
                          where a.order_id = orders.order_id and a.source = orders.source and a.anomaly = $)",
                &[word.as_str()],
            );
        }
        clause.filter_by("status = $", self.status.as_deref());
        match (self.id.as_deref(), self.source.as_deref()) {
            (Some(id), Some(source)) => clause.find(format!("{id_is} and {source_is}"), &[id, source]),
            (Some(id), None) => clause.find(id_is, &[id]),
            (None, source) => clause.filter_by(&source_is, source),
        }
        clause.behind(self.after.as_deref())?;
        Ok(clause)
    }
}

impl EventFilter {
    /// Of a list of events, which are `e`.
    pub(in crate::store) fn clause(&self) -> Result<Clause<'_>, StoreError> {
        let mut tables = Vec::new();
        if self.order.is_some() {
            tables.push("payments p");
        }
        if self.outcome.as_deref() == Some("conflict") {
            tables.push("(select distinct event_id, source from conflicts) c");
        }
        tables.push("events e");
        let sequence = Sequence { columns: &["e.event_id", "e.source"], in_cursor: &[1, 0] };
        let mut clause = Clause::new(sequence, &tables);
        if let Some(order) = self.order.as_deref() {
            clause.find("e.payment_id = p.payment_id and e.source = p.source and p.order_id = $", &[order]);
        }
        match self.outcome.as_deref() {
            Some("conflict") => clause.find("e.event_id = c.event_id and e.source = c.source", &[]),
            Some(outcome @ ("parked" | "dead")) => clause.find("e.outcome = $", &[outcome]),
            outcome => clause.filter_by("e.outcome = $", outcome),
        }
        for (condition, value) in [("e.event_id = $", &self.id), ("e.payment_id = $", &self.payment)] {
            if let Some(value) = value.as_deref() {
                clause.find(condition, &[value]);
            }
        }
        match self.source.as_deref() {
            Some(source) if self.id.is_some() => clause.find("e.source = $", &[source]),
            source => clause.filter_by("e.source = $", source),
        }
        clause.filter_by("e.type = $", self.type_name.as_deref());
        if !self.unread.is_empty() {
            let of = |(_, read_by): &(String, i16)| {
                format!("(e.source = $ and coalesce(e.read_by, 0) <> {read_by})")
            };
            let any: Vec<String> = self.unread.iter().map(of).collect();
            let sources: Vec<&str> = self.unread.iter().map(|(source, _)| source.as_str()).collect();
            clause.filter(format!("({})", any.join(" or ")), &sources);
        }
        clause.behind(self.after.as_deref())?;
        Ok(clause)
    }
}
