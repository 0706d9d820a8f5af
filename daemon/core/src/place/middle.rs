//! Where a fold can go on, so that a reading costs what came lately and not a whole history.

use kukaku_schema::{Span, UtcMicros};

use super::{OpenStay, Whereabouts};
use crate::effect::Stay;
use crate::model::Place;
use crate::names::Word;
use crate::spans::partition_near_end;

/// A fold in its middle: all that what comes later depends on.
#[derive(Debug, Clone)]
pub(crate) struct Middle {
    /// The movements and musters up to here are folded.
    pub at: UtcMicros,
    pub(super) place: Place,
    pub(super) open: Vec<OpenStay>,
    pub(super) possible: Vec<(Place, UtcMicros)>,
    pub(super) lapsed: Vec<Word>,
    pub(super) growing: Vec<(Span, Word)>,
}

/// A middle is kept every so many movements: a late reading is folded again from the one before it.
pub(super) const MIDDLE_EVERY: usize = 4;

/// Middles kept of a person; beyond it every second one of the older half goes, so that what is
/// far back costs more and takes less.
const MIDDLES_MAX: usize = 32;

/// Keeps the newest middles and fewer of the older ones.
pub(crate) fn thin(middles: &mut Vec<Middle>) {
    while middles.len() > MIDDLES_MAX {
        let old = middles.len() / 2;
        let mut index = 0;
        middles.retain(|_| {
            index += 1;
            index > old || index % 2 == 0
        });
    }
}

impl Middle {
    /// Whether a stay that was derived is one that the fold from here derives again.
    fn derives_stay(&self, stay: &Stay) -> bool {
        stay.span.start >= self.at || self.open.iter().any(|o| o.zone == stay.zone && o.start <= stay.span.start)
    }

    /// Where in `known` the stays and oddities begin that the fold from here derives again, and
    /// what of the stays from there on it doesn't.
    pub fn cut(&self, known: &Whereabouts) -> (usize, usize, Vec<Stay>) {
        let open = self.open.iter().map(|o| o.start).min().unwrap_or(self.at).min(self.at);
        let stays = partition_near_end(&known.stays, |s| s.span.start < open);
        let oddities = partition_near_end(&known.oddities, |o| o.at <= self.at);
        let beside = known.stays[stays..].iter().filter(|s| !self.derives_stay(s)).copied().collect();
        (stays, oddities, beside)
    }

    /// The unseen spans of `known` that the fold from here derives again, in order.
    pub fn maybe_again(&self, known: &[(Span, Word)]) -> Vec<(Span, Word)> {
        let mut out = Vec::new();
        for (of, zone) in &self.growing {
            let first = partition_near_end(known, |(s, _)| s.start < of.start);
            let same = known[first..].iter().take_while(|(s, _)| s.start == of.start);
            out.extend(same.filter(|(_, z)| z == zone));
        }
        out.retain(|(span, _)| span.start < self.at);
        out.sort_unstable();
        out.extend(&known[partition_near_end(known, |(s, _)| s.start < self.at)..]);
        out
    }
}
