//! Something that must run in one place at a time, here a report, under a lease in Redis:
//! `cargo run --example lease -- redis://127.0.0.1:6379`. Start it twice to see the second one wait.

use std::error::Error;
use std::time::Duration;

use paylatch::lock::{LockSettings, Locks, NotHeld, Tls};
use paylatch::secret::Secret;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("name a Redis: redis://127.0.0.1:6379")?;
    let settings = LockSettings {
        backend: "redis".to_owned(),
        urls: vec![Secret::new(url)],
        tls: Tls::default(),
        ttl: Duration::from_secs(2),
        call_timeout: Duration::from_millis(100),
        retry_after: Duration::from_secs(1),
    };

    let locks = Locks::new(&settings)?;
    let key = "report/2026-11".to_owned();
    let report = locks.run(std::slice::from_ref(&key), Duration::from_secs(10), async |lease| {
        tokio::time::sleep(Duration::from_secs(5)).await; // longer than the TTL: the lease is renewed meanwhile
        lease.ensure(Duration::from_millis(250))?; // before what cannot be taken back
        Ok::<_, NotHeld>(lease.fencing_token(&key)) // for a resource that refuses smaller numbers
    });
    let fence = report.await??;
    locks.drain().await;

    #[allow(clippy::print_stdout, reason = "an example says what it did")]
    {
        println!("the report is written, under fence {fence:?}");
    }
    Ok(())
}
