//! One transaction: everything that belongs together is kept together, or not at all.

use std::collections::BTreeMap;

use kukaku_core::{Fact, Names, Outage, Stay, Word};
use kukaku_ledger::{ClockState, Hash, Leaf, SALT_BYTES, commitment};
use kukaku_schema::UtcMicros;
use rusqlite::params;

use crate::bytes::append_fact;
use crate::changed::{Changed, ChangedKind};
use crate::error::{StoreError, in_act};
use crate::prepared::new_salt;
use crate::store::Store;
use crate::tree;
use crate::values::RecordClass;

/// The field name under which a value is committed to.
pub const PAYLOAD_FIELD: &str = "payload";

/// A journal entry to be appended.
#[derive(Debug, Clone, Copy)]
pub struct NewLeaf<'a> {
    /// What is recorded.
    pub kind: &'a str,
    /// Who said it; the empty text: kukaku itself.
    pub source: Word,
    /// The client it concerns; the empty text: the site.
    pub client: Word,
    /// The source's clock.
    pub device_time: Option<UtcMicros>,
    /// The value: canonical JSON.
    pub payload: &'a [u8],
}

/// A commitment that was made before, and its salt.
pub(crate) struct Committing<'a> {
    pub(crate) salt: &'a [u8; SALT_BYTES],
    pub(crate) commitment: Hash,
    /// Whose the value is beside the entry's client: the clients of the person it speaks of.
    pub(crate) entitled: &'a [Word],
}

/// What became of an arrival within a batch.
#[derive(Debug)]
pub enum Appended {
    /// It is new, and in the journal.
    New {
        /// Its journal entry.
        seq: u64,
        /// For the engine; none for what could not be understood.
        fact: Option<Fact>,
    },
    /// It was known.
    Duplicate {
        /// The journal entry of the first one.
        seq: u64,
    },
}

/// What a commit made durable.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// For those who show it live.
    pub changed: Changed,
    /// The instant of its entries.
    pub recorded_at: UtcMicros,
}

/// One transaction of the owner. Dropped without [`Batch::commit`], nothing of it stays.
pub struct Batch<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) recorded_at: UtcMicros,
    pub(crate) clock: ClockState,
    pub(crate) changed: Changed,
    /// Stays by person: from when on they are replaced, and by what. One write a person and batch.
    pub(crate) stays: BTreeMap<Word, (UtcMicros, Vec<Stay>)>,
    pub(crate) outages: BTreeMap<Word, Vec<Outage>>,
    /// The facts so far, as one row, with the entries of its first and last.
    facts: Vec<u8>,
    fact_entries: Option<(u64, u64)>,
    pub(crate) bytes: Vec<u8>,
    /// Whether the site is watched while this is recorded, and whether watching ends with it.
    pub(crate) watching: Option<bool>,
    pub(crate) touched: bool,
    open: bool,
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("recorded_at", &self.recorded_at).finish_non_exhaustive()
    }
}

impl<'a> Batch<'a> {
    pub(crate) fn begin(store: &'a mut Store, recorded_at: UtcMicros) -> Result<Self, StoreError> {
        const ACT: &str = "begin a transaction";
        if store.ahead {
            return Err(StoreError::Bug { act: ACT, detail: "the store was not reopened after an error".to_owned() });
        }
        store
            .conn
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut statement| statement.execute([]))
            .map_err(in_act(ACT))?;
        let recorded_at = recorded_at.max(store.head.recorded_at);
        Ok(Self {
            store,
            recorded_at,
            clock: ClockState::Unknown,
            changed: Changed::default(),
            stays: BTreeMap::new(),
            outages: BTreeMap::new(),
            facts: Vec::new(),
            fact_entries: None,
            bytes: Vec::with_capacity(64),
            watching: None,
            touched: false,
            open: true,
        })
    }

    /// States what is known of our own clock; unknown where it isn't called.
    pub fn set_clock(&mut self, clock: ClockState) {
        self.clock = clock;
    }

    /// States that the site is watched while this is recorded; `ending`: and from here on no
    /// more. Not called by commands that work on a store without watching.
    pub fn watching(&mut self, ending: bool) {
        self.watching = Some(ending);
    }

    /// The instant at which its entries are recorded.
    #[must_use]
    pub fn recorded_at(&self) -> UtcMicros {
        self.recorded_at
    }

    /// The connection, for reading what the batch holds so far.
    #[must_use]
    pub fn connection(&self) -> &rusqlite::Connection {
        &self.store.conn
    }

    /// How many journal entries each client has so far, by the number of its word.
    #[must_use]
    pub fn client_counts(&self) -> BTreeMap<Word, u64> {
        self.store.clients.iter().map(|(word, seen)| (*word, seen.leaves)).collect()
    }

    /// The number that the next journal entry will get.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.store.head.journal_size
    }

    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.touched && self.stays.is_empty() && self.outages.is_empty() && self.changed.is_empty()
    }

    /// Appends an entry with a salt of its own and returns its number.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn append(&mut self, leaf: NewLeaf<'_>, names: &Names) -> Result<u64, StoreError> {
        let salt = new_salt()?;
        let commitment = commitment(&salt, PAYLOAD_FIELD, leaf.payload);
        self.append_committed(leaf, &Committing { salt: &salt, commitment, entitled: &[] }, names)
    }

    pub(crate) fn append_committed(
        &mut self,
        new: NewLeaf<'_>,
        committing: &Committing<'_>,
        names: &Names,
    ) -> Result<u64, StoreError> {
        const ACT: &str = "append to the journal";
        self.touched = true;
        let seq = self.store.head.journal_size;
        let source = self.store.sources.entry(new.source).or_default();
        let client = self.store.clients.entry(new.client).or_default();
        let leaf = Leaf {
            seq,
            kind: new.kind.to_owned(),
            source: names.text(new.source).to_owned(),
            client: names.text(new.client).to_owned(),
            client_seq: client.leaves,
            source_seq: source.leaves,
            recorded_at_us: self.recorded_at.0,
            device_time_us: new.device_time.map(|at| at.0),
            clock: self.clock,
            commitment: committing.commitment,
        };
        let hash = leaf.hash().map_err(|error| StoreError::Bug { act: ACT, detail: error.to_string() })?;
        let conn = &self.store.conn;
        conn.prepare_cached(
            "INSERT INTO journal (seq, kind, source, client, client_seq, source_seq, recorded_at_us, device_time_us,
             clock, commitment, leaf_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                seq.cast_signed(),
                new.kind,
                new.source.0,
                new.client.0,
                client.leaves.cast_signed(),
                source.leaves.cast_signed(),
                self.recorded_at.0,
                leaf.device_time_us,
                clock_number(self.clock),
                committing.commitment.as_bytes(),
                hash.as_bytes(),
            ])
        })
        .map_err(in_act(ACT))?;
        let class = RecordClass::of_kind(new.kind);
        let own = [new.client];
        let entitled = if names.text(new.client).is_empty() { committing.entitled } else { &own };
        let (key, sealed) =
            self.store.sealing.seal(class, entitled, names, self.recorded_at, seq, committing, new.payload)?;
        conn.prepare_cached("INSERT INTO payload (seq, key, sealed) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute(params![seq.cast_signed(), key.cast_signed(), sealed]))
            .map_err(in_act(ACT))?;
        source.leaves += 1;
        source.dirty = true;
        client.leaves += 1;
        client.dirty = true;
        let mut kept = Ok(());
        self.store.frontier.push(hash, |id, hash| {
            if kept.is_ok() {
                kept = tree::keep_node(conn, id, &hash);
            }
        });
        kept?;
        self.store.head.journal_size += 1;
        Ok(seq)
    }

    /// Makes everything durable. `advanced_to` is the engine's `now`; `names` its texts.
    ///
    /// # Errors
    /// After an error it is unknown whether the batch was kept: open the store again and send
    /// everything again.
    pub fn commit(mut self, advanced_to: UtcMicros, names: &Names) -> Result<Committed, StoreError> {
        const ACT: &str = "commit";
        self.touched = true;
        self.flush_facts()?;
        self.flush_stays()?;
        self.flush_outages()?;
        self.flush_seen()?;
        self.flush_words(names)?;
        let head = &mut self.store.head;
        head.recorded_at = self.recorded_at;
        head.advanced_to = advanced_to.max(head.advanced_to);
        if let Some(ending) = self.watching {
            head.watched_to = Some(self.recorded_at);
            head.stopped = ending;
        }
        self.store
            .conn
            .prepare_cached(
                "UPDATE head SET journal_size = ?1, recorded_at_us = ?2, advanced_to_us = ?3, watched_to_us = ?4,
                 longest_stay_us = ?5, stopped = ?6, final_before_us = ?7",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    head.journal_size.cast_signed(),
                    head.recorded_at.0,
                    head.advanced_to.0,
                    head.watched_to.map(|at| at.0),
                    head.longest_stay.0,
                    head.stopped,
                    head.final_before.map(|at| at.0),
                ])
            })
            // If power fails before this line returns, the batch is kept or not; nobody was told.
            .and_then(|_| self.store.conn.prepare_cached("COMMIT"))
            .and_then(|mut statement| statement.execute([]))
            .map_err(in_act(ACT))?;
        self.open = false;
        self.store.words_kept = names.len();
        self.changed.journal_size = self.store.head.journal_size;
        Ok(Committed { changed: self.changed, recorded_at: self.recorded_at })
    }

    pub(crate) fn touched_by_erasing(&mut self) {
        self.touched = true;
    }

    pub(crate) fn note_fact(&mut self, fact: &Fact) {
        let (first, last) = self.fact_entries.unwrap_or((fact.entry, fact.entry));
        append_fact(&mut self.facts, last, fact, &mut self.bytes);
        self.fact_entries = Some((first, fact.entry));
    }

    fn flush_facts(&self) -> Result<(), StoreError> {
        let Some((first, _)) = self.fact_entries else { return Ok(()) };
        self.store
            .conn
            .prepare_cached("INSERT INTO fact (first, body) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![first.cast_signed(), self.facts]))
            .map(drop)
            .map_err(in_act("keep facts"))
    }

    fn flush_words(&self, names: &Names) -> Result<(), StoreError> {
        const ACT: &str = "keep new words";
        let mut statement =
            self.store.conn.prepare_cached("INSERT INTO word (id, text) VALUES (?1, ?2)").map_err(in_act(ACT))?;
        for (word, text) in names.since(self.store.words_kept) {
            statement.execute(params![word.0, text]).map_err(in_act(ACT))?;
        }
        Ok(())
    }

    fn flush_seen(&mut self) -> Result<(), StoreError> {
        const ACT: &str = "keep the cursors of sources";
        let Store { conn, sources, clients, .. } = &mut *self.store;
        for (word, seen) in sources.iter_mut().filter(|(_, seen)| seen.dirty) {
            seen.dirty = false;
            if seen.observations + seen.unreadable + seen.duplicates > 0 {
                self.changed.add(ChangedKind::Source);
            }
            conn.prepare_cached(
                "INSERT OR REPLACE INTO source_seen (source, leaves, observations, duplicates, unreadable, link, epoch,
                 number, device_time_us, first_at_us, last_at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    word.0,
                    seen.leaves.cast_signed(),
                    seen.observations.cast_signed(),
                    seen.duplicates.cast_signed(),
                    seen.unreadable.cast_signed(),
                    seen.link,
                    seen.epoch.map(|epoch| epoch.0),
                    seen.number.map(u64::cast_signed),
                    seen.device_time.map(|at| at.0),
                    seen.first_at.0,
                    seen.last_at.0,
                ])
            })
            .map_err(in_act(ACT))?;
        }
        for (word, seen) in clients.iter_mut().filter(|(_, seen)| seen.dirty) {
            seen.dirty = false;
            conn.prepare_cached("INSERT OR REPLACE INTO client_seen (client, leaves) VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute(params![word.0, seen.leaves.cast_signed()]))
                .map_err(in_act(ACT))?;
        }
        Ok(())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.open {
            self.store.ahead = self.touched;
            // A rollback that fails is one that SQLite has already made, or makes at reopening.
            let _ = self.store.conn.execute_batch("ROLLBACK");
        }
    }
}

pub(crate) fn clock_number(clock: ClockState) -> u8 {
    match clock {
        ClockState::Unknown => 0,
        ClockState::Synchronised => 1,
        ClockState::Unsynchronised => 2,
    }
}
