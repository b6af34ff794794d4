//! Settings that are allowed but are probably a mistake: warned of, not refused.

use std::fmt;

/// Something about a setting that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Its name, such as `lock.wait_ms`.
    pub setting: String,
    /// What may be wrong with it, and the way out.
    pub problem: String,
    /// Whether real money should not be taken like this: `check --production` then fails.
    pub fails_production: bool,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}
