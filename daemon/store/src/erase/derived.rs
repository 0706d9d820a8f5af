//! What was derived of erased values.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_core::{Names, Word};
use kukaku_schema::Observation;
use kukaku_schema::observation::content_hash;
use rusqlite::{ToSql, params};

use super::{ACT, Brought, Going};
use crate::batch::Batch;
use crate::bytes::{FactRow, append_fact, read_finding};
use crate::error::{StoreError, in_act};
use crate::identity;

/// Deletes every row that was derived of `going`; returns the words they held.
pub(super) fn erase(
    batch: &mut Batch<'_>,
    going: &BTreeMap<u64, Going>,
    names: &mut Names,
) -> Result<Brought, StoreError> {
    let mut erasing = Erasing { batch, brought: Brought::new(), persons: BTreeMap::new(), groups: BTreeSet::new() };
    for (&seq, value) in going {
        erasing.entry(seq, value, names)?;
    }
    erasing.facts(going)?;
    erasing.sessions(going)?;
    erasing.findings(going)?;
    erasing.registers(going)?;
    erasing.stays()?;
    Ok(erasing.brought)
}

struct Erasing<'b, 'a> {
    batch: &'b mut Batch<'a>,
    brought: Brought,
    /// Persons whose readings went, and the instant of the last one that went.
    persons: BTreeMap<u32, i64>,
    /// Source, epoch (-1: none) and id of sessions.
    groups: BTreeSet<(u32, i64, u32)>,
}

impl Erasing<'_, '_> {
    fn execute(&self, sql: &str, values: &[&dyn ToSql]) -> Result<(), StoreError> {
        let conn = self.batch.connection();
        conn.prepare_cached(sql).and_then(|mut s| s.execute(values)).map(drop).map_err(in_act(ACT))
    }

    fn entry(&mut self, seq: u64, value: &Going, names: &mut Names) -> Result<(), StoreError> {
        let entry = seq.cast_signed();
        if value.kind == "unreadable" {
            self.execute("DELETE FROM unreadable WHERE entry = ?1", &[&entry])?;
            return self.unreadable_identity(&value.body, names);
        }
        if value.kind == "account.event" {
            return self.execute("DELETE FROM account_event WHERE entry = ?1", &[&entry]);
        }
        if value.kind == "finding.acted" {
            return self.execute("DELETE FROM finding_act WHERE entry = ?1", &[&entry]);
        }
        if value.kind == "look" {
            return self.execute("DELETE FROM look WHERE entry = ?1", &[&entry]);
        }
        let Ok(observation) = serde_json::from_slice::<Observation>(&value.body) else { return Ok(()) };
        let mut key = Vec::new();
        let source = identity::of_observation(&mut key, &observation, names);
        let content = content_hash(&value.body);
        self.execute("DELETE FROM identity WHERE key = ?1 AND content = ?2", &[&key, &content.as_slice()])?;
        match &observation {
            Observation::DoorReading(_) => self.reading(entry)?,
            Observation::FootageSegment(_) => {
                self.execute("DELETE FROM footage WHERE entry = ?1", &[&entry])?;
            }
            Observation::OplogSegment(o) => {
                // No fact tells of it.
                self.brought.extend(o.session.as_ref().and_then(|session| names.find(session.as_str())));
                self.execute("DELETE FROM oplog WHERE entry = ?1", &[&entry])?;
            }
            Observation::TerminalPower(_) => {
                self.execute("DELETE FROM terminal_power WHERE entry = ?1", &[&entry])?;
            }
            Observation::SourceClock(_) => {
                self.execute("DELETE FROM source_offset WHERE entry = ?1", &[&entry])?;
            }
            Observation::OrderRevised(_) => {
                self.execute("DELETE FROM order_step WHERE entry = ?1", &[&entry])?;
            }
            Observation::FailureReported(o) => {
                // No fact tells of it.
                let named = [Some(&o.failure), Some(&o.client), o.order.as_ref(), o.session.as_ref()];
                self.brought.extend(named.into_iter().flatten().filter_map(|name| names.find(name.as_str())));
                self.execute("DELETE FROM failure_report WHERE entry = ?1", &[&entry])?;
            }
            Observation::SessionStarted(o) => self.group(source, o.epoch.as_ref(), &o.session, names),
            Observation::SessionAlive(o) => self.group(source, o.epoch.as_ref(), &o.session, names),
            Observation::SessionEnded(o) => self.group(source, o.epoch.as_ref(), &o.session, names),
            _ => {}
        }
        self.execute("DELETE FROM device_state WHERE entry = ?1", &[&entry])
    }

    fn group(
        &mut self,
        source: Word,
        epoch: Option<&kukaku_schema::Name>,
        session: &kukaku_schema::Name,
        names: &mut Names,
    ) {
        let epoch = epoch.map_or(-1, |epoch| i64::from(names.intern(epoch.as_str()).0));
        self.groups.insert((source.0, epoch, names.intern(session.as_str()).0));
    }

    fn unreadable_identity(&mut self, body: &[u8], names: &mut Names) -> Result<(), StoreError> {
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return Ok(()) };
        let source = names.intern(body["source"].as_str().unwrap_or_default());
        let Some(content) = body["sha256"].as_str().and_then(unhex) else { return Ok(()) };
        let mut key = Vec::new();
        identity::of_unreadable(&mut key, source);
        self.brought.insert(source);
        self.execute("DELETE FROM identity WHERE key = ?1 AND content = ?2", &[&key, &content])
    }

    fn reading(&mut self, entry: i64) -> Result<(), StoreError> {
        let conn = self.batch.connection();
        let read = conn
            .prepare_cached("SELECT credential, person, occurred_at_us FROM reading WHERE entry = ?1")
            .and_then(|mut s| {
                s.query_row([entry], |row| {
                    Ok((row.get::<_, u32>(0)?, row.get::<_, Option<u32>>(1)?, row.get::<_, i64>(2)?))
                })
            });
        if let Ok((credential, person, at)) = read {
            self.brought.insert(Word(credential));
            if let Some(person) = person {
                self.brought.insert(Word(person));
                let last = self.persons.entry(person).or_insert(at);
                *last = at.max(*last);
            }
        }
        self.execute("DELETE FROM reading WHERE entry = ?1", &[&entry])
    }

    /// Takes the facts out of the rows that hold them.
    fn facts(&mut self, going: &BTreeMap<u64, Going>) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (going.keys().next(), going.keys().next_back()) else { return Ok(()) };
        let conn = self.batch.connection();
        // A row begins at its first fact and may hold later ones.
        let sql = "SELECT first, body FROM fact
                   WHERE first >= coalesce((SELECT max(first) FROM fact WHERE first <= ?1), 0) AND first <= ?2";
        // The row as it was, and what takes its place.
        type Changed = (i64, Option<(u64, Vec<u8>)>);
        let mut changed: Vec<Changed> = Vec::new();
        let mut words = BTreeSet::new();
        {
            let mut statement = conn.prepare(sql).map_err(in_act(ACT))?;
            let mut rows = statement.query(params![first.cast_signed(), last.cast_signed()]).map_err(in_act(ACT))?;
            while let Some(row) = rows.next().map_err(in_act(ACT))? {
                let at: i64 = row.get(0).map_err(in_act(ACT))?;
                let body: Vec<u8> = row.get(1).map_err(in_act(ACT))?;
                let facts = FactRow::new(at.cast_unsigned(), &body)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|fault| StoreError::corrupt(ACT, format!("the facts from entry {at} on: {fault}")))?;
                let (gone, kept): (Vec<_>, Vec<_>) =
                    facts.into_iter().partition(|fact| going.contains_key(&fact.entry));
                if gone.is_empty() {
                    continue;
                }
                gone.iter().for_each(|fact| {
                    fact.words(|word| {
                        words.insert(word);
                    })
                });
                let (mut bytes, mut scratch) = (Vec::new(), Vec::new());
                let start = kept.first().map(|fact| fact.entry);
                let mut before = start.unwrap_or_default();
                for fact in &kept {
                    append_fact(&mut bytes, before, fact, &mut scratch);
                    before = fact.entry;
                }
                changed.push((at, start.map(|start| (start, bytes))));
            }
        }
        self.brought.extend(words);
        for (at, row) in changed {
            self.execute("DELETE FROM fact WHERE first = ?1", &[&at])?;
            if let Some((start, bytes)) = row {
                self.execute("INSERT INTO fact (first, body) VALUES (?1, ?2)", &[&start.cast_signed(), &bytes])?;
            }
        }
        Ok(())
    }

    /// Sessions of which every observation is gone.
    fn sessions(&mut self, going: &BTreeMap<u64, Going>) -> Result<(), StoreError> {
        type Row = (i64, Vec<u8>, [Option<u32>; 9]);
        for (source, epoch, id) in std::mem::take(&mut self.groups) {
            let rows: Vec<Row> = self
                .batch
                .connection()
                .prepare_cached(
                    "SELECT id, proofs, session, account, terminal, target, via, operator, zone,
                     address, inner_address FROM session
                     WHERE (source = ?1 AND epoch = ?2 AND session = ?3)
                        OR id IN (SELECT session FROM session_part WHERE source = ?1 AND epoch = ?2 AND part = ?3)",
                )
                .and_then(|mut s| {
                    let read = |row: &rusqlite::Row<'_>| {
                        let mut words = [None; 9];
                        for (place, word) in words.iter_mut().enumerate() {
                            *word = row.get(place + 2)?;
                        }
                        Ok((row.get(0)?, row.get(1)?, words))
                    };
                    s.query_map(params![source, epoch, id], read)?.collect()
                })
                .map_err(in_act(ACT))?;
            for (row, proofs, words) in rows {
                let (proofs, _) = proofs.as_chunks::<8>();
                if proofs.iter().all(|proof| going.contains_key(&u64::from_be_bytes(*proof))) {
                    self.brought.extend(words.into_iter().flatten().map(Word));
                    self.parts(row)?;
                    self.execute("DELETE FROM revision WHERE session = ?1", &[&row])?;
                    self.execute("DELETE FROM session_notice WHERE session = ?1", &[&row])?;
                    self.execute("DELETE FROM session WHERE id = ?1", &[&row])?;
                }
            }
        }
        Ok(())
    }

    /// What more than one source told of a session that goes.
    fn parts(&mut self, session: i64) -> Result<(), StoreError> {
        let words: Vec<[Option<i64>; 8]> = self
            .batch
            .connection()
            .prepare_cached(
                "SELECT source, part, account, terminal, target, via, address, inner_address FROM session_part
                 WHERE session = ?1",
            )
            .and_then(|mut s| {
                let read = |row: &rusqlite::Row<'_>| {
                    let mut words = [None; 8];
                    for (place, word) in words.iter_mut().enumerate() {
                        *word = row.get(place)?;
                    }
                    Ok(words)
                };
                s.query_map([session], read)?.collect()
            })
            .map_err(in_act(ACT))?;
        self.brought
            .extend(words.into_iter().flatten().flatten().filter_map(|word| u32::try_from(word).ok().map(Word)));
        self.execute("DELETE FROM session_part WHERE session = ?1", &[&session])
    }

    /// Findings whose newest change is gone, and earlier changes.
    fn findings(&mut self, going: &BTreeMap<u64, Going>) -> Result<(), StoreError> {
        let gone: Vec<i64> =
            going.iter().filter(|(_, value)| value.kind == "finding").map(|(seq, _)| seq.cast_signed()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let gone_set: BTreeSet<i64> = gone.iter().copied().collect();
        let rows: Vec<(i64, Vec<u8>, i64)> = self
            .batch
            .connection()
            .prepare("SELECT id, body, journal_seq FROM finding")
            .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect())
            .map_err(in_act(ACT))?;
        for (id, body, newest) in rows {
            if gone_set.contains(&newest) {
                if let Ok(finding) = read_finding(&body) {
                    self.brought.extend(finding.subjects.iter().flat_map(|subject| subject.words()));
                }
                for sql in [
                    "DELETE FROM outbox WHERE finding = ?1",
                    "DELETE FROM finding_event WHERE finding = ?1",
                    "DELETE FROM finding_subject WHERE finding = ?1",
                    "DELETE FROM finding_act WHERE finding = ?1",
                    "DELETE FROM finding_desk WHERE finding = ?1",
                    "DELETE FROM finding WHERE id = ?1",
                ] {
                    self.execute(sql, &[&id])?;
                }
            }
        }
        let events: Vec<(i64, i64, i64)> = self
            .batch
            .connection()
            .prepare("SELECT finding, revision, journal_seq FROM finding_event")
            .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect())
            .map_err(in_act(ACT))?;
        for (finding, revision, _) in events.into_iter().filter(|(.., seq)| gone_set.contains(seq)) {
            self.execute("DELETE FROM outbox WHERE finding = ?1 AND revision = ?2", &[&finding, &revision])?;
            self.execute("DELETE FROM finding_event WHERE finding = ?1 AND revision = ?2", &[&finding, &revision])?;
        }
        Ok(())
    }

    /// Versions of register entries that an erased change had brought to their end, and who made
    /// that change. What is in force stays.
    fn registers(&mut self, going: &BTreeMap<u64, Going>) -> Result<(), StoreError> {
        for (seq, _) in going.iter().filter(|(_, value)| value.kind == "register") {
            let seq = seq.cast_signed();
            self.execute("DELETE FROM register_entry WHERE replaced_seq = ?1", &[&seq])?;
            self.execute("DELETE FROM register_change WHERE journal_seq = ?1", &[&seq])?;
        }
        Ok(())
    }

    /// Stays that ended before the last erased reading of their person.
    fn stays(&mut self) -> Result<(), StoreError> {
        for (person, last) in std::mem::take(&mut self.persons) {
            self.execute("DELETE FROM stay WHERE start_us <= ?2 AND end_us <= ?2 AND person = ?1", &[&person, &last])?;
        }
        Ok(())
    }
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}
