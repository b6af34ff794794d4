//! The table `[lock]`: the lock service, and how long a busy order is waited for.

use std::time::Duration;

use super::database::is_sqlite;
use super::reader::Reader;
use crate::lock::{LockSettings, Tls};
use crate::store::StoreSettings;

/// The lock service, and how long a busy order is waited for.
pub(super) fn take(reader: &mut Reader, store: Option<&StoreSettings>) -> (LockSettings, Duration) {
    const BACKENDS: [&str; 6] = ["local", "redis", "redlock", "postgres", "etcd", "zookeeper"];
    let backend = reader.choice("lock.backend", &BACKENDS.map(|backend| (backend, backend)));
    let backend = backend.unwrap_or_else(|| reader.default("lock.backend", "local"));
    let mut urls = reader.secret_urls("lock.urls");
    if let (true, "postgres", Some(store)) =
        (urls.is_empty(), backend, store.filter(|store| !is_sqlite(store)))
    {
        urls.push(store.url.clone());
    }
    let settings = LockSettings {
        backend: backend.to_owned(),
        urls,
        tls: Tls {
            ca_file: reader.path("lock.ca_file"),
            cert_file: reader.path("lock.cert_file"),
            key_file: reader.path("lock.key_file"),
        },
        ttl: reader.millis("lock.ttl_ms", 2_000, 100..=600_000),
        call_timeout: reader.millis("lock.call_timeout_ms", 100, 1..=10_000),
        retry_after: reader.millis("lock.retry_after_ms", 1_000, 1..=600_000),
    };
    (settings, reader.millis("lock.wait_ms", 2_500, 0..=600_000))
}
