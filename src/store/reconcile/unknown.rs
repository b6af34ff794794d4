//! Rows of types that no rule of their report knows: each type is named and summed, and none dropped.

use std::collections::BTreeMap;

use serde_json::json;

use super::write::Upsert;
use super::{ANSWER_MAX, STEP_MAX};
use crate::order::{Currency, Disagreement, Id, ReportFinding, ReportRow, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

/// Of each currency how many rows, and what they come to.
type Sums = Vec<(Option<String>, i64, Option<String>)>;

impl Store {
    /// Sums the rows of each type that no rule knows: what is not compared is named, and never dropped.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_unknown_types(&self, source: &Id, at: UnixMicros) -> Result<(), StoreError> {
        const SQL: &str = "
            select type, currency, count(*), cast(sum(amount) as text) from report_rows
             where kind is null and source = $1 group by type, currency order by type, currency";
        let sums = async {
            let sums: Vec<(String, Option<String>, i64, Option<String>)> = on_either!(self, STEP_MAX, pool => {
                sqlx::query_as(SQL).bind(source.as_str()).fetch_all(pool).await?
            });
            Ok(sums)
        };
        let mut types: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (type_name, currency, rows, sum) in within(ANSWER_MAX, sums).await? {
            types.entry(type_name).or_default().push((currency, rows, sum));
        }
        let findings: Vec<ReportFinding> =
            types.iter().filter_map(|(type_name, sums)| unknown_type(type_name, sums)).collect();
        let holding = Upsert::all(&findings);
        self.close_unknown_types(source, &holding, at).await?;
        self.upsert_findings(source, &holding, at).await
    }
}

/// The same of rows that are not kept.
#[must_use]
pub fn unknown_types<'r>(rows: impl IntoIterator<Item = &'r ReportRow>) -> Vec<ReportFinding> {
    let mut types: BTreeMap<&str, BTreeMap<Option<String>, (i64, i128)>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.fact.is_none()) {
        let currency = row.money.map(|(_, currency)| currency.to_string());
        let (count, sum) = types.entry(&row.type_name).or_default().entry(currency).or_default();
        *count += 1;
        *sum += row.money.map_or(0, |(amount, _)| i128::from(amount));
    }
    let told = types.into_iter().filter_map(|(type_name, sums)| {
        let sums: Sums = sums
            .into_iter()
            .map(|(currency, (rows, sum))| {
                let sum = currency.is_some().then(|| sum.to_string());
                (currency, rows, sum)
            })
            .collect();
        unknown_type(type_name, &sums)
    });
    told.collect()
}

/// The rows of a type that no rule knows, by currency: how many, and what they come to.
fn unknown_type(type_name: &str, sums: &Sums) -> Option<ReportFinding> {
    let rows: i64 = sums.iter().map(|(_, rows, _)| rows).sum();
    let told: BTreeMap<&str, &str> =
        sums.iter().filter_map(|(currency, _, sum)| Some((currency.as_deref()?, sum.as_deref()?))).collect();
    let only = (told.len() == 1).then(|| told.first_key_value()).flatten();
    Some(ReportFinding {
        disagreement: Disagreement::UnknownType,
        class: None,
        reference: Id::new(type_name).ok()?,
        payment: None,
        ours: None,
        theirs: only.and_then(|(_, sum)| sum.parse().ok()),
        currency: only.and_then(|(currency, _)| Currency::new(currency)),
        detail: json!({ "rows": rows, "sums": told }),
    })
}
