//! The sources whose events are stored, be they still configured or not.

use super::{ANSWER_MAX, QUERY_MAX};
use crate::store::{Database, Store, StoreError, within};

impl Store {
    /// Their names, sorted: one look into an index for each.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_sources(&self) -> Result<Vec<String>, StoreError> {
        // As the index of arrivals has it: of an expression.
        const SQL: &str = "
            with recursive found (name) as (
                select (select source || '' from events order by source || '' limit 1)
                union all
                select (select source || '' from events where source || '' > found.name order by source || '' limit 1)
                  from found
                 where found.name is not null)
            select name from found where name is not null";
        let names =
            async { Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_scalar(SQL).fetch_all(pool).await?)) };
        within(ANSWER_MAX, names).await
    }
}
