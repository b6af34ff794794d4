//! What a session can be asked for: each call against its deadline.

use super::super::actions::{Action, By};
use super::super::bodies::{
    note_read_postgres, note_read_sqlite, restore_postgres, restore_sqlite, stored_postgres, stored_sqlite,
};
use super::super::coupons::{redeem_postgres, redeem_sqlite};
use super::super::replace::{replace_postgres, replace_sqlite};
use super::super::save_for::{save_for_postgres, save_for_sqlite};
use super::super::{StoreError, StoredEvent, Wanted, postgres, sqlite, within};
use super::{Connection, Session};
use crate::order::{Changes, Event, Key, Redeemed, Redemption, Snapshot};

impl Session {
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
        if answer.is_ok() {
            self.saved.notify_waiters();
        }
        self.settle(connection, answer)
    }

    /// The same for what a person does, which is kept in the same transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_for(&mut self, changes: &Changes<'_>, kept: (&By, &Action)) -> Result<(), StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let save =
                    own.transaction(async |statements| save_for_postgres(statements, changes, kept).await);
                within(self.call_timeout, save).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, save_for_sqlite(own, changes, kept)).await,
            #[cfg(test)]
            Connection::Simulated(..) => unreachable!("nobody acts in a simulation"),
        };
        self.settle(connection, answer)
    }

    /// Writes all of it in the place of `stored`, which goes in the same transaction; its count of duplicates stays.
    /// Tells whether `stored` was still there as it was read: if not, nothing is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace(
        &mut self,
        stored: &StoredEvent,
        changes: &Changes<'_>,
        kept: (&By, &Action),
    ) -> Result<bool, StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let replace = own.transaction(async |statements| {
                    replace_postgres(statements, stored, changes, kept).await
                });
                within(self.call_timeout, replace).await
            }
            Connection::Sqlite(own) => {
                within(self.call_timeout, replace_sqlite(own, stored, changes, kept)).await
            }
            #[cfg(test)]
            Connection::Simulated(..) => unreachable!("no simulation replaces events"),
        };
        self.settle(connection, answer)
    }

    /// A stored event with its body.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored(&mut self, key: &Key) -> Result<Option<StoredEvent>, StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let stored = own.call(async |statements| stored_postgres(statements, key).await);
                within(self.call_timeout, stored).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, stored_sqlite(own, key)).await,
            // It keeps no bodies.
            #[cfg(test)]
            Connection::Simulated(..) => Ok(None),
        };
        self.settle(connection, answer)
    }

    /// Keeps the bytes of a known event whose body was purged; no others are taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn restore_body(&mut self, event: &Event) -> Result<(), StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let restore = own.call(async |statements| restore_postgres(statements, event).await);
                within(self.call_timeout, restore).await
            }
            Connection::Sqlite(own) => within(self.call_timeout, restore_sqlite(own, event)).await,
            #[cfg(test)]
            Connection::Simulated(..) => unreachable!("nothing is purged in a simulation"),
        };
        self.settle(connection, answer)
    }

    /// Keeps that today's definition has read these events, which say what they said.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_read(&mut self, events: &[Key], read_by: i16) -> Result<(), StoreError> {
        let mut connection = self.take().await?;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let note = own.call(async |statements| note_read_postgres(statements, events, read_by).await);
                within(self.call_timeout, note).await
            }
            Connection::Sqlite(own) => {
                within(self.call_timeout, note_read_sqlite(own, events, read_by)).await
            }
            #[cfg(test)]
            Connection::Simulated(..) => unreachable!("nothing is read again in a simulation"),
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
}
