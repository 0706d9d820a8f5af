//! The journal replayed: a new engine, told everything in the journal's own order, must say the
//! same again, byte for byte.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use kukaku_core::engine::{Engine, Input, Mode};
use kukaku_core::{Effect, Finding, FindingChange, FindingKey, Names};
use kukaku_schema::UtcMicros;
use kukaku_store::{Connection, JournalLine, StoreError, finding_body, journal_lines, read_only, revision_body};

use super::error::WriterError;

/// How often progress is told, in journal lines.
const TELL_EVERY: u64 = 4096;

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayReport {
    /// Observations and register changes that the engine was told.
    pub told: u64,
    /// Revisions and changes of findings that were compared.
    pub compared: u64,
    /// The first difference; none: the same, byte for byte.
    pub difference: Option<String>,
}

/// Replays the journal of the store at `path`, which may be in use. `progress` is told how many
/// entries of how many are done.
///
/// # Errors
/// The store can't be read; a difference is no error.
pub fn replay_store(path: &Path, mut progress: impl FnMut(u64, u64)) -> Result<ReplayReport, WriterError> {
    let conn = read_only(path)?;
    // One view of the store, however long it takes and whatever is appended meanwhile.
    let view = conn
        .unchecked_transaction()
        .map_err(|error| StoreError::Unavailable { act: "begin to read the store", detail: error.to_string() })?;
    let head = kukaku_store::head(&view)?;
    let mut replay = Replay {
        names: Some(kukaku_store::names(&view)?),
        engine: None,
        findings: BTreeMap::new(),
        said: VecDeque::new(),
        kept: VecDeque::new(),
        report: ReplayReport { told: 0, compared: 0, difference: None },
        erasure: kukaku_store::last_erasure(&view)?,
        final_before: head.final_before.unwrap_or(UtcMicros::MIN),
    };
    let mut lines = 0_u64;
    journal_lines(&view, |line| {
        lines += 1;
        if lines.is_multiple_of(TELL_EVERY) {
            progress(line.entry(), head.journal_size);
        }
        if replay.report.difference.is_some() { Ok(()) } else { replay.line(line) }
    })?;
    if let Some((_, at)) = replay.erasure {
        replay.pass_erasure(at);
    }
    if let Some(engine) = &mut replay.engine {
        let effects = engine.step(head.advanced_to, Input::Time);
        replay.take(effects);
    }
    replay.leftovers();
    replay.stays(&view)?;
    replay.state(&view)?;
    progress(head.journal_size, head.journal_size);
    Ok(replay.report)
}

struct Replay {
    names: Option<Names>,
    engine: Option<Engine>,
    /// The findings that hold: a resolved one is told as it was before.
    findings: BTreeMap<FindingKey, Finding>,
    /// What the engine says now, and what the journal kept, not yet compared. A deadline that
    /// was kept before the next observation is said again only with that observation, so either
    /// may be ahead.
    said: VecDeque<Vec<u8>>,
    kept: VecDeque<(u64, Vec<u8>)>,
    report: ReplayReport,
    /// The last entry that erased values, until the replay has come to it. What was said before
    /// rests on what is gone, so nothing is compared yet.
    erasure: Option<(u64, UtcMicros)>,
    /// What is said of before it is final, and is not said again.
    final_before: UtcMicros,
}

impl Replay {
    fn line(&mut self, line: JournalLine) -> Result<(), WriterError> {
        // What the engine said when it was built anew after it can't be said again either.
        let of_building = |at: UtcMicros| matches!(line, JournalLine::Effect { recorded_at, .. } if recorded_at <= at);
        if let Some((_, at)) = self.erasure.filter(|(entry, at)| line.entry() > *entry && !of_building(*at)) {
            self.pass_erasure(at);
        }
        self.tell(line)?;
        if self.erasure.is_some() {
            self.forget();
        }
        Ok(())
    }

    /// The last erasure, at `at`, lies behind: from here on everything is said again.
    fn pass_erasure(&mut self, at: UtcMicros) {
        if let Some(engine) = &mut self.engine {
            let effects = engine.step(at, Input::Time);
            self.take(effects);
        }
        self.forget();
        self.erasure = None;
    }

    fn forget(&mut self) {
        self.said.clear();
        self.kept.clear();
    }

    fn tell(&mut self, line: JournalLine) -> Result<(), WriterError> {
        match line {
            JournalLine::Effect { entry, body, .. } => self.kept.push_back((entry, body)),
            JournalLine::Fact(fact) => {
                self.report.told += 1;
                let Some(engine) = &mut self.engine else {
                    self.report.difference =
                        Some(format!("entry {} is an observation from before the first registers", fact.entry));
                    return Ok(());
                };
                let effects = engine.step(fact.recorded_at, Input::Fact(fact));
                self.take(effects);
            }
            JournalLine::Registers { entry, recorded_at, registers } => {
                self.report.told += 1;
                match (&mut self.engine, self.names.take()) {
                    (Some(engine), _) => {
                        let effects = engine.step(recorded_at, Input::Registers { entry, registers: &registers });
                        self.take(effects);
                    }
                    (None, names) => {
                        let names = names.unwrap_or_default();
                        self.engine = Some(Engine::new(&registers, names, Mode::Live).map_err(WriterError::Engine)?);
                    }
                }
            }
        }
        self.compare();
        Ok(())
    }

    fn take(&mut self, effects: Vec<Effect>) {
        let Some(engine) = &self.engine else { return };
        let names = engine.names();
        for effect in effects {
            match effect {
                Effect::Revision(revision) if revision.session.start < self.final_before => {}
                Effect::Finding { ref change, .. } if change.key().at < self.final_before => {}
                Effect::Revision(revision) => self.said.push_back(revision_body(&revision, names)),
                Effect::Finding { at, cause, change } => {
                    let (word, finding) = match change {
                        FindingChange::Opened(finding) => ("opened", finding),
                        FindingChange::Changed(finding) => ("changed", finding),
                        FindingChange::Resolved(key) => match self.findings.remove(&key) {
                            Some(finding) => ("resolved", finding),
                            None => {
                                let key = key.text(names);
                                self.report.difference = Some(format!("finding {key} is resolved but never opened"));
                                return;
                            }
                        },
                    };
                    let text = finding.key.text(names);
                    self.said.push_back(finding_body(word, &text, &finding, at, cause, names));
                    if word != "resolved" {
                        self.findings.insert(finding.key.clone(), finding);
                    }
                }
                _ => {}
            }
        }
        self.compare();
    }

    fn compare(&mut self) {
        while self.report.difference.is_none() && self.erasure.is_none() {
            let (Some(said), Some((entry, kept))) = (self.said.front(), self.kept.front()) else { return };
            if said != kept {
                let (said, kept) = (String::from_utf8_lossy(said), String::from_utf8_lossy(kept));
                self.report.difference = Some(format!("entry {entry} says {kept}, the replay says {said}"));
                return;
            }
            self.report.compared += 1;
            self.said.pop_front();
            self.kept.pop_front();
        }
    }

    fn leftovers(&mut self) {
        if self.report.difference.is_some() {
            return;
        }
        if let Some((entry, kept)) = self.kept.front() {
            let kept = String::from_utf8_lossy(kept);
            self.report.difference = Some(format!("entry {entry} says {kept}, the replay says nothing"));
        } else if let Some(said) = self.said.front() {
            let said = String::from_utf8_lossy(said);
            self.report.difference = Some(format!("the journal ends, the replay goes on with {said}"));
        }
    }

    /// Stays are derived and not journaled: those in the store must be those of the replay.
    fn stays(&mut self, conn: &Connection) -> Result<(), WriterError> {
        let Some(engine) = self.engine.as_ref().filter(|_| self.report.difference.is_none()) else { return Ok(()) };
        let mut kept = kukaku_store::known(conn)?.stays;
        let mut said: Vec<_> = engine.stays().filter(|s| s.span.start >= self.final_before).copied().collect();
        kept.sort_unstable();
        said.sort_unstable();
        if kept != said {
            let differs = kept.iter().find(|stay| said.binary_search(stay).is_err());
            let differs = differs.or_else(|| said.iter().find(|stay| kept.binary_search(stay).is_err()));
            let what = differs.map_or_else(String::new, |stay| {
                let (person, zone) = (engine.names().text(stay.person), engine.names().text(stay.zone));
                format!(": {person} in {zone} from {}", stay.span.start.to_rfc3339_utc())
            });
            self.report.difference = Some(format!("the stays in the store are not those of the replay{what}"));
        }
        Ok(())
    }

    /// Where values were erased, the newest verdicts and the findings that hold stand for what
    /// can't be compared step by step.
    fn state(&mut self, conn: &Connection) -> Result<(), WriterError> {
        let erased = kukaku_store::last_erasure(conn)?.is_some();
        let Some(engine) = self.engine.as_ref().filter(|_| erased && self.report.difference.is_none()) else {
            return Ok(());
        };
        let known = kukaku_store::known(conn)?;
        let kept: BTreeMap<_, _> = known.revisions.iter().map(|r| (r.session, (r.verdict, r.grade))).collect();
        let said: BTreeMap<_, _> = engine
            .verdicts()
            .filter(|(view, _)| view.key.start >= self.final_before)
            .map(|(view, r)| (view.key, (r.verdict, r.grade)))
            .collect();
        self.report.compared += kept.len() as u64;
        if let Some(key) = kept.keys().chain(said.keys()).find(|key| kept.get(key) != said.get(key)) {
            let id = engine.names().text(key.id);
            self.report.difference = Some(format!("the newest verdict on session {id} is not that of the replay"));
            return Ok(());
        }
        let kept: Vec<_> = known.findings.into_iter().map(|finding| finding.key).collect();
        let said = engine.findings();
        let said: BTreeSet<_> = said.into_keys().filter(|key| key.at >= self.final_before).collect();
        let kept: BTreeSet<_> = kept.into_iter().collect();
        if let Some(key) = kept.symmetric_difference(&said).next() {
            let key = key.text(engine.names());
            self.report.difference = Some(format!("finding {key} holds in the store or in the replay alone"));
        }
        Ok(())
    }
}
