//! What a link lost for good becomes a gap of each of its sources, in the journal.
//!
//! The first loss is said at once. While it goes on, what follows is said together every
//! `SAY_EVERY`, because a flood must not fill the journal as well; a program that is killed
//! meanwhile has its own gap from there on.

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake};
use kukaku_schema::observation::SourceGap;
use kukaku_schema::{DurationUs, Name, Observation, Span, UtcMicros};

/// How often losses that go on are said.
pub const SAY_EVERY: DurationUs = DurationUs::from_secs(10);

/// The name of the source that speaks of itself.
const OWN: &str = "kukaku";

/// Losses of one link that are not in the journal yet.
#[derive(Debug, Default)]
pub struct Losses {
    /// By place; there are four.
    waiting: Vec<(&'static str, Option<u64>, Span)>,
    said_at: Option<UtcMicros>,
}

impl Losses {
    /// Something was lost: how many lines, if that is known, between when and when, and where.
    pub fn add(&mut self, lost: Option<u64>, span: Span, place: &'static str) {
        match self.waiting.iter_mut().find(|(of, ..)| *of == place) {
            Some((_, count, all)) => {
                *count = count.zip(lost).map(|(a, b)| a.saturating_add(b));
                *all = Span::new(all.start.min(span.start), all.end.max(span.end));
            }
            None => self.waiting.push((place, lost, span)),
        }
    }

    /// Whether anything waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether something has to be said now.
    #[must_use]
    pub fn is_due(&self, now: UtcMicros) -> bool {
        let is_early = self.said_at.is_some_and(|at| (0..SAY_EVERY.0).contains(&now.since(at).0));
        !self.waiting.is_empty() && !is_early
    }

    /// Takes what is to be said: one observation for each source, because nobody knows whose lines
    /// they were.
    pub fn take(&mut self, sources: &[Name], now: UtcMicros) -> Vec<Observation> {
        self.said_at = Some(now);
        let waiting = std::mem::take(&mut self.waiting);
        let gap = |of: &Name, place: &str, lost: Option<u64>, span: Span| {
            Observation::SourceGap(SourceGap {
                source: Name::new(OWN).expect("it is a name"),
                epoch: None,
                seq: None,
                event_id: None,
                of: of.clone(),
                from: span.start,
                to: span.end,
                lost,
                place: Name::new(place).expect("it is a name"),
            })
        };
        let each = |(place, lost, span): &(&str, Option<u64>, Span)| {
            sources.iter().map(|of| gap(of, place, *lost, *span)).collect::<Vec<_>>()
        };
        waiting.iter().flat_map(each).collect()
    }

    /// Says what is due; what can't be kept now is kept for the next time.
    ///
    /// # Errors
    /// Why it can't be kept.
    pub async fn say<I: Intake>(
        &mut self,
        sources: &[Name],
        intake: &I,
        link: &str,
        now: UtcMicros,
    ) -> Result<(), String> {
        let before = self.waiting.clone();
        for observation in self.take(sources, now) {
            let arrival = Arrival { link: link.to_owned(), body: ArrivalBody::Observation(Box::new(observation)) };
            let kept = async { intake.submit(arrival).await?.await }.await;
            if let Err(error) = kept {
                // Said again as it was: what is known of it already counts once.
                self.waiting = before;
                return Err(error.to_string());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> UtcMicros {
        UtcMicros(seconds * 1_000_000)
    }

    #[test]
    fn the_first_loss_is_said_at_once_and_a_flood_every_ten_seconds() {
        let sources = [Name::new("a").unwrap(), Name::new("b").unwrap()];
        let mut losses = Losses::default();
        assert!(!losses.is_due(at(0)));
        let mut said = 0;
        for second in 1..=61 {
            losses.add(Some(100), Span::new(at(second - 1), at(second)), "kernel");
            if losses.is_due(at(second)) {
                let gaps = losses.take(&sources, at(second));
                assert_eq!(gaps.len(), 2, "one for each source");
                said += 1;
                let Observation::SourceGap(gap) = &gaps[1] else { panic!("{gaps:?}") };
                let seconds = if said == 1 { 1 } else { 10 };
                assert_eq!((gap.of.as_str(), gap.lost), ("b", Some(100 * seconds as u64)));
                assert_eq!((gap.from, gap.to), (at(second - seconds), at(second)), "nothing between is left out");
            }
        }
        assert_eq!(said, 7);
    }
}
