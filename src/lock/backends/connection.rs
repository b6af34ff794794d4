//! A connection that is opened in the background, once for all who wait for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::super::contract::Failure;

/// How to open a connection.
pub(super) trait Connect: Send + Sync + 'static {
    /// What is opened.
    type Connected: Send + Sync + 'static;

    /// Opens one, within a time of its own, which may be longer than a call's.
    fn connect(&self) -> impl Future<Output = Result<Self::Connected, Failure>> + Send;
}

/// An address, and the connection to it where there is one. Its user closes what has failed: the next call opens another,
/// and the breaker paces that.
pub(super) struct Connection<C: Connect> {
    address: Arc<C>,
    state: Arc<Mutex<State<C::Connected>>>,
}

enum State<W> {
    Closed,
    /// All who need the connection wait for this one attempt.
    Opening(watch::Receiver<Option<Opened<W>>>),
    Open(Arc<W>),
}

type Opened<W> = Result<Arc<W>, Failure>;

impl<C: Connect> Connection<C> {
    pub(super) fn new(address: C) -> Self {
        Self { address: Arc::new(address), state: Arc::new(Mutex::new(State::Closed)) }
    }

    /// Where it leads.
    pub(super) fn address(&self) -> &C {
        &self.address
    }

    /// The open connection, or a new one. Connecting goes on when the caller stops waiting.
    pub(super) async fn open(&self) -> Opened<C::Connected> {
        let mut opening = match &mut *self.state() {
            State::Open(open) => return Ok(open.clone()),
            State::Opening(opening) => opening.clone(),
            closed @ State::Closed => {
                let (opened, opening) = watch::channel(None);
                *closed = State::Opening(opening.clone());
                let connection = Self { address: self.address.clone(), state: self.state.clone() };
                tokio::spawn(async move { drop(opened.send(Some(connection.open_now().await))) });
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
    pub(super) fn close(&self, failed: &Arc<C::Connected>) {
        let mut state = self.state();
        if matches!(&*state, State::Open(open) if Arc::ptr_eq(open, failed)) {
            *state = State::Closed;
        }
    }

    async fn open_now(&self) -> Opened<C::Connected> {
        let opened = self.address.connect().await.map(Arc::new);
        *self.state() = opened.as_ref().map_or(State::Closed, |open| State::Open(open.clone()));
        opened
    }

    fn state(&self) -> MutexGuard<'_, State<C::Connected>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Connect + fmt::Debug> fmt::Debug for Connection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.address).finish()
    }
}
