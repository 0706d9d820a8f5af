//! Facts and what is derived from them, subject by subject.

use kukaku_schema::registers::Registers;
use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use crate::camera::{self, CameraView};
use crate::door::{DoorView, Doors};
use crate::effect::{Finding, FindingKey, Subject};
use crate::judge::Court;
use crate::memory::{Memory, NO_SEQ, Reading, reading_order};
use crate::model::Model;
use crate::movement::Derive;
use crate::names::{Names, Word, WordMap};
use crate::place::{Fold, Middle, Mustered, Oddity, Trouble, Troubles, Whereabouts, thin};
use crate::source::{self, SourceView};
use crate::spans::partition_near_end;

/// What is kept of a person beside his whereabouts, to go on from the middle.
#[derive(Debug, Clone, Default)]
pub(crate) struct PersonAux {
    /// Where his fold can go on, by instant.
    pub middles: Vec<Middle>,
    pub wake: Option<UtcMicros>,
}

/// What a new look at a person changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct PersonChange {
    /// The earliest instant at which his stays or unknown places differ.
    pub from: Option<UtcMicros>,
    /// The stays that differ begin here.
    pub stays_from: Option<UtcMicros>,
    /// Zones in which they differ.
    pub zones: Vec<Word>,
    pub gone: Vec<Oddity>,
    pub new: Vec<Oddity>,
}

/// Everything known and derived.
#[derive(Debug)]
pub(crate) struct World {
    pub names: Names,
    pub model: Model,
    pub memory: Memory,
    pub sources: WordMap<SourceView>,
    pub doors: WordMap<DoorView>,
    pub trouble: Troubles,
    pub persons: WordMap<Whereabouts>,
    pub aux: WordMap<PersonAux>,
    pub cameras: WordMap<CameraView>,
    pub now: UtcMicros,
    pub live: bool,
}

impl World {
    pub fn new(registers: &Registers, mut names: Names, live: bool) -> Result<Self, String> {
        let model = Model::new(registers, &mut names)?;
        Ok(Self {
            names,
            model,
            memory: Memory::default(),
            sources: WordMap::default(),
            doors: WordMap::default(),
            trouble: Troubles::default(),
            persons: WordMap::default(),
            aux: WordMap::default(),
            cameras: WordMap::default(),
            now: UtcMicros::MIN,
            live,
        })
    }

    pub fn court(&self) -> Court<'_> {
        Court {
            model: &self.model,
            memory: &self.memory,
            sources: &self.sources,
            persons: &self.persons,
            cameras: &self.cameras,
            now: self.now,
            live: self.live,
        }
    }

    pub fn doors_of_source(&self, source: Word) -> Vec<Word> {
        self.door_deriver().doors_of_source(source)
    }

    fn door_deriver(&self) -> Doors<'_> {
        Doors { model: &self.model, memory: &self.memory, sources: &self.sources, now: self.now, live: self.live }
    }

    /// Looks at a source again; returns the view before, and its findings.
    pub fn look_at_source(&mut self, source: Word) -> (Option<SourceView>, Vec<Finding>) {
        let (view, findings) = source::derive(&self.model, &self.memory, source, self.now, self.live);
        let slot = self.sources.or_insert_with(source, SourceView::default);
        let before = std::mem::replace(slot, view);
        ((before != *slot).then_some(before), findings)
    }

    /// Looks at a door again; returns the view before where it changed, and its findings.
    pub fn look_at_door(&mut self, door: Word) -> (Option<DoorView>, Vec<Finding>) {
        let (view, findings) = self.door_deriver().derive(door);
        let slot = self.doors.or_insert_with(door, DoorView::default);
        let before = std::mem::replace(slot, view);
        ((before != *slot).then_some(before), findings)
    }

    /// Looks at a camera again; returns the view before where it changed, and its findings.
    pub fn look_at_camera(&mut self, camera: Word) -> (Option<CameraView>, Vec<Finding>) {
        let (view, findings) = camera::derive(&self.model, &self.memory, camera, self.now);
        let slot = self.cameras.or_insert_with(camera, CameraView::default);
        let before = std::mem::replace(slot, view);
        ((before != *slot).then_some(before), findings)
    }

    /// Puts together the doors that can be passed unseen.
    pub fn gather_trouble(&mut self) {
        let mut out = Vec::new();
        for (word, door) in self.model.doors.iter() {
            let unseen = self.doors.get(word).map_or_else(Vec::new, |v| v.unseen.clone());
            if !unseen.is_empty() || !door.reads_entry || !door.reads_exit {
                out.push(Trouble {
                    outer: door.outer,
                    inner: door.inner,
                    entry_unread: !door.reads_entry,
                    exit_unread: !door.reads_exit,
                    unseen,
                });
            }
        }
        self.trouble = Troubles::new(out);
    }

    /// Looks at a person again, as far as anything from `from` on may differ.
    pub fn look_at_person(&mut self, person: Word, from: UtcMicros) -> PersonChange {
        let window = self.model.longest_window;
        let credentials = self.model.credentials_of.get(person).map_or(&[][..], |list| list);
        let next_reading = |after: UtcMicros| {
            let first = |list: &Vec<Reading>| list.get(partition_near_end(list, |r| r.occ <= after)).map(|r| r.occ);
            credentials.iter().filter_map(|c| self.memory.readings.get(*c).and_then(first)).min()
        };
        let middles = self.aux.get(person).map_or(&[][..], |aux| &aux.middles);
        let before = &middles[..middles.partition_point(|m| m.at < from.minus(window))];
        let middle = before.iter().rfind(|m| next_reading(m.at).is_none_or(|next| next.since(m.at) > window));
        let base = middle.map_or(UtcMicros::MIN, |m| m.at);

        // Files are folded once.
        let wanted = self.live.then_some(window);
        let (out, new_middles, wake) = self.fold_person(person, middle, wanted);

        let known = self.persons.or_insert_with(person, Whereabouts::default);
        let change = splice(known, out, middle);
        let aux = self.aux.or_insert_with(person, PersonAux::default);
        aux.middles.truncate(aux.middles.partition_point(|m| m.at <= base));
        aux.middles.extend(new_middles);
        thin(&mut aux.middles);
        aux.wake = wake;
        change
    }

    /// Folds all that is known of a person on from `middle`; `window` asks for new middles. Says
    /// when to look again, too.
    pub fn fold_person(
        &self,
        person: Word,
        middle: Option<&Middle>,
        window: Option<DurationUs>,
    ) -> (Whereabouts, Vec<Middle>, Option<UtcMicros>) {
        let base = middle.map_or(UtcMicros::MIN, |m| m.at);
        let credentials = self.model.credentials_of.get(person).map_or(&[][..], |list| list);
        let mut readings: Vec<(Word, Reading)> = Vec::new();
        for credential in credentials {
            let Some(list) = self.memory.readings.get(*credential) else {
                continue;
            };
            let start = partition_near_end(list, |r| r.occ <= base);
            readings.extend(list[start..].iter().map(|r| (*credential, *r)));
        }
        if credentials.len() > 1 {
            readings.sort_unstable_by_key(|(c, r)| (reading_order(r), *c));
        }
        let derive = Derive {
            model: &self.model,
            memory: &self.memory,
            sources: &self.sources,
            doors: &self.doors,
            now: self.now,
        };
        let movements = derive.movements(person, &readings);
        let musters = self.musters_of(person);
        let mut fold = Fold::new(&self.model, &self.trouble, person, self.now, middle, window);
        let wake = fold.run(movements, &musters);
        let (mut out, middles) = (fold.out, fold.middles);
        self.add_ended_credentials(person, &readings, &mut out);
        (out, middles, wake)
    }

    /// What people wrote of a person's places, by time.
    fn musters_of(&self, person: Word) -> Vec<Mustered> {
        let mustered = self.memory.musters.iter().map(|note| {
            let place = note.inside.iter().find(|(p, _)| *p == person).map(|(_, zone)| *zone);
            Mustered { at: note.at, place, only_unseen: None }
        });
        let manual = self.memory.manuals.iter().filter(|note| note.person == person).map(|note| {
            let around = self.model.chain(Some(note.zone)).get(1).copied();
            let place = if note.entered { Some(note.zone) } else { around };
            Mustered { at: note.at, place, only_unseen: Some(note.zone) }
        });
        let mut all: Vec<Mustered> = mustered.chain(manual).collect();
        all.sort_by_key(|m| m.at);
        all
    }

    /// Presentations of credentials that no longer count, one a repeat window.
    fn add_ended_credentials(&self, person: Word, readings: &[(Word, Reading)], out: &mut Whereabouts) {
        let mut last: Vec<(Word, UtcMicros)> = Vec::new();
        for (credential, reading) in readings.iter().filter(|(_, r)| r.occ <= self.now) {
            if self.model.former_holder(*credential, reading.occ) != Some(person) {
                continue;
            }
            let reader = self.memory.heads[reading.head as usize].reader;
            let Some(at_reader) = self.model.reader(reader, reading.occ) else {
                continue;
            };
            let window = self.model.door_policy(at_reader.door, reading.occ).repeat_window;
            if last.iter().any(|(r, at)| *r == reader && reading.occ.since(*at) <= window) {
                continue;
            }
            last.retain(|(r, _)| *r != reader);
            last.push((reader, reading.occ));
            out.oddities.push(Oddity {
                at: reading.occ,
                kind: FindingKind::EndedCredentialUsed,
                person,
                zone: None,
                door: at_reader.door,
                reader,
                credential: Some(*credential),
                entry: reading.entry,
            });
        }
        out.oddities.sort_unstable();
    }

    /// Looks at everything but persons, from nothing.
    pub fn look_at_things(&mut self) {
        for source in self.memory.sources.words() {
            self.look_at_source(source);
        }
        for door in self.model.doors.words() {
            self.look_at_door(door);
        }
        self.gather_trouble();
        for camera in self.model.cameras.words() {
            self.look_at_camera(camera);
        }
    }
}

/// Puts what was derived from `middle` on in the place of what stood there; says what differs.
fn splice(known: &mut Whereabouts, mut new: Whereabouts, middle: Option<&Middle>) -> PersonChange {
    let mut change = PersonChange::default();
    let (stays_kept, oddities_kept, beside) = middle.map_or_else(|| (0, 0, Vec::new()), |m| m.cut(known));
    if !beside.is_empty() {
        new.stays.extend(beside);
        new.stays.sort_unstable_by_key(|s| (s.span.start, s.zone));
    }
    let old_stays = &known.stays[stays_kept..];
    let same = old_stays.iter().zip(&new.stays).take_while(|(a, b)| a == b).count();
    if same < old_stays.len() || same < new.stays.len() {
        let starts = old_stays.get(same).into_iter().chain(new.stays.get(same)).map(|s| s.span.start);
        change.stays_from = starts.min();
        // A stay that only ended otherwise matters from its end on; any other difference from its start.
        let paired = old_stays[same..].iter().zip(&new.stays[same..]).filter(|(a, b)| a != b);
        let of_pairs = paired.map(|(a, b)| {
            let only_end = (a.span.start, a.zone, a.grade) == (b.span.start, b.zone, b.grade);
            if only_end { a.span.end.min(b.span.end) } else { a.span.start.min(b.span.start) }
        });
        let shorter = old_stays.len().min(new.stays.len());
        let unpaired = old_stays[shorter..].iter().chain(&new.stays[shorter..]);
        change.from = of_pairs.chain(unpaired.map(|s| s.span.start)).min();
        change.zones.extend(old_stays[same..].iter().chain(&new.stays[same..]).map(|s| s.zone));
    }
    let old_maybe = match middle {
        Some(middle) => middle.maybe_again(&known.maybe),
        None => std::mem::take(&mut known.maybe),
    };
    let gone = old_maybe.iter().filter(|m| new.maybe.binary_search(m).is_err());
    let come = new.maybe.iter().filter(|m| old_maybe.binary_search(m).is_err());
    for (span, zone) in gone.clone().chain(come.clone()) {
        change.from = Some(change.from.map_or(span.start, |from| from.min(span.start)));
        change.zones.push(*zone);
    }
    change.zones.sort_unstable();
    change.zones.dedup();
    let old_odd = &known.oddities[oddities_kept..];
    change.gone = old_odd.iter().filter(|o| new.oddities.binary_search(o).is_err()).copied().collect();
    change.new = new.oddities.iter().filter(|o| old_odd.binary_search(o).is_err()).copied().collect();
    known.stays.truncate(stays_kept);
    known.stays.extend(new.stays);
    if middle.is_none() {
        known.maybe = new.maybe;
    } else {
        for one in gone {
            known.maybe.remove(partition_near_end(&known.maybe, |m| m < one));
        }
        for one in come {
            known.maybe.insert(partition_near_end(&known.maybe, |m| m < one), *one);
        }
    }
    known.oddities.truncate(oddities_kept);
    known.oddities.extend(new.oddities);
    change
}

impl Oddity {
    /// The finding that it is.
    pub fn finding(&self) -> Finding {
        let mut about = vec![Subject::Person(self.person)];
        about.extend(self.credential.map(Subject::Credential));
        about.push(Subject::Door(self.door));
        about.push(Subject::Reader(self.reader));
        let mut subjects = about.clone();
        subjects.extend(self.zone.map(Subject::Zone));
        Finding {
            key: FindingKey { kind: self.kind, about, at: self.at },
            severity: self.kind.severity(),
            span: Span::new(self.at, self.at.plus(DurationUs(1))),
            subjects,
            client: None,
            proofs: vec![self.entry],
        }
    }
}

/// A reading without a sequence number, for replays of files.
pub(crate) fn unnumbered(occ: UtcMicros, entry: u64, order: u64, head: u32) -> Reading {
    Reading { occ, dev: occ, entry, seq: NO_SEQ, order, head }
}
