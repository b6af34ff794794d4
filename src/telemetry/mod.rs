//! Logs, metrics and traces: how they look and what they are called. What they say is written where it happens.

mod logs;
mod meters;
mod traces;
mod values;

pub use logs::{BadFilter, LogFormat, start_logs};
pub use meters::{METERS, Meter, MeterKind, Metrics};
pub use traces::{TraceSettings, Traces};
pub use values::values;
