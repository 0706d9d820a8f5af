//! Arrivals into the journal, and what lists of them show.

use kukaku_core::{Fact, Names, Word};
use kukaku_schema::intake::Unreadable;
use kukaku_schema::observation::{CameraHealth, DoorReading, FootageSegment, OrderRevised, ReadingResult};
use kukaku_schema::registers::ReaderDirection;
use kukaku_schema::{DurationUs, Observation};
use rusqlite::{OptionalExtension, params};

use crate::batch::{Appended, Batch, Committing, NewLeaf};
use crate::changed::ChangedKind;
use crate::directory::Directory;
use crate::error::{StoreError, in_act};
use crate::identity;
use crate::prepared::{Prepared, PreparedBody};

/// A source that names itself with more than this is no source: kept under the empty text.
const SOURCE_MAX_BYTES: usize = kukaku_schema::observation::NAME_MAX_BYTES;

/// Longest reason that the list of unreadable arrivals shows, in characters.
const REASON_SHOWN_CHARS: usize = 300;

/// Newest frames older than this are no live picture (as the engine has it).
const FRAME_STALE_MS: u64 = kukaku_core::fact::FRAME_STALE_MS;

impl Batch<'_> {
    /// Takes an arrival: appends it, or finds the entry that keeps it already.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn arrival(
        &mut self,
        arrival: &Prepared,
        directory: &Directory,
        names: &mut Names,
    ) -> Result<Appended, StoreError> {
        match &arrival.body {
            PreparedBody::Observation(observation) => self.observation(arrival, observation, directory, names),
            PreparedBody::Unreadable(unreadable) => self.unreadable(arrival, unreadable, names),
        }
    }

    fn observation(
        &mut self,
        arrival: &Prepared,
        observation: &Observation,
        directory: &Directory,
        names: &mut Names,
    ) -> Result<Appended, StoreError> {
        let mut key = std::mem::take(&mut self.bytes);
        let source = identity::of_observation(&mut key, observation, names);
        let known = self.known(&key, &arrival.content);
        self.bytes = key;
        if let Some(seq) = known? {
            self.seen(source, &arrival.link).duplicates += 1;
            self.changed.add(ChangedKind::Source);
            return Ok(Appended::Duplicate { seq });
        }
        let header = observation.header();
        let client = match directory.client(observation, source, self.recorded_at, names) {
            Some(client) => client,
            None => self.session_client(observation, source, names)?.unwrap_or_else(|| names.intern("")),
        };
        let leaf = NewLeaf {
            kind: observation.kind().word(),
            source,
            client,
            device_time: header.device_time,
            payload: &arrival.payload,
        };
        let entitled = directory.entitled(observation, self.recorded_at, names).unwrap_or_default();
        let committing = Committing { salt: &arrival.salt, commitment: arrival.commitment, entitled };
        let seq = self.append_committed(leaf, &committing, names)?;
        let fact = Fact::of(observation, seq, self.recorded_at, &arrival.content, names);
        self.keep_observation(observation, &fact, source, &arrival.link, directory, names)?;
        Ok(Appended::New { seq, fact: Some(fact) })
    }

    /// Lists an observation that is in the journal.
    pub(crate) fn keep_observation(
        &mut self,
        observation: &Observation,
        fact: &Fact,
        source: Word,
        link: &str,
        directory: &Directory,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        self.note_fact(fact);
        self.show(observation, fact, directory, names)?;
        let seen = self.seen(source, link);
        seen.observations += 1;
        if fact.seq.is_some() {
            seen.epoch = fact.epoch;
            seen.number = fact.seq;
        }
        seen.device_time = seen.device_time.max(observation.header().device_time);
        Ok(())
    }

    fn unreadable(
        &mut self,
        arrival: &Prepared,
        unreadable: &Unreadable,
        names: &mut Names,
    ) -> Result<Appended, StoreError> {
        let source = unreadable.source.as_deref().filter(|source| source.len() <= SOURCE_MAX_BYTES).unwrap_or("");
        let source = names.intern(source);
        let mut key = std::mem::take(&mut self.bytes);
        identity::of_unreadable(&mut key, source);
        let known = self.known(&key, &arrival.content);
        self.bytes = key;
        self.changed.add(ChangedKind::Source);
        if let Some(seq) = known? {
            self.seen(source, &arrival.link).duplicates += 1;
            return Ok(Appended::Duplicate { seq });
        }
        let client = names.intern("");
        let leaf = NewLeaf { kind: "unreadable", source, client, device_time: None, payload: &arrival.payload };
        let committing = Committing { salt: &arrival.salt, commitment: arrival.commitment, entitled: &[] };
        let seq = self.append_committed(leaf, &committing, names)?;
        self.keep_unreadable(seq, source, &arrival.link, &unreadable.reason, unreadable.length)?;
        Ok(Appended::New { seq, fact: None })
    }

    /// Lists an unreadable arrival that is in the journal.
    pub(crate) fn keep_unreadable(
        &mut self,
        seq: u64,
        source: Word,
        link: &str,
        reason: &str,
        length: u64,
    ) -> Result<(), StoreError> {
        const ACT: &str = "keep an unreadable arrival";
        let reason: String = reason.chars().take(REASON_SHOWN_CHARS).collect();
        let length = length.min(i64::MAX.unsigned_abs()).cast_signed();
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO unreadable (entry, recorded_at_us, link, source, length, reason)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut statement| {
                statement.execute(params![seq.cast_signed(), self.recorded_at.0, link, source.0, length, reason])
            })
            .map_err(in_act(ACT))?;
        self.seen(source, link).unreadable += 1;
        Ok(())
    }

    /// The entry that keeps this key and content already; else the next entry is noted for it.
    pub(crate) fn known(&mut self, key: &[u8], content: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        const ACT: &str = "look up whether an arrival is known";
        let conn = &self.store.conn;
        let next = self.store.head.journal_size.cast_signed();
        let inserted = conn
            .prepare_cached("INSERT INTO identity (key, content, entry) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .and_then(|mut statement| statement.execute(params![key, content, next]))
            .map_err(in_act(ACT))?;
        if inserted > 0 {
            return Ok(None);
        }
        conn.prepare_cached("SELECT entry FROM identity WHERE key = ?1 AND content = ?2")
            .and_then(|mut statement| statement.query_row(params![key, content], |row| row.get::<_, i64>(0)))
            .map(|entry| Some(entry.cast_unsigned()))
            .map_err(in_act(ACT))
    }

    /// The client of the newest session that a sign of life or an end speaks of.
    fn session_client(
        &self,
        observation: &Observation,
        source: Word,
        names: &Names,
    ) -> Result<Option<Word>, StoreError> {
        let session = match observation {
            Observation::SessionAlive(o) => &o.session,
            Observation::SessionEnded(o) => &o.session,
            _ => return Ok(None),
        };
        let Some(session) = names.find(session.as_str()) else { return Ok(None) };
        let epoch = observation.header().epoch.and_then(|epoch| names.find(epoch.as_str()));
        self.store
            .conn
            .prepare_cached(
                // A record of a session that another source told of first has no row of its own.
                "SELECT client FROM (
                   SELECT client, start_us FROM session WHERE source = ?1 AND epoch = ?2 AND session = ?3
                   UNION ALL SELECT s.client, p.start_us FROM session_part p JOIN session s ON s.id = p.session
                             WHERE p.source = ?1 AND p.epoch = ?2 AND p.part = ?3)
                 ORDER BY start_us DESC LIMIT 1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(params![source.0, epoch.map_or(-1, |epoch| i64::from(epoch.0)), session.0], |row| {
                        row.get::<_, Option<u32>>(0)
                    })
                    .optional()
            })
            .map(|client| client.flatten().map(Word))
            .map_err(in_act("look up the client of a session"))
    }

    pub(crate) fn seen(&mut self, source: Word, link: &str) -> &mut crate::store::SourceSeen {
        let seen = self.store.sources.entry(source).or_default();
        if seen.observations + seen.duplicates + seen.unreadable == 0 {
            seen.first_at = self.recorded_at;
        }
        seen.last_at = self.recorded_at;
        seen.dirty = true;
        if seen.link != link {
            link.clone_into(&mut seen.link);
        }
        seen
    }

    /// Writes what lists show of an observation.
    fn show(
        &mut self,
        observation: &Observation,
        fact: &Fact,
        directory: &Directory,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        match observation {
            Observation::DoorReading(reading) => self.show_reading(reading, fact, directory, names),
            Observation::DoorState(o) => {
                self.changed.add(ChangedKind::Door);
                let door = names.intern(o.door.as_str());
                self.show_device("door", door, o.state.word(), None, fact)
            }
            Observation::ReaderStatus(o) => {
                self.changed.add(ChangedKind::Door);
                let reader = names.intern(o.reader.as_str());
                self.show_device("reader", reader, o.status.word(), None, fact)
            }
            Observation::CameraHealth(o) => {
                self.changed.add(ChangedKind::Camera);
                let camera = names.intern(o.camera.as_str());
                self.show_device("camera", camera, camera_state(o), o.frame_age_ms, fact)
            }
            Observation::FootageSegment(segment) => self.show_footage(segment, fact, names),
            Observation::OplogSegment(segment) => self.show_oplog(segment, fact, names),
            Observation::TerminalPower(power) => self.show_power(power, fact, names),
            Observation::OrderRevised(order) => self.show_order(order, fact, names),
            Observation::FailureReported(report) => self.show_failure(report, fact, names),
            Observation::SourceClock(clock) => {
                self.changed.add(ChangedKind::Reading);
                let span = kukaku_schema::Span::new(clock.from, clock.to);
                let offset = DurationUs(clock.offset_ms.saturating_mul(1000));
                let store = &mut *self.store;
                store.offsets.state(&store.conn, fact.entry, fact.source, span, offset)
            }
            _ => Ok(()),
        }
    }

    fn show_reading(
        &mut self,
        reading: &DoorReading,
        fact: &Fact,
        directory: &Directory,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Reading);
        let occurred_at = self.store.offsets.occurred_at(fact.source, fact.device_time);
        let reader = names.intern(reading.reader.as_str());
        let credential = names.intern(reading.credential.as_str());
        let place = directory.reader(reader, occurred_at);
        let factors = (!reading.factors.is_empty())
            .then(|| reading.factors.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(","));
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO reading (entry, occurred_at_us, device_time_us, recorded_at_us, source, source_number,
                 reader, door, direction, zone, credential, person, granted, factors)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    fact.entry.cast_signed(),
                    occurred_at.0,
                    fact.device_time.0,
                    fact.recorded_at.0,
                    fact.source.0,
                    fact.seq.map(u64::cast_signed),
                    reader.0,
                    place.map(|place| place.door.0),
                    place.map(|place| direction_number(place.direction)),
                    place.and_then(|place| place.zone).map(|zone| zone.0),
                    credential.0,
                    directory.person(credential, occurred_at).map(|person| person.0),
                    reading.result == ReadingResult::Granted,
                    factors,
                ])
            })
            .map(drop)
            .map_err(in_act("list a door reading"))
    }

    /// The newest state counts, by the device's clock; of two at one instant the later entry.
    fn show_device(
        &mut self,
        sort: &str,
        device: Word,
        state: &str,
        detail: Option<u64>,
        fact: &Fact,
    ) -> Result<(), StoreError> {
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO device_state (sort, device, state, detail, source, device_time_us, recorded_at_us, entry)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (sort, device) DO UPDATE SET state = excluded.state, detail = excluded.detail,
                 source = excluded.source, device_time_us = excluded.device_time_us,
                 recorded_at_us = excluded.recorded_at_us, entry = excluded.entry
                 WHERE excluded.device_time_us >= device_state.device_time_us",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    sort,
                    device.0,
                    state,
                    detail.map(|detail| detail.min(i64::MAX.unsigned_abs()).cast_signed()),
                    fact.source.0,
                    fact.device_time.0,
                    fact.recorded_at.0,
                    fact.entry.cast_signed(),
                ])
            })
            .map(drop)
            .map_err(in_act("note the state of a device"))
    }

    fn show_order(&mut self, order: &OrderRevised, fact: &Fact, names: &mut Names) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Session);
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO order_step (entry, work_order, client, state, at_us, from_us, to_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    fact.entry.cast_signed(),
                    names.intern(order.order.as_str()).0,
                    names.intern(order.client.as_str()).0,
                    order.state.word(),
                    order.device_time.0,
                    order.from.0,
                    order.to.0,
                ])
            })
            .map(drop)
            .map_err(in_act("list a step of a work order"))
    }

    fn show_footage(&mut self, segment: &FootageSegment, fact: &Fact, names: &mut Names) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Camera);
        let camera = names.intern(segment.camera.as_str());
        self.store
            .conn
            .prepare_cached(
                "INSERT OR REPLACE INTO footage (camera, path, start_us, end_us, bytes, sha256, gone, entry)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    camera.0,
                    segment.path.as_str(),
                    segment.start.0,
                    segment.end.0,
                    segment.bytes.min(i64::MAX.unsigned_abs()).cast_signed(),
                    segment.sha256.as_ref().map(kukaku_schema::observation::Sha256Hex::as_str),
                    segment.gone,
                    fact.entry.cast_signed(),
                ])
            })
            .map(drop)
            .map_err(in_act("list a stretch of footage"))
    }
}

pub(crate) fn direction_number(direction: ReaderDirection) -> u8 {
    match direction {
        ReaderDirection::Entry => 0,
        ReaderDirection::Exit => 1,
    }
}

fn camera_state(health: &CameraHealth) -> &'static str {
    if !health.reachable {
        "unreachable"
    } else if !health.recording {
        "not_recording"
    } else if health.frame_age_ms.is_some_and(|age| age > FRAME_STALE_MS) {
        "stale"
    } else {
        "well"
    }
}
