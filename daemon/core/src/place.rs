//! Where a person is: movements and outages folded into stays.
//!
//! Beside the known place the fold carries where he may have gone unseen: every place that can
//! be reached through doors that were in outage, or have no reader on that side. It is reset by
//! the next movement that resolves, and lapses `max_stay` after the outage's end.

mod middle;

use kukaku_schema::registers::ReaderDirection;
use kukaku_schema::{DurationUs, FindingKind, Grade, Span, UtcMicros};

pub(crate) use middle::{Middle, thin};

use crate::effect::Stay;
use crate::model::{Model, Place};
use crate::movement::{Movement, order_instant};
use crate::names::Word;
use crate::spans;

/// A door through which somebody can pass unseen, at least at times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub outer: Place,
    pub inner: Word,
    pub entry_unread: bool,
    pub exit_unread: bool,
    pub unseen: Vec<Span>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles {
    doors: Vec<Trouble>,
    /// When any of them can be passed unseen.
    any: Vec<Span>,
}

impl Troubles {
    pub fn new(doors: Vec<Trouble>) -> Self {
        let unread = doors.iter().any(|t| t.entry_unread || t.exit_unread);
        let always = unread.then(|| Span::new(UtcMicros::MIN, UtcMicros::MAX));
        let any = spans::joined(doors.iter().flat_map(|t| &t.unseen).copied().chain(always).collect());
        Self { doors, any }
    }

    pub fn is_empty(&self) -> bool {
        self.doors.is_empty()
    }
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

/// A muster or a line of the entry book, as it concerns one person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mustered {
    pub at: UtcMicros,
    pub place: Place,
    /// It counts only while a door of this zone is in outage.
    pub only_unseen: Option<Word>,
}

/// The fold over one person's movements.
pub(crate) struct Fold<'a> {
    model: &'a Model,
    trouble: &'a Troubles,
    person: Word,
    now: UtcMicros,
    at: UtcMicros,
    place: Place,
    open: Vec<OpenStay>,
    possible: Vec<(Place, UtcMicros)>,
    lapsed: Vec<Word>,
    /// The spans of `out.maybe` that go on: the newest of each zone.
    growing: Vec<(Span, Word)>,
    wake: Option<UtcMicros>,
    /// What came out.
    pub out: Whereabouts,
    /// Places from which it can go on another time.
    pub middles: Vec<Middle>,
    /// How long readings may be joined to one before; none: no middles are wanted.
    window: Option<DurationUs>,
    since_middle: usize,
}

impl<'a> Fold<'a> {
    /// Goes on from `middle`; from none: begins outside all zones, with nothing unknown. `window`
    /// asks for new middles, behind which no reading is joined over so long.
    pub fn new(
        model: &'a Model,
        trouble: &'a Troubles,
        person: Word,
        now: UtcMicros,
        middle: Option<&Middle>,
        window: Option<DurationUs>,
    ) -> Self {
        let begin = Middle {
            at: UtcMicros::MIN,
            place: None,
            open: Vec::new(),
            possible: Vec::new(),
            lapsed: Vec::new(),
            growing: Vec::new(),
        };
        let Middle { at, place, open, possible, lapsed, growing } = middle.cloned().unwrap_or(begin);
        Self {
            model,
            trouble,
            person,
            now,
            at,
            place,
            open,
            possible,
            lapsed,
            growing,
            wake: None,
            out: Whereabouts::default(),
            middles: Vec::new(),
            window,
            since_middle: 0,
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
            self.since_middle += end - index;
            if self.since_middle >= middle::MIDDLE_EVERY && musters.peek().is_none_or(|m| m.at > at) {
                self.keep_middle(movements.get(end).map(|m| m.at));
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
            let at = self.at;
            let trouble = self.trouble.any.get(spans::partition_near_end(&self.trouble.any, |s| s.end <= at));
            if let (true, Some(trouble)) = (self.possible.is_empty(), trouble.filter(|s| s.start > at)) {
                // All is well until then.
                next = next.min(trouble.start);
            } else if trouble.is_some() || !self.possible.is_empty() {
                self.possible.retain(|(_, expiry)| *expiry > at);
                self.spread();
                for trouble in &self.trouble.doors {
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
        if !spans::holds(&self.trouble.any, at) {
            return;
        }
        let mut ways: Vec<(Place, Place, UtcMicros)> = Vec::with_capacity(self.trouble.doors.len() * 2);
        for t in &self.trouble.doors {
            let from = t.unseen.partition_point(|s| s.end <= at);
            let outage_end = t.unseen.get(from).filter(|s| s.start <= at).map(|s| s.end);
            let expiry = |unread: bool| match (unread, outage_end) {
                (true, _) => Some(UtcMicros::MAX),
                (false, Some(end)) => Some(end.plus(self.model.zone_policy(t.inner, at).max_stay)),
                (false, None) => None,
            };
            ways.extend(expiry(t.entry_unread).map(|expiry| (t.outer, Some(t.inner), expiry)));
            ways.extend(expiry(t.exit_unread).map(|expiry| (Some(t.inner), t.outer, expiry)));
        }
        // From where he is known to be, then from each place that was or becomes possible.
        let (mut from, mut next) = (self.place, 0);
        loop {
            for (_, to, expiry) in ways.iter().filter(|(start, ..)| *start == from) {
                match self.possible.iter_mut().find(|(p, _)| p == to) {
                    Some((_, known)) => *known = (*known).max(*expiry),
                    None => self.possible.push((*to, *expiry)),
                }
            }
            let Some((place, _)) = self.possible.get(next) else { return };
            (from, next) = (*place, next + 1);
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
                match self.growing.iter_mut().find(|(_, z)| z == zone) {
                    Some((last, _)) if last.end >= span.start => last.end = last.end.max(span.end),
                    Some(last) => self.out.maybe.push(std::mem::replace(last, (span, *zone))),
                    None => self.growing.push((span, *zone)),
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
        if muster.only_unseen.is_some_and(|zone| !self.door_in_outage(zone, muster.at)) {
            return;
        }
        self.advance(muster.at);
        let everywhere: Vec<Word> = self.open.iter().map(|s| s.zone).collect();
        if self.place != muster.place {
            self.go(muster.place, Grade::Manual, &everywhere);
        }
        self.possible.clear();
    }

    /// Whether a door of `zone` was in outage at that instant.
    fn door_in_outage(&self, zone: Word, at: UtcMicros) -> bool {
        self.trouble
            .doors
            .iter()
            .filter(|t| t.inner == zone || t.outer == Some(zone))
            .any(|t| t.unseen.get(t.unseen.partition_point(|s| s.end <= at)).is_some_and(|s| s.start <= at))
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

    /// Keeps a middle here, unless what is here may still be joined to: by a reading that is
    /// near, be it the next one or one still to come.
    fn keep_middle(&mut self, next: Option<UtcMicros>) {
        let Some(window) = self.window else { return };
        if next.unwrap_or(self.now).since(self.at) <= window {
            return;
        }
        self.since_middle = 0;
        let at = self.at;
        let ended: Vec<_> = self.growing.extract_if(.., |(span, _)| span.end < at).collect();
        self.out.maybe.extend(ended);
        self.middles.push(Middle {
            at,
            place: self.place,
            open: self.open.clone(),
            possible: self.possible.clone(),
            lapsed: self.lapsed.clone(),
            growing: self.growing.clone(),
        });
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
        self.spread();
        self.emit(Span::new(self.now, UtcMicros::MAX));
        let due: Vec<UtcMicros> =
            self.open.iter().map(|s| self.expiry(s)).chain(self.possible.iter().map(|p| p.1)).collect();
        for at in due {
            self.wake_at(at);
        }
        for stay in std::mem::take(&mut self.open) {
            self.close(stay, None);
        }
        self.out.maybe.append(&mut self.growing);
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
