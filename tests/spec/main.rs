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
mod authentic;
mod busy;
mod coupons;
mod limits;
mod once;
mod postgres_dies;
mod redis_dies;
mod secrets;
mod seen;

// What they rest on
mod chaos;
mod cut_reply;
mod frozen;
mod hang_up;
mod interleavings;
mod quickstart;
mod settings;
mod shutdown;

// A running service, and ways to break it
mod client;
mod database;
mod harness;
mod load;
mod proxy;
mod replica;
mod servers;
mod webhooks;
mod world;
