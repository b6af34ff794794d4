//! Fields of requests: where a text is (`selector`), what is there (`view`), and how it is written.

mod condition;
mod decimals;
mod each;
mod json;
mod selector;
mod sorted;
mod timestamp;
mod tree;
mod unfold;
mod values;
mod view;
mod walk;
mod xml;

pub(in crate::provider) use self::condition::Condition;
pub(in crate::provider) use self::each::Each;
pub(in crate::provider) use self::json::FieldReader;
pub(in crate::provider) use self::selector::{Selector, Selectors};
pub(in crate::provider) use self::tree::Slot;
pub(in crate::provider) use self::unfold::Unfold;
pub(in crate::provider) use self::values::{Fields, Scalar};
pub(in crate::provider) use self::view::{Missing, View, only};
pub(in crate::provider) use self::xml::to_json;
