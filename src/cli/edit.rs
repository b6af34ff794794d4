//! Lets a person change a body in their editor before it is sent.

use std::fs::{OpenOptions, read, remove_file};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;

/// Variables that name the editor, the first that is set, and what is used without.
const EDITORS: [&str; 2] = ["VISUAL", "EDITOR"];
const DEFAULT_EDITOR: &str = "vi";

/// The webhook with the body as the person left it.
pub(super) fn edited(context: &Context, fixture: Fixture) -> Result<Fixture, Failure> {
    let named = EDITORS.iter().find_map(|name| context.input.environment.get(*name));
    let editor = named.map_or(DEFAULT_EDITOR, String::as_str);
    let path = std::env::temp_dir().join(format!("paylatch-{:016x}.json", rand::random::<u64>()));
    let body = edit(editor, &path, &fixture.body);
    let _it_may_not_be_there = remove_file(&path);
    let failed = |error: io::Error| {
        Failure::new(Exit::Failed, "not_edited", format!("{editor} could not be used: {error}"))
            .hint("EDITOR names the editor")
    };
    Ok(Fixture { body: body.map_err(failed)?.into(), ..fixture })
}

/// A shell runs the editor: the variable may hold flags, too.
fn edit(editor: &str, path: &Path, body: &[u8]) -> io::Result<Vec<u8>> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(body)?;
    let status = Command::new("sh").args(["-c", &format!("{editor} \"$0\"")]).arg(path).status()?;
    match status.success() {
        true => read(path),
        false => Err(io::Error::other(status.to_string())),
    }
}
