//! Paylatch takes a payment provider's webhooks and applies each event exactly once to orders in a database.
//!
//! ```text
//! provider --HTTP--> http --> provider ----> intake ====================================> store
//!                     ^       verify,          |   gather   lease   load   fold   save     |
//!                     |       read facts       |            lock    store  order  store    v
//!                     +-------- receipts <-----+                                        Postgres | SQLite
//! ```
//!
//! The modules, in reading order. `ARCHITECTURE.md` says who may name whom; `tests/tidy.rs` enforces it.

pub mod order;
pub mod provider;

pub mod lock;
pub mod store;

pub mod intake;

pub mod http;

pub mod cli;
pub mod config;
pub mod secret;
pub mod server;
pub mod telemetry;

mod backoff;
mod http_client;
