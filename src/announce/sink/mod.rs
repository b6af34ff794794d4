//! Where announcements go. Each kind of endpoint is a file beside this one, chosen by the scheme of its URL.

mod signature;
mod stream;
mod webhook;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use self::stream::Stream;
use self::webhook::Webhook;
use super::EndpointSettings;
use super::message::Message;
use super::verdict::Answer;
use crate::order::UnixMicros;

/// The way to one endpoint.
pub(super) trait Sink: fmt::Debug + Send + Sync {
    /// Tries once to hand over all of `messages`. Told is only what the other side has said that it has.
    fn send(&self, messages: &[Message], now: UnixMicros) -> BoxFuture<'static, Answer>;
}

/// The way to the endpoint of these settings.
///
/// # Errors
/// Which of them is wrong, and why.
pub(super) fn open(settings: &EndpointSettings) -> Result<Arc<dyn Sink>, (&'static str, String)> {
    Ok(match settings.url.expose().split_once("://") {
        Some(("redis" | "rediss", _)) => Arc::new(Stream::new(settings)?),
        _ => Arc::new(Webhook::new(settings)?),
    })
}
