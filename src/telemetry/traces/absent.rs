//! A program without the feature `otlp` refuses the settings for it.

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Identity;

use super::TraceSettings;

/// There are none.
#[derive(Debug)]
pub enum Traces {}

impl Traces {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn start(_: &TraceSettings) -> Result<Self, String> {
        Err("is set; expected a program built with `--features otlp`".to_owned())
    }

    #[allow(unreachable_code, reason = "its last line names the type of what is never made")]
    pub(in super::super) fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        match *self {}
        Identity::new()
    }

    /// Delivers what is still here.
    pub async fn end(self) {
        match self {}
    }
}
