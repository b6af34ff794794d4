//! Logs and metrics: how they look and what they are called. What they say is written where it happens.

mod logs;
mod meters;

pub use logs::{BadFilter, LogFormat, start_logs};
pub use meters::{Kind, METERS, Meter, Metrics};
