//! Erasing: values, what was derived of them, and the keys that sealed them.
//!
//! The journal's entries stay, so every other proof still verifies; their values go, with every
//! row and word that only they brought. What is erased is said in entries of kind `erased`, in
//! the same transaction. Values that share a key with erased ones and stay (held ones, or those
//! of others) are sealed anew, so that the key itself can be destroyed: then no copy of the
//! erased values, in a backup or on a worn disk, can be opened.
//!
//! Cut off between commit and destruction, the next opening of the store destroys the keys.

mod ask;
mod derived;
mod offboard;
mod permitted;
mod spared;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use kukaku_core::{Names, Word};
use kukaku_ledger::{Hash, SALT_BYTES};
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

pub(crate) use derived::unhex;
pub use offboard::Offboarded;

use crate::batch::{Batch, NewLeaf};
use crate::bodies::json;
use crate::connect::BUSY_WAIT;
use crate::error::{StoreError, in_act};
use crate::store::Store;
use crate::values::{DataKey, RecordClass, Value, keys_of, seal};

const ACT: &str = "erase values";

/// Ranges that one `erased` entry lists; more make more entries of some 200 KiB.
const RANGES_MAX: usize = 10_000;

/// What is erased, and by what right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureOrder {
    /// The class of records; none: everything of a client.
    pub class: Option<RecordClass>,
    /// The entitled clients, sorted; empty: the site.
    pub scope: Vec<String>,
    /// The first and the last local day, in days since 1970-01-01.
    pub days: (i32, i32),
    /// The rule that asks for it, for people.
    pub rule: String,
    /// Who: `kukaku` where it falls due by itself.
    pub by: Vec<String>,
    /// Verdicts and findings of before it are final: their inputs are gone. None: no input is.
    pub final_before: Option<UtcMicros>,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The `erased` entries that say so.
    pub entries: Vec<u64>,
    /// How many values.
    pub count: u64,
    /// How many values of the same keys stay, sealed anew.
    pub kept: u64,
    /// The keys to be destroyed by [`Store::finish_erasures`].
    pub keys: Vec<DataKey>,
}

/// One value that is to go.
struct Going {
    kind: String,
    body: Vec<u8>,
}

impl Batch<'_> {
    /// The entries, in order, whose values are sealed under one of `keys`, and were recorded on
    /// one of the local days from the first to the second.
    ///
    /// # Errors
    /// What the disk says.
    pub fn sealed_under(&self, keys: &HashSet<u64>, days: (i32, i32)) -> Result<Vec<u64>, StoreError> {
        let conn = &self.store.conn;
        let (from, to) = self.span_of_days(days);
        let (first, end) = (first_at(conn, from)?, first_at(conn, to)?);
        let mut statement = conn
            .prepare_cached("SELECT seq, key FROM payload WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")
            .map_err(in_act(ACT))?;
        let mut rows = statement.query(params![first, end]).map_err(in_act(ACT))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(in_act(ACT))? {
            let (seq, key): (i64, i64) = (row.get(0).map_err(in_act(ACT))?, row.get(1).map_err(in_act(ACT))?);
            if keys.contains(&key.cast_unsigned()) {
                out.push(seq.cast_unsigned());
            }
        }
        Ok(out)
    }

    /// Erases the values of `entries`, and says so. The engine must be built anew afterwards, and
    /// the keys destroyed by [`Store::finish_erasures`] after the commit.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn erase(
        &mut self,
        entries: &BTreeSet<u64>,
        order: &ErasureOrder,
        names: &mut Names,
    ) -> Result<Erased, StoreError> {
        self.touched_by_erasing();
        let keys = self.keys_over(entries)?;
        let mut going = BTreeMap::new();
        for &seq in entries {
            if let Some(value) = self.going(seq)? {
                going.insert(seq, value);
            }
        }
        self.store.conn.execute("INSERT INTO erasing (one) VALUES (1)", []).map_err(in_act(ACT))?;
        let kept = self.seal_anew(&keys, entries)?;
        let mut brought = derived::erase(self, &going, names)?;
        for seq in going.keys() {
            self.store
                .conn
                .prepare_cached("DELETE FROM payload WHERE seq = ?1")
                .and_then(|mut statement| statement.execute([seq.cast_signed()]))
                .map_err(in_act(ACT))?;
        }
        self.store.conn.execute("DELETE FROM erasing", []).map_err(in_act(ACT))?;
        words::forget(self, &mut brought, names)?;
        self.store.stays = crate::stays::StaysKept::default();
        if let Some(at) = order.final_before {
            let head = &mut self.store.head;
            head.final_before = Some(head.final_before.map_or(at, |before| before.max(at)));
        }
        let known: BTreeMap<u64, DataKey> = keys_of(self.store.path())?.into_iter().map(|key| (key.id, key)).collect();
        let keys: Vec<DataKey> = keys.iter().filter_map(|id| known.get(id).cloned()).collect();
        let gone: Vec<u64> = going.into_keys().collect();
        let said = self.say(&gone, kept, &keys, order, names)?;
        Ok(Erased { entries: said, count: gone.len() as u64, kept, keys })
    }

    /// The keys that sealed any of `entries`.
    fn keys_over(&self, entries: &BTreeSet<u64>) -> Result<BTreeSet<u64>, StoreError> {
        let mut statement =
            self.store.conn.prepare_cached("SELECT key FROM payload WHERE seq = ?1").map_err(in_act(ACT))?;
        let mut keys = BTreeSet::new();
        for seq in entries {
            let key: Option<i64> =
                statement.query_row([seq.cast_signed()], |row| row.get(0)).optional().map_err(in_act(ACT))?;
            keys.extend(key.map(i64::cast_unsigned));
        }
        Ok(keys)
    }

    fn going(&self, seq: u64) -> Result<Option<Going>, StoreError> {
        let sql = "SELECT j.kind, unseal(j.seq, j.commitment, p.key, p.sealed) FROM journal j
                   JOIN payload p ON p.seq = j.seq WHERE j.seq = ?1";
        let mut statement = self.store.conn.prepare_cached(sql).map_err(in_act(ACT))?;
        let read = statement
            .query_row([seq.cast_signed()], |row| Ok((row.get(0)?, Value::of(row.get(1)?))))
            .optional()
            .map_err(in_act(ACT))?;
        // A forged value is erased as well, and its rows with it as far as they can be told.
        Ok(read.map(|(kind, value): (String, Value)| Going { kind, body: value.into_body().unwrap_or_default() }))
    }

    /// Seals what stays under new keys of the same meaning; returns how many.
    fn seal_anew(&mut self, keys: &BTreeSet<u64>, going: &BTreeSet<u64>) -> Result<u64, StoreError> {
        let known: BTreeMap<u64, DataKey> = keys_of(self.store.path())?.into_iter().map(|key| (key.id, key)).collect();
        let days: Vec<i32> = keys.iter().filter_map(|id| known.get(id)).map(|key| key.meta.day).collect();
        let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else { return Ok(0) };
        let wanted: HashSet<u64> = keys.iter().copied().collect();
        let staying: Vec<u64> =
            self.sealed_under(&wanted, (*first, *last))?.into_iter().filter(|seq| !going.contains(seq)).collect();
        // Keys in use at this moment seal nothing more: what comes next gets a new one.
        self.store.sealing.forget();
        self.store.sealing.owner.begin_anew();
        let mut out = Vec::new();
        for seq in &staying {
            let sql = "SELECT j.commitment, p.key, unseal(j.seq, j.commitment, p.key, p.sealed)
                       FROM journal j JOIN payload p ON p.seq = j.seq WHERE j.seq = ?1";
            let read = self
                .store
                .conn
                .prepare_cached(sql)
                .and_then(|mut s| {
                    s.query_row([seq.cast_signed()], |row| {
                        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, Value::of(row.get(2)?)))
                    })
                })
                .map_err(in_act(ACT))?;
            let (commitment, key, value) = read;
            let commitment = Hash::from_slice(&commitment)
                .ok_or_else(|| StoreError::corrupt(ACT, format!("the commitment of entry {seq} is cut short")))?;
            let Value::Open { salt, body } = value else {
                let what =
                    format!("the value of entry {seq} shares a key with what is to be erased and can't be opened");
                return Err(StoreError::corrupt(ACT, what));
            };
            let meta = &known.get(&key.cast_unsigned()).expect("the key was just used").meta;
            self.seal_again(*seq, meta, &commitment, &salt, &body, &mut out)?;
        }
        Ok(staying.len() as u64)
    }

    fn seal_again(
        &mut self,
        seq: u64,
        meta: &crate::values::KeyMeta,
        commitment: &Hash,
        salt: &[u8; SALT_BYTES],
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let (id, cipher) = self.store.sealing.owner.key(meta)?;
        seal(cipher, seq, commitment.as_bytes(), salt, body, out)?;
        self.store
            .conn
            .prepare_cached("UPDATE payload SET key = ?2, sealed = ?3 WHERE seq = ?1")
            .and_then(|mut statement| statement.execute(params![seq.cast_signed(), id.cast_signed(), &*out]))
            .map(drop)
            .map_err(in_act(ACT))
    }

    /// Appends the `erased` entries and what finds them again.
    fn say(
        &mut self,
        gone: &[u64],
        kept: u64,
        keys: &[DataKey],
        order: &ErasureOrder,
        names: &mut Names,
    ) -> Result<Vec<u64>, StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            at: UtcMicros,
            class: &'static str,
            clients: &'a [String],
            from_day: String,
            to_day: String,
            /// Days with records among them.
            days: u64,
            count: u64,
            kept: u64,
            ranges: &'a [(u64, u64)],
            keys: Vec<String>,
            rule: &'a str,
            by: &'a [String],
        }
        let site = names.intern("");
        let client = match order.scope.as_slice() {
            [one] => names.intern(one),
            _ => site,
        };
        let ranges = ranges(gone);
        let mut said = Vec::new();
        for part in ranges.chunks(RANGES_MAX) {
            let first = said.is_empty();
            let body = json(&Body {
                kind: "erased",
                at: self.recorded_at,
                class: order.class.map_or("all", RecordClass::word),
                clients: &order.scope,
                from_day: day_text(order.days.0),
                to_day: day_text(order.days.1),
                days: if first { keys.iter().map(|key| key.meta.day).collect::<BTreeSet<_>>().len() as u64 } else { 0 },
                count: part.iter().map(|(first, last)| last - first + 1).sum(),
                kept: if first { kept } else { 0 },
                ranges: part,
                keys: if first { keys.iter().map(|key| format!("{:016x}", key.id)).collect() } else { Vec::new() },
                rule: &order.rule,
                by: &order.by,
            });
            let leaf = NewLeaf { kind: "erased", source: site, client, device_time: None, payload: &body };
            let seq = self.append(leaf, names)?;
            for (first, last) in part {
                self.store
                    .conn
                    .prepare_cached("INSERT INTO erased (first, last, entry) VALUES (?1, ?2, ?3)")
                    .and_then(|mut s| s.execute(params![first.cast_signed(), last.cast_signed(), seq.cast_signed()]))
                    .map_err(in_act(ACT))?;
            }
            said.push(seq);
        }
        let mut note =
            self.store.conn.prepare_cached("INSERT INTO doomed_key (key) VALUES (?1)").map_err(in_act(ACT))?;
        for key in keys {
            note.execute([key.id.cast_signed()]).map_err(in_act(ACT))?;
        }
        Ok(said)
    }
}

impl Store {
    /// Destroys the keys of what was erased, and cuts the log back, so that no page of it tells
    /// what it was. Returns the keys that are no more.
    ///
    /// # Errors
    /// What the disk says: the next opening of the store tries again. A reader that still looks at
    /// an older state keeps the log: see [`Self::cut_log_that_tells`].
    pub fn finish_erasures(&mut self) -> Result<Vec<DataKey>, StoreError> {
        const ACT: &str = "destroy the keys of what was erased";
        let doomed: HashSet<u64> = {
            let mut statement = self.conn.prepare("SELECT key FROM doomed_key").map_err(in_act(ACT))?;
            let rows = statement.query_map([], |row| row.get::<_, i64>(0)).map_err(in_act(ACT))?;
            rows.map(|row| row.map(i64::cast_unsigned)).collect::<Result<_, _>>().map_err(in_act(ACT))?
        };
        if doomed.is_empty() {
            return Ok(Vec::new());
        }
        let gone = self.sealing.owner.destroy(&doomed)?;
        self.sealing.forget();
        self.log_tells = true;
        self.cut_log()?;
        Ok(gone)
    }

    /// Cuts the log back where it still tells what was erased because somebody was reading an
    /// older state; waits for nobody. To be called now and then.
    ///
    /// # Errors
    /// What the disk says.
    pub fn cut_log_that_tells(&mut self) -> Result<(), StoreError> {
        if self.log_tells { self.cut_log() } else { Ok(()) }
    }

    /// Only when the log is cut is nothing left of what was erased, and only then is it forgotten
    /// that something is to be destroyed.
    fn cut_log(&mut self) -> Result<(), StoreError> {
        const ACT: &str = "cut back the log";
        // Whoever reads is not waited for: nothing is taken in meanwhile.
        self.conn.busy_timeout(Duration::ZERO).map_err(in_act(ACT))?;
        let cut = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        self.conn.busy_timeout(BUSY_WAIT).map_err(in_act(ACT))?;
        if cut.map_err(in_act(ACT))? == 0 {
            self.conn.execute("DELETE FROM doomed_key", []).map_err(in_act(ACT))?;
            self.log_tells = false;
        }
        Ok(())
    }
}

/// What is known of an erased entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedNote {
    /// The `erased` entry that names it.
    pub entry: u64,
    /// When, by our clock.
    pub at: UtcMicros,
    /// The rule.
    pub rule: String,
    /// Who.
    pub by: Vec<String>,
}

/// By which `erased` entry the value of `seq` is gone; none: it is there, or went otherwise.
///
/// # Errors
/// What the disk says.
pub fn erased_note(conn: &Connection, seq: u64) -> Result<Option<ErasedNote>, StoreError> {
    const ACT: &str = "look up what was erased";
    let sql = "SELECT e.last, e.entry, j.recorded_at_us, unseal(j.seq, j.commitment, p.key, p.sealed)
               FROM erased e JOIN journal j ON j.seq = e.entry JOIN payload p ON p.seq = j.seq
               WHERE e.first <= ?1 ORDER BY e.first DESC LIMIT 1";
    let read = conn
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_row([seq.cast_signed()], |row| {
                    let value = Value::of(row.get(3)?);
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, value))
                })
                .optional()
        })
        .map_err(in_act(ACT))?;
    let Some((last, entry, at, value)) = read.filter(|(last, ..)| last.cast_unsigned() >= seq) else { return Ok(None) };
    let body: serde_json::Value = value
        .into_body()
        .and_then(|body| serde_json::from_slice(&body).ok())
        .ok_or_else(|| StoreError::corrupt(ACT, format!("entry {entry}, which says so up to {last}, can't be read")))?;
    let by = body["by"].as_array().map(|list| list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect());
    Ok(Some(ErasedNote {
        entry: entry.cast_unsigned(),
        at: UtcMicros(at),
        rule: body["rule"].as_str().unwrap_or_default().to_owned(),
        by: by.unwrap_or_default(),
    }))
}

/// The first entry recorded at or after `at`. Entries are recorded in order.
fn first_at(conn: &Connection, at: UtcMicros) -> Result<i64, StoreError> {
    let size: i64 =
        conn.query_row("SELECT coalesce(max(seq) + 1, 0) FROM journal", [], |row| row.get(0)).map_err(in_act(ACT))?;
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let recorded: i64 = conn
            .prepare_cached("SELECT recorded_at_us FROM journal WHERE seq = ?1")
            .and_then(|mut statement| statement.query_row([middle], |row| row.get(0)))
            .map_err(in_act(ACT))?;
        if recorded < at.0 { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// Numbers as ranges, both ends inside.
fn ranges(numbers: &[u64]) -> Vec<(u64, u64)> {
    let mut out: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match out.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => out.push((number, number)),
        }
    }
    out
}

/// `2026-11-22`.
pub(crate) fn day_text(day: i32) -> String {
    let mut text = UtcMicros(i64::from(day) * 86_400_000_000).to_rfc3339_utc();
    text.truncate(10);
    text
}

/// Words that only erased rows brought, as far as is known.
pub(crate) type Brought = BTreeSet<Word>;
