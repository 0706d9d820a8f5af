//! The engine over files: everything is there at once, and looked at once.
//!
//! Uses the same derivations as `engine::Engine` and nothing else; it only leaves out what makes
//! steps cheap. Built for a million readings and hundreds of thousands of sessions.

use std::collections::BTreeMap;

use kukaku_schema::registers::Registers;
use kukaku_schema::{Grade, Span, UtcMicros, Verdict};

use crate::effect::{Finding, FindingKey, SessionView, Stay};
use crate::fact::Fact;
use crate::judge::shared_accounts;
use crate::memory::{ReadingHead, SessionNotes, SignNote, StartNote};
use crate::names::{Names, Word};
use crate::session::sessions_of;
use crate::world::{World, unnumbered};

/// A reading of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileReading {
    /// What it has in common with others; see `Replay::head`.
    pub head: u32,
    /// The credential.
    pub credential: Word,
    /// When.
    pub at: UtcMicros,
    /// Its number in the order of the files.
    pub entry: u64,
    /// Its event id as a number, or what else orders it among readings of one instant.
    pub order: u64,
}

/// A session of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileSession {
    /// Who reported it.
    pub source: Word,
    /// Its id.
    pub id: Word,
    /// Account.
    pub account: Word,
    /// Terminal.
    pub terminal: Option<Word>,
    /// Target.
    pub target: Option<Word>,
    /// Stepping stone.
    pub via: Option<Word>,
    /// Its start.
    pub start: UtcMicros,
    /// Its end; none: still open.
    pub end: Option<UtcMicros>,
    /// Its number in the order of the files.
    pub entry: u64,
}

/// A session with its verdict.
#[derive(Debug)]
pub struct Sentence<'a> {
    /// The session.
    pub session: &'a SessionView,
    /// The verdict.
    pub verdict: Verdict,
    /// The grade that supports it.
    pub grade: Option<Grade>,
    /// Spans of known absence, up to what can be judged at `now`.
    pub absent: &'a [Span],
    /// Spans of unknown presence, likewise.
    pub unknown: &'a [Span],
}

/// A replay of files.
#[derive(Debug)]
pub struct Replay {
    world: World,
    sessions: Vec<FileSession>,
    last: UtcMicros,
    entries: u64,
}

impl Replay {
    /// A replay under `registers`; nothing that the files don't say is an outage.
    ///
    /// # Errors
    /// A sentence when the registers' time zone is unknown.
    pub fn new(registers: &Registers) -> Result<Self, String> {
        let world = World::new(registers, Names::new(), false)?;
        Ok(Self { world, sessions: Vec::new(), last: UtcMicros::MIN, entries: 0 })
    }

    /// The texts met.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.world.names
    }

    /// The texts met, to add to.
    pub fn names_mut(&mut self) -> &mut Names {
        &mut self.world.names
    }

    /// The number of what readings have in common.
    pub fn head(&mut self, source: Word, reader: Word, granted: bool, factors: &[Word]) -> u32 {
        self.world.memory.sources.or_insert_with(source, Default::default).readers.insert(reader);
        let factors = factors.iter().fold(0, |bits, f| bits | self.world.memory.factor_bit(*f));
        self.world.memory.head(ReadingHead { source, epoch: None, reader, granted, factors })
    }

    /// Takes a reading without a sequence number; the same one again is nothing.
    pub fn reading(&mut self, r: FileReading) {
        self.last = self.last.max(r.at);
        self.entries = self.entries.max(r.entry + 1);
        let new = self.world.memory.put_reading(r.credential, unnumbered(r.at, r.entry, r.order, r.head));
        let head = self.world.memory.heads[r.head as usize];
        if new && !head.granted {
            let denied = self.world.memory.denied.entry(head.reader).or_default();
            let item = (r.at, r.order, r.entry);
            if let Err(place) = denied.binary_search(&item) {
                denied.insert(place, item);
            }
        }
    }

    /// Takes a session.
    pub fn session(&mut self, session: FileSession) {
        self.last = self.last.max(session.start).max(session.end.unwrap_or(session.start));
        self.entries = self.entries.max(session.entry + 1);
        self.sessions.push(session);
    }

    /// Takes any other fact: door states, outages, musters.
    pub fn fact(&mut self, fact: &Fact) {
        self.last = self.last.max(fact.device_time);
        self.entries = self.entries.max(fact.entry + 1);
        let max_skew = self.world.model.policy(fact.device_time).max_skew;
        self.world.memory.add(fact, max_skew);
    }

    /// The last instant in the files plus the longest stay and the session time-out: by then
    /// everything is settled. Never the wall clock.
    #[must_use]
    pub fn settled_now(&self) -> UtcMicros {
        let policy = self.world.model.policy(self.last);
        let stay = self.world.model.longest_stay.max(policy.max_stay);
        self.last.plus(stay).plus(policy.session_timeout)
    }

    /// Looks at everything as of `now`.
    pub fn look(&mut self, now: UtcMicros) {
        self.world.now = now;
        self.world.look_at_all();
    }

    /// Judges every session, in the order of source and id (bytes), then start. `findings` asks
    /// for what is wrong with them too.
    pub fn judge(&mut self, mut each: impl FnMut(&Names, &Sentence<'_>), findings: Option<&mut Vec<Finding>>) {
        let world = &self.world;
        let court = world.court();
        let mut rows = std::mem::take(&mut self.sessions);
        sort_by_text(&mut rows, &world.names);
        let mut views: BTreeMap<Word, Vec<SessionView>> = BTreeMap::new();
        let mut found: Vec<Finding> = Vec::new();
        let with_findings = findings.is_some();
        let mut notes = SessionNotes::default();
        let mut index = 0;
        let mut judge_group = |key, notes: &SessionNotes, found: &mut Vec<Finding>| {
            for view in sessions_of(&world.model, key, notes, world.now).0 {
                let judged = court.judge(&view);
                let until = |spans: &[Span]| -> Vec<Span> {
                    spans.iter().map(|s| Span::new(s.start, s.end.min(judged.until.max(s.start)))).collect()
                };
                let (absent, unknown) = (until(&judged.absent), until(&judged.unknown));
                let sentence = Sentence {
                    session: &view,
                    verdict: judged.verdict,
                    grade: judged.grade,
                    absent: &absent,
                    unknown: &unknown,
                };
                each(&world.names, &sentence);
                if with_findings {
                    found.extend(judged.findings);
                    if let Some(account) = view.account {
                        views.entry(account).or_default().push(view);
                    }
                }
            }
        };
        while index < rows.len() {
            // A row pairs a start with its end: rows of one id with different starts are different sessions.
            let same = |r: &FileSession| (r.source, r.id, r.start);
            let of = same(&rows[index]);
            notes.starts.clear();
            notes.signs.clear();
            while index < rows.len() && same(&rows[index]) == of {
                add_notes(&rows[index], &mut notes);
                index += 1;
            }
            notes.starts.sort_unstable();
            notes.signs.sort_unstable();
            judge_group((of.0, None, of.1), &notes, &mut found);
        }
        for (key, notes) in &world.memory.sessions {
            judge_group(*key, notes, &mut found);
        }
        if let Some(findings) = findings {
            for list in views.values_mut() {
                found.extend(shared_in(&world.names, list));
            }
            findings.extend(found);
        }
    }

    /// Every stay, by person, then start.
    pub fn stays(&self) -> impl Iterator<Item = &Stay> {
        self.world.persons.iter().flat_map(|(_, w)| &w.stays)
    }

    /// What is wrong with sources, doors, cameras and movements, by key.
    #[must_use]
    pub fn findings(&mut self) -> BTreeMap<FindingKey, Finding> {
        let mut out = Vec::new();
        for source in self.world.memory.sources.words() {
            out.extend(self.world.look_at_source(source).1);
        }
        for door in self.world.model.doors.words() {
            out.extend(self.world.look_at_door(door).1);
        }
        for camera in self.world.model.cameras.words() {
            out.extend(self.world.look_at_camera(camera).1);
        }
        out.extend(self.world.persons.iter().flat_map(|(_, w)| &w.oddities).map(crate::place::Oddity::finding));
        out.into_iter().map(|f| (f.key.clone(), f)).collect()
    }
}

fn add_notes(row: &FileSession, notes: &mut SessionNotes) {
    notes.starts.push(StartNote {
        occ: row.start,
        order: row.entry,
        dev: row.start,
        entry: row.entry,
        account: row.account,
        terminal: row.terminal,
        target: row.target,
        via: row.via,
    });
    if let Some(end) = row.end {
        notes.signs.push(SignNote {
            // A row's end belongs to its start, whatever its clock said.
            occ: end.max(row.start),
            order: row.entry,
            ended: true,
            dev: end,
            entry: row.entry,
            account: None,
            terminal: None,
        });
    }
}

/// Sorts by the bytes of source and id, then start. Most ids differ in their first bytes.
fn sort_by_text(rows: &mut [FileSession], names: &Names) {
    let head = |word: Word| {
        let text = names.text(word).as_bytes();
        let mut head = [0_u8; 8];
        let len = text.len().min(8);
        head[..len].copy_from_slice(&text[..len]);
        u64::from_be_bytes(head)
    };
    let one_source = rows.windows(2).all(|p| p[0].source == p[1].source);
    rows.sort_by_cached_key(|r| {
        let source = if one_source { None } else { Some(names.text(r.source).to_owned()) };
        let long = names.text(r.id).len() > 8;
        let rest = if long { names.text(r.id)[..].as_bytes().to_vec() } else { Vec::new() };
        (source, head(r.id), rest, names.text(r.id).len(), r.start, r.entry)
    });
}

/// The pairs of one account's sessions that overlap at two terminals.
fn shared_in(names: &Names, list: &mut [SessionView]) -> Vec<Finding> {
    list.sort_by_key(|s| (s.key.start, names.text(s.key.source).to_owned(), names.text(s.key.id).to_owned()));
    let mut out = Vec::new();
    let mut open: Vec<&SessionView> = Vec::new();
    for session in list.iter() {
        open.retain(|o| o.end_at() > session.key.start);
        out.extend(shared_accounts(names, session, &open));
        open.push(session);
    }
    out
}
