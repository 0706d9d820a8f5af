//! How long to wait before the next attempt.

use std::time::Duration;

/// A number in `[0, 1)`, new at each call: what keeps a hundred sites from knocking together.
pub type Jitter = Box<dyn FnMut() -> f64 + Send>;

/// Doubling waits with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The shortest wait; also after a connection that had worked.
    pub first: Duration,
    /// The longest wait, before jitter.
    pub max: Duration,
}

impl Default for Backoff {
    /// 1 s to 60 s: a flapping broker sees at most one attempt a second.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row, up to half as long again by `jitter`.
    pub(super) fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        doubled.min(self.max).mul_f64(1.0 + jitter / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_their_limit_and_never_fall_below_the_first() {
        let backoff = Backoff::default();
        let waits: Vec<_> = [0, 1, 2, 5, 6, 31, 32, u32::MAX].map(|n| backoff.delay(n, 0.0).as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 32, 60, 60, 60, 60]);
        assert_eq!(backoff.delay(1, 1.0), Duration::from_secs(3));
        assert_eq!(backoff.delay(0, f64::NAN), Duration::from_secs(1));
    }
}
