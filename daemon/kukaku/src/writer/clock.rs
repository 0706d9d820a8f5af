//! Our clock: the wall clock, watched by one that nobody can set.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use kukaku_ledger::ClockState;
use kukaku_schema::{DurationUs, UtcMicros};
use tokio::sync::watch;

use crate::time_state::{self, TimeState};

/// A step of the wall clock by more than this is recorded.
const STEP_TOLERATED_US: i64 = 1_000_000;

/// Longest sleep of the real clock: after it the wall clock is read again, so that a step of it
/// is noticed within a second and no deadline is missed by one.
const SLEEP_LONGEST: Duration = Duration::from_secs(1);

/// How often the kernel is asked whether a time source steers the clock, in a thread of its own:
/// the programs that ask it may be slow.
const STATE_EVERY: Duration = Duration::from_secs(60);

/// How long the first answer is waited for.
const FIRST_STATE_WAIT: Duration = Duration::from_secs(1);

/// What a clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The wall clock.
    pub wall: UtcMicros,
    /// Microseconds since some start, by a clock that is never set. May stand still while the
    /// machine sleeps.
    pub running_us: i64,
}

/// A clock to read and to sleep by.
pub trait Clock: Send + Sync + 'static {
    /// What it shows.
    fn read(&self) -> ClockReading;

    /// Returns when the wall clock has reached `wall`, or earlier.
    fn sleep_until(&self, wall: UtcMicros) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Whether a time source steers it.
    fn state(&self) -> ClockState;
}

/// This machine's clock.
#[derive(Debug)]
pub struct RealClock {
    started: Instant,
    state: Arc<AtomicU8>,
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl RealClock {
    /// This machine's clock.
    #[must_use]
    pub fn new() -> Self {
        let state = Arc::new(AtomicU8::new(UNKNOWN));
        let (told, first) = std::sync::mpsc::sync_channel(1);
        let kept = Arc::downgrade(&state);
        let asking = std::thread::Builder::new().name("clock".to_owned()).spawn(move || {
            while let Some(state) = kept.upgrade() {
                state.store(asked(), Ordering::Relaxed);
                drop(state);
                // Full: the first answer was heard already, or nobody waits for it any more.
                let _ = told.try_send(());
                std::thread::sleep(STATE_EVERY);
            }
        });
        match asking {
            // Late: not known until it comes.
            Ok(_) => drop(first.recv_timeout(FIRST_STATE_WAIT)),
            Err(error) => tracing::warn!("nobody asks whether the clock is synchronised: {error}"),
        }
        Self { started: Instant::now(), state }
    }
}

const UNKNOWN: u8 = 0;
const SYNCHRONISED: u8 = 1;
const ADRIFT: u8 = 2;

/// The kernel's word, in a number that threads share.
fn asked() -> u8 {
    match time_state::now() {
        TimeState::Synchronised(_) => SYNCHRONISED,
        TimeState::Adrift(_) => ADRIFT,
        TimeState::Unknown => UNKNOWN,
    }
}

impl Clock for RealClock {
    fn read(&self) -> ClockReading {
        let running_us = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        ClockReading { wall: crate::clock::now(), running_us }
    }

    fn sleep_until(&self, wall: UtcMicros) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let left_us = wall.since(self.read().wall).0;
        let left = Duration::from_micros(left_us.max(0).unsigned_abs());
        Box::pin(tokio::time::sleep(left.min(SLEEP_LONGEST)))
    }

    fn state(&self) -> ClockState {
        match self.state.load(Ordering::Relaxed) {
            SYNCHRONISED => ClockState::Synchronised,
            ADRIFT => ClockState::Unsynchronised,
            _ => ClockState::Unknown,
        }
    }
}

/// A clock that is told what time it is: for `demo --once` and for tests.
#[derive(Debug, Clone)]
pub struct SimClock {
    now: watch::Sender<ClockReading>,
    state: watch::Sender<ClockState>,
}

impl SimClock {
    /// A clock that shows `wall`.
    #[must_use]
    pub fn new(wall: UtcMicros) -> Self {
        let state = watch::Sender::new(ClockState::Synchronised);
        Self { now: watch::Sender::new(ClockReading { wall, running_us: 0 }), state }
    }

    /// Lets time pass until the wall clock shows `wall`; never backwards.
    pub fn pass_to(&self, wall: UtcMicros) {
        self.now.send_modify(|now| {
            let passed = wall.since(now.wall).0.max(0);
            now.running_us += passed;
            now.wall = UtcMicros(now.wall.0 + passed);
        });
    }

    /// A time source steers it from now on, or no longer does.
    pub fn set_state(&self, state: ClockState) {
        self.state.send_replace(state);
    }

    /// Sets the wall clock while no time passes.
    pub fn set(&self, wall: UtcMicros) {
        self.now.send_modify(|now| now.wall = wall);
    }
}

impl Clock for SimClock {
    fn read(&self) -> ClockReading {
        *self.now.borrow()
    }

    fn sleep_until(&self, wall: UtcMicros) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender lives in `self`, so waiting can't fail.
            let _ = now.wait_for(|now| now.wall >= wall).await;
        })
    }

    fn state(&self) -> ClockState {
        *self.state.borrow()
    }
}

/// A step of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The wall clock after it.
    pub(super) wall: UtcMicros,
    /// How far it was moved; positive: forward.
    pub(super) by: DurationUs,
    /// Where our recorded time would stand without it.
    pub(super) expected: UtcMicros,
}

/// Recorded time: the wall clock, but never backwards.
///
/// After a step back it does not stand still, or no deadline would ever come: it goes on at half
/// the speed until the wall clock has caught up.
#[derive(Debug)]
pub(super) struct Timeline {
    last: UtcMicros,
    reading: ClockReading,
}

impl Timeline {
    /// Goes on after `last`, the newest instant that was recorded.
    pub(super) fn new(last: UtcMicros, reading: ClockReading) -> Self {
        Self { last: last.max(reading.wall), reading }
    }

    /// The recorded time now, and the step that the wall clock made since the last call.
    pub(super) fn advance(&mut self, reading: ClockReading) -> (UtcMicros, Option<Step>) {
        let passed = reading.running_us.saturating_sub(self.reading.running_us).max(0);
        let by = reading.wall.since(self.reading.wall.plus(DurationUs(passed)));
        let expected = self.last.plus(DurationUs(passed));
        self.last = reading.wall.max(self.last.plus(DurationUs(passed / 2)));
        self.reading = reading;
        let step = (by.0.saturating_abs() > STEP_TOLERATED_US).then_some(Step { wall: reading.wall, by, expected });
        (self.last, step)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(wall_s: i64, running_s: i64) -> ClockReading {
        ClockReading { wall: UtcMicros(wall_s * SECOND), running_us: running_s * SECOND }
    }

    #[test]
    fn recorded_time_follows_the_wall_clock_and_a_slow_drift_is_no_step() {
        let mut line = Timeline::new(UtcMicros(0), at(1000, 0));
        assert_eq!(line.advance(at(1010, 10)), (UtcMicros(1010 * SECOND), None));
        let drifted = ClockReading { wall: UtcMicros(1020 * SECOND + 900_000), running_us: 20 * SECOND };
        assert_eq!(line.advance(drifted), (drifted.wall, None));
    }

    #[test]
    fn clock_set_back_an_hour_never_runs_backwards_and_never_stands_still() {
        let mut line = Timeline::new(UtcMicros(0), at(10_000, 0));
        let (now, step) = line.advance(at(6_410, 10));
        assert_eq!(now, UtcMicros(10_005 * SECOND));
        let step = step.unwrap();
        assert_eq!((step.by.0, step.wall.0), (-3600 * SECOND, 6_410 * SECOND));
        let (later, step) = line.advance(at(6_510, 110));
        assert_eq!((later, step), (UtcMicros(10_055 * SECOND), None));
        // Two hours later the wall clock has caught up, and they agree again.
        assert_eq!(line.advance(at(13_610, 7_210)).0, UtcMicros(13_610 * SECOND));
    }

    #[test]
    fn clock_set_forward_tells_where_it_would_have_stood() {
        let mut line = Timeline::new(UtcMicros(0), at(1_000, 0));
        let (now, step) = line.advance(at(4_605, 5));
        assert_eq!(now, UtcMicros(4_605 * SECOND));
        let step = step.unwrap();
        assert_eq!((step.by.0, step.expected.0), (3600 * SECOND, 1_005 * SECOND));
    }

    #[test]
    fn a_machine_that_wakes_up_in_1970_goes_on_after_its_newest_record() {
        let mut line = Timeline::new(UtcMicros(9_000 * SECOND), at(0, 0));
        assert_eq!(line.advance(at(10, 10)).0, UtcMicros(9_005 * SECOND));
    }
}
