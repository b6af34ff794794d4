//! The row that is counted up, in a Postgres of its own.

use sqlx::{Connection, PgConnection, Row as _};

use super::worker::Guard;

/// The row, as one process reaches it.
pub(super) struct Row {
    connection: PgConnection,
    process: i32,
}

/// What was read.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    value: i64,
    version: i64,
    pub(super) is_over: bool,
}

/// What has become of it.
#[derive(Debug)]
pub(super) struct Count {
    /// Writes that the database took and another overwrote.
    pub(super) lost: i64,
    /// Writes that it refused.
    pub(super) refused: i64,
    /// Writes that it took.
    pub(super) taken: i64,
}

impl Row {
    pub(super) async fn connect(url: &str) -> Self {
        let connection = PgConnection::connect(url).await.expect("a connection");
        Self { connection, process: std::process::id().try_into().expect("a process id") }
    }

    pub(super) async fn create(&mut self) {
        let tables = "create table counter (value bigint, version bigint, fence bigint, reader int, is_over bool); \
             insert into counter values (0, 0, 0, null, false); \
             create table writes (taken bool)";
        sqlx::raw_sql(tables).execute(&mut self.connection).await.expect("created");
    }

    /// Reads it, and leaves there who has read it last. With a fencing token also that; nothing is read under an older one.
    pub(super) async fn read(&mut self, guard: Guard, fence: i64) -> Option<Seen> {
        let sql = match guard {
            Guard::Fence => {
                "update counter set reader = $1, fence = $2 where fence < $2 returning value, version, is_over"
            }
            Guard::NoLock | Guard::Nothing | Guard::Ensure | Guard::Version => {
                "update counter set reader = $1, fence = $2 returning value, version, is_over"
            }
        };
        let read = sqlx::query(sql).bind(self.process).bind(fence);
        let row = read.fetch_optional(&mut self.connection).await.expect("an answer")?;
        Some(Seen { value: row.get(0), version: row.get(1), is_over: row.get(2) })
    }

    /// Writes one more than was seen, and that it was taken or refused, together.
    pub(super) async fn write(&mut self, guard: Guard, fence: i64, seen: Seen) {
        let check = match guard {
            Guard::NoLock | Guard::Nothing | Guard::Ensure => "$2 = $2 and $3 = $3",
            Guard::Version => "version = $2 and $3 = $3",
            Guard::Fence => "$2 = $2 and fence = $3",
        };
        let sql = format!(
            "with taken as (update counter set value = $1 + 1, version = version + 1, reader = null \
             where {check} returning value) insert into writes select exists (select from taken)"
        );
        let write = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(seen.value).bind(seen.version).bind(fence);
        write.execute(&mut self.connection).await.expect("an answer");
    }

    /// Whoever has read and not written.
    pub(super) async fn reader(&mut self) -> Option<u32> {
        let reader: Option<i32> = sqlx::query_scalar("select reader from counter")
            .fetch_one(&mut self.connection)
            .await
            .expect("an answer");
        reader.map(i32::unsigned_abs)
    }

    pub(super) async fn count(&mut self) -> Count {
        let sql = "select (select count(*) from writes where taken), (select count(*) from writes where not taken), \
             value from counter";
        let row = sqlx::query(sql).fetch_one(&mut self.connection).await.expect("an answer");
        let (taken, value): (i64, i64) = (row.get(0), row.get(2));
        Count { lost: taken - value, refused: row.get(1), taken }
    }

    /// Tells the workers to end.
    pub(super) async fn close(&mut self) {
        let close = sqlx::raw_sql("update counter set is_over = true");
        close.execute(&mut self.connection).await.expect("an answer");
    }
}
