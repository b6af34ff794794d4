//! Leases inside one process.

use paylatch::lock::Locks;

use crate::conformance::{Service, every_test};
use crate::locks;

impl Service for Locks {
    fn contender(&self) -> Locks {
        self.clone()
    }
}

every_test!(locks("local", &[]));
