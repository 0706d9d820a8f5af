//! Taking a fact in: at its place, once.

use std::collections::BTreeSet;

use kukaku_schema::observation::ManualDirection;
use kukaku_schema::{CLOCK_UNSET_BEFORE, DurationUs, Span, UtcMicros};

use super::{
    ClockNote, Happening, ManualNote, Memory, MusterNote, NO_SEQ, Numbered, OrderNote, Reading, ReadingHead, SignNote,
    SourceMemory, StartNote, Touch, UnlockNote, reading_order,
};
use crate::fact::{Fact, FactBody};
use crate::names::Word;
use crate::oplog::OplogNote;

/// Puts `item` at its place; false if it is there already.
fn put<T: Ord>(list: &mut Vec<T>, item: T) -> bool {
    match list.last() {
        None => list.push(item),
        Some(last) if *last < item => list.push(item),
        _ => match list.binary_search(&item) {
            Ok(_) => return false,
            Err(at) => list.insert(at, item),
        },
    }
    true
}

impl Memory {
    /// The bit of a factor word; the 32nd and later ones share the last bit.
    pub fn factor_bit(&mut self, factor: Word) -> u32 {
        let index = self.factor_bits.iter().position(|f| *f == factor).unwrap_or_else(|| {
            self.factor_bits.push(factor);
            self.factor_bits.len() - 1
        });
        1 << index.min(31)
    }

    /// The number of a head.
    pub fn head(&mut self, head: ReadingHead) -> u32 {
        if let Some(number) = self.head_numbers.get(&head) {
            return *number;
        }
        let number = u32::try_from(self.heads.len()).expect("heads are combinations of registered things");
        self.heads.push(head);
        self.head_numbers.insert(head, number);
        number
    }

    /// Adds a reading at its place; false if it is there already.
    pub fn put_reading(&mut self, credential: Word, reading: Reading) -> bool {
        let list = self.readings.or_insert_with(credential, Vec::new);
        let key = reading_order(&reading);
        match list.last() {
            None => list.push(reading),
            Some(last) if reading_order(last) < key => list.push(reading),
            _ => match list.binary_search_by_key(&key, reading_order) {
                Ok(_) => return false,
                Err(at) => list.insert(at, reading),
            },
        }
        true
    }

    /// Takes a fact in. The second value says whether its numbers or clock need a look.
    pub fn add(&mut self, fact: &Fact, max_skew: DurationUs) -> (Touch, bool) {
        let source = self.sources.or_insert_with(fact.source, SourceMemory::default);
        let occ = source.occurred(fact.device_time);
        let heard = source.first_heard();
        let mut look = false;
        if let Some(seq) = fact.seq {
            let numbers = source.numbers.entry(fact.epoch).or_default();
            let numbered = Numbered { seq, content: fact.order, occ, dev: fact.device_time, entry: fact.entry };
            let known = |n: &Numbered| n.seq == seq && n.content == fact.order;
            match numbers.last() {
                Some(last) if last.seq < seq => {
                    // The first number after our own down-time tells whether something was lost in it.
                    let after_gap = self.watch_gaps.iter().any(|(gap, _)| last.occ < gap.end && gap.end <= occ);
                    look |= last.seq + 1 != seq || last.occ > occ || after_gap;
                    numbers.push(numbered);
                }
                None => {
                    look = true;
                    numbers.push(numbered);
                }
                _ => {
                    let at = numbers.partition_point(|n| (n.seq, n.content) < (seq, fact.order));
                    if numbers.get(at).is_some_and(known) {
                        return (Touch::Nothing, false);
                    }
                    look = true;
                    numbers.insert(at, numbered);
                }
            }
        }
        let is_span = matches!(
            fact.body,
            FactBody::CaughtUp { .. } | FactBody::Clock { .. } | FactBody::Unlocked { .. } | FactBody::Listed { .. }
        );
        if !is_span {
            source.first_sign = Some(source.first_sign.map_or(occ, |first| first.min(occ)));
            put(&mut source.signs, fact.device_time);
            let ahead = fact.device_time > fact.recorded_at.plus(max_skew);
            if ahead || fact.device_time < CLOCK_UNSET_BEFORE {
                look |= put(&mut source.impossible, (fact.recorded_at, fact.entry));
            }
        }
        put(&mut source.recorded, fact.recorded_at);
        let touch = self.add_body(fact, occ);
        look |= self.sources.get(fact.source).and_then(SourceMemory::first_heard) != heard;
        (touch, look)
    }

    fn add_body(&mut self, fact: &Fact, occ: UtcMicros) -> Touch {
        let known = |new: bool, touch: Touch| if new { touch } else { Touch::Nothing };
        let seq = fact.seq.unwrap_or(NO_SEQ);
        let source = self.sources.or_insert_with(fact.source, SourceMemory::default);
        match &fact.body {
            FactBody::Reading { reader, credential, granted, factors } => {
                source.readers.insert(*reader);
                let bits = factors.iter().fold(0, |bits, f| bits | self.factor_bit(*f));
                let head = self.head(ReadingHead {
                    source: fact.source,
                    epoch: fact.epoch,
                    reader: *reader,
                    granted: *granted,
                    factors: bits,
                });
                let reading = Reading { occ, dev: fact.device_time, entry: fact.entry, seq, order: fact.order, head };
                let new = self.put_reading(*credential, reading);
                if new && !granted {
                    put(self.denied.entry(*reader).or_default(), (occ, fact.order, fact.entry));
                }
                known(new, Touch::Credential(*credential, *reader, occ))
            }
            FactBody::Used { door, reading, used } => {
                source.doors.insert(*door);
                let key = (fact.source, fact.epoch, *reading);
                known(put(self.used.entry(key).or_default(), (fact.order, *used)), Touch::Use(key))
            }
            FactBody::Door { door, state } => {
                source.doors.insert(*door);
                self.any_position = true;
                known(put(self.doors.entry(*door).or_default(), happening(fact, occ, *state)), Touch::Door(*door))
            }
            FactBody::Reader { reader, status } => {
                source.readers.insert(*reader);
                let list = self.readers.entry(*reader).or_default();
                known(put(list, happening(fact, occ, *status)), Touch::Reader(*reader))
            }
            FactBody::Alive => {
                source.sent_alive = true;
                Touch::Alive
            }
            FactBody::Started { session, account, terminal, target, via, address, inner_address, factors } => {
                let key = (fact.source, fact.epoch, *session);
                let note = StartNote {
                    occ,
                    order: fact.order,
                    dev: fact.device_time,
                    entry: fact.entry,
                    account: *account,
                    terminal: *terminal,
                    target: *target,
                    via: *via,
                    address: *address,
                    inner_address: *inner_address,
                    factors: *factors,
                };
                let starts = &mut self.sessions.entry(key).or_default().starts;
                known(put(starts, note), Touch::Session(key))
            }
            FactBody::Sign { session, account, terminal, address, ended, activity } => {
                let key = (fact.source, fact.epoch, *session);
                let note = SignNote {
                    occ,
                    order: fact.order,
                    ended: *ended,
                    dev: fact.device_time,
                    entry: fact.entry,
                    account: *account,
                    terminal: *terminal,
                    address: *address,
                    activity: *activity,
                };
                let notes = self.sessions.entry(key).or_default();
                notes.tells_activity |= !activity.is_unknown();
                known(put(&mut notes.signs, note), Touch::Session(key))
            }
            FactBody::System { concern, good } => {
                let notes = self.system.entry(*concern).or_default();
                known(put(notes, (occ, fact.order, *good, fact.entry)), Touch::System(*concern))
            }
            FactBody::Order(says) => {
                let note = OrderNote {
                    occ,
                    content: fact.order,
                    entry: fact.entry,
                    recorded_at: fact.recorded_at,
                    says: (**says).clone(),
                };
                let notes = self.orders.entry(says.order).or_default();
                // What it said before may have reached back further.
                let from = notes.iter().map(|before| before.says.from).min().map_or(says.from, |at| at.min(says.from));
                let again = notes.iter().any(|n| (n.occ, n.content) == (occ, fact.order));
                let new = !again && put(notes, note);
                self.orders_of.entry(says.client).or_default().insert(says.order);
                for operator in &says.operators {
                    self.orders_naming.entry(*operator).or_default().insert(says.order);
                }
                known(new, Touch::Order(says.client, says.order, from))
            }
            FactBody::Camera { camera, healthy } => {
                let list = &mut self.cameras.entry(*camera).or_default().health;
                known(put(list, happening(fact, occ, *healthy)), Touch::Camera(*camera))
            }
            FactBody::Footage { camera, path, start, end, gone } => {
                let memory = self.cameras.entry(*camera).or_default();
                let span = Span::new(*start, *end);
                let new = if *gone {
                    put(&mut memory.gone, (*path, span, occ, fact.entry))
                } else {
                    put(&mut memory.segments, (span, *path, fact.entry))
                };
                known(new, Touch::Camera(*camera))
            }
            FactBody::Oplog { terminal, path, start, end, bytes, hash, gone } => {
                // By the source's own clock: only the order of what it said of one file counts.
                let note = OplogNote {
                    said: fact.device_time,
                    order: fact.order,
                    span: Span::new(*start, *end),
                    bytes: *bytes,
                    hash: *hash,
                    gone: *gone,
                    entry: fact.entry,
                };
                let notes = self.oplogs.entry(*terminal).or_default().entry(*path).or_default();
                let again = notes.iter().any(|n| (n.said, n.order) == (note.said, note.order));
                known(!again && put(notes, note), Touch::Oplog(*terminal))
            }
            // What it means is shown beside orders and sessions; no verdict rests on it.
            FactBody::Power { .. } | FactBody::Failure => Touch::Alive,
            FactBody::CaughtUp { reader, from, to } => {
                known(put(&mut source.caught_up, (*reader, Span::new(*from, *to))), Touch::Source(fact.source))
            }
            FactBody::Clock { offset_us, from, to } => {
                let note = ClockNote { from: *from, to: *to, offset_us: *offset_us, entry: fact.entry };
                let again =
                    source.clocks.iter().any(|c| ClockNote { entry: 0, ..*c } == ClockNote { entry: 0, ..note });
                if !again && put(&mut source.clocks, note) {
                    self.correct_times(fact.source);
                    Touch::All
                } else {
                    Touch::Nothing
                }
            }
            FactBody::Unlocked { client, from, to, account, target } => {
                let span = Span::new(*from, *to);
                let note =
                    UnlockNote { span, account: *account, target: *target, source: fact.source, entry: fact.entry };
                let line = self.lines.entry(*client).or_default();
                line.longest = line.longest.max(span.length());
                known(put(line.unlocks.entry(*from).or_default(), note), Touch::Line(*client, span, true))
            }
            FactBody::Listed { client, from, to } => {
                let span = Span::new(*from, *to);
                let line = self.lines.entry(*client).or_default();
                known(put(&mut line.listed, (span, fact.entry)), Touch::Line(*client, span, false))
            }
            FactBody::SourceGap { of, from, to } => {
                let lost = &mut self.sources.or_insert_with(*of, SourceMemory::default).lost;
                let span = Span::new(*from, *to);
                let new = !lost.iter().any(|(known, _)| *known == span) && put(lost, (span, fact.entry));
                known(new, Touch::Source(*of))
            }
            FactBody::WatchStarted => {
                self.watched_from = Some(self.watched_from.map_or(occ, |before| before.min(occ)));
                Touch::All
            }
            FactBody::WatchGap { from, to } => {
                let span = Span::new(*from, *to);
                let new =
                    !self.watch_gaps.iter().any(|(s, _)| *s == span) && put(&mut self.watch_gaps, (span, fact.entry));
                known(new, Touch::Watch)
            }
            FactBody::ClockStep { step_us } => {
                known(put(&mut self.clock_steps, (occ, fact.source, *step_us, fact.entry)), Touch::Source(fact.source))
            }
            FactBody::Muster { inside } => {
                let note = MusterNote { at: occ, order: fact.order, inside: inside.clone() };
                known(put(&mut self.musters, note), Touch::All)
            }
            FactBody::ManualEntry { person, zone, direction } => {
                let entered = *direction == ManualDirection::Entry;
                let note = ManualNote { at: occ, order: fact.order, person: *person, zone: *zone, entered };
                known(put(&mut self.manuals, note), Touch::All)
            }
        }
    }

    /// The instants after `now` at which something that a source said will have happened.
    pub fn upcoming(&self, source: Word, now: UtcMicros) -> BTreeSet<UtcMicros> {
        let mut out = BTreeSet::new();
        let mut add = |at: UtcMicros| {
            if at > now && at < UtcMicros::MAX {
                out.insert(at);
            }
        };
        if let Some(known) = self.sources.get(source) {
            known.signs.iter().for_each(|dev| add(known.occurred(*dev)));
            known.numbers.values().flatten().for_each(|n| add(n.occ));
        }
        for (_, list) in self.readings.iter() {
            let late = list.iter().rev().take_while(|r| r.occ > now);
            late.filter(|r| self.heads[r.head as usize].source == source).for_each(|r| add(r.occ));
        }
        let of_source = |of: Word| of == source;
        self.doors.values().flatten().filter(|h| of_source(h.source)).for_each(|h| add(h.occ));
        self.readers.values().flatten().filter(|h| of_source(h.source)).for_each(|h| add(h.occ));
        self.cameras.values().flat_map(|c| &c.health).filter(|h| of_source(h.source)).for_each(|h| add(h.occ));
        for (_, notes) in self.sessions.iter().filter(|((of, ..), _)| of_source(*of)) {
            notes.starts.iter().for_each(|n| add(n.occ));
            notes.signs.iter().for_each(|n| add(n.occ));
        }
        // Orders are told by kukaku itself.
        self.orders.values().flatten().for_each(|n| add(n.occ));
        self.system.values().flatten().for_each(|(at, ..)| add(*at));
        out
    }

    /// Takes a source's newly known offsets out of all it said so far.
    fn correct_times(&mut self, source: Word) {
        let Some(memory) = self.sources.get_mut(source) else {
            return;
        };
        let clocks = SourceMemory { clocks: memory.clocks.clone(), ..SourceMemory::default() };
        for n in memory.numbers.values_mut().flatten() {
            n.occ = clocks.occurred(n.dev);
        }
        memory.first_sign = memory.signs.iter().map(|dev| clocks.occurred(*dev)).min();
        for list in self.readings.values_mut() {
            let heads = &self.heads;
            for r in list.iter_mut().filter(|r| heads[r.head as usize].source == source) {
                r.occ = clocks.occurred(r.dev);
            }
            list.sort_unstable_by_key(reading_order);
        }
        let fix = |h_source: Word, dev: UtcMicros, occ: UtcMicros| {
            if h_source == source { clocks.occurred(dev) } else { occ }
        };
        for list in self.doors.values_mut() {
            list.iter_mut().for_each(|h| h.occ = fix(h.source, h.dev, h.occ));
            list.sort_unstable();
        }
        for list in self.readers.values_mut() {
            list.iter_mut().for_each(|h| h.occ = fix(h.source, h.dev, h.occ));
            list.sort_unstable();
        }
        for camera in self.cameras.values_mut() {
            camera.health.iter_mut().for_each(|h| h.occ = fix(h.source, h.dev, h.occ));
            camera.health.sort_unstable();
        }
        for ((of, _, _), notes) in &mut self.sessions {
            if *of == source {
                notes.starts.iter_mut().for_each(|n| n.occ = clocks.occurred(n.dev));
                notes.signs.iter_mut().for_each(|n| n.occ = clocks.occurred(n.dev));
                notes.starts.sort_unstable();
                notes.signs.sort_unstable();
            }
        }
    }
}

fn happening<T>(fact: &Fact, occ: UtcMicros, what: T) -> Happening<T> {
    Happening {
        occ,
        seq: fact.seq.unwrap_or(NO_SEQ),
        order: fact.order,
        source: fact.source,
        dev: fact.device_time,
        entry: fact.entry,
        what,
    }
}
