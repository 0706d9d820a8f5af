//! After a restart: the same state from the kept facts, and what of the kept state differs.

use std::collections::BTreeMap;

use kukaku_schema::UtcMicros;
use kukaku_schema::registers::Registers;

use super::{Engine, Known, Mode};
use crate::effect::{
    Cause, Effect, Finding, FindingChange, FindingKey, Outage, Revision, SessionKey, SessionView, Stay,
};
use crate::fact::Fact;
use crate::memory::Touch;
use crate::names::{Names, Word};

impl Engine {
    /// Loads all facts, computes the state at `now` (the instant up to which the store was
    /// brought), and takes revision numbers from `known`. The effects are what differs from
    /// `known`: nothing, unless the rules themselves changed with a new version.
    ///
    /// # Errors
    /// As `new`.
    pub fn restore(
        registers: &Registers,
        names: Names,
        facts: impl Iterator<Item = Fact>,
        now: UtcMicros,
        known: Known,
    ) -> Result<(Self, Vec<Effect>), String> {
        Self::restore_beside(registers, names, facts, now, || known)
    }

    /// The same; `known` is asked for only once the facts are folded, so that it can be read
    /// meanwhile.
    ///
    /// # Errors
    /// As `new`.
    pub fn restore_beside(
        registers: &Registers,
        names: Names,
        facts: impl Iterator<Item = Fact>,
        now: UtcMicros,
        known: impl FnOnce() -> Known,
    ) -> Result<(Self, Vec<Effect>), String> {
        let mut engine = Self::new(registers, names, Mode::Live)?;
        engine.world.now = now;
        let max_skew = engine.world.model.policy(now).max_skew;
        for fact in facts {
            engine.world.memory.add(&fact, max_skew);
        }
        // Only now: an offset that was told later moves what was told before.
        for source in engine.world.memory.sources.words() {
            for at in engine.world.memory.upcoming(source, now) {
                engine.future.insert((at, u64::from(source.0)), (Touch::All, source));
            }
        }
        engine.touch_all();
        let mut effects = Vec::new();
        engine.settle(Cause::Time, &mut effects);
        let differing = Differences::new(known()).of(&mut engine, effects, now);
        Ok((engine, differing))
    }
}

/// The kept state, to compare with.
struct Differences {
    revisions: BTreeMap<SessionKey, Revision>,
    findings: BTreeMap<FindingKey, Finding>,
    sessions: BTreeMap<SessionKey, SessionView>,
    stays: BTreeMap<Word, Vec<Stay>>,
    outages: BTreeMap<Word, Vec<Outage>>,
}

impl Differences {
    fn new(known: Known) -> Self {
        let mut stays: BTreeMap<Word, Vec<Stay>> = BTreeMap::new();
        for stay in known.stays {
            stays.entry(stay.person).or_default().push(stay);
        }
        stays.values_mut().for_each(|list| list.sort_unstable_by_key(|s| (s.span.start, s.zone)));
        let mut outages: BTreeMap<Word, Vec<Outage>> = BTreeMap::new();
        for outage in known.outages {
            outages.entry(outage.door).or_default().push(outage);
        }
        outages.values_mut().for_each(|list| list.sort_unstable_by_key(|o| (o.cause, o.span)));
        Self {
            revisions: known.revisions.into_iter().map(|r| (r.session, r)).collect(),
            findings: known.findings.into_iter().map(|f| (f.key.clone(), f)).collect(),
            sessions: known.sessions.into_iter().map(|s| (s.key, s)).collect(),
            stays,
            outages,
        }
    }

    /// Keeps of `effects` (the whole state, as if new) what differs from the kept state.
    fn of(mut self, engine: &mut Engine, effects: Vec<Effect>, now: UtcMicros) -> Vec<Effect> {
        let mut out = Vec::new();
        // Records come one by one: what was a session until its other records came is none.
        let mut newest: BTreeMap<SessionKey, usize> = BTreeMap::new();
        for (index, effect) in effects.iter().enumerate() {
            match effect {
                Effect::Session(view) => newest.insert(view.key, index),
                Effect::SessionGone(key) => newest.insert(*key, index),
                _ => None,
            };
        }
        for (index, effect) in effects.into_iter().enumerate() {
            match effect {
                Effect::Stays { person, stays, .. } => {
                    let before = self.stays.remove(&person).unwrap_or_default();
                    if before != stays {
                        out.push(Effect::Stays { person, from: UtcMicros::MIN, stays });
                    }
                }
                Effect::Outages { door, mut outages } => {
                    outages.sort_unstable_by_key(|o| (o.cause, o.span));
                    if self.outages.remove(&door).unwrap_or_default() != outages {
                        out.push(Effect::Outages { door, outages });
                    }
                }
                Effect::Session(view) => {
                    if newest.get(&view.key) == Some(&index) && self.sessions.remove(&view.key).as_ref() != Some(&*view)
                    {
                        out.push(Effect::Session(view));
                    }
                }
                Effect::SessionGone(_) => {}
                Effect::Revision(revision) => out.extend(self.revision(engine, revision)),
                Effect::Finding { at, cause, change } => out.extend(self.finding(at, cause, change)),
            }
        }
        for person in self.stays.into_keys() {
            out.push(Effect::Stays { person, from: UtcMicros::MIN, stays: Vec::new() });
        }
        for door in self.outages.into_keys() {
            out.push(Effect::Outages { door, outages: Vec::new() });
        }
        for key in self.findings.into_keys() {
            out.push(Effect::Finding { at: now, cause: Cause::Time, change: FindingChange::Resolved(key) });
        }
        for key in self.sessions.into_keys() {
            out.push(Effect::SessionGone(key));
        }
        out
    }

    fn revision(&mut self, engine: &mut Engine, mut revision: Revision) -> Option<Effect> {
        let kept = engine.sessions.get_mut(&revision.session)?;
        let Some(before) = self.revisions.remove(&revision.session) else {
            return Some(Effect::Revision(revision));
        };
        let same = (before.verdict, before.grade, &before.absent, &before.unknown)
            == (revision.verdict, revision.grade, &revision.absent, &revision.unknown);
        if same {
            kept.revision = Some(before);
            return None;
        }
        revision.number = before.number + 1;
        kept.revision = Some(revision.clone());
        Some(Effect::Revision(revision))
    }

    fn finding(&mut self, at: UtcMicros, cause: Cause, change: FindingChange) -> Option<Effect> {
        let change = match change {
            FindingChange::Opened(finding) | FindingChange::Changed(finding) => {
                match self.findings.remove(&finding.key) {
                    Some(before) if before == finding => return None,
                    Some(_) => FindingChange::Changed(finding),
                    None => FindingChange::Opened(finding),
                }
            }
            FindingChange::Resolved(_) => return None,
        };
        Some(Effect::Finding { at, cause, change })
    }
}
