//! The retry schedule of an order that an endpoint refused: Standard Webhooks' waits, each spread by a fifth either way.

use std::time::Duration;

/// How far a wait is spread, of itself.
const SPREAD: f64 = 0.2;

/// How long to wait after so many attempts; `None` where the order is given up. `chance` is from 0 to 1.
pub(super) fn wait(retries: &[Duration], attempts: u32, chance: f64) -> Option<Duration> {
    let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = retries.get(step)?;
    Some(wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_follow_the_schedule_within_a_fifth_and_then_it_is_given_up() {
        let schedule = [5, 300, 1_800].map(Duration::from_secs);
        for (attempts, seconds) in [(1, 5.0), (2, 300.0), (3, 1_800.0)] {
            for (chance, factor) in [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)] {
                let wait = wait(&schedule, attempts, chance).unwrap().as_secs_f64();
                assert!((wait - seconds * factor).abs() < 0.001, "{attempts} {chance}: {wait}");
            }
        }
        assert_eq!(wait(&schedule, 4, 0.5), None);
        assert_eq!(wait(&[], 1, 0.5), None);
    }
}
