//! What a Redis server says about itself and about what is held in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, FromRedisValue, RedisResult, from_redis_value};

use super::address::{Open, Wire};
use super::{Redis, failure, script};
use crate::lock::contract::Failure;
use crate::lock::inspect::{Finding, HELD_MAX, Held};
use crate::lock::server_clock::Clock;
use crate::lock::token::Token;

/// A master of a Cluster; a single server has no name.
type Node = Option<(String, u16)>;

impl Redis {
    pub(in super::super) async fn health(&self) -> Vec<Finding> {
        let nodes = match self.nodes().await {
            Ok(nodes) => nodes,
            Err(failure) => return vec![Finding::Failure(format!("Redis is not reachable: {failure}"))],
        };
        nodes.iter().flat_map(|(node, info)| judge(node.as_ref(), info)).collect()
    }

    pub(in super::super) async fn held(&self) -> Result<Vec<Held>, Failure> {
        let mut held = Vec::new();
        for (node, _) in self.nodes().await? {
            let mut cursor = "0".to_owned();
            loop {
                let (next, page): (String, Vec<(String, String, i64)>) =
                    self.query(node.as_ref(), script::list(&cursor)).await?;
                held.extend(page.into_iter().map(|(key, token, left)| Held {
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

    /// What the server calls its present run: another after each restart, the same under every address.
    pub(in super::super) async fn run_id(&self) -> Result<String, Failure> {
        let open = self.connection.open().await?;
        let ask = || async {
            let info: String = self.query(None, redis::cmd("INFO").arg("server").to_owned()).await?;
            let run_id = field(&info, "run_id");
            run_id.map(str::to_owned).ok_or_else(|| Failure::Refused("INFO has no run_id".to_owned()))
        };
        open.run_id.get_or_try_init(ask).await.cloned()
    }

    pub(in super::super) async fn clocks(&self) -> Vec<Clock> {
        let mut clocks = Vec::new();
        for (node, _) in self.nodes().await.unwrap_or_default() {
            let time = async {
                let (seconds, micros): (u64, u64) = self.query(node.as_ref(), redis::cmd("TIME")).await?;
                Ok::<_, Failure>(Duration::from_secs(seconds) + Duration::from_micros(micros))
            };
            clocks.extend(Clock::read(place(node.as_ref()), Duration::ZERO, time).await);
        }
        clocks
    }

    /// Every master with what `INFO` says there.
    async fn nodes(&self) -> Result<Vec<(Node, String)>, Failure> {
        let open = self.connection.open().await?;
        let info = redis::cmd("INFO");
        let Wire::Cluster(mut connection) = open.wire.clone() else {
            return Ok(vec![(None, self.query(None, info).await?)]);
        };
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let answer = connection.route_command(info, everywhere).await;
        let by_address: HashMap<String, String> = self.checked(&open, answer.and_then(parsed))?;
        let node = |address: &str| {
            let (host, port) = address.rsplit_once(':')?;
            Some((host.to_owned(), port.parse().ok()?))
        };
        Ok(by_address.into_iter().map(|(address, info)| (node(&address), info)).collect())
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
        answer.map_err(failure).inspect_err(|_| self.connection.close(open))
    }
}

fn parsed<T: FromRedisValue>(value: redis::Value) -> RedisResult<T> {
    from_redis_value(value).map_err(Into::into)
}

/// What `INFO` of one server tells about its fitness for leases.
fn judge(node: Option<&(String, u16)>, info: &str) -> Vec<Finding> {
    let place = place(node);
    let mut findings = Vec::new();
    if field(info, "role") == Some("slave") {
        findings
            .push(Finding::Failure(format!("{place} is a replica, which takes no leases: name the master")));
    }
    if let Some(policy) = field(info, "maxmemory_policy").filter(|policy| *policy != "noeviction") {
        findings.push(Finding::Warning(format!(
            "{place} has maxmemory-policy {policy}: leases vanish when memory is short; expected noeviction"
        )));
    }
    if let Some(evicted) = field(info, "evicted_keys").filter(|evicted| *evicted != "0") {
        findings
            .push(Finding::Warning(format!("{place} has evicted {evicted} keys: leases may be among them")));
    }
    findings
}

fn place(node: Option<&(String, u16)>) -> String {
    node.map_or_else(|| "Redis".to_owned(), |(host, port)| format!("Redis at {host}:{port}"))
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}
