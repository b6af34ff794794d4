//! The public and the admin listener.
