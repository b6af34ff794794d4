//! Reads a body against its limits: bytes, time, and the memory of all bodies in work.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::problem::Code;

/// From a request's head to the last byte of its body.
const BODY_READ_MAX: Duration = Duration::from_secs(8);

/// The limits of bodies, shared by all requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct BodyLimits {
    bytes_max: usize,
    in_flight: Arc<Semaphore>,
}

/// A body that was read, and its share of the memory of bodies in work, given back on drop.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) last_byte_at: Instant,
    _share: OwnedSemaphorePermit,
}

impl BodyLimits {
    pub(super) fn new(bytes_max: usize, in_flight_bytes_max: usize) -> Self {
        let in_flight = Arc::new(Semaphore::new(in_flight_bytes_max.min(Semaphore::MAX_PERMITS)));
        Self { bytes_max, in_flight }
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Reads all of `body`. What it announces is refused or reserved before its first byte is read.
    pub(super) async fn read(&self, body: Body) -> Result<Held, Code> {
        let announced = body.size_hint().exact().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > self.bytes_max {
            return Err(Code::BodyTooLarge);
        }
        let share = self.reserve(announced)?;
        let all = tokio::time::timeout(BODY_READ_MAX, self.collect(body, announced, share));
        let (bytes, share) = all.await.map_err(|_| Code::BodyTooSlow)??;
        Ok(Held { bytes, last_byte_at: Instant::now(), _share: share })
    }

    /// Gathers the frames; a body of unknown length (chunked) reserves its memory as it grows.
    async fn collect(
        &self,
        mut body: Body,
        announced: usize,
        mut share: OwnedSemaphorePermit,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Code> {
        let mut bytes = Vec::with_capacity(announced);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Code::BodyBroken)?.into_data() else {
                continue; // Trailers say nothing here.
            };
            let length = bytes.len() + data.len();
            if length > self.bytes_max {
                return Err(Code::BodyTooLarge);
            }
            share.merge(self.reserve(length.saturating_sub(share.num_permits()))?);
            bytes.extend_from_slice(&data);
        }
        Ok((bytes.into(), share))
    }

    fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Code> {
        let permits = u32::try_from(bytes).map_err(|_| Code::BodyTooLarge)?;
        Arc::clone(&self.in_flight).try_acquire_many_owned(permits).map_err(|_| Code::MemoryFull)
    }
}
