//! `paylatch migrate`: brings the database's schema up to this version.

use super::context::Context;
use super::failure::Failure;
use crate::config::Needs;

/// Applies what is missing and says what it was.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let settings = context.settings(Needs { database: true, sources: false })?;
    let applied = context.store(&settings)?.migrate().await?;
    for migration in &applied {
        context.output.line(format_args!("applied {migration}"));
    }
    if applied.is_empty() {
        context.output.line("the schema is current");
    }
    Ok(())
}
