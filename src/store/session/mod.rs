//! A lane's session with the database, whichever it is: opens a connection when first used, and gives up one whose call did not
//! end well.

mod calls;

use std::sync::Arc;
use std::time::Duration;

use sqlx::SqliteConnection;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::epoch::{Continuity, Epochs, Server};
#[cfg(test)]
use super::simulated::{Simulated, SimulatedConnection};
use super::{Database, Store, StoreError, postgres, sqlite, within};

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
    saved: Arc<Notify>,
    /// How often the present one has loaded and saved.
    calls: u64,
    /// A load after so many of them makes plans anew.
    renews_plans_after: u64,
    #[cfg(test)]
    simulated: Option<Simulated>,
}

#[derive(Debug)]
enum Connection {
    Postgres(postgres::LaneConnection),
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
            saved: Arc::clone(&store.saved),
            calls: 0,
            renews_plans_after: 0,
            #[cfg(test)]
            simulated: store.simulated.clone(),
        }
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
