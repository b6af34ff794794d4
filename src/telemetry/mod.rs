//! Logs, metrics and traces: how they look and what they are called. What they say is written where it happens.

mod exposition;
mod logs;
mod meters;
mod traces;
mod values;

pub use exposition::Metrics;
pub use logs::{BadFilter, LogFormat, start_logs};
pub use meters::{METERS, Meter, MeterKind};
pub use traces::{TraceSettings, Traces};
pub use values::values;
