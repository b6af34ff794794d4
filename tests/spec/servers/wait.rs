//! Waiting for what must come true.

use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer. Panics with `what` was awaited when there is none within 15 seconds.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "waited {} s in vain: {what}", DEADLINE.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}
