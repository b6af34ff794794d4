//! Coupons: the limited offer and who has redeemed it. The coupon's row is locked and counted before a redemption is
//! inserted, in every statement, so the cap holds and nobody waits in a circle.

use sqlx::{Connection, SqliteConnection};

use crate::order::{Id, Redeemed, Redemption};

use super::postgres::Statements;
use super::{Database, Store, StoreError, within};

/// A coupon's row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Coupon)]
pub struct CouponRow {
    /// What the customer enters.
    pub code: String,
    /// How many redeemers there may be.
    pub max_redemptions: i64,
    /// How many there are.
    pub redeemed: i64,
}

impl Store {
    /// Creates a coupon; tells the row that stands under its code, and whether it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_coupon(
        &self,
        code: &Id,
        max_redemptions: i64,
    ) -> Result<(CouponRow, bool), StoreError> {
        const SQL: &str =
            "insert into coupons (code, max_redemptions) values ($1, $2) on conflict do nothing";
        let created = async {
            Ok(on_either!(self, self.call_timeout, pool => sqlx::query(SQL)
                .bind(code.as_str())
                .bind(max_redemptions)
                .execute(pool)
                .await?
                .rows_affected()))
        };
        let created = within(self.call_timeout, created).await?;
        let row = self.coupon(code).await?;
        row.map(|row| (row, created == 1)).ok_or_else(|| StoreError::Stale("coupons".to_owned()))
    }

    /// The coupon of this code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn coupon(&self, code: &Id) -> Result<Option<CouponRow>, StoreError> {
        const SQL: &str = "select code, max_redemptions, redeemed from coupons where code = $1";
        let row = async {
            let row: Option<(String, i64, i64)> = on_either!(self, self.call_timeout, pool => {
                sqlx::query_as(SQL).bind(code.as_str()).fetch_optional(pool).await?
            });
            Ok(row)
        };
        let row = within(self.call_timeout, row).await?;
        Ok(row.map(|(code, max_redemptions, redeemed)| CouponRow { code, max_redemptions, redeemed }))
    }

    /// The order for which this redeemer has the coupon, if one was named.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order_of_redemption(&self, code: &Id, redeemer: &Id) -> Result<Option<String>, StoreError> {
        const SQL: &str = r#"select "order" from redemptions where code = $1 and redeemer = $2"#;
        let row = async {
            let row: Option<Option<String>> = on_either!(self, self.call_timeout, pool => {
                let read = sqlx::query_scalar(SQL).bind(code.as_str()).bind(redeemer.as_str());
                read.fetch_optional(pool).await?
            });
            Ok(row.flatten())
        };
        within(self.call_timeout, row).await
    }

    /// Takes a redemption back, so that another may have it; tells whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_back(&self, code: &Id, redeemer: &Id) -> Result<bool, StoreError> {
        let given_back = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.lists.begin(self.call_timeout).await?;
                    let given_back = sqlx::query_scalar("select give_back($1, $2)")
                        .bind(code.as_str())
                        .bind(redeemer.as_str())
                        .fetch_one(transaction.statements())
                        .await?;
                    transaction.commit().await?;
                    Ok(given_back)
                }
                Database::Sqlite(own) => {
                    Ok(give_back(own.pool.acquire().await?.as_mut(), code, redeemer).await?)
                }
            }
        };
        within(self.call_timeout, given_back).await
    }
}

/// Redeems for many at once, in their order; each (code, redeemer) may occur once.
pub(super) async fn redeem_postgres(
    statements: Statements<'_>,
    asked: &[Redemption],
) -> Result<Vec<Redeemed>, StoreError> {
    let words: Vec<String> = sqlx::query_scalar("select redeem_batch($1, $2, $3)")
        .bind(asked.iter().map(|one| one.code.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.redeemer.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.order.as_ref().map(Id::as_str)).collect::<Vec<_>>())
        .fetch_one(statements)
        .await?;
    let redeemed: Option<Vec<Redeemed>> = words.iter().map(|word| Redeemed::from_word(word)).collect();
    redeemed.ok_or_else(|| StoreError::Unknown("redeem_batch answered words that are not known".to_owned()))
}

/// The same under the write lock, one by one.
pub(super) async fn redeem_sqlite(
    connection: &mut SqliteConnection,
    asked: &[Redemption],
) -> Result<Vec<Redeemed>, StoreError> {
    const COUNT: &str =
        "update coupons set redeemed = redeemed + 1 where code = ?1 and redeemed < max_redemptions";
    const INSERT: &str = r#"insert into redemptions (code, redeemer, "order") values (?1, ?2, ?3)"#;
    const HELD: &str = "select exists (select 1 from redemptions where code = ?1 and redeemer = ?2),
                               exists (select 1 from coupons where code = ?1)";
    let mut transaction = connection.begin_with("begin immediate").await?;
    let mut redeemed = Vec::with_capacity(asked.len());
    for Redemption { code, redeemer, order } in asked {
        let (is_held, is_known): (bool, bool) = sqlx::query_as(HELD)
            .bind(code.as_str())
            .bind(redeemer.as_str())
            .fetch_one(&mut *transaction)
            .await?;
        let granted = !is_held
            && sqlx::query(COUNT).bind(code.as_str()).execute(&mut *transaction).await?.rows_affected() == 1;
        if granted {
            let row = sqlx::query(INSERT).bind(code.as_str()).bind(redeemer.as_str());
            row.bind(order.as_ref().map(Id::as_str)).execute(&mut *transaction).await?;
        }
        redeemed.push(match (is_known, is_held, granted) {
            (false, ..) => Redeemed::Unknown,
            (true, true, _) => Redeemed::Held,
            (true, false, true) => Redeemed::Granted,
            (true, false, false) => Redeemed::SoldOut,
        });
    }
    transaction.commit().await?;
    Ok(redeemed)
}

async fn give_back(connection: &mut SqliteConnection, code: &Id, redeemer: &Id) -> Result<bool, sqlx::Error> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let deleted = sqlx::query("delete from redemptions where code = ?1 and redeemer = ?2")
        .bind(code.as_str())
        .bind(redeemer.as_str())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
    if deleted == 1 {
        let counted = sqlx::query("update coupons set redeemed = redeemed - 1 where code = ?1");
        counted.bind(code.as_str()).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(deleted == 1)
}
