//! Registers in the store: what is in force, what an import would change, and how it is kept.
//!
//! An import is the whole register as it shall be from now on. What it no longer holds is closed
//! now, what it newly holds is valid from now or from the instant it states; the past stays as
//! it was recorded. The very first import is the opening of the site and holds from ever.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_core::{Names, Word};
use kukaku_schema::registers::{Registers, StoredEntry, from_stored, to_stored};
use kukaku_schema::{SiteZone, Span, UtcMicros};
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::batch::{Batch, NewLeaf};
use crate::bodies::json;
use crate::changed::ChangedKind;
use crate::directory::Directory;
use crate::error::{StoreError, in_act};

/// Who changes the registers, and why.
#[derive(Debug, Clone, Copy)]
pub struct Actors<'a> {
    /// Who.
    pub actor: &'a str,
    /// Who confirmed it; needed where it shortens a retention.
    pub confirmed_by: Option<&'a str>,
    /// Why.
    pub reason: &'a str,
}

/// What an import changes about one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterStep {
    /// The table.
    pub table: String,
    /// The id; empty for site and policy.
    pub id: String,
    /// All its entries before.
    pub before: Vec<StoredEntry>,
    /// All its entries after.
    pub after: Vec<StoredEntry>,
}

/// What an import changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegisterDiff {
    /// It is the opening of the site: nothing was in force before.
    pub opening: bool,
    /// The ids that change, by table and id.
    pub steps: Vec<RegisterStep>,
}

impl RegisterDiff {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Entries that are new and entries that ended or were replaced.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let fresh = |step: &RegisterStep| step.after.iter().filter(|entry| !step.before.contains(entry)).count();
        let gone = |step: &RegisterStep| step.before.iter().filter(|entry| !step.after.contains(entry)).count();
        (self.steps.iter().map(fresh).sum(), self.steps.iter().map(gone).sum())
    }
}

/// The registers in force; none before the first import.
///
/// # Errors
/// An entry that can't be read is damage.
pub fn registers(conn: &Connection) -> Result<Option<Registers>, StoreError> {
    put_together(entries(conn, None)?)
}

/// The registers as they stood right after journal entry `seq`; none before the first import.
///
/// # Errors
/// An entry that can't be read is damage.
pub fn registers_at(conn: &Connection, seq: u64) -> Result<Option<Registers>, StoreError> {
    put_together(entries(conn, Some(seq))?)
}

/// What importing `wanted` at `now` would change; writes nothing.
///
/// # Errors
/// An entry in force that can't be read is damage.
pub fn plan(conn: &Connection, wanted: &Registers, now: UtcMicros) -> Result<RegisterDiff, StoreError> {
    let stored = entries(conn, None)?;
    let opening = stored.is_empty();
    let mut ids: BTreeMap<(String, String), (Vec<StoredEntry>, Vec<StoredEntry>)> = BTreeMap::new();
    for entry in stored {
        ids.entry((entry.table.clone(), entry.id.clone())).or_default().0.push(entry);
    }
    for entry in to_stored(wanted) {
        ids.entry((entry.table.clone(), entry.id.clone())).or_default().1.push(entry);
    }
    let mut steps = Vec::new();
    for ((table, id), (before, wanted)) in ids {
        // The site is what it is: its name of yesterday has no validity of its own.
        let mut after = if opening || table == "site" { wanted } else { plan_id(&before, wanted, now) };
        after.sort_by_key(|entry| (entry.valid.start, entry.valid.end));
        let same = after.len() == before.len() && after.iter().all(|entry| before.contains(entry));
        if !same {
            steps.push(RegisterStep { table, id, before, after });
        }
    }
    Ok(RegisterDiff { opening, steps })
}

/// The entries that an id shall have, from those it has and those that were written down.
fn plan_id(stored: &[StoredEntry], wanted: Vec<StoredEntry>, now: UtcMicros) -> Vec<StoredEntry> {
    let mut rest = stored.to_vec();
    let mut after = Vec::new();
    let mut unmatched = Vec::new();
    for entry in wanted {
        match rest.iter().position(|known| known.valid == entry.valid && known.body == entry.body) {
            Some(place) => after.push(rest.remove(place)),
            None => unmatched.push(entry),
        }
    }
    let mut added: Vec<StoredEntry> = Vec::new();
    for entry in unmatched {
        let unstated = entry.valid.start == UtcMicros::MIN;
        let means = |known: &StoredEntry| {
            let start = if unstated { known.valid.contains(now) } else { known.valid.start == entry.valid.start };
            start && known.body == entry.body && known.valid.start < entry.valid.end
        };
        match rest.iter().position(means) {
            Some(place) => after.push(with_end(rest.remove(place), entry.valid.end, now)),
            None => {
                let start = if unstated && now < entry.valid.end { now } else { entry.valid.start };
                let valid = Span::new(start, entry.valid.end);
                added.push(StoredEntry { valid, recorded_at: Some(now), ..entry });
            }
        }
    }
    for entry in rest {
        let before_now = entry.valid.intersect(Span::new(UtcMicros::MIN, now));
        let pieces = added.iter().fold(vec![before_now], |pieces, new| without(&pieces, new.valid));
        let kept = pieces.into_iter().filter(|piece| !piece.is_empty());
        after.extend(kept.map(|valid| StoredEntry { valid, ..entry.clone() }));
    }
    after.extend(added);
    after
}

/// The entry with another end. What this changes about the past was recorded now.
fn with_end(entry: StoredEntry, end: UtcMicros, now: UtcMicros) -> StoredEntry {
    if entry.valid.end == end {
        return entry;
    }
    let changes_past = entry.valid.end.min(end) < now;
    let recorded_at = if changes_past { Some(now) } else { entry.recorded_at };
    StoredEntry { valid: Span::new(entry.valid.start, end), recorded_at, ..entry }
}

fn without(pieces: &[Span], cut: Span) -> Vec<Span> {
    let sides = |piece: &Span| {
        [Span::new(piece.start, piece.end.min(cut.start)), Span::new(piece.start.max(cut.end), piece.end)]
    };
    pieces.iter().flat_map(sides).filter(|piece| !piece.is_empty()).collect()
}

fn put_together(entries: Vec<StoredEntry>) -> Result<Option<Registers>, StoreError> {
    if entries.is_empty() {
        return Ok(None);
    }
    from_stored(entries).map(Some).map_err(|detail| StoreError::corrupt("read the registers", detail))
}

/// The entries in force.
pub(crate) fn current_entries(conn: &Connection) -> Result<Vec<StoredEntry>, StoreError> {
    entries(conn, None)
}

fn entries(conn: &Connection, at: Option<u64>) -> Result<Vec<StoredEntry>, StoreError> {
    const ACT: &str = "read the registers";
    let at = at.map_or(i64::MAX, u64::cast_signed);
    let mut statement = conn
        .prepare_cached(
            "SELECT tbl, entry_id, from_us, until_us, recorded_at_us, body FROM register_entry
             WHERE journal_seq <= ?1 AND (replaced_seq IS NULL OR replaced_seq > ?1) ORDER BY id",
        )
        .map_err(in_act(ACT))?;
    let read = |row: &Row<'_>| {
        Ok(StoredEntry {
            table: row.get(0)?,
            id: row.get(1)?,
            valid: Span::new(UtcMicros(row.get(2)?), UtcMicros(row.get(3)?)),
            recorded_at: row.get::<_, Option<i64>>(4)?.map(UtcMicros),
            body: row.get(5)?,
        })
    };
    let rows = statement.query_map([at], read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

impl Batch<'_> {
    /// Keeps a register change: journal entry, versions of the entries, and what lists show of
    /// readings that it speaks of. Returns the journal entry, and the registers now in force.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn change_registers(
        &mut self,
        diff: &RegisterDiff,
        by: &Actors<'_>,
        names: &mut Names,
    ) -> Result<(u64, Registers), StoreError> {
        let body = body(diff, by)?;
        let site = names.intern("");
        let leaf = NewLeaf { kind: "register", source: site, client: site, device_time: None, payload: &body };
        let seq = self.append(leaf, names)?;
        let now = self.keep_register_change(diff, by, seq, names)?;
        Ok((seq, now))
    }

    /// Lists a register change that is in the journal as entry `seq`.
    pub(crate) fn keep_register_change(
        &mut self,
        diff: &RegisterDiff,
        by: &Actors<'_>,
        seq: u64,
        names: &mut Names,
    ) -> Result<Registers, StoreError> {
        const ACT: &str = "keep a register change";
        self.changed.add(ChangedKind::Registers);
        let Actors { actor, reason, .. } = *by;
        for step in &diff.steps {
            self.replace_entries(step, seq)?;
        }
        let (added, closed) = diff.counts();
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO register_change (journal_seq, recorded_at_us, actor, reason, added, closed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut statement| {
                let (added, closed) = (added as i64, closed as i64);
                statement.execute(params![seq.cast_signed(), self.recorded_at.0, actor, reason, added, closed])
            })
            .map_err(in_act(ACT))?;
        let now = registers(&self.store.conn)?.ok_or_else(|| StoreError::corrupt(ACT, "no registers are in force"))?;
        let zone = SiteZone::named(&now.site.time_zone).map_err(|error| StoreError::corrupt(ACT, error))?;
        if zone.name() != self.store.sealing.zone().name() {
            self.store.sealing.set_zone(zone);
        }
        let touches = |step: &&RegisterStep| matches!(step.table.as_str(), "credential" | "reader" | "door");
        if let Some(first) = diff.steps.iter().filter(touches).filter_map(first_difference).min() {
            self.show_readings_anew(first, &now, names)?;
        }
        Ok(now)
    }

    fn replace_entries(&mut self, step: &RegisterStep, seq: u64) -> Result<(), StoreError> {
        const ACT: &str = "keep a register entry";
        let conn = &self.store.conn;
        for gone in step.before.iter().filter(|entry| !step.after.contains(entry)) {
            conn.prepare_cached(
                "UPDATE register_entry SET replaced_seq = ?1 WHERE replaced_seq IS NULL AND tbl = ?2 AND entry_id = ?3
                 AND from_us = ?4 AND until_us = ?5",
            )
            .and_then(|mut statement| {
                let (from, until) = (gone.valid.start.0, gone.valid.end.0);
                statement.execute(params![seq.cast_signed(), gone.table, gone.id, from, until])
            })
            .map_err(in_act(ACT))?;
        }
        for fresh in step.after.iter().filter(|entry| !step.before.contains(entry)) {
            conn.prepare_cached(
                "INSERT INTO register_entry (tbl, entry_id, from_us, until_us, recorded_at_us, body, journal_seq)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    fresh.table,
                    fresh.id,
                    fresh.valid.start.0,
                    fresh.valid.end.0,
                    fresh.recorded_at.map(|at| at.0),
                    fresh.body,
                    seq.cast_signed(),
                ])
            })
            .map_err(in_act(ACT))?;
        }
        Ok(())
    }

    /// Lists show persons and doors as they are registered: looks again at the readings from
    /// the first instant on at which a change makes a difference.
    pub(crate) fn show_readings_anew(
        &mut self,
        first: UtcMicros,
        registers: &Registers,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        const ACT: &str = "list door readings anew";
        self.changed.add(ChangedKind::Reading);
        let directory = Directory::new(registers, names);
        let conn = &self.store.conn;
        let mut select = conn
            .prepare_cached("SELECT entry, occurred_at_us, reader, credential FROM reading WHERE occurred_at_us >= ?1")
            .map_err(in_act(ACT))?;
        let read =
            |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, UtcMicros(row.get(1)?), Word(row.get(2)?), Word(row.get(3)?)));
        // Collected first: a table must not change under the query that walks it.
        let rows: Vec<_> =
            select.query_map([first.0], read).and_then(Iterator::collect::<Result<_, _>>).map_err(in_act(ACT))?;
        let mut update = conn
            .prepare_cached(
                "UPDATE reading SET door = ?2, direction = ?3, zone = ?4, person = ?5 WHERE entry = ?1
                 AND (door, direction, zone, person) IS NOT (?2, ?3, ?4, ?5)",
            )
            .map_err(in_act(ACT))?;
        for (entry, at, reader, credential) in rows {
            let place = directory.reader(reader, at);
            update
                .execute(params![
                    entry,
                    place.map(|place| place.door.0),
                    place.map(|place| crate::observations::direction_number(place.direction)),
                    place.and_then(|place| place.zone).map(|zone| zone.0),
                    directory.person(credential, at).map(|person| person.0),
                ])
                .map_err(in_act(ACT))?;
        }
        Ok(())
    }
}

/// The first instant at which the id says something else than before.
fn first_difference(step: &RegisterStep) -> Option<UtcMicros> {
    let at = |entries: &[StoredEntry], instant: UtcMicros| {
        entries.iter().find(|entry| entry.valid.contains(instant)).map(|entry| entry.body.clone())
    };
    let bounds: BTreeSet<UtcMicros> =
        step.before.iter().chain(&step.after).flat_map(|entry| [entry.valid.start, entry.valid.end]).collect();
    bounds.into_iter().find(|instant| at(&step.before, *instant) != at(&step.after, *instant))
}

fn body(diff: &RegisterDiff, by: &Actors<'_>) -> Result<Vec<u8>, StoreError> {
    #[derive(Serialize)]
    struct EntryBody {
        #[serde(skip_serializing_if = "Option::is_none")]
        valid_from: Option<UtcMicros>,
        #[serde(skip_serializing_if = "Option::is_none")]
        valid_to: Option<UtcMicros>,
        #[serde(skip_serializing_if = "Option::is_none")]
        recorded_at: Option<UtcMicros>,
        row: Box<RawValue>,
    }
    #[derive(Serialize)]
    struct StepBody<'a> {
        table: &'a str,
        id: &'a str,
        before: Vec<EntryBody>,
        after: Vec<EntryBody>,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'static str,
        actor: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        confirmed_by: Option<&'a str>,
        reason: &'a str,
        opening: bool,
        changes: Vec<StepBody<'a>>,
    }
    let entry = |entry: &StoredEntry| -> Result<EntryBody, StoreError> {
        Ok(EntryBody {
            valid_from: (entry.valid.start > UtcMicros::MIN).then_some(entry.valid.start),
            valid_to: (entry.valid.end < UtcMicros::MAX).then_some(entry.valid.end),
            recorded_at: entry.recorded_at,
            row: RawValue::from_string(entry.body.clone())
                .map_err(|error| StoreError::corrupt("read a register entry", error.to_string()))?,
        })
    };
    let entries = |list: &[StoredEntry]| list.iter().map(entry).collect::<Result<Vec<_>, _>>();
    let changes = diff
        .steps
        .iter()
        .map(|step| {
            let (before, after) = (entries(&step.before)?, entries(&step.after)?);
            Ok(StepBody { table: &step.table, id: &step.id, before, after })
        })
        .collect::<Result<_, StoreError>>()?;
    let Actors { actor, confirmed_by, reason } = *by;
    Ok(json(&Body { kind: "register", actor, confirmed_by, reason, opening: diff.opening, changes }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
