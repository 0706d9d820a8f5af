//! What kinds and observations can be asked.

use super::kinds::{Kind, LineListed, LineUnlocked, Observation, SourceCaughtUp, SourceClock, SourceGap, WatchGap};
use crate::instant::Span;

impl Kind {
    /// Whether only the daemon itself may make it; links refuse it from outside.
    #[must_use]
    pub fn is_internal(self) -> bool {
        matches!(
            self,
            Self::WatchStarted
                | Self::SourceGap
                | Self::WatchGap
                | Self::ClockStep
                | Self::Muster
                | Self::ManualEntry
                | Self::OrderRevised
                | Self::FailureReported
                | Self::SystemState
        )
    }
}

impl Observation {
    /// The span that a statement about a span speaks of.
    #[must_use]
    pub fn stated_span(&self) -> Option<Span> {
        match self {
            Self::SourceCaughtUp(SourceCaughtUp { from, to, .. })
            | Self::SourceClock(SourceClock { from, to, .. })
            | Self::LineUnlocked(LineUnlocked { from, to, .. })
            | Self::LineListed(LineListed { from, to, .. })
            | Self::SourceGap(SourceGap { from, to, .. })
            | Self::WatchGap(WatchGap { from, to, .. }) => Some(Span::new(*from, *to)),
            _ => None,
        }
    }
}
