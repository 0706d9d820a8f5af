//! A client leaves: everything of it goes, and what names its people elsewhere is masked.

use std::collections::{BTreeMap, BTreeSet};

use kukaku_core::Names;
use kukaku_schema::{Registers, Span, UtcMicros};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::{ACT, Erased, ErasureOrder};
use crate::batch::{Batch, NewLeaf};
use crate::bodies::json;
use crate::error::{StoreError, in_act};
use crate::registers::{Actors, plan, registers};
use crate::values::{DataKey, RecordClass, Value, keys_of};

/// What stands in place of a text that was masked.
const MASK: &str = "抹消済";

/// What was done for a client that left: what its certificate says, and the body of the
/// `offboarded` entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offboarded {
    /// `offboarded`.
    pub kind: String,
    /// When, by our clock.
    pub at: UtcMicros,
    /// Who left.
    pub client: String,
    /// How many values were erased, by class.
    pub erased: BTreeMap<String, u64>,
    /// How many entries of others named its people, and were replaced by masked copies.
    pub masked: u64,
    /// Register entries that were erased: operators, cards, accounts.
    pub register_entries: u64,
    /// Keys and passwords of its sources that were taken away.
    pub credentials: u64,
    /// The data keys that are destroyed, 16 hex digits each.
    pub keys: Vec<String>,
    /// The `erased` entries that list the numbers.
    pub entries: Vec<u64>,
    /// Why.
    pub reason: String,
    /// Who: two people.
    pub by: Vec<String>,
}

/// What a row of a register is read for.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    clients: Vec<String>,
    #[serde(default)]
    client: Option<String>,
    #[serde(default)]
    operator: Option<String>,
    #[serde(default)]
    company: Option<String>,
    #[serde(default)]
    subcontracted_by: Option<String>,
    #[serde(default)]
    representative: Option<String>,
    #[serde(default)]
    contact: Option<String>,
    #[serde(default)]
    security_officer: Option<String>,
    #[serde(default)]
    privacy_officer: Option<String>,
}

/// A row of a register: its number, table and id, and what it says.
type Kept = (i64, String, String, Row);

/// A client's people: rows of registers that are its alone, and the texts that name them.
#[derive(Default)]
struct Own {
    rows: Vec<i64>,
    texts: BTreeSet<String>,
}

impl Batch<'_> {
    /// Erases everything of a client: the values that are its alone, and its people from the
    /// registers. Entries of others that name those people lose their value as well; a masked
    /// copy takes its place. `credentials`: what was taken away from its sources before. Returns the entry that says so, what it says, and the registers now
    /// in force.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn offboard(
        &mut self,
        client: &str,
        by: &[String],
        reason: &str,
        credentials: u64,
        names: &mut Names,
    ) -> Result<(u64, Offboarded, Registers), StoreError> {
        let own = self.own_rows(client)?;
        let keys = keys_of(self.store.path())?;
        let its: BTreeSet<u64> = keys
            .iter()
            .filter(|key| key.meta.scope == [client])
            .filter(|key| is_erasable(key))
            .map(|key| key.id)
            .collect();
        let (mut going, mut masked, mut classes) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
        self.sort_out(client, &its, &own.texts, |seq, kind, copy| {
            *classes.entry(RecordClass::of_kind(kind).word().to_owned()).or_insert(0) += 1;
            going.insert(seq);
            masked.extend(copy.map(|body| (seq, kind.to_owned(), body)));
        })?;
        for row in &own.rows {
            self.store
                .conn
                .prepare_cached("DELETE FROM register_entry WHERE id = ?1")
                .and_then(|mut statement| statement.execute([row]))
                .map_err(in_act(ACT))?;
        }
        self.forget_permitted()?;
        for (seq, kind, body) in &masked {
            self.masked_copy(*seq, kind, body, names)?;
        }
        let days = keys.iter().filter(|key| its.contains(&key.id)).map(|key| key.meta.day);
        let (first, last) = days.fold((i32::MAX, i32::MIN), |(first, last), day| (first.min(day), last.max(day)));
        let order = ErasureOrder {
            class: None,
            scope: vec![client.to_owned()],
            days: if first <= last { (first, last) } else { (0, 0) },
            rule: reason.to_owned(),
            by: by.to_vec(),
            final_before: None,
        };
        let Erased { entries, keys, .. } = self.erase(&going, &order, names)?;
        self.forget_texts(&own.texts, names)?;
        let now = self.without_client(client, by, reason, names)?;
        let said = Offboarded {
            kind: "offboarded".to_owned(),
            at: self.recorded_at,
            client: client.to_owned(),
            erased: classes,
            masked: masked.len() as u64,
            register_entries: own.rows.len() as u64,
            credentials,
            keys: keys.iter().map(|key| format!("{:016x}", key.id)).collect(),
            entries,
            reason: reason.to_owned(),
            by: by.to_vec(),
        };
        let body = json(&said);
        let (site, word) = (names.intern(""), names.intern(client));
        let leaf = NewLeaf { kind: "offboarded", source: site, client: word, device_time: None, payload: &body };
        let entry = self.append(leaf, names)?;
        Ok((entry, said, now))
    }

    /// Operators that work for this client alone, their cards, accounts and papers, and companies
    /// that do, in all versions.
    fn own_rows(&self, client: &str) -> Result<Own, StoreError> {
        let sql = "SELECT id, tbl, entry_id, body FROM register_entry WHERE tbl IN
                   ('operator', 'credential', 'account', 'company', 'pledge', 'training', 'permit')";
        let mut statement = self.store.conn.prepare(sql).map_err(in_act(ACT))?;
        let mut rows = statement.query([]).map_err(in_act(ACT))?;
        let mut all: Vec<Kept> = Vec::new();
        while let Some(row) = rows.next().map_err(in_act(ACT))? {
            let read =
                || -> rusqlite::Result<_> { Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?)) };
            let (id, table, entry, body): (i64, String, String, String) = read().map_err(in_act(ACT))?;
            let body = serde_json::from_str(&body)
                .map_err(|error| StoreError::corrupt(ACT, format!("register entry {table} {entry}: {error}")))?;
            all.push((id, table, entry, body));
        }
        let of = |table: &str| all.iter().filter(move |(_, of, ..)| of == table).collect::<Vec<_>>();
        // An operator who ever worked for somebody else stays that one's.
        let shared: BTreeSet<&str> = of("operator")
            .iter()
            .filter(|(.., row)| row.clients.iter().any(|other| other != client))
            .map(|(_, _, id, _)| id.as_str())
            .collect();
        let mut own = Own::default();
        let mut operators: BTreeSet<&str> = BTreeSet::new();
        for (row, _, id, body) in of("operator") {
            if !shared.contains(id.as_str()) && body.clients.iter().any(|other| other == client) {
                operators.insert(id);
                own.rows.push(*row);
                own.texts.insert(id.clone());
                own.texts.extend(body.name.clone());
            }
        }
        for (row, _, id, body) in of("credential") {
            if body.operator.as_deref().is_some_and(|operator| operators.contains(operator)) {
                own.rows.push(*row);
                own.texts.insert(id.clone());
            }
        }
        for (row, _, id, body) in of("account") {
            if body.client.as_deref() == Some(client) {
                own.rows.push(*row);
                own.texts.insert(id.clone());
            }
        }
        let companies = own_companies(&all, client, &operators);
        for (row, table, id, body) in &all {
            let his = body.operator.as_deref().is_some_and(|operator| operators.contains(operator));
            let of_it = body.company.as_deref().is_some_and(|company| companies.contains(company));
            match table.as_str() {
                "company" if companies.contains(id.as_str()) => {
                    own.rows.push(*row);
                    own.texts.insert(id.clone());
                    let named = [&body.name, &body.representative, &body.contact];
                    own.texts.extend(named.into_iter().flatten().cloned());
                    own.texts.extend([&body.security_officer, &body.privacy_officer].into_iter().flatten().cloned());
                }
                "pledge" | "training" | "permit" if his || of_it || body.client.as_deref() == Some(client) => {
                    own.rows.push(*row);
                }
                _ => {}
            }
        }
        own.texts.retain(|text| !text.is_empty());
        Ok(own)
    }

    /// Hands over what goes: entries of the client, whole; entries of others that name one of
    /// `texts`, with a copy in which they are masked.
    fn sort_out(
        &self,
        client: &str,
        keys: &BTreeSet<u64>,
        texts: &BTreeSet<String>,
        mut take: impl FnMut(u64, &str, Option<serde_json::Value>),
    ) -> Result<(), StoreError> {
        let sql = "SELECT j.seq, j.kind, c.text, p.key, unseal(j.seq, j.commitment, p.key, p.sealed)
                   FROM journal j JOIN payload p ON p.seq = j.seq JOIN word c ON c.id = j.client ORDER BY j.seq";
        let mut statement = self.store.conn.prepare(sql).map_err(in_act(ACT))?;
        let mut rows = statement.query([]).map_err(in_act(ACT))?;
        while let Some(row) = rows.next().map_err(in_act(ACT))? {
            let read = || -> rusqlite::Result<_> {
                Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?, Value::of(row.get(4)?)))
            };
            let (seq, kind, of, key, value): (i64, String, String, i64, Value) = read().map_err(in_act(ACT))?;
            if RecordClass::of_kind(&kind) == RecordClass::Proof {
                continue;
            }
            if of == client || keys.contains(&key.cast_unsigned()) {
                take(seq.cast_unsigned(), &kind, None);
                continue;
            }
            let Some(body) = value.into_body() else { continue };
            // Most entries name nobody: looked at as text before they are read.
            let text = String::from_utf8_lossy(&body);
            if kind == "unreadable" {
                // The bytes stand in it as digits.
                let mut copy: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                let head = copy["head"].as_str().and_then(super::derived::unhex).unwrap_or_default();
                let head = String::from_utf8_lossy(&head).into_owned();
                if texts.iter().any(|own| head.contains(own.as_str()) || named(&text, own)) {
                    copy["head"] = MASK.into();
                    mask(&mut copy, texts);
                    take(seq.cast_unsigned(), &kind, Some(copy));
                }
            } else if texts.iter().any(|own| named(&text, own)) {
                let mut copy = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
                mask(&mut copy, texts);
                take(seq.cast_unsigned(), &kind, Some(copy));
            }
        }
        Ok(())
    }

    /// What stays of an entry of others: its body with the client's people masked.
    fn masked_copy(
        &mut self,
        of: u64,
        kind: &str,
        body: &serde_json::Value,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            of: u64,
            of_kind: &'a str,
            body: &'a serde_json::Value,
        }
        let body = json(&Body { kind: "masked", of, of_kind: kind, body });
        let site = names.intern("");
        let leaf = NewLeaf { kind: "masked", source: site, client: site, device_time: None, payload: &body };
        self.append(leaf, names).map(drop)
    }

    /// Stays and words of people who are no more.
    fn forget_texts(&mut self, texts: &BTreeSet<String>, names: &mut Names) -> Result<(), StoreError> {
        let mut brought: super::Brought = texts.iter().filter_map(|text| names.find(text)).collect();
        for word in &brought {
            self.store
                .conn
                .prepare_cached("DELETE FROM stay WHERE person = ?1")
                .and_then(|mut statement| statement.execute([word.0]))
                .map_err(in_act(ACT))?;
        }
        for text in texts {
            let findings = "SELECT finding FROM finding_subject WHERE value = ?1";
            for sql in [
                format!("DELETE FROM outbox WHERE finding IN ({findings})"),
                format!("DELETE FROM finding_event WHERE finding IN ({findings})"),
                format!("DELETE FROM finding WHERE id IN ({findings})"),
                "DELETE FROM finding_subject WHERE finding NOT IN (SELECT id FROM finding)".to_owned(),
            ] {
                let mut statement = self.store.conn.prepare_cached(&sql).map_err(in_act(ACT))?;
                let values = params![text];
                let count = statement.parameter_count();
                statement.execute(&values[..count]).map_err(in_act(ACT))?;
            }
        }
        super::words::forget(self, &mut brought, names)
    }

    /// The registers without the client's people; those whom it shared work for the others.
    fn without_client(
        &mut self,
        client: &str,
        by: &[String],
        reason: &str,
        names: &mut Names,
    ) -> Result<Registers, StoreError> {
        let missing = || StoreError::corrupt(ACT, "no registers are in force");
        let mut wanted = registers(&self.store.conn)?.ok_or_else(missing)?;
        let now = self.recorded_at;
        for entry in &mut wanted.operators {
            if entry.valid.contains(now) {
                let before = entry.row.clients.len();
                entry.row.clients.retain(|of| of != client);
                if entry.row.clients.len() < before {
                    // From now on, and not for what was before.
                    entry.valid = Span::new(UtcMicros::MIN, entry.valid.end);
                }
            }
        }
        let diff = plan(&self.store.conn, &wanted, now)?;
        if diff.is_empty() {
            return Ok(wanted);
        }
        let actor = by.first().map_or("kukaku", String::as_str);
        let by = Actors { actor, confirmed_by: by.get(1).map(String::as_str), reason };
        self.change_registers(&diff, &by, names).map(|(_, registers)| registers)
    }
}

/// Companies that ever worked for this client alone, and that nothing which stays rests on.
fn own_companies<'a>(all: &'a [Kept], client: &str, operators: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let of = |table: &'static str| all.iter().filter(move |(_, of, ..)| of == table);
    let its = |body: &Row| !body.clients.is_empty() && body.clients.iter().all(|of| of == client);
    let mut own: BTreeSet<&str> = of("company").map(|(_, _, id, _)| id.as_str()).collect();
    of("company").filter(|(.., body)| !its(body)).for_each(|(_, _, id, _)| {
        own.remove(id.as_str());
    });
    for (.., body) in of("operator").filter(|(_, _, id, _)| !operators.contains(id.as_str())) {
        own.remove(body.company.as_deref().unwrap_or_default());
    }
    // What entrusts work to a company that stays, stays.
    loop {
        let stays = of("company").filter(|(_, _, id, _)| !own.contains(id.as_str()));
        let above: Vec<&str> = stays.filter_map(|(.., body)| body.subcontracted_by.as_deref()).collect();
        let before = own.len();
        above.into_iter().for_each(|id| {
            own.remove(id);
        });
        if own.len() == before {
            return own;
        }
    }
}

fn is_erasable(key: &DataKey) -> bool {
    key.meta.class != RecordClass::Proof
}

/// Whether `own` stands in `text` as a name of its own, and not as a part of a longer one.
pub(super) fn named(text: &str, own: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.match_indices(own).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(part);
        let after = text[at + own.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

fn mask(value: &mut serde_json::Value, texts: &BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => {
            for own in texts {
                if named(text, own) {
                    *text = text.replace(own.as_str(), MASK);
                }
            }
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(|value| mask(value, texts)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|value| mask(value, texts)),
        _ => {}
    }
}
