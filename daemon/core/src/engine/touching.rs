//! What a fact or the passing of time touches, so that it is looked at again.

use std::collections::BTreeSet;

use kukaku_schema::{DurationUs, Span, UtcMicros};

use super::{Engine, SMALLEST, Task};
use crate::memory::Touch;
use crate::names::Word;

impl Engine {
    pub(super) fn mark(&mut self, task: Task) {
        match task {
            Task::Source(word) => {
                self.dirty.sources.insert(word);
            }
            Task::Door(word) => {
                self.dirty.doors.insert(word);
            }
            Task::Person(word) => {
                let from = self.world.now.minus(self.world.model.longest_stay);
                self.mark_person(word, from);
            }
            Task::Camera(word) => {
                self.dirty.cameras.insert(word);
            }
            Task::Group(key) => {
                self.dirty.groups.insert(key);
            }
            Task::Session(key) => {
                self.dirty.sessions.insert(key);
            }
            Task::Order(order) => {
                self.dirty.orders.insert(order);
            }
            Task::Line(client, from) => {
                self.dirty.lines.insert((client, from));
            }
            Task::Terms => self.dirty.terms = true,
            Task::Presence(person, start, zone) => {
                self.dirty.runs.insert((person, start, zone));
            }
            Task::Few(zone) => {
                // What lies there is judged now.
                let from = self.world.now.minus(self.world.model.zone_lag(zone)).minus(DurationUs(1));
                self.mark_few(zone, from);
            }
        }
    }

    pub(super) fn mark_person(&mut self, person: Word, from: UtcMicros) {
        self.dirty.persons.entry(person).and_modify(|at| *at = (*at).min(from)).or_insert(from);
    }

    pub(super) fn touch(&mut self, touch: Touch, source: Word) {
        match touch {
            Touch::Nothing | Touch::Alive => {}
            Touch::Credential(credential, reader, occ) => {
                let holders: BTreeSet<Word> =
                    self.world.model.credentials.get(credential).into_iter().flatten().map(|v| v.value).collect();
                for person in holders {
                    self.mark_person(person, occ);
                    self.mark_sessions_of(person, occ);
                }
                let refused = self
                    .world
                    .memory
                    .denied
                    .get(&reader)
                    .is_some_and(|d| d.iter().rev().take(8).any(|(at, ..)| *at == occ));
                if refused {
                    self.mark_door_of(reader);
                }
            }
            Touch::Use((of, epoch, number)) => {
                let numbers = self.world.memory.sources.get(of).and_then(|s| s.numbers.get(&epoch));
                let numbers = numbers.map_or(&[][..], |list| &list[list.partition_point(|n| n.seq < number)..]);
                let readings: Vec<UtcMicros> = numbers.iter().take_while(|n| n.seq == number).map(|n| n.occ).collect();
                for at in readings {
                    self.mark_persons_read(None, at, at);
                }
            }
            Touch::Door(door) => {
                self.dirty.doors.insert(door);
            }
            Touch::Reader(reader) => self.mark_door_of(reader),
            Touch::Session(key) => {
                self.dirty.groups.insert(key);
            }
            Touch::Camera(camera) => {
                self.dirty.cameras.insert(camera);
            }
            Touch::Oplog(terminal) => {
                self.dirty.oplogs.insert(terminal);
            }
            Touch::System(concern) => {
                self.dirty.system.insert(concern);
            }
            Touch::Order(client, order, from) => {
                self.dirty.orders.insert(order);
                let grace = self.world.model.policy(self.world.now).order_grace;
                let index = self.by_client.get(&client).into_iter().flatten();
                self.dirty.sessions.extend(index.filter(|(end, _)| *end >= from.minus(grace)).map(|(_, key)| *key));
                self.mark_presence_under(order, from);
            }
            Touch::Line(client, span, unlocked) => {
                if unlocked {
                    self.dirty.lines.insert((client, span.start));
                }
                self.mark_sessions_on_line(client, span);
            }
            Touch::Source(word) => {
                self.dirty.sources.insert(word);
                let doors = self.world.doors_of_source(word);
                self.dirty.doors.extend(doors);
            }
            Touch::Watch => {
                self.dirty.sources.extend(self.world.memory.sources.words());
                self.dirty.doors.extend(self.world.model.doors.words());
                self.dirty.cameras.extend(self.world.model.cameras.words());
            }
            Touch::All => {
                self.dirty.sources.insert(source);
                self.touch_all();
            }
        }
    }

    pub(super) fn mark_door_of(&mut self, reader: Word) {
        let doors = self.world.model.readers.get(reader).into_iter().flatten().map(|v| v.value.door);
        self.dirty.doors.extend(doors.collect::<Vec<_>>());
    }

    /// Marks everybody with a reading at the door for which it may matter how the door stood
    /// within `span`.
    pub(crate) fn mark_persons_at(&mut self, door: Word, span: Span) {
        let reach = self.world.model.longest_window;
        self.mark_persons_read(Some(door), span.start.minus(reach), span.end.plus(reach));
    }

    /// Marks everybody with a reading, at that door where one is named, from an instant to another.
    fn mark_persons_read(&mut self, door: Option<Word>, from: UtcMicros, to: UtcMicros) {
        let mut marks = Vec::new();
        for (credential, list) in self.world.memory.readings.iter() {
            let first = list.partition_point(|r| r.occ < from);
            let hit = list[first..].iter().take_while(|r| r.occ <= to).find(|r| {
                let reader = self.world.memory.heads[r.head as usize].reader;
                door.is_none_or(|door| self.world.model.reader(reader, r.occ).is_some_and(|m| m.door == door))
            });
            if let Some(reading) = hit {
                let holders = self.world.model.credentials.get(credential).into_iter().flatten();
                marks.extend(holders.map(|v| (v.value, reading.occ)));
            }
        }
        for (person, at) in marks {
            self.mark_person(person, at);
        }
    }

    pub(crate) fn mark_sessions_of(&mut self, person: Word, from: UtcMicros) {
        if let Some(index) = self.by_operator.get(&person) {
            let since = from.minus(self.world.model.longest_grace);
            let hit = index.range((since, SMALLEST)..).map(|(_, key)| *key);
            self.dirty.sessions.extend(hit);
        }
    }

    pub(crate) fn touch_all(&mut self) {
        self.dirty.sources.extend(self.world.memory.sources.words());
        self.dirty.doors.extend(self.world.model.doors.words());
        for person in self.world.model.persons.words() {
            self.mark_person(person, UtcMicros::MIN);
        }
        // Somebody who is in no register any more has no whereabouts either.
        for person in self.world.persons.words() {
            self.mark_person(person, UtcMicros::MIN);
        }
        self.dirty.cameras.extend(self.world.model.cameras.words());
        self.dirty.oplogs.extend(self.world.memory.oplogs.keys().copied());
        self.dirty.groups.extend(self.world.memory.sessions.keys().copied());
        self.dirty.joins = true;
        self.dirty.sessions.extend(self.sessions.keys().copied());
        self.dirty.crowds.extend(self.sessions.keys().copied());
        self.mark_all_pairs();
        self.dirty.orders.extend(self.world.memory.orders.keys().copied());
        self.dirty.system.extend(self.world.memory.system.keys().copied());
        let lines = self.world.memory.lines.iter();
        let unlocks = lines.flat_map(|(client, line)| line.unlocks.keys().map(|from| (*client, *from)));
        self.dirty.lines.extend(unlocks);
        self.dirty.terms = true;
        self.mark_all_company();
    }
}
