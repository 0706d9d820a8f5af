//! What a source's numbers, signs of life and clock say of its completeness.

use std::collections::BTreeSet;

use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use crate::effect::{Finding, FindingKey, PROOFS_MAX, Subject};
use crate::memory::{Memory, Numbered, SourceMemory};
use crate::model::Model;
use crate::names::Word;
use crate::spans;

/// A source's completeness, derived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SourceView {
    /// Holes in its numbering, in time.
    pub holes: Vec<Span>,
    /// Stretches without a sign of life.
    pub silent: Vec<Span>,
    /// Our own down-time that it did not fill.
    pub missed: Vec<Span>,
    /// Stretches in which its clock was off by more than is allowed.
    pub skewed: Vec<Span>,
    /// Journal entries whose number and time, or number and content, disagree.
    pub conflicts: BTreeSet<u64>,
    /// Since when anything is known of it.
    pub heard: Option<UtcMicros>,
    /// It is silent now: its next fact ends that.
    pub quiet: bool,
    /// When to look again, at the latest: an early look finds nothing and sets it anew.
    pub wake: Option<UtcMicros>,
}

/// How many missed signs of life are silence.
const SILENT_AFTER: i64 = 3;

fn soonest(wake: &mut Option<UtcMicros>, at: UtcMicros, now: UtcMicros) {
    if at > now {
        *wake = Some(wake.map_or(at, |w| w.min(at)));
    }
}

/// Derives the view of one source and its findings.
pub(crate) fn derive(
    model: &Model,
    memory: &Memory,
    source: Word,
    now: UtcMicros,
    live: bool,
) -> (SourceView, Vec<Finding>) {
    let mut view = SourceView::default();
    let mut findings = Vec::new();
    let Some(known) = memory.sources.get(source) else {
        return (view, findings);
    };
    let policy = model.policy(now);
    view.heard = known.first_heard();

    for (index, numbers) in known.numbers.values().enumerate() {
        holes_of(numbers, index > 0, policy.settle, now, &mut view);
        conflicts_of(source, numbers, now, &mut view, &mut findings);
    }
    view.holes = spans::joined(std::mem::take(&mut view.holes));
    missed_of(known, memory, now, &mut view);

    let alive_every = model.sources.get(source).and_then(|s| s.alive_every);
    if let Some(every) = alive_every {
        let patience = DurationUs(every.0.saturating_mul(SILENT_AFTER));
        // A replay of files that hold no signs of life says nothing about silence.
        if live || known.sent_alive {
            let occurred: Vec<UtcMicros> = if known.clocks.is_empty() {
                known.signs.clone()
            } else {
                let mut signs: Vec<_> = known.signs.iter().map(|dev| known.occurred(*dev)).collect();
                signs.sort_unstable();
                signs
            };
            view.silent = silences(&occurred, patience, now, live, &mut view.wake);
            view.quiet = view.silent.last().is_some_and(|s| s.end == UtcMicros::MAX);
        }
        if live {
            for span in silences(&known.recorded, patience, now, true, &mut view.wake) {
                view.quiet |= span.end == UtcMicros::MAX;
                let subjects = vec![Subject::Source(source)];
                findings.push(finding(FindingKind::SourceSilent, subjects, span, Vec::new()));
            }
        }
    }
    lost_of(known, source, now, &mut view, &mut findings);
    clock_of(model, known, source, policy.max_skew, now, &mut view, &mut findings);
    for (at, of, step_us, entry) in memory.clock_steps.iter().filter(|(at, ..)| live && *at <= now) {
        if *of == source && step_us.abs() >= 1_000_000 {
            let subjects = vec![Subject::Source(source)];
            let span = Span::new(*at, at.plus(DurationUs(1)));
            findings.push(finding(FindingKind::ClockStep, subjects, span, vec![*entry]));
        }
    }
    (view, findings)
}

pub(crate) fn finding(kind: FindingKind, subjects: Vec<Subject>, span: Span, mut proofs: Vec<u64>) -> Finding {
    proofs.sort_unstable();
    proofs.dedup();
    proofs.truncate(PROOFS_MAX);
    Finding {
        key: FindingKey { kind, about: subjects.clone(), at: span.start },
        severity: kind.severity(),
        span,
        subjects,
        client: None,
        proofs,
    }
}

/// Holes between consecutive numbers, once the number after them is `settle` old.
fn holes_of(numbers: &[Numbered], later_epoch: bool, settle: DurationUs, now: UtcMicros, view: &mut SourceView) {
    // A new numbering that does not begin with 0 or 1 lost its beginning; from when on can't be known,
    // so the hole is only named, at the first number's own instant.
    if later_epoch && let Some(first) = numbers.first().filter(|n| n.seq > 1) {
        view.holes.push(Span::new(first.occ.minus(DurationUs(1)), first.occ));
    }
    for pair in numbers.windows(2) {
        if pair[1].seq > pair[0].seq + 1 && pair[1].occ <= now {
            let due = pair[1].occ.plus(settle);
            if due <= now {
                let (start, end) = (pair[0].occ.min(pair[1].occ), pair[0].occ.max(pair[1].occ));
                view.holes.push(Span::new(start, end));
            } else {
                soonest(&mut view.wake, due, now);
            }
        }
    }
}

/// A number that comes twice with other content, or goes up while time goes back.
fn conflicts_of(
    source: Word,
    numbers: &[Numbered],
    now: UtcMicros,
    view: &mut SourceView,
    findings: &mut Vec<Finding>,
) {
    let mut newest: Option<Numbered> = None;
    for (index, n) in numbers.iter().enumerate().filter(|(_, n)| n.occ <= now) {
        let twin = |other: Option<&Numbered>| other.is_some_and(|o| o.seq == n.seq);
        let twice = twin(numbers.get(index.wrapping_sub(1))) || twin(numbers.get(index + 1));
        let back = newest.is_some_and(|before| n.occ < before.occ && n.seq > before.seq);
        if twice || back {
            view.conflicts.insert(n.entry);
            let mut proofs = vec![n.entry];
            proofs.extend(newest.filter(|_| back).map(|before| before.entry));
            let span = Span::new(n.occ, n.occ.plus(DurationUs(1)));
            let mut found = finding(FindingKind::SequenceConflict, vec![Subject::Source(source)], span, proofs);
            match findings.iter_mut().find(|f: &&mut Finding| f.key == found.key) {
                // Both halves of a pair at one instant are one finding.
                Some(same) => {
                    same.proofs.append(&mut found.proofs);
                    same.proofs.sort_unstable();
                    same.proofs.dedup();
                }
                None => findings.push(found),
            }
        }
        // What went back does not move the mark: several forged numbers in a row are all seen.
        if !back {
            newest = Some(*n);
        }
    }
}

/// Our own down-time, where the source's numbers don't show that it lost nothing.
fn missed_of(known: &SourceMemory, memory: &Memory, now: UtcMicros, view: &mut SourceView) {
    for (gap, _) in memory.watch_gaps.iter().filter(|(gap, _)| gap.start <= now) {
        let bridged = known.numbers.values().any(|numbers| {
            let after = numbers.iter().position(|n| n.occ >= gap.end && n.occ <= now);
            let before = after.and_then(|a| numbers[..a].iter().rposition(|n| n.occ <= gap.start));
            match (before, after) {
                (Some(b), Some(a)) => numbers[b..=a].windows(2).all(|p| p[1].seq <= p[0].seq + 1),
                _ => false,
            }
        });
        if !bridged {
            view.missed.push(*gap);
        }
    }
    view.missed = spans::joined(std::mem::take(&mut view.missed));
}

/// Stretches between signs that are longer than `patience`; the last one is open.
fn silences(
    signs: &[UtcMicros],
    patience: DurationUs,
    now: UtcMicros,
    open_end: bool,
    wake: &mut Option<UtcMicros>,
) -> Vec<Span> {
    let signs = &signs[..signs.partition_point(|s| *s <= now)];
    let mut out: Vec<Span> =
        signs.windows(2).filter(|p| p[1].since(p[0]) > patience).map(|p| Span::new(p[0], p[1])).collect();
    if let Some(last) = signs.last().filter(|_| open_end) {
        let due = last.plus(patience).plus(DurationUs(1));
        if due <= now {
            out.push(Span::new(*last, UtcMicros::MAX));
        } else {
            soonest(wake, due, now);
        }
    }
    out
}

/// What is gone for good, one finding for spans that adjoin.
fn lost_of(known: &SourceMemory, source: Word, now: UtcMicros, view: &mut SourceView, findings: &mut Vec<Finding>) {
    let mut spans = Vec::new();
    for (span, _) in known.lost.iter().filter(|(span, _)| !span.is_empty()) {
        if span.start > now {
            soonest(&mut view.wake, span.start, now);
        } else {
            spans.push(*span);
        }
    }
    for span in spans::joined(spans) {
        let within = known.lost.iter().filter(|(lost, _)| span.start <= lost.start && lost.end <= span.end);
        let proofs = within.map(|(_, entry)| *entry).collect();
        findings.push(finding(FindingKind::RecordsLost, vec![Subject::Source(source)], span, proofs));
    }
}

/// Stretches in which the clock was off by more than `max_skew`, by measurement or by saying
/// what can't be.
fn clock_of(
    model: &Model,
    known: &SourceMemory,
    source: Word,
    max_skew: DurationUs,
    now: UtcMicros,
    view: &mut SourceView,
    findings: &mut Vec<Finding>,
) {
    for note in &known.clocks {
        let span = Span::new(note.from.minus(DurationUs(note.offset_us)), note.to.minus(DurationUs(note.offset_us)));
        if note.offset_us.abs() <= max_skew.0 || span.is_empty() {
            continue;
        }
        if span.start > now {
            soonest(&mut view.wake, span.start, now);
        } else {
            view.skewed.push(span);
            findings.push(finding(FindingKind::ClockSkew, vec![Subject::Source(source)], span, vec![note.entry]));
        }
    }
    // One finding a local day for what can't be right, however often it is said.
    let mut day: Option<(UtcMicros, Finding)> = None;
    for (recorded, entry) in known.impossible.iter().filter(|(at, _)| *at <= now) {
        let start = model.tz.start_of_day(*recorded);
        match &mut day {
            Some((of, found)) if *of == start => {
                found.span.end = recorded.plus(DurationUs(1));
                if found.proofs.len() < PROOFS_MAX {
                    found.proofs.push(*entry);
                }
            }
            _ => {
                let span = Span::new(*recorded, recorded.plus(DurationUs(1)));
                let next = finding(FindingKind::ClockSkew, vec![Subject::Source(source)], span, vec![*entry]);
                findings.extend(day.replace((start, next)).map(|(_, done)| done));
            }
        }
    }
    findings.extend(day.map(|(_, done)| done));
    view.skewed = spans::joined(std::mem::take(&mut view.skewed));
}
