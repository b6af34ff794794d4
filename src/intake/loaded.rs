//! What was loaded for a batch, and under which epoch of the database.

use foldhash::HashSet;

use crate::order::{Key, Snapshot};
use crate::store::Epoch;

/// What the database knew of a batch, and what must hold for remembering what is decided from it.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    /// Events that were not looked up.
    pub(super) inserted_unloaded: HashSet<Key>,
    pub(super) epoch: Epoch,
}
