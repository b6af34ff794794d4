//! Assembles the stages, serves, and closes them in order.
