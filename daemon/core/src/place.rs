//! Where a person is: movements and outages folded into stays.
//!
//! Beside the known place the fold carries where he may have gone unseen: every place that can
//! be reached through doors that were in outage, or have no reader on that side. It is reset by
//! the next movement that resolves, and lapses `max_stay` after the outage's end.

use kukaku_schema::registers::ReaderDirection;
use kukaku_schema::{DurationUs, FindingKind, Grade, Span, UtcMicros};

use crate::effect::Stay;
use crate::model::{Model, Place};
use crate::movement::{Movement, order_instant};
use crate::names::Word;

/// A door through which somebody can pass unseen, at least at times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub outer: Place,
    pub inner: Word,
    pub entry_unread: bool,
    pub exit_unread: bool,
    pub unseen: Vec<Span>,
}

/// Something wrong with a person's movements, small; made a finding where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Oddity {
    pub at: UtcMicros,
    pub kind: FindingKind,
    pub person: Word,
    pub zone: Option<Word>,
    pub door: Word,
    pub reader: Word,
    pub credential: Option<Word>,
    pub entry: u64,
}

/// What is known of a person's places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    /// Stays by start, then zone.
    pub stays: Vec<Stay>,
    /// Zones and spans in which he may have been unseen; by start, then zone.
    pub maybe: Vec<(Span, Word)>,
    pub oddities: Vec<Oddity>,
}

#[derive(Debug, Clone)]
struct OpenStay {
    zone: Word,
    start: UtcMicros,
    base: Grade,
    pieces: Vec<(Span, Grade)>,
}

/// A muster as it concerns one person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mustered {
    pub at: UtcMicros,
    pub place: Place,
}

/// The fold over one person's movements.
pub(crate) struct Fold<'a> {
    model: &'a Model,
    trouble: &'a [Trouble],
    person: Word,
    now: UtcMicros,
    at: UtcMicros,
    place: Place,
    open: Vec<OpenStay>,
    possible: Vec<(Place, UtcMicros)>,
    lapsed: Vec<Word>,
    wake: Option<UtcMicros>,
    /// What came out.
    pub out: Whereabouts,
    /// Instants after which it may begin again: nothing open, nothing unknown.
    pub restarts: Vec<UtcMicros>,
}

impl<'a> Fold<'a> {
    /// Begins outside all zones, with nothing unknown, after `from`.
    pub fn new(model: &'a Model, trouble: &'a [Trouble], person: Word, now: UtcMicros, from: UtcMicros) -> Self {
        Self {
            model,
            trouble,
            person,
            now,
            at: from,
            place: None,
            open: Vec::new(),
            possible: Vec::new(),
            lapsed: Vec::new(),
            wake: None,
            out: Whereabouts::default(),
            restarts: Vec::new(),
        }
    }

    /// Folds all movements and musters, then up to `now`. Returns when to look again.
    pub fn run(&mut self, mut movements: Vec<Movement>, musters: &[Mustered]) -> Option<UtcMicros> {
        let (from, now) = (self.at, self.now);
        let mut musters = musters.iter().filter(|m| m.at > from && m.at <= now).peekable();
        let mut index = 0;
        while index < movements.len() {
            let at = movements[index].at;
            while let Some(muster) = musters.next_if(|m| m.at < at) {
                self.muster(*muster);
            }
            self.advance(at);
            let end = index + movements[index..].iter().take_while(|m| m.at == at).count();
            if end > index + 1 {
                let (place, possible, lapsed) = (self.place, &self.possible, &self.lapsed);
                order_instant(&mut movements[index..end], place, |m, place| {
                    u8::from(contradiction(self.model, m, place, possible, lapsed).is_some())
                });
            }
            for movement in &movements[index..end] {
                self.step(movement);
            }
            if musters.peek().is_none_or(|m| m.at > at) {
                self.note_restart(at);
            }
            index = end;
        }
        for muster in musters {
            self.muster(*muster);
        }
        self.finish();
        self.wake
    }

    fn wake_at(&mut self, at: UtcMicros) {
        if at > self.now && at < UtcMicros::MAX {
            self.wake = Some(self.wake.map_or(at, |w| w.min(at)));
        }
    }

    fn expiry(&self, stay: &OpenStay) -> UtcMicros {
        stay.start.plus(self.model.zone_policy(stay.zone, stay.start).max_stay)
    }

    /// Lets time pass to `until`: outages begin and end, stays reach their longest.
    fn advance(&mut self, until: UtcMicros) {
        while self.at < until {
            let mut next = until;
            for stay in &self.open {
                next = next.min(self.expiry(stay));
            }
            if !self.trouble.is_empty() || !self.possible.is_empty() {
                let at = self.at;
                self.possible.retain(|(_, expiry)| *expiry > at);
                self.spread();
                for trouble in self.trouble {
                    let from = trouble.unseen.partition_point(|s| s.end <= at);
                    if let Some(span) = trouble.unseen.get(from) {
                        next = next.min(if span.start > at { span.start } else { span.end });
                    }
                }
                for (_, expiry) in &self.possible {
                    next = next.min(*expiry);
                }
            }
            self.emit(Span::new(self.at, next));
            self.at = next;
            self.lapse();
        }
    }

    /// Adds every place that he may reach unseen from where he may be now.
    fn spread(&mut self) {
        let at = self.at;
        loop {
            let mut grown = false;
            for t in self.trouble {
                let from = t.unseen.partition_point(|s| s.end <= at);
                let outage_end = t.unseen.get(from).filter(|s| s.start <= at).map(|s| s.end);
                let expiry = |unread: bool| match (unread, outage_end) {
                    (true, _) => Some(UtcMicros::MAX),
                    (false, Some(end)) => Some(end.plus(self.model.zone_policy(t.inner, at).max_stay)),
                    (false, None) => None,
                };
                let ways =
                    [(t.outer, Some(t.inner), expiry(t.entry_unread)), (Some(t.inner), t.outer, expiry(t.exit_unread))];
                for (from, to, expiry) in ways {
                    let Some(expiry) = expiry else { continue };
                    if self.place != from && !self.possible.iter().any(|(p, _)| *p == from) {
                        continue;
                    }
                    match self.possible.iter_mut().find(|(p, _)| *p == to) {
                        Some((_, known)) if *known >= expiry => {}
                        Some((_, known)) => {
                            *known = expiry;
                            grown = true;
                        }
                        None => {
                            self.possible.push((to, expiry));
                            grown = true;
                        }
                    }
                }
            }
            if !grown {
                return;
            }
        }
    }

    /// Writes a stretch in which nothing changes.
    fn emit(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        for stay in &mut self.open {
            let gone = self.possible.iter().any(|(place, _)| !self.model.within(*place, stay.zone));
            let grade = if gone { stay.base.max(Grade::Unconfirmed) } else { stay.base };
            match stay.pieces.last_mut() {
                Some((last, g)) if *g == grade && last.end == span.start => last.end = span.end,
                _ => stay.pieces.push((span, grade)),
            }
        }
        for index in 0..self.possible.len() {
            for zone in self.model.chain(self.possible[index].0) {
                if self.model.within(self.place, *zone) {
                    continue;
                }
                let recent = self.out.maybe.iter_mut().rev().take(16);
                match recent.into_iter().find(|(s, z)| z == zone && s.end >= span.start) {
                    Some((last, _)) => last.end = last.end.max(span.end),
                    None => self.out.maybe.push((span, *zone)),
                }
            }
        }
    }

    /// Ends the stays that have reached their longest: they are assumed throughout.
    fn lapse(&mut self) {
        let at = self.at;
        let Some(outermost) = self.open.iter().rposition(|s| self.expiry(s) <= at) else {
            return;
        };
        for stay in self.open.drain(..=outermost).collect::<Vec<_>>() {
            self.lapsed.push(stay.zone);
            self.close(stay, Some(Grade::Assumed));
        }
        self.place = self.open.first().map(|s| s.zone);
    }

    fn close(&mut self, stay: OpenStay, at_most: Option<Grade>) {
        let mut last: Option<Stay> = None;
        for (span, grade) in stay.pieces {
            let grade = at_most.map_or(grade, |g| g.max(grade));
            match &mut last {
                Some(l) if l.grade == grade && l.span.end == span.start => l.span.end = span.end,
                _ => {
                    self.out.stays.extend(last.take());
                    last = Some(Stay { person: self.person, zone: stay.zone, span, grade });
                }
            }
        }
        self.out.stays.extend(last);
    }

    /// Moves him to `to`; stays in zones that he left are closed, `unseen` of them unconfirmed.
    fn go(&mut self, to: Place, grade: Grade, unseen: &[Word]) {
        let target = self.model.chain(to).to_vec();
        let mut kept = Vec::with_capacity(target.len());
        for stay in std::mem::take(&mut self.open) {
            let left_unseen = unseen.contains(&stay.zone);
            if target.contains(&stay.zone) && !left_unseen {
                kept.push(stay);
            } else {
                self.close(stay, left_unseen.then_some(Grade::Unconfirmed));
            }
        }
        self.open = kept;
        for zone in target.iter().rev() {
            if !self.open.iter().any(|s| s.zone == *zone) {
                self.open.insert(0, OpenStay { zone: *zone, start: self.at, base: grade, pieces: Vec::new() });
            }
        }
        self.place = to;
        self.lapsed.clear();
    }

    fn muster(&mut self, muster: Mustered) {
        self.advance(muster.at);
        let everywhere: Vec<Word> = self.open.iter().map(|s| s.zone).collect();
        if self.place != muster.place {
            self.go(muster.place, Grade::Manual, &everywhere);
        }
        self.possible.clear();
    }

    fn step(&mut self, m: &Movement) {
        let contradicted = contradiction(self.model, m, self.place, &self.possible, &self.lapsed);
        let mut unseen: Vec<Word> = Vec::new();
        if let Some(kind) = contradicted {
            let stays_in = self.model.chain(m.from);
            unseen = self.model.chain(self.place).iter().copied().filter(|z| !stays_in.contains(z)).collect();
            self.odd(kind, m, Some(m.inner));
        }
        let mut grade = m.grade;
        if m.direction == ReaderDirection::Entry {
            let zone = self.model.zones.get(m.inner);
            if zone.is_some_and(|z| m.factors.count_ones() < u32::from(z.factors)) {
                grade = grade.max(Grade::Weak);
                let due = m.at.plus(self.model.door_policy(m.door, m.at).factor_window).plus(DurationUs(1));
                if due <= self.now {
                    self.odd(FindingKind::WeakEntry, m, Some(m.inner));
                } else {
                    self.wake_at(due);
                }
            }
            let hours = zone.and_then(|z| z.hours);
            if hours.is_some_and(|h| !h.contains(self.model.local_minute(m.at))) {
                self.odd(FindingKind::EntryOutsideHours, m, Some(m.inner));
            }
        }
        // Where his place was unknown, or a stay had lapsed, entering again begins a new stay.
        if contradicted.is_none() && m.direction == ReaderDirection::Entry && self.place != m.from {
            let entered = self.model.chain(m.to).to_vec();
            let again: Vec<OpenStay> = {
                let stays = std::mem::take(&mut self.open);
                let from = self.model.chain(m.from);
                let (keep, end): (Vec<_>, Vec<_>) =
                    stays.into_iter().partition(|s| from.contains(&s.zone) || !entered.contains(&s.zone));
                self.open = keep;
                end
            };
            for stay in again {
                self.close(stay, None);
            }
        }
        self.go(m.to, grade, &unseen);
        if m.resolves {
            self.possible.clear();
        }
    }

    /// Notes that the fold can begin again after `at`, if nothing is open and nothing unknown.
    fn note_restart(&mut self, at: UtcMicros) {
        if self.place.is_none() && self.possible.is_empty() && self.trouble_free(at) {
            self.restarts.push(at);
        }
    }

    /// Whether no door can be passed unseen at `at` from outside.
    fn trouble_free(&self, at: UtcMicros) -> bool {
        self.trouble.iter().all(|t| !t.entry_unread && !crate::spans::holds(&t.unseen, at))
    }

    fn odd(&mut self, kind: FindingKind, m: &Movement, zone: Option<Word>) {
        self.out.oddities.push(Oddity {
            at: m.at,
            kind,
            person: self.person,
            zone,
            door: m.door,
            reader: m.reader,
            credential: None,
            entry: m.entry,
        });
    }

    /// Brings everything to `now`; what is open then stays open.
    fn finish(&mut self) {
        self.advance(self.now);
        self.possible.retain(|(_, expiry)| *expiry > self.now);
        if !self.trouble.is_empty() {
            self.spread();
        }
        self.emit(Span::new(self.now, UtcMicros::MAX));
        let due: Vec<UtcMicros> =
            self.open.iter().map(|s| self.expiry(s)).chain(self.possible.iter().map(|p| p.1)).collect();
        for at in due {
            self.wake_at(at);
        }
        for stay in std::mem::take(&mut self.open) {
            self.close(stay, None);
        }
        self.out.stays.sort_unstable_by_key(|s| (s.span.start, s.zone));
        self.out.maybe.sort_unstable();
        self.out.oddities.sort_unstable();
    }
}

/// What is wrong with a movement from where he was known to be, if anything.
fn contradiction(
    model: &Model,
    m: &Movement,
    place: Place,
    possible: &[(Place, UtcMicros)],
    lapsed: &[Word],
) -> Option<FindingKind> {
    let lapsed_side = lapsed.contains(&m.inner) || m.from.is_some_and(|z| lapsed.contains(&z));
    if place == m.from || lapsed_side || possible.iter().any(|(p, expiry)| *p == m.from && *expiry > m.at) {
        return None;
    }
    let inside = model.within(place, m.inner);
    Some(match m.direction {
        ReaderDirection::Entry if inside => FindingKind::AntiPassback,
        ReaderDirection::Exit if !inside => FindingKind::AntiPassback,
        _ => FindingKind::UnseenPassage,
    })
}
