//! What was derived of an entry, derived again from its value.

use kukaku_core::{Fact, Names, Revision, SessionEnd, SessionView, Word};
use kukaku_ledger::Leaf;
use kukaku_schema::observation::content_hash;
use kukaku_schema::{Kind, Observation, Span, UtcMicros};
use rusqlite::{OptionalExtension as _, params};

use super::said::{self, Fault};
use crate::batch::Batch;
use crate::directory::Directory;
use crate::effects::{KeptChange, epoch_number};
use crate::error::{StoreError, in_act};
use crate::holds::{HoldRelease, NewHold, number_of};
use crate::identity;
use crate::registers::Actors;

const ACT: &str = "derive from a value of a backup";

/// What stands for a link that nobody remembers.
const NO_LINK: &str = "";

/// What is needed from entry to entry.
#[derive(Debug)]
pub(super) struct Deriving {
    pub(super) names: Names,
    pub(super) directory: Option<Directory>,
    /// Entries whose value can't be opened, in order.
    pub(super) gone: Vec<u64>,
}

impl Batch<'_> {
    /// Puts an entry back and derives what its value tells.
    pub(super) fn put_and_derive(
        &mut self,
        leaf: &Leaf,
        sealed: Option<&(u64, Vec<u8>)>,
        deriving: &mut Deriving,
    ) -> Result<(), StoreError> {
        let (source, client, body) = self.put(leaf, sealed, &mut deriving.names)?;
        match leaf.kind.as_str() {
            "start" | "liveness" => self.watching = Some(false),
            "stop" => self.watching = Some(true),
            _ => {}
        }
        let Some(body) = body else {
            deriving.gone.push(leaf.seq);
            self.count_unsaid(leaf, source);
            return Ok(());
        };
        let wrong = |fault: Fault| StoreError::corrupt(ACT, format!("entry {}: {fault}", leaf.seq));
        let (seq, names) = (leaf.seq, &mut deriving.names);
        match leaf.kind.as_str() {
            "unreadable" => self.derive_unreadable(seq, source, &body, wrong),
            "register" => {
                let said = said::register(&body).map_err(wrong)?;
                let by =
                    Actors { actor: &said.actor, confirmed_by: said.confirmed_by.as_deref(), reason: &said.reason };
                let registers = self.keep_register_change(&said.diff, &by, seq, names)?;
                deriving.directory = Some(Directory::new(&registers, names));
                Ok(())
            }
            "revision" => {
                let revision = said::revision(&body, names).map_err(wrong)?;
                let client = (!leaf.client.is_empty()).then_some(client);
                self.derive_revision(&revision, client, seq)
            }
            "finding" => {
                let said = said::finding(&body, names).map_err(wrong)?;
                let change = KeptChange { text: &said.text, word: said.word, at: said.at, cause: said.cause, seq };
                self.keep_change(&change, &said.finding, names).map(drop)
            }
            "hold.placed" | "hold.released" => self.derive_hold(leaf, &body, wrong),
            "account.event" => {
                let said = said::read(&body).map_err(wrong)?;
                self.keep_account_event(&said, seq)
            }
            "finding.acted" => {
                let said = said::read(&body).map_err(wrong)?;
                self.keep_finding_act(&said, seq)
            }
            "look" => {
                let said = said::read(&body).map_err(wrong)?;
                self.keep_look(&said, seq)
            }
            "erased" => {
                let said: said::ErasedSaid = said::read(&body).map_err(wrong)?;
                said.ranges.iter().try_for_each(|range| self.note_erased(*range, seq))
            }
            kind if Kind::ALL.iter().any(|known| known.word() == kind) => {
                let observation: Observation = said::read(&body).map_err(wrong)?;
                let Some(directory) = &deriving.directory else {
                    return Err(wrong("an observation from before the first registers".to_owned()));
                };
                let mut key = Vec::new();
                let source = identity::of_observation(&mut key, &observation, names);
                let content = content_hash(&body);
                self.identify(&key, &content, seq)?;
                let fact = Fact::of(&observation, seq, self.recorded_at, &content, names);
                self.keep_observation(&observation, &fact, source, NO_LINK, directory, names)
            }
            _ => Ok(()),
        }
    }

    /// What a source said is counted though nobody can read it any more.
    fn count_unsaid(&mut self, leaf: &Leaf, source: Word) {
        if leaf.kind == "unreadable" {
            self.seen(source, NO_LINK).unreadable += 1;
        } else if Kind::ALL.iter().any(|known| known.word() == leaf.kind) {
            let seen = self.seen(source, NO_LINK);
            seen.observations += 1;
            seen.device_time = seen.device_time.max(leaf.device_time_us.map(UtcMicros));
        }
    }

    fn identify(&self, key: &[u8], content: &[u8; 32], seq: u64) -> Result<(), StoreError> {
        self.store
            .conn
            .prepare_cached("INSERT INTO identity (key, content, entry) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .and_then(|mut statement| statement.execute(params![key, content, seq.cast_signed()]))
            .map(drop)
            .map_err(in_act(ACT))
    }

    fn derive_unreadable(
        &mut self,
        seq: u64,
        source: Word,
        body: &[u8],
        wrong: impl Fn(Fault) -> StoreError,
    ) -> Result<(), StoreError> {
        let said: said::UnreadableSaid = said::read(body).map_err(&wrong)?;
        let content: Option<[u8; 32]> = crate::erase::unhex(&said.sha256).and_then(|bytes| bytes.try_into().ok());
        let content = content.ok_or_else(|| wrong("its SHA-256 is none".to_owned()))?;
        let mut key = Vec::new();
        identity::of_unreadable(&mut key, source);
        self.identify(&key, &content, seq)?;
        self.keep_unreadable(seq, source, &said.link, &said.reason, said.length)
    }

    /// Only its key is known of the session here; the engine tells the rest afterwards, unless the
    /// session turned out to be none of its own.
    fn derive_revision(&mut self, revision: &Revision, client: Option<Word>, seq: u64) -> Result<(), StoreError> {
        let mut row = self.session_row(revision)?;
        if revision.number == 1 && row.is_some_and(|(_, number)| number > 0) {
            self.session_gone(revision.session)?;
            row = None;
        }
        let id = if let Some((id, _)) = row {
            id
        } else {
            let start = revision.session.start;
            self.session(&SessionView {
                key: revision.session,
                start_unknown: false,
                end: SessionEnd::Presumed(start),
                last_sign: start,
                account: None,
                terminal: None,
                target: None,
                via: None,
                address: None,
                inner_address: None,
                factors: 0,
                operator: None,
                client,
                zone: None,
                proofs: Vec::new(),
                parts: Vec::new(),
            })?;
            let missing = || StoreError::corrupt(ACT, "a session that was just kept is missing");
            self.session_row(revision)?.ok_or_else(missing)?.0
        };
        self.keep_revision(id, revision, seq)
    }

    fn session_row(&self, revision: &Revision) -> Result<Option<(i64, u32)>, StoreError> {
        let key = revision.session;
        self.store
            .conn
            .prepare_cached(
                "SELECT id, revision FROM session
                 WHERE source = ?1 AND epoch = ?2 AND session = ?3 AND start_us = ?4 AND gone = 0",
            )
            .and_then(|mut statement| {
                let values = params![key.source.0, epoch_number(key), key.id.0, key.start.0];
                statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(in_act(ACT))
    }

    fn derive_hold(&mut self, leaf: &Leaf, body: &[u8], wrong: impl Fn(Fault) -> StoreError) -> Result<(), StoreError> {
        let number = |id: &str| number_of(id).ok_or_else(|| wrong(format!("{id:?} is no hold")));
        if leaf.kind == "hold.placed" {
            let said: said::HoldSaid = said::read(body).map_err(&wrong)?;
            let period = Span::new(said.from.unwrap_or(UtcMicros::MIN), said.to.unwrap_or(UtcMicros::MAX));
            let hold = NewHold {
                client: said.client,
                period,
                person: said.person,
                camera: said.camera,
                reason: said.reason,
                by: said.by,
            };
            return self.keep_hold(number(&said.id)?, &hold, leaf.seq);
        }
        let said: said::ReleaseSaid = said::read(body).map_err(&wrong)?;
        let number = number(&said.id)?;
        let release = HoldRelease { id: said.id, reason: said.reason, by: said.by, confirmed_by: said.confirmed_by };
        self.keep_release(number, &release, leaf.seq)
    }

    /// Says where the value of a range of entries went.
    pub(super) fn note_erased(&self, (first, last): (u64, u64), entry: u64) -> Result<(), StoreError> {
        self.store
            .conn
            .prepare_cached("INSERT INTO erased (first, last, entry) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .and_then(|mut s| s.execute(params![first.cast_signed(), last.cast_signed(), entry.cast_signed()]))
            .map(drop)
            .map_err(in_act(ACT))
    }
}
