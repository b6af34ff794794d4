//! Which server this is: asked once a second, so that another one behind the same address is noticed.

use sqlx::PgConnection;

use crate::store::StoreError;
use crate::store::epoch::Server;

/// The timeline is read from the name of the log's present file: the control file tells it only after a checkpoint.
const ALL: &str = "
    select pg_postmaster_start_time()::text, (select system_identifier::text from pg_control_system()),
           left(pg_walfile_name(pg_current_wal_lsn()), 8), (pg_current_wal_lsn() - '0/0')::int8";
/// Where the functions of the log are not allowed.
const START_ONLY: &str = "
    select pg_postmaster_start_time()::text, null::text, null::text, null::int8";

/// Not kept as a prepared statement: behind a pooler the next call may come to another session.
pub(in crate::store) async fn look(connection: &mut PgConnection) -> Result<Server, StoreError> {
    type Row = (String, Option<String>, Option<String>, Option<i64>);
    let all = sqlx::query_as(ALL).persistent(false).fetch_one(&mut *connection).await;
    let (started, system, timeline, log_position): Row = match all {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => {
            sqlx::query_as(START_ONLY).persistent(false).fetch_one(connection).await?
        }
        other => other?,
    };
    Ok(Server { started, system, timeline, log_position })
}
