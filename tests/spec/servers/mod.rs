//! Private servers for tests: real ones, on free ports, with their own data, stopped when dropped.
//!
//! Other test binaries use them by path: `#[path = "../spec/servers/mod.rs"] mod servers;`.

pub mod postgres;
mod process;
pub mod redis;
mod wait;

use std::net::TcpListener;
use std::path::PathBuf;

pub use postgres::Postgres;
pub use process::Process;
pub use redis::Redis;
pub use wait::eventually;

/// A word in every secret that the tests use: it must never be seen in what a replica prints.
pub const CANARY: &str = "canary";

/// A port that nothing listens on, below the range that the system gives to outgoing connections: a server that is
/// stopped for a while finds its port free again.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(15_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The first `program` on PATH or in `usual` directories.
fn find(program: &str, usual: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(usual.iter().cloned())
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// A server that is given instead of a private one.
fn given(variable: &str) -> Option<String> {
    std::env::var_os(variable).map(|url| url.into_string().expect("a URL is text"))
}
