//! How fast one source may speak.
//!
//! A token bucket, kept as the instant at which it would be full again. Time is an argument: the
//! span since the link started. It only says how long to wait; the link waits by not reading on,
//! so the flood stays in the sender's own socket and nobody else waits.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a source may send on average and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second, in the long run.
    pub per_second: u32,
    /// Messages at once, for a device that catches up.
    pub burst: u32,
}

impl Default for Rate {
    /// 500/s and 5,000 at once: a hundred times a busy door, and a day of one after an outage.
    fn default() -> Self {
        Self { per_second: 500, burst: 5_000 }
    }
}

/// A token bucket.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    interval: Duration,
    burst: Duration,
    full_at: Duration,
}

impl TokenBucket {
    pub(crate) fn new(rate: Rate) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        Self { interval, burst: interval * rate.burst.max(1), full_at: Duration::ZERO }
    }

    /// Takes one token, in advance if need be: how long the taker has to wait for it.
    pub(crate) fn take(&mut self, now: Duration) -> Duration {
        self.full_at = self.full_at.max(now) + self.interval;
        self.full_at.saturating_sub(now + self.burst)
    }

    /// There is a token at `now`.
    pub(crate) fn has_token(&self, now: Duration) -> bool {
        self.full_at.max(now) + self.interval <= now + self.burst
    }

    /// At least half of the tokens are there at `now`.
    pub(crate) fn is_half_full(&self, now: Duration) -> bool {
        self.full_at.saturating_sub(now) <= self.burst / 2
    }

    /// All tokens are there at `now`: forgetting the bucket changes nothing.
    pub(crate) fn is_full(&self, now: Duration) -> bool {
        self.full_at <= now
    }
}

/// The bucket of one source, shared by every connection that speaks for it.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) source: String,
    state: Mutex<GateState>,
}

#[derive(Debug)]
struct GateState {
    bucket: TokenBucket,
    held_back: u64,
}

/// How a message passes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    /// To be waited before it goes on.
    pub(crate) wait: Duration,
    /// What there is to report.
    pub(crate) change: Option<Change>,
}

/// A source began or ceased to be held back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Throttled,
    Flowing { held_back: u64 },
}

impl Gate {
    pub(crate) fn new(source: impl Into<String>, rate: Rate) -> Self {
        let state = GateState { bucket: TokenBucket::new(rate), held_back: 0 };
        Self { source: source.into(), state: Mutex::new(state) }
    }

    pub(crate) fn pass(&self, now: Duration) -> Pass {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Half full and not merely one token: a source at its limit is reported once, not each message.
        let has_recovered = state.held_back > 0 && state.bucket.is_half_full(now);
        let ended = has_recovered.then(|| Change::Flowing { held_back: std::mem::take(&mut state.held_back) });
        let wait = state.bucket.take(now);
        if wait.is_zero() {
            return Pass { wait, change: ended };
        }
        state.held_back += 1;
        let began = (state.held_back == 1).then_some(Change::Throttled);
        Pass { wait, change: ended.or(began) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 5 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_passes_at_once_and_a_flood_waits_for_its_rate() {
        let mut bucket = TokenBucket::new(RATE);
        for _ in 0..5 {
            assert_eq!(bucket.take(ms(1_000)), Duration::ZERO);
        }
        assert!(!bucket.has_token(ms(1_000)));
        assert_eq!(bucket.take(ms(1_000)), ms(100));
        assert_eq!(bucket.take(ms(1_100)), ms(100), "it waited, and the next waits as long again");
        assert!(bucket.has_token(ms(1_400)));
        assert!(bucket.is_full(ms(1_700)), "seven messages are worth 700 ms");
    }

    #[test]
    fn a_flood_is_reported_once_and_so_is_its_end() {
        let gate = Gate::new("panel-1", RATE);
        let mut now = ms(0);
        let mut changes = Vec::new();
        for _ in 0..20 {
            let pass = gate.pass(now);
            now += pass.wait;
            changes.extend(pass.change);
        }
        assert_eq!(changes, [Change::Throttled]);
        now += ms(5_000);
        let pass = gate.pass(now);
        assert_eq!(pass, Pass { wait: Duration::ZERO, change: Some(Change::Flowing { held_back: 15 }) });
        assert_eq!(gate.pass(now).change, None);
    }

    #[test]
    fn a_clock_that_stands_still_never_lets_more_than_the_burst_pass() {
        let mut bucket = TokenBucket::new(RATE);
        let passed = (0..1_000).filter(|_| bucket.take(ms(7)).is_zero()).count();
        assert_eq!(passed, 5);
    }
}
