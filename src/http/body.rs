//! Reads a body against its limits: bytes, time, and the memory of all bodies in work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::peers::Peer;
use super::problem::Code;

/// From a request's head to the last byte of its body.
const BODY_READ_MAX: Duration = Duration::from_secs(8);
/// What a body has before it has to keep up with the rate below.
const BODY_GRACE: Duration = Duration::from_secs(3);
/// The slowest that a body may come, from its first byte on.
const BODY_BYTES_PER_S_MIN: u64 = 32 * 1024;

/// The limits of bodies, shared by all requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct BodyLimits(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    bytes_max: usize,
    in_flight_bytes_max: usize,
    of_client_bytes_max: usize,
    in_flight: Mutex<InFlight>,
}

#[derive(Debug, Default)]
struct InFlight {
    bytes: usize,
    of_client: HashMap<Peer, usize>,
}

/// A body that was read, and its share of the memory of bodies in work, given back on drop.
#[derive(Debug)]
pub(super) struct BufferedBody {
    pub(super) bytes: Bytes,
    pub(super) last_byte_at: Instant,
    _share: Share,
}

/// Memory that is reserved for one body.
#[derive(Debug)]
struct Share {
    limits: BodyLimits,
    client: Peer,
    bytes: usize,
}

impl BodyLimits {
    /// The bytes of one body, of all bodies in work, and of those of one client among them.
    pub(super) fn new(bytes_max: usize, in_flight_bytes_max: usize, of_client_bytes_max: usize) -> Self {
        let in_flight = Mutex::default();
        Self(Arc::new(Limits { bytes_max, in_flight_bytes_max, of_client_bytes_max, in_flight }))
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.0.bytes_max
    }

    /// Reads all of `body`. What it announces is refused before its first byte is read where it is too much, but memory is
    /// reserved for what has come: who announces much and sends nothing takes none.
    pub(super) async fn read(&self, body: Body, client: Peer) -> Result<BufferedBody, Code> {
        let announced = body.size_hint().exact().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > self.0.bytes_max {
            return Err(Code::BodyTooLarge);
        }
        if !self.has_room(client, announced.max(1)) {
            return Err(Code::MemoryFull);
        }
        let mut share = Share { limits: self.clone(), client, bytes: 0 };
        let bytes = self.collect(body, announced, &mut share).await?;
        Ok(BufferedBody { bytes, last_byte_at: Instant::now(), _share: share })
    }

    /// Gathers the frames, as long as they come fast enough.
    async fn collect(&self, mut body: Body, announced: usize, share: &mut Share) -> Result<Bytes, Code> {
        let (begun, mut bytes) = (Instant::now(), Vec::new());
        let longest = if announced > 0 { announced } else { self.0.bytes_max };
        loop {
            let frame = timeout_at(begun + read_max(bytes.len()), body.frame()).await;
            let Some(frame) = frame.map_err(|_| Code::BodyTooSlow)? else { return Ok(bytes.into()) };
            let Ok(data) = frame.map_err(|_| Code::BodyBroken)?.into_data() else {
                continue; // Trailers say nothing here.
            };
            let length = bytes.len() + data.len();
            if length > self.0.bytes_max {
                return Err(Code::BodyTooLarge);
            }
            if length > bytes.capacity() {
                // Doubled, so that a body in many pieces is not copied for each of them.
                let capacity = (2 * bytes.capacity()).min(longest).max(length);
                share.grow_to(capacity)?;
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
    }

    fn has_room(&self, client: Peer, more: usize) -> bool {
        self.in_flight().has_room(&self.0, client, more)
    }

    fn in_flight(&self) -> std::sync::MutexGuard<'_, InFlight> {
        self.0.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long so many bytes may have taken.
fn read_max(bytes: usize) -> Duration {
    let at_the_slowest = Duration::from_millis(bytes as u64 * 1_000 / BODY_BYTES_PER_S_MIN);
    BODY_READ_MAX.min(BODY_GRACE + at_the_slowest)
}

impl InFlight {
    fn has_room(&self, limits: &Limits, client: Peer, more: usize) -> bool {
        let own = self.of_client.get(&client).copied().unwrap_or_default();
        self.bytes.saturating_add(more) <= limits.in_flight_bytes_max
            && own.saturating_add(more) <= limits.of_client_bytes_max
    }
}

impl Share {
    fn grow_to(&mut self, bytes: usize) -> Result<(), Code> {
        let more = bytes.saturating_sub(self.bytes);
        let mut in_flight = self.limits.in_flight();
        if !in_flight.has_room(&self.limits.0, self.client, more) {
            return Err(Code::MemoryFull);
        }
        in_flight.bytes += more;
        *in_flight.of_client.entry(self.client).or_default() += more;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut in_flight = self.limits.in_flight();
        in_flight.bytes -= self.bytes;
        if let Some(own) = in_flight.of_client.get_mut(&self.client) {
            *own -= self.bytes;
            if *own == 0 {
                in_flight.of_client.remove(&self.client);
            }
        }
    }
}
