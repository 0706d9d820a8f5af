//! What holds keep of what is due.

use std::collections::BTreeSet;

use kukaku_core::retention::{Hold, Subject};
use kukaku_schema::UtcMicros;
use rusqlite::params;

use super::ACT;
use super::offboard::named;
use crate::batch::Batch;
use crate::error::{StoreError, in_act};
use crate::values::{Value, keys_of};

/// A hold with the texts by which records name its person.
struct Asked<'a> {
    hold: &'a Hold,
    texts: Vec<String>,
}

impl Batch<'_> {
    /// The entries of `entries` that a hold keeps. A record counts as naming a person where any of
    /// his cards, accounts or sessions stands in it: rather too much is kept than too little.
    ///
    /// # Errors
    /// What the disk says.
    pub fn held(&self, entries: &BTreeSet<u64>, holds: &[Hold]) -> Result<BTreeSet<u64>, StoreError> {
        let mut out = BTreeSet::new();
        if holds.is_empty() {
            return Ok(out);
        }
        let asked: Vec<Asked<'_>> = holds
            .iter()
            .map(|hold| Ok(Asked { hold, texts: hold.person.as_deref().map_or(Ok(Vec::new()), |p| self.texts_of(p))? }))
            .collect::<Result<_, StoreError>>()?;
        let scopes: std::collections::BTreeMap<u64, Vec<String>> =
            keys_of(self.store.path())?.into_iter().map(|key| (key.id, key.meta.scope)).collect();
        let sql = "SELECT j.recorded_at_us, j.device_time_us, p.key, unseal(j.seq, j.commitment, p.key, p.sealed)
                   FROM journal j JOIN payload p ON p.seq = j.seq WHERE j.seq = ?1";
        let mut statement = self.store.conn.prepare_cached(sql).map_err(in_act(ACT))?;
        for &seq in entries {
            let read = statement.query_row([seq.cast_signed()], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, Option<i64>>(1)?,
                    row.get::<_, i64>(2)?,
                    Value::of(row.get(3)?),
                ))
            });
            let (recorded, device, key, value) = read.map_err(in_act(ACT))?;
            let at: Vec<UtcMicros> = [Some(recorded), device].into_iter().flatten().map(UtcMicros).collect();
            let scope = scopes.get(&key.cast_unsigned()).map_or(&[][..], Vec::as_slice);
            let clients: Vec<&str> = scope.iter().map(String::as_str).collect();
            let body = value.into_body().unwrap_or_default();
            let text = String::from_utf8_lossy(&body);
            let keeps = asked.iter().any(|Asked { hold, texts }| {
                let person = hold.person.as_deref().filter(|_| texts.iter().any(|own| named(&text, own)));
                let camera = hold.camera.as_deref().filter(|camera| named(&text, camera));
                let (persons, cameras): (Vec<&str>, Vec<&str>) =
                    (person.into_iter().collect(), camera.into_iter().collect());
                hold.covers(&Subject { clients: &clients, at: &at, persons: &persons, cameras: &cameras })
            });
            if keeps {
                out.insert(seq);
            }
        }
        Ok(out)
    }

    /// The texts by which records name a person: id, cards, accounts, sessions.
    fn texts_of(&self, person: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT entry_id FROM register_entry
                   WHERE tbl IN ('credential', 'account')
                     AND (json_extract(body, '$.operator') = ?1 OR json_extract(body, '$.person') = ?1)
                   UNION SELECT w.text FROM session s JOIN word w ON w.id = s.session
                         JOIN word o ON o.id = s.operator WHERE o.text = ?1
                   UNION SELECT ?1";
        let mut statement = self.store.conn.prepare(sql).map_err(in_act(ACT))?;
        let rows = statement.query_map(params![person], |row| row.get(0)).map_err(in_act(ACT))?;
        rows.collect::<Result<_, _>>().map_err(in_act(ACT))
    }
}
