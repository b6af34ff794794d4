//! Private servers for tests: real ones, on free ports, with their own data, stopped when dropped.
//!
//! Other test binaries use them by path: `#[path = "../spec/servers/mod.rs"] mod servers;`.

pub mod authority;
mod port;
pub mod postgres;
mod process;
pub mod redis;
mod wait;

use std::path::PathBuf;

pub use authority::{Authority, Issued};
pub use port::Port;
pub use postgres::Postgres;
pub use process::Process;
pub use redis::Redis;
pub use wait::eventually;

/// A word in every secret that the tests use: it must never be seen in what a replica prints.
pub const CANARY: &str = "canary";

/// The same for secrets that can only be hexadecimal.
pub const HEX_CANARY: &str = "c0dec0de";

/// What tests of all processes share: a directory for this user.
fn shelf() -> PathBuf {
    let shelf = std::env::temp_dir().join(format!("paylatch-test-{}", nix::unistd::geteuid()));
    std::fs::create_dir_all(&shelf).expect("a directory");
    shelf
}

/// The first `program` on PATH or in `usual` directories.
fn find(program: &str, usual: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(usual.iter().cloned())
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// What the environment gives: a server instead of a private one, a seed.
pub fn given(variable: &str) -> Option<String> {
    std::env::var_os(variable).map(|url| url.into_string().expect("a URL is text"))
}
