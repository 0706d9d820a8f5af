//! What a retention plan depends on, as the store knows it, and what a register change shortens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kukaku_core::retention::{
    Agreement, Agreements, Conformity, Guard, Hold, Holding, KeyDay, NOTICE, Party, Plan, Question, SessionDays, Term,
    conformity, plan, shortens,
};
use kukaku_schema::period::day_text;
use kukaku_schema::registers::{PolicyRow, Retention, StoredEntry};
use kukaku_schema::{DurationUs, RecordClass, SiteZone, Span, UtcMicros};
use rusqlite::Connection;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{StoreError, in_act};
use crate::holds::holds;
use crate::registers::{RegisterDiff, current_entries, registers};
use crate::values::{KeyMeta, Value, keys_of};

const ACT: &str = "read the agreements on retention";

/// All agreements with their versions, as a plan at `now` needs them.
///
/// # Errors
/// An entry that can't be read is damage.
pub fn agreements(conn: &Connection, now: UtcMicros) -> Result<Agreements, StoreError> {
    let versions = versions(conn)?;
    Ok(Agreements {
        notice: notice(&versions, now, true)?,
        clients: clients(&versions),
        versions: of_versions(&versions)?,
    })
}

/// A version of a register entry, and when the store knew it.
struct Version {
    entry: StoredEntry,
    known: Span,
}

/// The versions of agreements, clients and policies. What the site began with was known from ever.
/// Their instants are the journal's, which stay when the value of a register change is erased.
fn versions(conn: &Connection) -> Result<Vec<Version>, StoreError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT e.tbl, e.entry_id, e.from_us, e.until_us, e.recorded_at_us, e.body, k.recorded_at_us,
             r.recorded_at_us, e.journal_seq = (SELECT seq FROM journal WHERE kind = 'register' ORDER BY seq LIMIT 1)
             FROM register_entry e
             JOIN journal k ON k.seq = e.journal_seq
             LEFT JOIN journal r ON r.seq = e.replaced_seq
             WHERE e.tbl IN ('retention', 'client', 'policy') ORDER BY e.id",
        )
        .map_err(in_act(ACT))?;
    let rows = statement
        .query_map([], |row| {
            let opening: bool = row.get(8)?;
            let from = if opening { UtcMicros::MIN } else { UtcMicros(row.get(6)?) };
            let until = row.get::<_, Option<i64>>(7)?.map_or(UtcMicros::MAX, UtcMicros);
            let entry = StoredEntry {
                table: row.get(0)?,
                id: row.get(1)?,
                valid: Span::new(UtcMicros(row.get(2)?), UtcMicros(row.get(3)?)),
                recorded_at: row.get::<_, Option<i64>>(4)?.map(UtcMicros),
                body: row.get(5)?,
            };
            Ok(Version { entry, known: Span::new(from, until) })
        })
        .map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

fn read<T: DeserializeOwned>(entry: &StoredEntry) -> Result<T, StoreError> {
    serde_json::from_str(&entry.body)
        .map_err(|error| StoreError::corrupt(ACT, format!("{} {:?}: {error}", entry.table, entry.id)))
}

fn of_versions(versions: &[Version]) -> Result<Vec<Agreement>, StoreError> {
    let agreement = |version: &Version| {
        let row: Retention = read(&version.entry)?;
        let term = Term { at_least: row.at_least, at_most: row.at_most, erase: row.erase };
        Ok(Agreement { client: row.client, class: row.class, term, valid: version.entry.valid, known: version.known })
    };
    versions.iter().filter(|version| version.entry.table == "retention").map(agreement).collect()
}

fn clients(versions: &[Version]) -> Vec<String> {
    let present = |version: &&Version| version.entry.table == "client" && version.known.end == UtcMicros::MAX;
    let ids: BTreeSet<String> = versions.iter().filter(present).map(|version| version.entry.id.clone()).collect();
    ids.into_iter().collect()
}

/// The longest notice that is in force; `within`: or was within itself, since a notice made
/// shorter is itself given notice.
fn notice(versions: &[Version], now: UtcMicros, within: bool) -> Result<DurationUs, StoreError> {
    let mut longest = None;
    for version in versions.iter().filter(|version| version.entry.table == "policy") {
        let notice = read::<PolicyRow>(&version.entry)?.retention_notice.unwrap_or(NOTICE);
        let held = version.known.intersect(version.entry.valid);
        let since = if within { now.minus(notice) } else { now };
        if held.start <= now && held.end > since {
            longest = longest.max(Some(notice));
        }
    }
    Ok(longest.unwrap_or(NOTICE))
}

/// What a register change shortens, each in a sentence: terms of retention, and the notice. The
/// opening of a site shortens nothing, nor do the first terms of a new client.
///
/// # Errors
/// An entry that can't be read is damage.
pub fn shortened(conn: &Connection, diff: &RegisterDiff, now: UtcMicros) -> Result<Vec<String>, StoreError> {
    let tables = ["retention", "client", "policy"];
    if diff.opening || !diff.steps.iter().any(|step| tables.contains(&step.table.as_str())) {
        return Ok(Vec::new());
    }
    let mut entries: BTreeMap<(String, String), Vec<StoredEntry>> = BTreeMap::new();
    for entry in current_entries(conn)?.into_iter().filter(|entry| tables.contains(&entry.table.as_str())) {
        entries.entry((entry.table.clone(), entry.id.clone())).or_default().push(entry);
    }
    let before = as_known(entries.values().flatten());
    for step in &diff.steps {
        entries.insert((step.table.clone(), step.id.clone()), step.after.clone());
    }
    let after = as_known(entries.values().flatten());
    let mut found = Vec::new();
    let (was, is) = (notice(&before, now, false)?, notice(&after, now, false)?);
    if is < was {
        found.push(format!("`retention_notice` from {} to {}", was.to_text(), is.to_text()));
    }
    compare(&before, &after, now, &mut found)?;
    Ok(found)
}

fn as_known<'a>(entries: impl Iterator<Item = &'a StoredEntry>) -> Vec<Version> {
    let known = Span::new(UtcMicros::MIN, UtcMicros::MAX);
    let tables = ["retention", "client", "policy"];
    let wanted = entries.filter(|entry| tables.contains(&entry.table.as_str()));
    wanted.map(|entry| Version { entry: entry.clone(), known }).collect()
}

/// The terms of every client there was, and of the site, now and at every later instant at which
/// one changes.
fn compare(before: &[Version], after: &[Version], now: UtcMicros, found: &mut Vec<String>) -> Result<(), StoreError> {
    let of = |versions: &[Version]| -> Result<Agreements, StoreError> {
        Ok(Agreements { versions: of_versions(versions)?, clients: clients(versions), notice: DurationUs::ZERO })
    };
    let (was, is) = (of(before)?, of(after)?);
    let mut instants = BTreeSet::from([now]);
    for agreement in was.versions.iter().chain(&is.versions) {
        instants.extend([agreement.valid.start, agreement.valid.end].into_iter().filter(|at| *at > now));
    }
    instants.remove(&UtcMicros::MAX);
    let scopes = was.clients.iter().map(|client| vec![client.clone()]).chain([Vec::new()]);
    for scope in scopes {
        for class in RecordClass::ALL {
            for &at in &instants {
                let (old, new) = (was.agreed(&scope, class, at), is.agreed(&scope, class, at));
                if shortens(&new, &old) {
                    let whose = scope.first().map_or("the site", String::as_str);
                    let (old, new) = (terms(&old), terms(&new));
                    let from = if at > now { format!(" from {at} on") } else { String::new() };
                    found.push(format!("{whose}, {}{from}: {old} becomes {new}", class.word()));
                    break;
                }
            }
        }
    }
    Ok(())
}

fn terms(parties: &[Party]) -> String {
    let mut terms: Vec<String> = parties.iter().map(|party| party.term.to_string()).collect();
    terms.sort_unstable();
    terms.dedup();
    terms.join(" or ")
}

/// The sessions that did not end on the local day on which they began, without repetition.
///
/// # Errors
/// The store.
pub fn session_days(conn: &Connection, zone: &SiteZone) -> Result<Vec<SessionDays>, StoreError> {
    const ACT: &str = "read the days of sessions";
    let mut statement = conn
        .prepare_cached("SELECT start_us, CASE WHEN ended <> 'open' THEN end_us END FROM session WHERE gone = 0")
        .map_err(in_act(ACT))?;
    let mut days = BTreeSet::new();
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let start = zone.local_day(UtcMicros(row.get(0).map_err(in_act(ACT))?));
        let end: Option<i64> = row.get(1).map_err(in_act(ACT))?;
        let end = end.map(|end| zone.local_day(UtcMicros(end)));
        if end != Some(start) {
            days.insert((start, end));
        }
    }
    Ok(days.into_iter().map(|(start, end)| SessionDays { start, end }).collect())
}

/// All that a plan asks of the store, at one instant.
#[derive(Debug, Clone)]
pub struct PlanInputs {
    /// The instant.
    pub now: UtcMicros,
    /// Where local days begin.
    pub zone: SiteZone,
    /// What was agreed.
    pub agreements: Agreements,
    /// The data keys.
    pub keys: Vec<KeyDay>,
    /// The holds that stand.
    pub holds: Vec<Hold>,
    /// The sessions of more than one day.
    pub sessions: Vec<SessionDays>,
}

impl PlanInputs {
    /// Reads them from the store in file `path`, opened as `conn`.
    ///
    /// # Errors
    /// The store holds no registers, or can't be read.
    pub fn read(conn: &Connection, path: &Path, now: UtcMicros) -> Result<Self, StoreError> {
        let registers = registers(conn)?.ok_or_else(|| StoreError::corrupt(ACT, "the store holds no registers"))?;
        let zone = SiteZone::named(&registers.site.time_zone).map_err(|error| StoreError::corrupt(ACT, error))?;
        Ok(Self {
            now,
            agreements: agreements(conn, now)?,
            keys: key_days(conn, path)?,
            holds: holds(conn)?,
            sessions: session_days(conn, &zone)?,
            zone,
        })
    }

    /// What is erased now, and what waits.
    #[must_use]
    pub fn plan(&self, guard: &Guard) -> Plan {
        plan(&self.question(guard))
    }

    /// What was agreed against what is held. `free_bytes`: on the store's disk. Counts every
    /// value once: half a second a million.
    ///
    /// # Errors
    /// The store.
    pub fn conformity(&self, conn: &Connection, free_bytes: Option<u64>) -> Result<Conformity, StoreError> {
        let entries = entries_by_key(conn)?;
        let holding = Holding { entries: &entries, store_bytes: store_bytes(conn)?, free_bytes };
        Ok(conformity(&self.question(&Guard::default()), &holding))
    }

    fn question<'a>(&'a self, guard: &'a Guard) -> Question<'a> {
        let Self { now, zone, agreements, keys, holds, sessions } = self;
        Question { now: *now, zone, agreements, keys, holds, sessions, guard }
    }
}

/// How many values each data key seals.
fn entries_by_key(conn: &Connection) -> Result<BTreeMap<u64, u64>, StoreError> {
    const ACT: &str = "count the values of each key";
    let mut statement = conn.prepare_cached("SELECT key, count(*) FROM payload GROUP BY key").map_err(in_act(ACT))?;
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()));
    let rows = statement.query_map([], read).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

/// Bytes in use in the database.
fn store_bytes(conn: &Connection) -> Result<u64, StoreError> {
    let number = |name: &str| -> Result<u64, StoreError> {
        let read: rusqlite::Result<i64> = conn.pragma_query_value(None, name, |row| row.get(0));
        read.map(i64::cast_unsigned).map_err(in_act("read the size of the store"))
    };
    Ok(number("page_count")?.saturating_sub(number("freelist_count")?).saturating_mul(number("page_size")?))
}

/// The data keys of the store in file `path`, opened as `conn`, as a plan asks for them.
///
/// # Errors
/// The store or the key store can't be read, or is damaged.
pub fn key_days(conn: &Connection, path: &Path) -> Result<Vec<KeyDay>, StoreError> {
    let erased = erased_days(conn)?;
    let of = |key: crate::DataKey| {
        let KeyMeta { class, day, scope } = key.meta;
        let text = day_text(day);
        let spared = erased.iter().any(|erased| {
            erased.class == class.word() && erased.clients == scope && erased.from_day <= text && text <= erased.to_day
        });
        KeyDay { id: key.id, class, day, scope, spared }
    };
    // Proof is never erased, so no term speaks of it.
    let keys = keys_of(path)?.into_iter().filter(|key| key.meta.class != RecordClass::Proof);
    Ok(keys.map(of).collect())
}

/// What an `erased` entry says of the days that went.
#[derive(Deserialize)]
struct ErasedDays {
    class: String,
    clients: Vec<String>,
    from_day: String,
    to_day: String,
}

fn erased_days(conn: &Connection) -> Result<Vec<ErasedDays>, StoreError> {
    const ACT: &str = "read what was erased";
    let mut statement = conn
        .prepare_cached(
            "SELECT j.seq, unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j JOIN payload p ON p.seq = j.seq
             WHERE j.seq IN (SELECT entry FROM erased) ORDER BY j.seq",
        )
        .map_err(in_act(ACT))?;
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, Value::of(row.get(1)?)))).map_err(in_act(ACT))?;
    let mut out = Vec::new();
    for row in rows {
        let (seq, value) = row.map_err(in_act(ACT))?;
        let body = value.into_body().ok_or_else(|| StoreError::corrupt(ACT, format!("entry {seq} has no value")))?;
        // A whole client's end speaks of no days: what is left of it is nobody's.
        out.extend(serde_json::from_slice::<ErasedDays>(&body).ok());
    }
    Ok(out)
}

mod date;

pub use date::guard_of;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
