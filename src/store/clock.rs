//! The database server's clock, for people who look for one that is off.

use std::time::Duration;

use super::{Database, Store, StoreError, within};

impl Store {
    /// What the clock of the database's server shows, since the Unix epoch, in microseconds; `None` where it is this
    /// machine's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clock(&self) -> Result<Option<Duration>, StoreError> {
        const SQL: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
        let Database::Postgres(own) = &self.database else { return Ok(None) };
        let read = async { Ok(sqlx::query_scalar::<_, i64>(SQL).fetch_one(&own.pool).await?) };
        let micros = within(self.call_timeout, read).await?;
        Ok(Some(Duration::from_micros(micros.unsigned_abs())))
    }
}
