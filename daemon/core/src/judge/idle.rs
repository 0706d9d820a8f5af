//! Sessions that stay open while nothing is done in them.

use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use super::Court;
use super::findings::session_finding;
use crate::effect::{Finding, PROOFS_MAX, SessionEnd, SessionPart, SessionView};
use crate::spans;

/// Most findings of one session: who left it that often has been told often enough.
const FINDINGS_MAX: usize = 16;

/// A span in which nothing was done, and the entry that says so.
type Quiet = (Span, u64);

impl Court<'_> {
    /// Adds where nothing was done in a session for as long as `limit`. Only what its sources say
    /// counts: one that tells nothing of it is never idle.
    pub(super) fn find_idle(&self, session: &SessionView, limit: DurationUs, out: &mut Vec<Finding>) {
        let mut quiet = Vec::new();
        for record in session.records() {
            self.gather_quiet(&record, &mut quiet);
        }
        if quiet.is_empty() {
            return;
        }
        let together = spans::joined(quiet.iter().map(|(span, _)| *span).collect());
        for span in together.into_iter().filter(|span| span.length() >= limit).take(FINDINGS_MAX) {
            let mut found = session_finding(session, FindingKind::Idle, span, Vec::new());
            found.key.at = span.start;
            let within = quiet.iter().filter(|(part, _)| !part.intersect(span).is_empty());
            let said = within.max_by_key(|(part, entry)| (part.end, *entry)).map(|(_, entry)| *entry);
            found.proofs.truncate(PROOFS_MAX - 1);
            found.proofs.extend(said);
            found.proofs.sort_unstable();
            found.proofs.dedup();
            out.push(found);
        }
    }

    fn gather_quiet(&self, record: &SessionPart, out: &mut Vec<Quiet>) {
        let group = (record.key.source, record.key.epoch, record.key.id);
        let Some(notes) = self.memory.sessions.get(&group).filter(|notes| notes.tells_activity) else { return };
        let whole = record.span();
        let is_its_own = |at: UtcMicros| match record.end {
            SessionEnd::Ended(end) => at <= end,
            SessionEnd::Open | SessionEnd::Presumed(_) => at < whole.end,
        };
        let first = notes.signs.partition_point(|sign| sign.occ < whole.start);
        let mut counted: Option<(UtcMicros, u64)> = None;
        for sign in notes.signs[first..].iter().take_while(|sign| sign.occ <= self.now && is_its_own(sign.occ)) {
            let since = sign.activity.idle.map(|idle| sign.occ.minus(idle));
            let unchanged = sign.activity.octets.and_then(|octets| {
                let (at, before) = counted.replace((sign.occ, octets))?;
                (before == octets).then_some(at)
            });
            for start in [since, unchanged].into_iter().flatten() {
                let span = Span::new(start.max(whole.start), sign.occ);
                out.extend((!span.is_empty()).then_some((span, sign.entry)));
            }
        }
    }
}
