//! Cameras: when they were healthy, and what footage there is.

use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use crate::effect::{Finding, Subject};
use crate::memory::Memory;
use crate::model::Model;
use crate::names::Word;
use crate::source::finding;
use crate::spans;

/// A camera, derived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CameraView {
    /// When its zone was certainly recorded by it: healthy, or footage is there.
    pub covered: Vec<Span>,
    /// When to look again.
    pub wake: Option<UtcMicros>,
}

/// Derives one registered camera and its findings.
pub(crate) fn derive(model: &Model, memory: &Memory, camera: Word, now: UtcMicros) -> (CameraView, Vec<Finding>) {
    let mut view = CameraView::default();
    let mut findings = Vec::new();
    let Some(layout) = model.cameras.get(camera) else {
        return (view, findings);
    };
    let Some(known) = memory.cameras.get(&camera) else {
        return (view, findings);
    };
    let subjects = vec![Subject::Camera(camera), Subject::Zone(layout.zone)];
    let policy = model.policy(now);
    let hold = policy.camera_hold;
    // Three reports may be late before one is missing; never less than the hold-down.
    let patience = layout.health_every.map_or(hold, |every| hold.max(DurationUs(every.0.saturating_mul(3))));

    let health = &known.health[..known.health.partition_point(|h| h.occ <= now)];
    let mut good: Vec<Span> = Vec::new();
    let mut bad: Vec<(Span, Option<u64>)> = Vec::new();
    for (index, report) in health.iter().enumerate() {
        let next = health.get(index + 1).map(|h| h.occ);
        let vouched = report.occ.plus(patience);
        let end = next.unwrap_or(UtcMicros::MAX);
        if report.what {
            if end <= vouched || (next.is_none() && vouched > now) {
                good.push(Span::new(report.occ, end.min(vouched)));
                if next.is_none() {
                    view.wake = Some(vouched.plus(DurationUs(1)));
                    // What is healthy now is so until its report is overdue.
                    if let Some(last) = good.last_mut() {
                        last.end = UtcMicros::MAX;
                    }
                }
            } else {
                good.push(Span::new(report.occ, report.occ.plus(DurationUs(1))));
                bad.push((Span::new(report.occ, end), None));
            }
        } else {
            bad.push((Span::new(report.occ, end), Some(report.entry)));
        }
    }
    // Our own down-time says nothing about a camera, good or bad.
    let gaps = spans::joined(memory.watch_gaps.iter().map(|(gap, _)| *gap).collect());
    let down = spans::minus(&spans::joined(bad.iter().map(|(s, _)| *s).collect()), &gaps);
    for span in down {
        for part in model.within_hours(Span::new(span.start, span.end.min(now)), layout.hours) {
            let lasting = span.end == UtcMicros::MAX && part.end == now;
            if part.length() >= hold {
                let proofs =
                    bad.iter().filter(|(s, _)| !s.intersect(part).is_empty()).filter_map(|(_, e)| *e).collect();
                let whole = Span::new(part.start, if lasting { UtcMicros::MAX } else { part.end });
                findings.push(finding(FindingKind::CameraDown, subjects.clone(), whole, proofs));
            } else if lasting {
                let due = part.start.plus(hold);
                view.wake = Some(view.wake.map_or(due, |w| w.min(due)));
            }
        }
    }
    let segments: Vec<Span> = known.segments.iter().map(|(s, ..)| *s).filter(|s| s.start <= now).collect();
    let there = spans::joined(segments);
    for pair in there.windows(2) {
        let gap = Span::new(pair[0].end, pair[1].start);
        for part in model.within_hours(gap, layout.hours).into_iter().filter(|p| p.length() > policy.footage_gap) {
            findings.push(finding(FindingKind::FootageGap, subjects.clone(), part, Vec::new()));
        }
    }
    for (path, span, said, entry) in known.gone.iter().filter(|(_, _, said, _)| *said <= now) {
        let due = layout.keep.map_or(UtcMicros::MAX, |keep| span.end.plus(keep));
        if *said < due {
            let mut found = finding(FindingKind::FootageLost, subjects.clone(), *span, vec![*entry]);
            found.key.about.push(Subject::Segment(*path));
            found.subjects.push(Subject::Segment(*path));
            findings.push(found);
        }
    }
    let mut covered = good;
    covered.extend(there);
    view.covered = spans::joined(covered);
    (view, findings)
}
