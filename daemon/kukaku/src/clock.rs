//! The wall clock of this machine: the one place that reads it.

use kukaku_schema::UtcMicros;

/// Our clock, now. Before 1970 it counts as 1970: a dead battery-backed clock is no reason to stop.
#[must_use]
pub fn now() -> UtcMicros {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UtcMicros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}
