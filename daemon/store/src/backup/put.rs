//! An entry as it lies in a backup, put back: leaf and sealed value verbatim.

use kukaku_core::{Names, Word};
use kukaku_ledger::{Hash, Leaf, commitment};
use rusqlite::params;

use crate::batch::{Batch, PAYLOAD_FIELD, clock_number};
use crate::error::{StoreError, in_act};
use crate::tree;
use crate::values::Value;

const ACT: &str = "put an entry of a backup back";

impl Batch<'_> {
    /// Puts an entry back; returns its source, its client, and its value where that can be opened.
    pub(super) fn put(
        &mut self,
        leaf: &Leaf,
        sealed: Option<&(u64, Vec<u8>)>,
        names: &mut Names,
    ) -> Result<(Word, Word, Option<Vec<u8>>), StoreError> {
        let seq = leaf.seq;
        let wrong = |what: &str| StoreError::corrupt(ACT, format!("entry {seq}: {what}"));
        self.touched = true;
        self.recorded_at = kukaku_schema::UtcMicros(leaf.recorded_at_us);
        let (source, client) = (names.intern(&leaf.source), names.intern(&leaf.client));
        let of_source = self.store.sources.entry(source).or_default();
        let of_client = self.store.clients.entry(client).or_default();
        if (leaf.seq, leaf.source_seq, leaf.client_seq)
            != (self.store.head.journal_size, of_source.leaves, of_client.leaves)
        {
            return Err(wrong("its numbers do not follow those before it"));
        }
        let hash = leaf.hash().map_err(|error| wrong(&error.to_string()))?;
        let conn = &self.store.conn;
        conn.prepare_cached(
            "INSERT INTO journal (seq, kind, source, client, client_seq, source_seq, recorded_at_us, device_time_us,
             clock, commitment, leaf_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                seq.cast_signed(),
                leaf.kind,
                source.0,
                client.0,
                leaf.client_seq.cast_signed(),
                leaf.source_seq.cast_signed(),
                leaf.recorded_at_us,
                leaf.device_time_us,
                clock_number(leaf.clock),
                leaf.commitment.as_bytes(),
                hash.as_bytes(),
            ])
        })
        .map_err(in_act(ACT))?;
        of_source.leaves += 1;
        of_source.dirty = true;
        of_client.leaves += 1;
        of_client.dirty = true;
        self.grow(hash)?;
        let body = match sealed {
            None => None,
            Some((key, sealed)) => self.put_value(leaf, *key, sealed)?,
        };
        Ok((source, client, body))
    }

    fn grow(&mut self, hash: Hash) -> Result<(), StoreError> {
        let conn = &self.store.conn;
        let mut kept = Ok(());
        self.store.frontier.push(hash, |id, hash| {
            if kept.is_ok() {
                kept = tree::keep_node(conn, id, &hash);
            }
        });
        kept?;
        self.store.head.journal_size += 1;
        Ok(())
    }

    /// A value whose key was destroyed is left out: nobody will ever read it.
    fn put_value(&mut self, leaf: &Leaf, key: u64, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let seq = leaf.seq.cast_signed();
        let conn = &self.store.conn;
        let opened = conn
            .prepare_cached("SELECT unseal(?1, ?2, ?3, ?4)")
            .and_then(|mut statement| {
                let values = params![seq, leaf.commitment.as_bytes(), key.cast_signed(), sealed];
                statement.query_row(values, |row| row.get(0))
            })
            .map_err(in_act(ACT))?;
        let (salt, body) = match Value::of(opened) {
            Value::Gone => return Ok(None),
            Value::Forged => {
                return Err(StoreError::corrupt(ACT, format!("the value of entry {seq} was never sealed for it")));
            }
            Value::Open { salt, body } => (salt, body),
        };
        if commitment(&salt, PAYLOAD_FIELD, &body) != leaf.commitment {
            return Err(StoreError::corrupt(ACT, format!("the value of entry {seq} is not the one that was recorded")));
        }
        conn.prepare_cached("INSERT INTO payload (seq, key, sealed) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute(params![seq, key.cast_signed(), sealed]))
            .map_err(in_act(ACT))?;
        Ok(Some(body))
    }
}
