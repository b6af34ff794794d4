//! `paylatch-bench`: measures a running server. A program of its own, so that nothing of it is in the one that serves.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    paylatch::cli::run_bench(std::env::args_os(), environment)
}
