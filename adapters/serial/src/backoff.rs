//! Waiting longer after each failure, and never in step with others.

use std::time::Duration;

use kukaku_schema::DurationUs;

/// The waits between tries.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: DurationUs, max: DurationUs) -> Self {
        let micros = |d: DurationUs| Duration::from_micros(u64::try_from(d.0).unwrap_or(0));
        Self { first: micros(first), max: micros(max), next: micros(first) }
    }

    /// It worked: the next failure starts from the first wait.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// The wait before the next try: between half of the planned one and all of it.
    pub(crate) fn wait(&mut self) -> Duration {
        let planned = self.next;
        self.next = (planned * 2).min(self.max);
        let half = planned / 2;
        // Jitter only spreads the load: without a random source the full wait does as well.
        let share = getrandom::u32().unwrap_or(u32::MAX);
        half + half.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_anew_after_success() {
        let mut backoff = Backoff::new(DurationUs(100_000), DurationUs(400_000));
        for planned in [100, 200, 400, 400] {
            let wait = backoff.wait();
            assert!(wait >= Duration::from_millis(planned / 2) && wait <= Duration::from_millis(planned), "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(100));
    }
}
