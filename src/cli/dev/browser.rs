//! Opens a page in the browser, where there is one.

use std::process::{Command, Stdio};

use crate::cli::output::Output;

/// The program by which a desktop opens an address.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens `address`, or says that it cannot. Waits for nothing: a browser that starts may stay in the foreground.
pub(super) fn open(output: Output, address: String) {
    tokio::task::spawn_blocking(move || {
        let quiet = Command::new(OPENER)
            .arg(&address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !quiet.is_ok_and(|status| status.success()) {
            output.note(format_args!("no browser could be opened ({OPENER}): open {address} yourself"));
        }
    });
}
