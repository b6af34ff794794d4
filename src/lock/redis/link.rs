//! A connection that is opened in the background, and closed after the first error.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError};
use tokio::sync::Mutex;

use super::super::backend::Failure;
use crate::secret::Secret;

/// One server's address, and the connection to it where there is one.
///
/// Not the library's `ConnectionManager`: that keeps a connection whose call timed out, so a peer that vanished without
/// a word would be waited for again and again. Here a connection does not outlive an error. The breaker paces reconnects.
#[derive(Debug, Clone)]
pub(super) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    connection: Arc<Mutex<Option<Connected>>>,
}

#[derive(Clone)]
struct Connected(MultiplexedConnection);

impl Link {
    pub(super) fn new(url: &Secret, call_timeout: Duration) -> Result<Self, String> {
        let wrong = |error: RedisError| {
            format!("lock.urls: {error}; expected redis://[user:password@]host[:port][/db]")
        };
        let tcp = TcpSettings::default().set_nodelay(true);
        let address = url.expose().into_connection_info().map_err(wrong)?.set_tcp_settings(tcp);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(call_timeout));
        Ok(Self { client: Client::open(address).map_err(wrong)?, config, connection: Arc::default() })
    }

    /// The open connection, or a new one. Connecting goes on when the caller stops waiting: it may take longer than a
    /// call may.
    pub(super) async fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        if let Ok(open) = self.connection.try_lock()
            && let Some(Connected(connection)) = &*open
        {
            return Ok(connection.clone());
        }
        let link = self.clone();
        let connecting = tokio::spawn(async move { link.connect().await });
        connecting.await.map_err(|_| Failure::Unsent("connecting was cut off".to_owned()))?
    }

    /// Sends all commands of `pipeline` at once and reads all their answers.
    pub(super) async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Failure> {
        let mut connection = self.connection().await?;
        match pipeline.query_async(&mut connection).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                // Where the lock is taken, somebody opens a new one already.
                if let Ok(mut open) = self.connection.try_lock() {
                    *open = None;
                }
                Err(failure(error))
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Failure> {
        // Whoever waits for this lock finds the connection of the one before.
        let mut open = self.connection.lock().await;
        if let Some(Connected(connection)) = &*open {
            return Ok(connection.clone());
        }
        let connecting = self.client.get_multiplexed_async_connection_with_config(&self.config);
        let connection = connecting.await.map_err(|error| Failure::Unsent(error.to_string()))?;
        *open = Some(Connected(connection.clone()));
        Ok(connection)
    }
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connected")
    }
}

/// A server that answers with an error has decided; anything else leaves it open what happened.
fn failure(error: RedisError) -> Failure {
    let text = error.to_string();
    match error.into_server_errors() {
        Some(errors) => Failure::Refused(errors.first().map_or(text, |(_, error)| error.to_string())),
        None => Failure::Unanswered(text),
    }
}

/// Longer than a call: it has the name look-up, TLS and AUTH in it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
