//! Lists and counts of settlements. They are a moment behind: the server that keeps them follows the log.

use serde::Serialize;

use super::row::Statement;
use super::{ANSWER_MAX, ExpectationRow, QUERY_MAX, SettlementRow};
use crate::order::Id;
use crate::store::inspect::List;
use crate::store::inspect::clause::{Clause, Sequence};
use crate::store::inspect::list::Placed;
use crate::store::{Database, Store, StoreError, within};

const COLUMNS: &str = "
    s.order_id, s.ledger, s.settlement, s.revision, s.currency, s.expected, s.captured, s.refunded, s.lost, s.held, s.due,
    cast(s.anomalies as text) as anomalies, s.updated_at";

/// Which settlements; a filter that is `None` lets all through.
#[derive(Debug, Clone, Default)]
pub struct SettlementFilter {
    /// Of this ledger.
    pub ledger: Option<String>,
    /// What came of the expectation, in the words of the database.
    pub settlement: Option<String>,
    /// With this anomaly.
    pub anomaly: Option<String>,
    /// After this row: `ledger/order` of the last one seen.
    pub after: Option<String>,
    /// How many rows, at most [`ROWS_MAX`](crate::store::ROWS_MAX).
    pub limit: u32,
}

/// How many orders have an anomaly, or how much is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerCount {
    /// The ledger.
    pub ledger: String,
    /// The anomaly, or the currency.
    pub of: String,
    /// How many orders, or minor units.
    pub count: i64,
}

impl SettlementFilter {
    fn clause(&self) -> Result<Clause<'_>, StoreError> {
        let sequence = Sequence { columns: &["s.order_id", "s.ledger"], in_cursor: &[1, 0] };
        let mut clause = Clause::new(sequence, &["settlements s"]);
        // A settlement that was not computed yet has no word to show.
        clause.filter("s.settlement is not null", &[]);
        clause.filter_by("s.ledger = $", self.ledger.as_deref());
        clause.filter_by("s.settlement = $", self.settlement.as_deref());
        if let Some(anomaly) = self.anomaly.as_deref() {
            clause.find("(s.anomalies <> '[]' or s.unpaid_at is not null)", &[]);
            clause.filter(
                "exists (select 1 from v_settlement_anomalies a
                          where a.order_id = s.order_id and a.ledger = s.ledger and a.anomaly = $)",
                &[anomaly],
            );
        }
        clause.behind(self.after.as_deref())?;
        Ok(clause)
    }
}

impl Placed for SettlementRow {
    fn place(&self) -> Vec<&str> {
        vec![&self.order_id, &self.ledger]
    }
}

impl Store {
    /// Settlements by (order, ledger), from `after` on.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] when `after` is no cursor.
    pub async fn settlements(&self, filter: &SettlementFilter) -> Result<List<SettlementRow>, StoreError> {
        let now = match &self.database {
            Database::Postgres(_) => "now()",
            Database::Sqlite(_) => "strftime('%Y-%m-%dT%H:%M:%f000Z')",
        };
        let columns = format!("{COLUMNS}, s.unpaid_at is not null and s.unpaid_at <= {now} as is_late");
        self.list(&columns, filter.clause()?, filter.limit).await
    }

    /// All that was stated of an order, by revision.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expectations(&self, order: &Id, ledger: &Id) -> Result<Vec<ExpectationRow>, StoreError> {
        const SQL: &str =
            "select * from expectations where order_id = $1 and ledger = $2 order by revision limit 1000";
        let rows = async {
            let rows: Vec<Statement> = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(SQL).bind(order.as_str()).bind(ledger.as_str()).fetch_all(pool).await?
            });
            rows.iter().map(|row| row.row(row.terms.due_at)).collect()
        };
        within(ANSWER_MAX, rows).await
    }

    /// How many orders have which anomaly of their settlement, by ledger; none of one that no order has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settlement_anomalies(&self) -> Result<Vec<LedgerCount>, StoreError> {
        self.count_by_ledger(
            "select ledger, anomaly, count(*) from v_settlement_anomalies group by ledger, anomaly order by ledger, anomaly",
        )
        .await
    }

    /// How much is missing of unpaid and underpaid orders, in minor units, by ledger and currency.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settlement_due(&self) -> Result<Vec<LedgerCount>, StoreError> {
        // What no 63-bit sum holds is shown as the largest number.
        self.count_by_ledger(
            "select ledger, currency, case when sum(cast(due as double precision)) > 9e18 then 9223372036854775807
                                           else cast(sum(due) as bigint) end
               from settlements where settlement in ('unpaid', 'underpaid') and due > 0
              group by ledger, currency order by ledger, currency",
        )
        .await
    }

    async fn count_by_ledger(&self, sql: &'static str) -> Result<Vec<LedgerCount>, StoreError> {
        let counts = async {
            let rows: Vec<(String, String, i64)> =
                on_either!(self, QUERY_MAX, pool => sqlx::query_as(sql).fetch_all(pool).await?);
            Ok(rows.into_iter().map(|(ledger, of, count)| LedgerCount { ledger, of, count }).collect())
        };
        within(ANSWER_MAX, counts).await
    }

    /// How often other terms came under a revision that stands, and that no higher one has replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expectation_conflicts(&self) -> Result<i64, StoreError> {
        const SQL: &str = "
            select count(*) from expectation_conflicts c
             where not exists (select 1 from expectations e
                                where e.order_id = c.order_id and e.ledger = c.ledger and e.revision > c.revision)";
        let count =
            async { Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_scalar(SQL).fetch_one(pool).await?)) };
        within(ANSWER_MAX, count).await
    }
}
