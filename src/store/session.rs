//! A lane's connection: opened when first used, never used again after a call that did not end well.

use std::time::Duration;

use sqlx::SqliteConnection;
use tokio::time::Instant;

use crate::order::{Changes, Key, Redeemed, Redemption, Snapshot};

use super::coupons::{redeem_postgres, redeem_sqlite};
use super::epoch::{Continuity, Epochs, Server};
use super::replace::{replace_postgres, replace_sqlite};
#[cfg(test)]
use super::simulated::{Simulated, SimulatedConnection};
use super::{Database, Store, StoreError, StoredEvent, Wanted, postgres, sqlite, within};

/// A lane's own connection, opened when first used and again after an error.
///
/// Every call has a deadline. While one is in flight the connection belongs to it, so a call that is cut, runs out of
/// time or fails for an unknown reason takes its connection with it.
#[derive(Debug)]
pub struct Session {
    database: Database,
    call_timeout: Duration,
    connection: Option<Connection>,
    epochs: Epochs,
    /// How often the present one has loaded and saved.
    calls: u64,
    /// A load after so many of them makes plans anew.
    renews_plans_after: u64,
    #[cfg(test)]
    simulated: Option<Simulated>,
}

#[derive(Debug)]
enum Connection {
    Postgres(postgres::Lane),
    Sqlite(SqliteConnection),
    #[cfg(test)]
    Simulated(Simulated, SimulatedConnection),
}

impl Session {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            database: store.database.clone(),
            call_timeout: store.call_timeout,
            connection: None,
            epochs: store.epochs.clone(),
            calls: 0,
            renews_plans_after: 0,
            #[cfg(test)]
            simulated: store.simulated.clone(),
        }
    }

    /// Everything that a batch touches, in one statement and so one snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&mut self, wanted: &Wanted) -> Result<Snapshot, StoreError> {
        let mut connection = self.take().await?;
        let plans_anew = self.calls >= self.renews_plans_after;
        self.calls += 1;
        if plans_anew {
            self.renews_plans_after = self.calls * 2;
        }
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let load = own.call(async |statements| postgres::load(statements, wanted, plans_anew).await);
                within(self.call_timeout, load).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, sqlite::load(own, wanted)).await,
            #[cfg(test)]
            Connection::Simulated(own, connection) => own.load(*connection, wanted).await,
        };
        self.settle(connection, answer)
    }

    /// Writes all of it, or nothing if anything moved since the load.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save(&mut self, changes: &Changes<'_>) -> Result<(), StoreError> {
        let mut connection = self.take().await?;
        self.calls += 1;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let save = own.call(async |statements| postgres::save(statements, changes).await);
                within(self.call_timeout, save).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, sqlite::save(own, changes)).await,
            #[cfg(test)]
            Connection::Simulated(own, connection) => own.save(*connection, changes).await,
        };
        self.settle(connection, answer)
    }

    /// Writes all of it in the place of `stored`, which goes in the same transaction; its count of duplicates stays.
    /// Tells whether `stored` was still there as it was read: if not, nothing is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace(&mut self, stored: &StoredEvent, changes: &Changes<'_>) -> Result<bool, StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let replace =
                    own.transaction(async |statements| replace_postgres(statements, stored, changes).await);
                within(self.call_timeout, replace).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, replace_sqlite(own, stored, changes)).await,
            #[cfg(test)]
            Connection::Simulated(..) => unreachable!("no simulation replaces events"),
        };
        self.settle(connection, answer)
    }

    /// Adds to `events.duplicates`. Each key may occur once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_duplicates(&mut self, counts: &[(Key, i64)]) -> Result<(), StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let count = own.call(async |statements| postgres::count_duplicates(statements, counts).await);
                within(self.call_timeout, count).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, sqlite::count_duplicates(own, counts)).await,
            #[cfg(test)]
            Connection::Simulated(own, connection) => own.count_duplicates(*connection).await,
        };
        self.settle(connection, answer)
    }

    /// Redeems coupons for many at once, in their order; each (code, redeemer) may occur once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn redeem(&mut self, asked: &[Redemption]) -> Result<Vec<Redeemed>, StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let redeem = own.call(async |statements| redeem_postgres(statements, asked).await);
                within(self.call_timeout, redeem).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, redeem_sqlite(own, asked)).await,
            #[cfg(test)]
            Connection::Simulated(..) => unreachable!("no simulation redeems coupons"),
        };
        self.settle(connection, answer)
    }

    /// Opens the connection if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connect(&mut self) -> Result<(), StoreError> {
        let connection = self.take().await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Looks at the server, and tells whether it is the one that was seen before. To be called once a second.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing that was remembered holds.
    pub async fn look_at_server(&mut self) -> Result<Continuity, StoreError> {
        let asked_at = Instant::now();
        let server = self.server().await;
        match server {
            Ok(server) => Ok(self.epochs.looked(server, asked_at)),
            Err(error) => {
                self.epochs.lost_sight();
                Err(error)
            }
        }
    }

    async fn server(&mut self) -> Result<Server, StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => within(self.call_timeout, postgres::look(own)).await,
            Connection::Sqlite(own) => within(self.call_timeout, sqlite::look(own)).await,
            #[cfg(test)]
            Connection::Simulated(own, connection) => own.look(*connection).await,
        };
        self.settle(connection, answer)
    }

    async fn take(&mut self) -> Result<Connection, StoreError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connection = self.open().await?;
        // Behind a new connection may be another server, which has forgotten.
        self.epochs.end();
        (self.calls, self.renews_plans_after) = (0, 0);
        Ok(connection)
    }

    async fn open(&self) -> Result<Connection, StoreError> {
        #[cfg(test)]
        if let Some(simulated) = &self.simulated {
            return Ok(Connection::Simulated(simulated.clone(), simulated.connect().await?));
        }
        Ok(match &self.database {
            Database::Postgres(own) => Connection::Postgres(self.connected(own.connect()).await?),
            Database::Sqlite(own) => Connection::Sqlite(self.connected(own.connect()).await?),
        })
    }

    async fn connected<T>(
        &self,
        connect: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        within(self.call_timeout, connect).await.map_err(StoreError::of_connecting)
    }

    /// Keeps the connection only if the database is known to have finished the call.
    fn settle<T>(&mut self, connection: Connection, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if answer.as_ref().err().is_none_or(StoreError::leaves_connection_usable) {
            self.connection = Some(connection);
        } else {
            self.epochs.end();
        }
        answer
    }
}
