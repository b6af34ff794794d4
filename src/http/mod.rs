//! HTTP: the listeners, their limits, and the one place that turns meaning into status codes.
//!
//! ```text
//! listener    accepts, bounds connections in number: of all, and of each peer
//!   connection  answers requests, bounds them in time, ends in order
//!   public    /webhooks/{source}, /livez, /readyz
//!     webhooks  source -> body within limits -> signature -> intake -> receipts
//! ```
//!
//! Knows no SQL and no lock service. Every refusal is a [`Problem`]; the table of them is `problem.rs`.

mod admin;
mod arrival;
mod body;
mod connection;
mod connections;
mod diagnoses;
mod health;
mod listener;
mod mounted;
mod observer;
mod paced;
mod peers;
mod problem;
mod progress;
mod public;
mod rate_limit;
mod receipts;
mod refusal_log;
mod rejections;
mod request_id;
mod sources;
mod tls;
mod tracked_bodies;
mod webhooks;

#[cfg(test)]
mod tests;

pub use admin::{
    Admin, AdminSettings, AnnounceSettings, AttentionCount, Limit, NewExpectation, Streams, admin,
    openapi_text,
};
pub use arrival::received_now;
pub use health::{Database, Health, LockService};
pub use listener::{ListenerOptions, serve};
pub use mounted::mounted;
pub use observer::{AnswerObserver, ObservedAnswer, ObservedReceipt, Refusal, Seen, Watch};
pub use peers::TrustedProxies;
pub use problem::{Code, Problem};
pub use public::{HttpSettings, public};
pub use rejections::Rejections;
pub use sources::Sources;
pub use tls::{Tls, TlsFiles, TlsProblem};
