//! The engine's effects into projections, journal and outbox.

use kukaku_core::{
    Cause, Effect, Finding, FindingChange, FindingKey, Names, Outage, Revision, SessionEnd, SessionKey, SessionView,
    Stay, Word,
};
use kukaku_schema::{Severity, UtcMicros};
use rusqlite::{OptionalExtension, params};

use crate::batch::{Batch, NewLeaf};
use crate::bodies;
use crate::bytes::{read_finding, write_finding};
use crate::changed::ChangedKind;
use crate::error::{StoreError, in_act};
use crate::parts::{self, keep as keep_parts};

/// A change of a finding, for whoever decides which channels hear of it.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// The finding: as it is now, or as it was before it was resolved.
    pub finding: &'a Finding,
    /// `opened`, `changed`, `resolved`.
    pub change: &'static str,
    /// When it changed.
    pub at: UtcMicros,
    /// The client it concerns; none: the site.
    pub client: Option<&'a str>,
    /// The texts of its words.
    pub names: &'a Names,
}

impl Notice<'_> {
    /// How grave it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.finding.severity
    }
}

/// Decides which channels hear of a change.
pub type Route<'a> = &'a dyn Fn(&Notice<'_>) -> Vec<String>;

impl Batch<'_> {
    /// Writes what a step of the engine changed. Revisions and changes of findings become
    /// journal entries; each change of a finding goes into the outbox once for every channel
    /// that `route` names.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn effects(&mut self, effects: Vec<Effect>, names: &mut Names, route: Route<'_>) -> Result<(), StoreError> {
        // Of what is final nothing changes any more: the engine no longer has all of its inputs.
        let final_before = self.store.head.final_before.unwrap_or(UtcMicros::MIN);
        for effect in effects {
            match effect {
                Effect::Session(view) if view.key.start < final_before => {}
                Effect::SessionGone(key) if key.start < final_before => {}
                Effect::Revision(revision) if revision.session.start < final_before => {}
                Effect::Finding { ref change, .. } if change.key().at < final_before => {}
                Effect::Stays { person, from, stays } => self.note_stays(person, from, stays),
                Effect::Outages { door, outages } => {
                    self.changed.add(ChangedKind::Door);
                    self.outages.insert(door, outages);
                }
                Effect::Session(view) => {
                    self.session(&view)?;
                    self.queue_notices(&view, names)?;
                }
                Effect::SessionGone(key) => self.session_gone(key)?,
                Effect::Revision(revision) => self.revision(&revision, names)?,
                Effect::Finding { at, cause, change } => self.finding(at, cause, &change, names, route)?,
            }
        }
        Ok(())
    }

    /// Later effects of a batch replace earlier ones before anything is written.
    fn note_stays(&mut self, person: Word, from: UtcMicros, mut stays: Vec<Stay>) {
        self.changed.add(ChangedKind::Stay);
        let from = from.max(self.store.head.final_before.unwrap_or(UtcMicros::MIN));
        stays.retain(|stay| stay.span.start >= from);
        let (first, kept) = self.stays.entry(person).or_insert_with(|| (from, Vec::new()));
        *first = from.min(*first);
        kept.retain(|stay| stay.span.start < from);
        kept.extend(stays);
    }

    pub(crate) fn flush_stays(&mut self) -> Result<(), StoreError> {
        let store = &mut *self.store;
        for (person, (from, stays)) in std::mem::take(&mut self.stays) {
            store.stays.replace(&store.conn, &mut store.head.longest_stay, person, from, stays)?;
        }
        Ok(())
    }

    pub(crate) fn flush_outages(&mut self) -> Result<(), StoreError> {
        const ACT: &str = "keep outages";
        let conn = &self.store.conn;
        let final_before = self.store.head.final_before.unwrap_or(UtcMicros::MIN);
        for (door, outages) in std::mem::take(&mut self.outages) {
            conn.prepare_cached("DELETE FROM outage WHERE door = ?1 AND end_us > ?2")
                .and_then(|mut statement| statement.execute(params![door.0, final_before.0]))
                .map_err(in_act(ACT))?;
            let mut insert = conn
                .prepare_cached("INSERT INTO outage (door, start_us, cause, end_us) VALUES (?1, ?2, ?3, ?4)")
                .map_err(in_act(ACT))?;
            for Outage { span, cause, .. } in outages.into_iter().filter(|outage| outage.span.end > final_before) {
                insert.execute(params![door.0, span.start.0, cause.word(), span.end.0]).map_err(in_act(ACT))?;
            }
        }
        Ok(())
    }

    pub(crate) fn session(&mut self, view: &SessionView) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Session);
        let (ended, end) = end_columns(view.end);
        let proofs: Vec<u8> = view.proofs.iter().flat_map(|proof| proof.to_be_bytes()).collect();
        let number = |word: Option<Word>| word.map(|word| word.0);
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO session (source, epoch, session, start_us, start_unknown, ended, end_us, last_sign_us,
                 account, terminal, target, via, operator, client, zone, proofs, address, inner_address, factors)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
                 ON CONFLICT (source, epoch, session, start_us) WHERE gone = 0 DO UPDATE SET start_unknown = excluded.start_unknown,
                 ended = excluded.ended, end_us = excluded.end_us, last_sign_us = excluded.last_sign_us,
                 account = excluded.account, terminal = excluded.terminal, target = excluded.target,
                 via = excluded.via, operator = excluded.operator, client = excluded.client, zone = excluded.zone,
                 proofs = excluded.proofs, address = excluded.address, inner_address = excluded.inner_address,
                 factors = excluded.factors RETURNING id",
            )
            .and_then(|mut statement| {
                let values = params![
                    view.key.source.0,
                    epoch_number(view.key),
                    view.key.id.0,
                    view.key.start.0,
                    view.start_unknown,
                    ended,
                    end.0,
                    view.last_sign.0,
                    number(view.account),
                    number(view.terminal),
                    number(view.target),
                    number(view.via),
                    number(view.operator),
                    number(view.client),
                    number(view.zone),
                    proofs,
                    number(view.address),
                    number(view.inner_address),
                    view.factors,
                ];
                statement.query_row(values, |row| row.get::<_, i64>(0))
            })
            .and_then(|id| keep_parts(&self.store.conn, id, view))
            .map_err(in_act("keep a session"))
    }

    pub(crate) fn session_gone(&mut self, key: SessionKey) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Session);
        self.store
            .conn
            .prepare_cached(
                "UPDATE session SET gone = 1
                 WHERE source = ?1 AND epoch = ?2 AND session = ?3 AND start_us = ?4 AND gone = 0 RETURNING id",
            )
            .and_then(|mut statement| {
                let values = params![key.source.0, epoch_number(key), key.id.0, key.start.0];
                statement.query_row(values, |row| row.get::<_, i64>(0)).optional()
            })
            .and_then(|id| id.map_or(Ok(()), |id| parts::forget(&self.store.conn, id)))
            .map_err(in_act("note that a session is none of its own"))
    }

    fn revision(&mut self, revision: &Revision, names: &mut Names) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Session);
        let key = revision.session;
        let conn = &self.store.conn;
        let (id, client): (i64, Option<u32>) = conn
            .prepare_cached(
                "SELECT id, client FROM session
                 WHERE source = ?1 AND epoch = ?2 AND session = ?3 AND start_us = ?4 AND gone = 0",
            )
            .and_then(|mut statement| {
                statement.query_row(params![key.source.0, epoch_number(key), key.id.0, key.start.0], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
            })
            .map_err(in_act("find the session of a verdict"))?;
        let body = bodies::revision(revision, names);
        let source = names.intern("");
        let client = client.map_or(source, Word);
        let leaf = NewLeaf { kind: "revision", source, client, device_time: None, payload: &body };
        let seq = self.append(leaf, names)?;
        self.keep_revision(id, revision, seq)
    }

    /// Lists a revision of the session in row `id` whose journal entry is `seq`.
    pub(crate) fn keep_revision(&mut self, id: i64, revision: &Revision, seq: u64) -> Result<(), StoreError> {
        const ACT: &str = "keep a verdict";
        let (cause, cause_seq) = cause_columns(revision.cause);
        let grade = revision.grade.map(kukaku_schema::Grade::word);
        let conn = &self.store.conn;
        conn.prepare_cached(
            "INSERT INTO revision (session, number, at_us, verdict, grade, absent, unknown, cause, cause_seq, journal_seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                id,
                revision.number,
                revision.at.0,
                revision.verdict.word(),
                grade,
                span_bytes(&revision.absent),
                span_bytes(&revision.unknown),
                cause,
                cause_seq,
                seq.cast_signed(),
            ])
        })
        .and_then(|_| {
            conn.prepare_cached(
                "UPDATE session SET revision = ?2, verdict = ?3, grade = ?4, judged_at_us = ?5 WHERE id = ?1",
            )
        })
        .and_then(|mut statement| {
            statement.execute(params![id, revision.number, revision.verdict.word(), grade, revision.at.0])
        })
        .map(drop)
        .map_err(in_act(ACT))
    }

    fn finding(
        &mut self,
        at: UtcMicros,
        cause: Cause,
        change: &FindingChange,
        names: &mut Names,
        route: Route<'_>,
    ) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Finding);
        let (word, key) = match change {
            FindingChange::Opened(finding) => ("opened", &finding.key),
            FindingChange::Changed(finding) => ("changed", &finding.key),
            FindingChange::Resolved(key) => ("resolved", key),
        };
        let text = key.text(names);
        let known = self.known_finding(&text)?;
        let stored;
        let finding = match (change, &known) {
            (FindingChange::Opened(finding) | FindingChange::Changed(finding), _) => finding,
            (FindingChange::Resolved(key), Some(known)) => {
                stored = known.finding(key)?;
                &stored
            }
            (FindingChange::Resolved(_), None) => {
                return Err(StoreError::corrupt("resolve a finding", format!("finding {text} was never opened")));
            }
        };
        let body = bodies::finding(word, &text, finding, at, cause, names);
        let source = names.intern("");
        let client = finding.client.unwrap_or(source);
        let leaf = NewLeaf { kind: "finding", source, client, device_time: None, payload: &body };
        let seq = self.append(leaf, names)?;
        let (id, revision) = self.keep_change(&KeptChange { text: &text, word, at, cause, seq }, finding, names)?;
        let notice = Notice { finding, change: word, at, client: finding.client.map(|word| names.text(word)), names };
        let body = String::from_utf8(body).expect("JSON is UTF-8");
        for channel in route(&notice) {
            self.changed.add(ChangedKind::Outbox);
            self.queue(id, revision, &channel, &body)?;
        }
        Ok(())
    }

    /// Lists a change of a finding; returns the finding's row and how many changes it has seen.
    pub(crate) fn keep_change(
        &mut self,
        change: &KeptChange<'_>,
        finding: &Finding,
        names: &Names,
    ) -> Result<(i64, u32), StoreError> {
        let known = self.known_finding(change.text)?;
        let revision = known.as_ref().map_or(1, |known| known.revision + 1);
        let KeptChange { text, word, at, cause, seq } = *change;
        let row = FindingRow { known: known.map(|known| known.id), text, word, at, seq, revision };
        let id = self.keep_finding(&row, finding)?;
        if word != "resolved" {
            self.keep_subjects(id, finding, names)?;
        }
        self.keep_finding_event(id, &row, finding, cause)?;
        Ok((id, revision))
    }

    fn known_finding(&self, key: &str) -> Result<Option<KnownFinding>, StoreError> {
        self.store
            .conn
            .prepare_cached("SELECT id, revision, body FROM finding WHERE key = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([key], |row| {
                        Ok(KnownFinding { id: row.get(0)?, revision: row.get(1)?, body: row.get(2)? })
                    })
                    .optional()
            })
            .map_err(in_act("look up a finding"))
    }

    fn keep_finding(&mut self, row: &FindingRow<'_>, finding: &Finding) -> Result<i64, StoreError> {
        const ACT: &str = "keep a finding";
        let resolved_at = (row.word == "resolved").then_some(row.at.0);
        let conn = &self.store.conn;
        match row.known {
            Some(id) => conn
                .prepare_cached(
                    "UPDATE finding SET severity = ?2, start_us = ?3, end_us = ?4, client = ?5, changed_at_us = ?6,
                     resolved_at_us = ?7, revision = ?8, journal_seq = ?9, body = ?10 WHERE id = ?1",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        id,
                        finding.severity.word(),
                        finding.span.start.0,
                        finding.span.end.0,
                        finding.client.map(|client| client.0),
                        row.at.0,
                        resolved_at,
                        row.revision,
                        row.seq.cast_signed(),
                        write_finding(finding),
                    ])
                })
                .map(|_| id)
                .map_err(in_act(ACT)),
            None => conn
                .prepare_cached(
                    "INSERT INTO finding (key, kind, severity, at_us, start_us, end_us, client, opened_at_us,
                     changed_at_us, revision, journal_seq, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11)",
                )
                .and_then(|mut statement| {
                    statement.insert(params![
                        row.text,
                        finding.key.kind.word(),
                        finding.severity.word(),
                        finding.key.at.0,
                        finding.span.start.0,
                        finding.span.end.0,
                        finding.client.map(|client| client.0),
                        row.at.0,
                        row.revision,
                        row.seq.cast_signed(),
                        write_finding(finding),
                    ])
                })
                .map_err(in_act(ACT)),
        }
    }

    fn keep_subjects(&mut self, id: i64, finding: &Finding, names: &Names) -> Result<(), StoreError> {
        const ACT: &str = "keep what a finding names";
        let conn = &self.store.conn;
        conn.prepare_cached("DELETE FROM finding_subject WHERE finding = ?1")
            .and_then(|mut statement| statement.execute([id]))
            .map_err(in_act(ACT))?;
        let mut insert = conn
            .prepare_cached(
                "INSERT INTO finding_subject (sort, value, finding, place) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )
            .map_err(in_act(ACT))?;
        for (place, subject) in finding.subjects.iter().enumerate() {
            insert.execute(params![subject.sort(), subject.value(names), id, place as i64]).map_err(in_act(ACT))?;
        }
        Ok(())
    }

    fn keep_finding_event(
        &mut self,
        id: i64,
        row: &FindingRow<'_>,
        finding: &Finding,
        cause: Cause,
    ) -> Result<(), StoreError> {
        let (cause, cause_seq) = cause_columns(cause);
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO finding_event (finding, revision, change, at_us, severity, cause, cause_seq, journal_seq)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    id,
                    row.revision,
                    row.word,
                    row.at.0,
                    finding.severity.word(),
                    cause,
                    cause_seq,
                    row.seq.cast_signed(),
                ])
            })
            .map(drop)
            .map_err(in_act("keep the history of a finding"))
    }
}

/// A change of a finding that stands in the journal.
pub(crate) struct KeptChange<'a> {
    /// The finding's key as text.
    pub(crate) text: &'a str,
    /// `opened`, `changed`, `resolved`.
    pub(crate) word: &'static str,
    /// When.
    pub(crate) at: UtcMicros,
    /// What brought it.
    pub(crate) cause: Cause,
    /// Its journal entry.
    pub(crate) seq: u64,
}

/// A finding that the store knows.
struct KnownFinding {
    id: i64,
    revision: u32,
    body: Vec<u8>,
}

impl KnownFinding {
    fn finding(&self, key: &FindingKey) -> Result<Finding, StoreError> {
        const ACT: &str = "read a finding";
        let finding = read_finding(&self.body).map_err(|fault| StoreError::corrupt(ACT, fault))?;
        if finding.key != *key {
            return Err(StoreError::corrupt(ACT, "a finding is kept under another's key"));
        }
        Ok(finding)
    }
}

/// What is written of a change of a finding beside the finding itself.
struct FindingRow<'a> {
    known: Option<i64>,
    text: &'a str,
    word: &'static str,
    at: UtcMicros,
    seq: u64,
    revision: u32,
}

pub(crate) fn epoch_number(key: SessionKey) -> i64 {
    key.epoch.map_or(-1, |epoch| i64::from(epoch.0))
}

fn cause_columns(cause: Cause) -> (&'static str, Option<i64>) {
    match cause {
        Cause::Observation(seq) => ("observation", Some(seq.cast_signed())),
        Cause::Registers(seq) => ("registers", Some(seq.cast_signed())),
        Cause::Time => ("time", None),
    }
}

/// Spans as they are kept: start and end, eight bytes each, big-endian.
fn span_bytes(spans: &[kukaku_schema::Span]) -> Vec<u8> {
    spans.iter().flat_map(|span| [span.start.0.to_be_bytes(), span.end.0.to_be_bytes()]).flatten().collect()
}

/// How something ended, as columns: the word, and the end.
pub(crate) fn end_columns(end: SessionEnd) -> (&'static str, UtcMicros) {
    match end {
        SessionEnd::Open => ("open", UtcMicros::MAX),
        SessionEnd::Ended(at) => ("ended", at),
        SessionEnd::Presumed(at) => ("presumed", at),
    }
}
