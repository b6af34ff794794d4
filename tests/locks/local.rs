//! Leases inside one process.

use paylatch::lock::Locks;

use crate::conformance::{Service, every_test};
use crate::locks;
use crate::servers::LockService;

impl LockService for Locks {
    fn backend(&self) -> &'static str {
        "local"
    }

    fn urls(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Service for Locks {
    fn contender(&self) -> Locks {
        self.clone()
    }

    fn has_clocks(&self) -> bool {
        false
    }
}

every_test!(locks("local", &[]));
