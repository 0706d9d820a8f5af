//! What a door's readers, lock and leaf say: its outages, and when it stood open.

use std::collections::BTreeMap;

use kukaku_schema::observation::{DoorStateWord, ReaderStatusWord};
use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use crate::effect::{Finding, Outage, OutageCause, Subject};
use crate::memory::Memory;
use crate::model::Model;
use crate::names::{Word, WordMap};
use crate::source::{SourceView, finding};
use crate::spans;

/// A door, derived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DoorView {
    /// Its outages by cause.
    pub outages: Vec<Outage>,
    /// All of them joined.
    pub unseen: Vec<Span>,
    /// When its sensor can't be trusted: all but what its own state causes.
    pub unsensed: Vec<Span>,
    /// When its leaf stood open.
    pub open: Vec<Span>,
    /// When to look again.
    pub wake: Option<UtcMicros>,
}

/// How many refusals at one reader are a burst.
const BURST: usize = 5;

/// Everything a door is derived from.
pub(crate) struct Doors<'a> {
    pub model: &'a Model,
    pub memory: &'a Memory,
    pub sources: &'a WordMap<SourceView>,
    pub now: UtcMicros,
    pub live: bool,
}

impl Doors<'_> {
    /// The sources that speak for a reader: as registered, else those that did, else the only one there is.
    fn is_registered_with_source(&self, reader: Word) -> bool {
        self.model.readers.get(reader).into_iter().flatten().any(|v| v.value.source.is_some())
    }

    fn sources_of(&self, reader: Word) -> Vec<Word> {
        let registered: Vec<Word> =
            self.model.readers.get(reader).into_iter().flatten().filter_map(|v| v.value.source).collect();
        if !registered.is_empty() {
            return registered;
        }
        let heard: Vec<Word> =
            self.memory.sources.iter().filter(|(_, s)| s.readers.contains(&reader)).map(|(w, _)| w).collect();
        if heard.is_empty() && self.live {
            let all = self.model.sources.words();
            return if all.len() == 1 { all } else { Vec::new() };
        }
        heard
    }

    /// The doors of a source's readers, to look at again when it changes.
    pub fn doors_of_source(&self, source: Word) -> Vec<Word> {
        let of = |door: &crate::model::DoorModel, word: Word| {
            door.readers.iter().any(|r| self.sources_of(*r).contains(&source))
                || self.memory.sources.get(source).is_some_and(|s| s.doors.contains(&word))
        };
        self.model.doors.iter().filter(|(word, door)| of(door, *word)).map(|(word, _)| word).collect()
    }

    /// Derives one door and its findings.
    pub fn derive(&self, door: Word) -> (DoorView, Vec<Finding>) {
        let mut view = DoorView::default();
        let mut findings = Vec::new();
        let Some(layout) = self.model.doors.get(door) else {
            return (view, findings);
        };
        let mut by_cause: BTreeMap<OutageCause, Vec<Span>> = BTreeMap::new();
        if self.live {
            let from =
                self.memory.watched_from.unwrap_or(UtcMicros::MAX).max(layout.recorded_at.unwrap_or(UtcMicros::MIN));
            by_cause.entry(OutageCause::BeforeWatch).or_default().push(Span::new(UtcMicros::MIN, from));
            // Without any source to fill it, our own down-time is simply missed.
            if layout.readers.iter().all(|r| self.sources_of(*r).is_empty()) {
                let gaps = self.memory.watch_gaps.iter().map(|(gap, _)| *gap);
                by_cause.entry(OutageCause::OwnDowntime).or_default().extend(gaps);
            }
        }
        for reader in &layout.readers {
            self.add_reader(*reader, &mut by_cause);
        }
        self.add_states(door, &mut by_cause, &mut view, &mut findings);
        for (cause, list) in by_cause {
            for span in spans::joined(list) {
                // What a source already filled of an outage that lasts may reach past now.
                if span.start > self.now {
                    view.wake = Some(view.wake.map_or(span.start, |w| w.min(span.start)));
                    continue;
                }
                view.outages.push(Outage { door, span, cause });
                if cause != OutageCause::BeforeWatch {
                    let subjects = vec![Subject::Door(door), Subject::Outage(cause)];
                    findings.push(finding(FindingKind::DoorOutage, subjects, span, Vec::new()));
                }
            }
        }
        view.unseen = spans::joined(view.outages.iter().map(|o| o.span).collect());
        let own = |cause| matches!(cause, OutageCause::Unlocked | OutageCause::Forced | OutageCause::HeldOpen);
        view.unsensed = spans::joined(view.outages.iter().filter(|o| !own(o.cause)).map(|o| o.span).collect());
        for reader in &layout.readers {
            self.add_bursts(door, *reader, &mut findings);
        }
        (view, findings)
    }

    fn add_reader(&self, reader: Word, by_cause: &mut BTreeMap<OutageCause, Vec<Span>>) {
        let sources = self.sources_of(reader);
        let mut filled: Vec<Span> = Vec::new();
        for source in sources.iter().filter_map(|s| self.memory.sources.get(*s)) {
            let of = source.caught_up.iter().filter(|(r, _)| r.is_none_or(|r| r == reader));
            filled.extend(of.map(|(_, span)| *span));
        }
        let filled = spans::joined(filled);
        let mut add = |cause, list: Vec<Span>| {
            by_cause.entry(cause).or_default().extend(spans::minus(&spans::joined(list), &filled));
        };
        for view in sources.iter().filter_map(|s| self.sources.get(*s)) {
            add(OutageCause::SequenceHole, view.holes.clone());
            add(OutageCause::SourceSilent, view.silent.clone());
            add(OutageCause::OwnDowntime, view.missed.clone());
        }
        // Until something of its source was heard, nobody knows that it works. Where the registers
        // don't say whose it is, the first reading tells, and that there were none before says nothing.
        if self.live && self.is_registered_with_source(reader) {
            let heard = sources.iter().filter_map(|s| self.memory.sources.get(*s)?.first_heard()).min();
            let unheard = Span::new(UtcMicros::MIN, heard.unwrap_or(UtcMicros::MAX));
            add(OutageCause::BeforeWatch, vec![unheard]);
        }
        // A source that never spoke can't have filled our down-time.
        if self.live && sources.iter().all(|s| self.sources.get(*s).is_none()) {
            add(OutageCause::OwnDowntime, self.memory.watch_gaps.iter().map(|(gap, _)| *gap).collect());
        }
        let Some(states) = self.memory.readers.get(&reader) else {
            return;
        };
        let until_next = |wanted: ReaderStatusWord| {
            let mut out = Vec::new();
            let states: Vec<_> = states.iter().filter(|s| s.occ <= self.now).collect();
            for (index, state) in states.iter().enumerate().filter(|(_, s)| s.what == wanted) {
                out.push(Span::new(state.occ, states.get(index + 1).map_or(UtcMicros::MAX, |next| next.occ)));
            }
            out
        };
        add(OutageCause::ReaderOffline, until_next(ReaderStatusWord::Offline));
        // What was read while the housing was open is not vouched for by any buffer.
        by_cause.entry(OutageCause::ReaderTamper).or_default().extend(until_next(ReaderStatusWord::Tamper));
    }

    fn add_states(
        &self,
        door: Word,
        by_cause: &mut BTreeMap<OutageCause, Vec<Span>>,
        view: &mut DoorView,
        findings: &mut Vec<Finding>,
    ) {
        let Some(states) = self.memory.doors.get(&door) else {
            return;
        };
        let mut opened: Option<UtcMicros> = None;
        let mut forced: Option<(UtcMicros, u64)> = None;
        let mut held: Option<(UtcMicros, u64)> = None;
        let mut unlocked: Option<UtcMicros> = None;
        let mut last_entry = 0;
        let mut unlocked_spans: Vec<Span> = Vec::new();
        let mut close = |opened: &mut Option<UtcMicros>,
                         forced: &mut Option<(UtcMicros, u64)>,
                         held: &mut Option<(UtcMicros, u64)>,
                         end: UtcMicros,
                         entry: u64| {
            let Some(start) = opened.take() else { return };
            view.open.push(Span::new(start, end));
            let limit = start.plus(self.model.door_policy(door, start).held_open);
            // A source that tells of it, or the leaf's own time.
            let since = held.take();
            let known_end = if end == UtcMicros::MAX { self.now } else { end };
            let by_time = (known_end > limit).then_some((limit, entry));
            if let Some((at, proof)) = since.into_iter().chain(by_time).min() {
                by_cause.entry(OutageCause::HeldOpen).or_default().push(Span::new(at, end));
                findings.push(finding(
                    FindingKind::HeldOpen,
                    vec![Subject::Door(door)],
                    Span::new(start, end),
                    vec![entry, proof],
                ));
            } else if end == UtcMicros::MAX && limit >= self.now {
                view.wake = Some(limit.plus(DurationUs(1)));
            }
            if let Some((at, proof)) = forced.take() {
                by_cause.entry(OutageCause::Forced).or_default().push(Span::new(at, end));
                findings.push(finding(FindingKind::Forced, vec![Subject::Door(door)], Span::new(at, end), vec![proof]));
            }
        };
        for state in states.iter().filter(|s| s.occ <= self.now) {
            match state.what {
                DoorStateWord::Closed => close(&mut opened, &mut forced, &mut held, state.occ, last_entry),
                DoorStateWord::Opened => {
                    opened.get_or_insert(state.occ);
                }
                DoorStateWord::Forced => {
                    opened.get_or_insert(state.occ);
                    forced.get_or_insert((state.occ, state.entry));
                }
                DoorStateWord::HeldOpen => {
                    opened.get_or_insert(state.occ);
                    held.get_or_insert((state.occ, state.entry));
                }
                DoorStateWord::Unlocked => {
                    unlocked.get_or_insert(state.occ);
                }
                DoorStateWord::Locked => {
                    if let Some(start) = unlocked.take() {
                        unlocked_spans.push(Span::new(start, state.occ));
                    }
                }
            }
            if opened == Some(state.occ) {
                last_entry = state.entry;
            }
        }
        close(&mut opened, &mut forced, &mut held, UtcMicros::MAX, last_entry);
        unlocked_spans.extend(unlocked.map(|start| Span::new(start, UtcMicros::MAX)));
        by_cause.entry(OutageCause::Unlocked).or_default().extend(unlocked_spans);
        view.open = spans::joined(std::mem::take(&mut view.open));
    }

    fn add_bursts(&self, door: Word, reader: Word, findings: &mut Vec<Finding>) {
        let Some(denied) = self.memory.denied.get(&reader) else {
            return;
        };
        let denied = &denied[..denied.partition_point(|(at, ..)| *at <= self.now)];
        let mut burst: Option<(usize, usize)> = None;
        let mut flush = |burst: Option<(usize, usize)>| {
            if let Some((first, last)) = burst {
                let span = Span::new(denied[first].0, denied[last].0.plus(DurationUs(1)));
                let proofs = denied[first..=last].iter().map(|(.., entry)| *entry).collect();
                findings.push(finding(
                    FindingKind::DeniedBurst,
                    vec![Subject::Reader(reader), Subject::Door(door)],
                    span,
                    proofs,
                ));
            }
        };
        for last in BURST - 1..denied.len() {
            let first = last + 1 - BURST;
            let window = self.model.policy(denied[first].0).denied_window;
            if denied[last].0.since(denied[first].0) > window {
                continue;
            }
            burst = match burst {
                Some((from, to)) if first <= to => Some((from, last)),
                other => {
                    flush(other);
                    Some((first, last))
                }
            };
        }
        flush(burst);
    }
}
