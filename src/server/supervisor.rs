//! Notifies a supervisor over `NOTIFY_SOCKET`, as systemd's `Type=notify` expects it. Without one, nothing is sent.

use sd_notify::NotifyState;
use tracing::warn;

/// The ports are bound and the database was looked at.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Settings are read again; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// No new webhooks are taken; work in flight ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "cannot notify the supervisor at NOTIFY_SOCKET");
    }
}
