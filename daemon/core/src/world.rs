//! Facts and what is derived from them, subject by subject.

use kukaku_schema::registers::Registers;
use kukaku_schema::{DurationUs, FindingKind, Span, UtcMicros};

use crate::camera::{self, CameraView};
use crate::door::{DoorView, Doors};
use crate::effect::{Finding, FindingKey, Subject};
use crate::judge::Court;
use crate::memory::{Memory, NO_SEQ, Reading, reading_order};
use crate::model::{Model, Place};
use crate::movement::Derive;
use crate::names::{Names, Word, WordMap};
use crate::place::{Fold, Mustered, Oddity, Trouble, Whereabouts};
use crate::source::{self, SourceView};

/// What is kept of a person beside his whereabouts, to go on from the middle.
#[derive(Debug, Clone, Default)]
pub(crate) struct PersonAux {
    /// Instants after which his fold can begin again.
    pub restarts: Vec<UtcMicros>,
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
    pub trouble: Vec<Trouble>,
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
            trouble: Vec::new(),
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
        if let Some(memory) = self.memory.sources.get_mut(source) {
            // A gap that the numbers bridge stays bridged; one that they don't may yet be.
            memory.unsettled = !view.missed.is_empty() || view.wake.is_some();
        }
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
        self.trouble = out;
    }

    /// The longest time over which readings are joined.
    fn longest_window(&self) -> DurationUs {
        let of = |door: Word| {
            let p = self.model.door_policy(door, self.now);
            p.repeat_window.max(p.factor_window).max(p.opening_time)
        };
        self.model.doors.iter().map(|(door, _)| of(door)).max().unwrap_or(DurationUs::ZERO)
    }

    /// Looks at a person again, as far as anything from `from` on may differ.
    pub fn look_at_person(&mut self, person: Word, from: UtcMicros) -> PersonChange {
        let window = self.longest_window();
        let credentials = self.model.credentials_of.get(person).cloned().unwrap_or_default();
        let next_reading = |after: UtcMicros| {
            let first = |list: &Vec<Reading>| list.get(list.partition_point(|r| r.occ <= after)).map(|r| r.occ);
            credentials.iter().filter_map(|c| self.memory.readings.get(*c).and_then(first)).min()
        };
        let restarts = self.aux.get(person).map_or(&[][..], |aux| &aux.restarts);
        let before = &restarts[..restarts.partition_point(|at| *at < from.minus(window))];
        let base = before
            .iter()
            .rev()
            .take(RESTARTS_TRIED)
            .copied()
            .find(|at| next_reading(*at).is_none_or(|next| next.since(*at) > window))
            .unwrap_or(UtcMicros::MIN);

        let mut readings: Vec<(Word, Reading)> = Vec::new();
        for credential in &credentials {
            let Some(list) = self.memory.readings.get(*credential) else {
                continue;
            };
            let start = list.partition_point(|r| r.occ <= base);
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
        let musters: Vec<Mustered> = self.memory.musters.iter().map(|m| self.mustered(m, person)).collect();
        let mut fold = Fold::new(&self.model, &self.trouble, person, self.now, base);
        let wake = fold.run(movements, &musters);
        let (mut out, restarts) = (fold.out, fold.restarts);
        self.add_ended_credentials(person, &readings, &mut out);

        let known = self.persons.or_insert_with(person, Whereabouts::default);
        let change = splice(known, out, base);
        let aux = self.aux.or_insert_with(person, PersonAux::default);
        aux.restarts.truncate(aux.restarts.partition_point(|at| *at <= base));
        aux.restarts.extend(restarts);
        aux.wake = wake;
        change
    }

    fn mustered(&self, note: &crate::memory::MusterNote, person: Word) -> Mustered {
        let place: Place = note.inside.iter().find(|(p, _)| *p == person).map(|(_, zone)| *zone);
        Mustered { at: note.at, place }
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

    /// Looks at everything, from nothing.
    pub fn look_at_all(&mut self) {
        for source in self.memory.sources.words() {
            self.look_at_source(source);
        }
        for door in self.model.doors.words() {
            self.look_at_door(door);
        }
        self.gather_trouble();
        for person in self.model.persons.words() {
            self.look_at_person(person, UtcMicros::MIN);
        }
        for camera in self.model.cameras.words() {
            self.look_at_camera(camera);
        }
    }
}

/// Restarts looked at: the newest few suffice, older ones cost more than they save.
const RESTARTS_TRIED: usize = 16;

/// Puts what was derived after `base` in the place of what stood there; says what differs.
fn splice(known: &mut Whereabouts, new: Whereabouts, base: UtcMicros) -> PersonChange {
    let mut change = PersonChange::default();
    let from_nothing = base == UtcMicros::MIN;
    let stays_kept = known.stays.partition_point(|s| !from_nothing && s.span.start <= base);
    let maybe_kept = known.maybe.partition_point(|(s, _)| !from_nothing && s.start <= base);
    let oddities_kept = known.oddities.partition_point(|o| !from_nothing && o.at <= base);
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
        let mut zones: Vec<Word> = old_stays[same..].iter().chain(&new.stays[same..]).map(|s| s.zone).collect();
        zones.sort_unstable();
        zones.dedup();
        change.zones = zones;
    }
    let old_maybe = &known.maybe[maybe_kept..];
    if old_maybe != new.maybe.as_slice() {
        let differs =
            old_maybe.iter().zip(&new.maybe).position(|(a, b)| a != b).unwrap_or(old_maybe.len().min(new.maybe.len()));
        let earliest = |(span, _): &(Span, Word)| span.start;
        let at = old_maybe.get(differs).into_iter().chain(new.maybe.get(differs)).map(earliest).min();
        change.from = change.from.into_iter().chain(at).min();
        change.zones.extend(old_maybe.iter().chain(&new.maybe).map(|(_, z)| *z));
        change.zones.sort_unstable();
        change.zones.dedup();
    }
    let old_odd = &known.oddities[oddities_kept..];
    change.gone = old_odd.iter().filter(|o| new.oddities.binary_search(o).is_err()).copied().collect();
    change.new = new.oddities.iter().filter(|o| old_odd.binary_search(o).is_err()).copied().collect();
    known.stays.truncate(stays_kept);
    known.stays.extend(new.stays);
    known.maybe.truncate(maybe_kept);
    known.maybe.extend(new.maybe);
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
