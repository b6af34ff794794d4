//! What Paylatch promises, as tests: a file per promise, a sentence per test.
//!
//! They run the real binary against a real Postgres, Redis and SQLite, and break what can break.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    reason = "a test that cannot go on fails, and its harness is read here only"
)]

// The promises
mod any_order;
mod assigned;
mod authentic;
mod busy;
mod coupons;
mod dashboard;
mod limits;
mod once;
mod postgres_dies;
mod reconciled;
mod redis_dies;
mod secrets;
mod seen;
mod settled;
mod told;
mod told_endpoints;
mod told_faults;
mod told_pages;
mod told_settlements;
mod told_sql;
mod told_stream;
#[cfg(feature = "tls")]
mod told_tls;

// What they rest on
mod chaos;
mod check;
mod cut_reply;
mod embedded;
mod every_provider;
mod failover;
mod first_evening;
mod flood;
mod frozen;
mod hang_up;
mod hostile;
mod interleavings;
mod large_orders;
mod logs;
mod optimistic_insert;
mod payloads;
mod pooled;
mod proxy_variables;
mod quickstart;
mod receivers;
mod reload;
mod rolling_stop;
mod rollout;
mod settings;
mod shutdown;
mod streams;
mod tls;
#[cfg(feature = "otlp")]
mod traces;
mod triggers;

// A running service, and ways to break it
mod client;
mod database;
mod harness;
mod load;
mod proxy;
mod receiver;
mod replica;
mod servers;
mod waiting;
mod webhooks;
mod world;

// The servers of the tests of locks: every lock service there is.
#[allow(dead_code, unused_imports, reason = "those tests do more with them")]
#[path = "../locks/servers/mod.rs"]
mod lock_servers;
use servers::authority;
