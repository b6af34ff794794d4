//! What a Redis server says about itself and about what is held in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, from_redis_value};

use super::address::{Open, Wire};
use super::{Redis, failure, script};
use crate::lock::contract::Failure;
use crate::lock::inspect::{HELD_MAX, HealthProblem, HeldKey};
use crate::lock::server_clock::ServerClock;
use crate::lock::token::Token;

/// A master of a Cluster; a single server has no name.
type Node = Option<(String, u16)>;

impl Redis {
    pub(in super::super) async fn health(&self) -> Vec<HealthProblem> {
        let said = async {
            let mut problems = Vec::new();
            for node in self.masters().await? {
                problems.extend(match self.info(node.as_ref()).await? {
                    Some(info) => judge(node.as_ref(), &info),
                    None => vec![unknown(node.as_ref())],
                });
            }
            Ok(problems)
        };
        let unreachable =
            |failure: Failure| vec![HealthProblem::Failure(format!("Redis is not reachable: {failure}"))];
        said.await.unwrap_or_else(unreachable)
    }

    pub(in super::super) async fn held(&self) -> Result<Vec<HeldKey>, Failure> {
        let mut held = Vec::new();
        for node in self.masters().await? {
            let mut cursor = "0".to_owned();
            loop {
                let (next, page): (String, Vec<(String, String, i64)>) =
                    self.query(node.as_ref(), script::list(&cursor)).await?;
                held.extend(page.into_iter().map(|(key, token, left)| HeldKey {
                    key: key.strip_prefix(script::PREFIX).unwrap_or(&key).to_owned(),
                    owner: Token::owner(&token),
                    lapses_in: Duration::from_millis(left.max(0).unsigned_abs()),
                }));
                if next == "0" || held.len() >= HELD_MAX {
                    break;
                }
                cursor = next;
            }
        }
        Ok(held)
    }

    /// What the server calls its present run: another after each restart, the same under every address. `None` where our
    /// user may not ask.
    pub(in super::super) async fn run_id(&self) -> Result<Option<String>, Failure> {
        let open = self.connection.open().await?;
        let ask = || async {
            let info = self.info(None).await?;
            Ok(info.and_then(|info| field(&info, "run_id").map(str::to_owned)))
        };
        open.run_id.get_or_try_init(ask).await.cloned()
    }

    pub(in super::super) async fn clocks(&self) -> Vec<ServerClock> {
        let mut clocks = Vec::new();
        for node in self.masters().await.unwrap_or_default() {
            let time = async {
                let (seconds, micros): (u64, u64) = self.query(node.as_ref(), redis::cmd("TIME")).await?;
                Ok::<_, Failure>(Duration::from_secs(seconds) + Duration::from_micros(micros))
            };
            clocks.extend(ServerClock::read(place(node.as_ref()), Duration::ZERO, time).await);
        }
        clocks
    }

    /// Every master of a Cluster, as their answers to a `PING` name them.
    async fn masters(&self) -> Result<Vec<Node>, Failure> {
        let open = self.connection.open().await?;
        let Wire::Cluster(mut connection) = open.wire.clone() else { return Ok(vec![None]) };
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let answer = connection.route_command(redis::cmd("PING"), everywhere).await;
        let by_address: HashMap<String, String> = self.checked(&open, answer.and_then(parsed))?;
        let node = |address: &String| {
            let (host, port) = address.rsplit_once(':')?;
            Some((host.to_owned(), port.parse().ok()?))
        };
        Ok(by_address.keys().map(node).collect())
    }

    /// What `INFO` says. `None` where our user may not ask: the command is among the dangerous ones, which many providers
    /// withhold.
    async fn info(&self, node: Option<&(String, u16)>) -> Result<Option<String>, Failure> {
        match self.query(node, redis::cmd("INFO")).await {
            Err(Failure::Refused(reason)) if is_forbidden(&reason) => Ok(None),
            answer => answer.map(Some),
        }
    }

    async fn query<T: FromRedisValue>(
        &self,
        node: Option<&(String, u16)>,
        command: Cmd,
    ) -> Result<T, Failure> {
        let open = self.connection.open().await?;
        let answer = match (open.wire.clone(), node) {
            (Wire::Server(mut connection), _) => command.query_async(&mut connection).await,
            (Wire::Cluster(mut connection), None) => command.query_async(&mut connection).await,
            (Wire::Cluster(mut connection), Some((host, port))) => {
                let there = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                connection.route_command(command, RoutingInfo::SingleNode(there)).await.and_then(parsed)
            }
        };
        self.checked(&open, answer)
    }

    fn checked<T>(&self, open: &Arc<Open>, answer: RedisResult<T>) -> Result<T, Failure> {
        answer.map_err(|error| {
            // A user who may not call INFO may still take leases over this connection.
            if error.kind() != ErrorKind::Server(ServerErrorKind::NoPerm) {
                self.connection.close(open);
            }
            failure(error)
        })
    }
}

fn parsed<T: FromRedisValue>(value: redis::Value) -> RedisResult<T> {
    // A Cluster hands a node's refusal over as a value.
    from_redis_value(value.extract_error()?).map_err(Into::into)
}

/// What `INFO` of one server tells about its fitness for leases.
fn judge(node: Option<&(String, u16)>, info: &str) -> Vec<HealthProblem> {
    let place = place(node);
    let mut problems = Vec::new();
    if field(info, "role") == Some("slave") {
        problems.push(HealthProblem::Failure(format!(
            "{place} is a replica, which takes no leases: name the master"
        )));
    }
    if let Some(policy) = field(info, "maxmemory_policy").filter(|policy| *policy != "noeviction") {
        problems.push(HealthProblem::Warning(format!(
            "{place} has maxmemory-policy {policy}: leases vanish when memory is short; expected noeviction"
        )));
    }
    if let Some(evicted) = field(info, "evicted_keys").filter(|evicted| *evicted != "0") {
        problems.push(HealthProblem::Warning(format!(
            "{place} has evicted {evicted} keys: leases may be among them"
        )));
    }
    problems
}

fn unknown(node: Option<&(String, u16)>) -> HealthProblem {
    HealthProblem::Warning(format!(
        "{} does not let this user ask INFO: whether leases may be evicted is not known; expected +info for it",
        place(node)
    ))
}

fn place(node: Option<&(String, u16)>) -> String {
    node.map_or_else(|| "Redis".to_owned(), |(host, port)| format!("Redis at {host}:{port}"))
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

/// Whether a refusal says that our user may not.
fn is_forbidden(reason: &str) -> bool {
    reason.starts_with(&format!("{:?}", ServerErrorKind::NoPerm))
}
