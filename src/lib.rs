//! Paylatch takes a payment provider's webhooks and applies each event exactly once to orders in a database.
//!
//! ```text
//! provider --HTTP--> http --> provider ----> intake ====================================> store
//!                     ^       verify,          |   gather   lease   load   fold   save     |
//!                     |       read facts       |            lock    store  order  store    v
//!                     +-------- receipts <-----+                                        Postgres | SQLite
//! ```
//!
//! Other programs use three things: [`Paylatch`] takes webhooks inside a service of theirs, [`lock`] gives leases, and
//! [`secret`] keeps what neither shows. `tests/public.txt` lists all of it. What else is public is so for the programs, tests and
//! benches of this package, and changes without notice.
//!
//! The modules, in reading order. `ARCHITECTURE.md` says who may name whom; `tests/tidy.rs` enforces it.

#[doc(hidden)]
pub mod order;
#[doc(hidden)]
pub mod provider;

pub mod lock;
#[doc(hidden)]
pub mod store;

#[doc(hidden)]
pub mod announce;
#[doc(hidden)]
pub mod intake;

#[doc(hidden)]
pub mod http;

#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod config;
pub mod secret;
#[doc(hidden)]
pub mod server;
#[doc(hidden)]
pub mod telemetry;

#[doc(inline)]
pub use server::{Paylatch, StartError};

mod backoff;
mod http_client;
mod network;
mod printable;
