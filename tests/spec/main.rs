//! What Paylatch promises, as tests: a file per promise, a sentence per test.
//!
//! They run the real binary against a real Postgres, Redis and SQLite, and break what can break.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a test that cannot go on fails, and its harness is read here only"
)]

mod client;
mod database;
mod proxy;
mod replica;
mod servers;
mod webhooks;
mod world;

mod harness;
