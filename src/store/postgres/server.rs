//! Which server this is: asked once a second, so that another one behind the same address is noticed.

use super::LaneConnection;
use crate::store::StoreError;
use crate::store::epoch::Server;

/// The timeline is read from the name of the log's present file: the control file tells it only after a checkpoint.
const ALL: &str = "
    select pg_postmaster_start_time()::text, (select system_identifier::text from pg_control_system()),
           left(pg_walfile_name(pg_current_wal_lsn()), 8), (pg_current_wal_lsn() - '0/0')::int8";
/// Where the functions of the log are not allowed.
const START_ONLY: &str = "
    select pg_postmaster_start_time()::text, null::text, null::text, null::int8";

/// Asks through a lane's connection.
pub(in crate::store) async fn look(lane: &mut LaneConnection) -> Result<Server, StoreError> {
    type Row = (String, Option<String>, Option<String>, Option<i64>);
    let ask = async |lane: &mut LaneConnection, sql: &'static str| -> Result<Row, StoreError> {
        lane.call(async |statements| Ok(sqlx::query_as(sql).fetch_one(statements).await?)).await
    };
    let (started, system, timeline, log_position) = match ask(lane, ALL).await {
        Err(StoreError::Forbidden(_)) => ask(lane, START_ONLY).await?,
        other => other?,
    };
    Ok(Server { started, system, timeline, log_position })
}
