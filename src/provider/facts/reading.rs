//! The number in `events.read_by`: a digest of the definition and the settings that an event was read with.

use sha2::{Digest, Sha256};

use super::super::SourceSettings;
use super::super::definition::Definition;

/// Which generation of readers this is. It rises with every change of this program by which a definition reads stored events
/// otherwise.
const GENERATION: u16 = 1;

/// A number of the definition and of the settings that change what an event says: alike wherever both are alike, never 0.
pub(super) fn reading(definition: &Definition, source: &SourceSettings) -> i16 {
    let SourceSettings { mode, accounts, order, params, customer_claims, ignore_types, .. } = source;
    let settings = format!("{mode:?} {accounts:?} {order:?} {params:?} {customer_claims:?} {ignore_types:?}");
    let digest = Sha256::digest(format!("{GENERATION} {:?} {settings}", definition.facts));
    let [first, second, ..] = *digest else { return 1 };
    i16::from_be_bytes([first & 0x7f, second]).max(1)
}
