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

/// One call of a session against its deadline, on either database by a function of the same arguments: in Postgres by itself
/// (`call`) or with other statements (`transaction`).
macro_rules! call {
    ($session:expr, $postgres:path, $sqlite:path, ($($argument:expr),*), $simulated:pat => $simulation:expr) => {
        call!($session, call, $postgres, $sqlite, ($($argument),*), $simulated => $simulation)
    };
    ($session:expr, $how:ident, $postgres:path, $sqlite:path, ($($argument:expr),*), $simulated:pat => $simulation:expr) => {{
        let mut connection = $session.take().await?;
        let limit = $session.call_timeout;
        let answer = match &mut connection {
            Connection::Postgres(own) => {
                let work = own.$how(async |statements| $postgres(statements, $($argument),*).await);
                within(limit, work).await
            }
            Connection::Sqlite(own) => within(limit, $sqlite(own, $($argument),*)).await,
            #[cfg(test)]
            $simulated => $simulation,
        };
        $session.settle(connection, answer)
    }};
}

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
        let answer = call!(self, postgres::save, sqlite::save, (changes),
            Connection::Simulated(own, at) => own.save(*at, changes).await);
        self.calls += 1;
        if answer.is_ok() {
            self.saved.notify_waiters();
        }
        answer
    }

    /// The same for what a person does, which is kept in the same transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_for(&mut self, changes: &Changes<'_>, kept: (&By, &Action)) -> Result<(), StoreError> {
        call!(self, transaction, save_for_postgres, save_for_sqlite, (changes, kept),
            Connection::Simulated(..) => unreachable!("nobody acts in a simulation"))
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
        call!(self, transaction, replace_postgres, replace_sqlite, (stored, changes, kept),
            Connection::Simulated(..) => unreachable!("no simulation replaces events"))
    }

    /// A stored event with its body.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored(&mut self, key: &Key) -> Result<Option<StoredEvent>, StoreError> {
        // A simulation keeps no bodies.
        call!(self, stored_postgres, stored_sqlite, (key), Connection::Simulated(..) => Ok(None))
    }

    /// Keeps the bytes of a known event whose body was purged; no others are taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn restore_body(&mut self, event: &Event) -> Result<(), StoreError> {
        call!(self, restore_postgres, restore_sqlite, (event),
            Connection::Simulated(..) => unreachable!("nothing is purged in a simulation"))
    }

    /// Keeps that today's definition has read these events, which say what they said.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_read(&mut self, events: &[Key], read_by: i16) -> Result<(), StoreError> {
        call!(self, note_read_postgres, note_read_sqlite, (events, read_by),
            Connection::Simulated(..) => unreachable!("nothing is read again in a simulation"))
    }

    /// Adds to `events.duplicates`. Each key may occur once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_duplicates(&mut self, counts: &[(Key, i64)]) -> Result<(), StoreError> {
        call!(self, postgres::count_duplicates, sqlite::count_duplicates, (counts),
            Connection::Simulated(own, at) => own.count_duplicates(*at).await)
    }

    /// Redeems coupons for many at once, in their order; each (code, redeemer) may occur once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn redeem(&mut self, asked: &[Redemption]) -> Result<Vec<Redeemed>, StoreError> {
        call!(self, redeem_postgres, redeem_sqlite, (asked),
            Connection::Simulated(..) => unreachable!("no simulation redeems coupons"))
    }
}
