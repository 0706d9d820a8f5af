//! What the store knows of the date: a second clock, and what was erased before.

use kukaku_core::retention::Guard;
use kukaku_schema::registers::TrustClass;
use kukaku_schema::{DurationUs, SiteZone, UtcMicros};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, in_act};
use crate::registers::registers;
use crate::values::Value;

const ACT: &str = "ask whether the date can be believed";

/// How new a reading of a source's clock must be.
const NEW_WITHIN: DurationUs = DurationUs::from_secs(600);

/// Newest entries that are looked through for one.
const ENTRIES_MAX: i64 = 10_000;

/// Newest `erased` entries that are looked through: more than a day's.
const ERASED_MAX: i64 = 2_000;

/// Completes a guard with what the store knows: how far the clock of a trusted source (class A),
/// or of a witness, is off that spoke within ten minutes, and what was erased today and last.
///
/// # Errors
/// What the disk says.
pub fn guard_of(conn: &Connection, guard: Guard, now: UtcMicros, zone: &SiteZone) -> Result<Guard, StoreError> {
    let (last_erased_on, advanced_today) = erased_before(conn, now, zone)?;
    let second_clock_off = match guard.second_clock_off {
        Some(off) => Some(off),
        None => nearer(source_clock(conn, now)?, witness_clock(conn, now)?),
    };
    Ok(Guard { second_clock_off, last_erased_on, advanced_today, ..guard })
}

/// The smallest distance of a trusted source's clock from ours, of what it said just now.
fn source_clock(conn: &Connection, now: UtcMicros) -> Result<Option<DurationUs>, StoreError> {
    let Some(registers) = registers(conn)? else { return Ok(None) };
    let trusted: Vec<&str> = registers
        .sources
        .iter()
        .filter(|entry| entry.row.class == TrustClass::A && entry.valid.contains(now))
        .map(|entry| entry.row.id.as_str())
        .collect();
    let sql = "SELECT w.text, j.device_time_us - j.recorded_at_us FROM journal j JOIN word w ON w.id = j.source
               WHERE j.seq > (SELECT journal_size FROM head) - ?1 AND j.recorded_at_us >= ?2
                 AND j.device_time_us IS NOT NULL ORDER BY j.seq DESC";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let mut rows = statement.query(params![ENTRIES_MAX, now.minus(NEW_WITHIN).0]).map_err(in_act(ACT))?;
    let mut nearest: Option<i64> = None;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let (source, off): (String, i64) = (row.get(0).map_err(in_act(ACT))?, row.get(1).map_err(in_act(ACT))?);
        if trusted.contains(&source.as_str()) && nearest.is_none_or(|near| off.unsigned_abs() < near.unsigned_abs()) {
            nearest = Some(off);
        }
    }
    Ok(nearest.map(DurationUs))
}

fn nearer(a: Option<DurationUs>, b: Option<DurationUs>) -> Option<DurationUs> {
    a.into_iter().chain(b).min_by_key(|off| off.0.unsigned_abs())
}

/// The smallest distance of a witness's clock from ours: each cosignature holds its instant, and
/// was checked with the witness's key before it was kept.
fn witness_clock(conn: &Connection, now: UtcMicros) -> Result<Option<DurationUs>, StoreError> {
    let sql = "SELECT cosigned_at_us - kept_at_us FROM cosignature WHERE kept_at_us BETWEEN ?1 AND ?2
               ORDER BY abs(cosigned_at_us - kept_at_us) LIMIT 1";
    conn.prepare_cached(sql)
        .and_then(|mut s| s.query_row([now.minus(NEW_WITHIN).0, now.0], |row| row.get(0)).optional())
        .map(|off| off.map(DurationUs))
        .map_err(in_act(ACT))
}

/// The local day of the last erasing, and the days that today's advanced: the most of any class
/// and clients.
fn erased_before(conn: &Connection, now: UtcMicros, zone: &SiteZone) -> Result<(Option<i32>, u32), StoreError> {
    let today = zone.local_day(now);
    let sql = "SELECT j.recorded_at_us, unseal(j.seq, j.commitment, p.key, p.sealed)
               FROM (SELECT DISTINCT entry FROM erased ORDER BY entry DESC LIMIT ?1) e
               JOIN journal j ON j.seq = e.entry JOIN payload p ON p.seq = j.seq ORDER BY j.seq DESC";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([ERASED_MAX]).map_err(in_act(ACT))?;
    let mut last = None;
    let mut today_of: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let day = zone.local_day(UtcMicros(row.get(0).map_err(in_act(ACT))?));
        last = last.or(Some(day));
        if day < today {
            break;
        }
        let body = Value::of(row.get(1).map_err(in_act(ACT))?).into_body().unwrap_or_default();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        // Everything of a client that left is no advance of a term.
        if body["class"] == "all" {
            continue;
        }
        let key = format!("{} {}", body["class"], body["clients"]);
        let days = body["days"].as_u64().and_then(|days| u32::try_from(days).ok()).unwrap_or(1);
        let sum = today_of.entry(key).or_default();
        *sum = sum.saturating_add(days);
    }
    Ok((last, today_of.into_values().max().unwrap_or_default()))
}
