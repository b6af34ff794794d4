//! Settings: flags before environment before `paylatch.toml` before defaults; read once, checked together.
//!
//! A setting is known because [`Settings::read`] asks for it, so there is one list of names, defaults and ranges
//! (`settings.rs`, and a file for each table). What nobody asked for is a mistake. All mistakes are found before any port is bound, and each says
//! which setting, where it came from and what was expected. The environment is handed in: only `main` reads it.

mod admin;
mod advice;
mod age;
mod announce;
mod database;
mod endpoints;
mod exposure;
mod hosts;
mod http;
mod intake;
mod layers;
mod lock;
mod mask;
mod mistake;
mod reader;
mod relations;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod traces;
mod typed;
mod waiting;

pub use advice::Advice;
pub use age::parse_age;
pub use layers::{DevLayer, File, Flag, Layers, Origin};
pub use mistake::{Mistake, Mistakes};
pub use reader::Resolved;
pub use settings::{Needs, Settings};

use self::reader::Reader;

impl Settings {
    /// Reads all settings from `layers` and checks them, alone and against each other.
    ///
    /// # Errors
    /// All [`Mistakes`] at once.
    pub fn read(layers: Layers, needs: Needs) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(layers);
        let syntax_is_clean = reader.is_clean();
        let mut settings = Self::take(&mut reader);
        if syntax_is_clean {
            relations::check(&settings, &mut reader, needs);
            exposure::check(&settings, &mut reader);
        }
        settings.advice = reader.take_advice();
        settings.resolved = reader.finish()?;
        Ok(settings)
    }
}
