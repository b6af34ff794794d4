//! A connection that is opened in the background, and closed after the first error.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, watch};

use super::super::backend::Failure;
use super::address::{Address, Wire};

/// An address, and the connection to it where there is one.
///
/// Not the library's `ConnectionManager`: that keeps a connection whose call timed out, so a peer that vanished without
/// a word would be waited for again and again. Here a connection does not outlive an error. The breaker paces reconnects.
#[derive(Debug, Clone)]
pub(super) struct Link {
    address: Arc<Address>,
    call_timeout: Duration,
    state: Arc<Mutex<State>>,
}

/// An open connection. Two are the same if they are the same allocation.
pub(super) struct Open {
    pub(super) wire: Wire,
    pub(super) run_id: OnceCell<String>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    /// All who need the connection wait for this one attempt.
    Opening(watch::Receiver<Option<Opened>>),
    Open(Arc<Open>),
}

type Opened = Result<Arc<Open>, Failure>;

impl Link {
    pub(super) fn new(address: Address, call_timeout: Duration) -> Self {
        Self { address: Arc::new(address), call_timeout, state: Arc::default() }
    }

    /// The open connection, or a new one. Connecting goes on when the caller stops waiting: it may take longer than a
    /// call may.
    pub(super) async fn open(&self) -> Result<Arc<Open>, Failure> {
        let mut opening = match &mut *self.state() {
            State::Open(open) => return Ok(open.clone()),
            State::Opening(opening) => opening.clone(),
            closed @ State::Closed => {
                let (opened, opening) = watch::channel(None);
                *closed = State::Opening(opening.clone());
                let link = self.clone();
                tokio::spawn(async move { drop(opened.send(Some(link.connect().await))) });
                opening
            }
        };
        let opened = opening.wait_for(Option::is_some).await.map(|opened| opened.clone());
        match opened {
            Ok(Some(opened)) => opened,
            // The runtime that connected has ended.
            Ok(None) | Err(_) => {
                *self.state() = State::Closed;
                Err(Failure::Unsent("connecting was cut off".to_owned()))
            }
        }
    }

    /// Has the next call open another connection, unless one was opened since.
    pub(super) fn close(&self, failed: &Arc<Open>) {
        let mut state = self.state();
        if matches!(&*state, State::Open(open) if Arc::ptr_eq(open, failed)) {
            *state = State::Closed;
        }
    }

    async fn connect(&self) -> Opened {
        let opened = self
            .address
            .connect(self.call_timeout)
            .await
            .map(|wire| Arc::new(Open { wire, run_id: OnceCell::new() }));
        *self.state() = opened.as_ref().map_or(State::Closed, |open| State::Open(open.clone()));
        opened
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Open")
    }
}
