//! From a line to what it becomes.

use std::borrow::Cow;
use std::sync::Arc;

use kukaku_schema::{Name, Observation, SiteZone, UtcMicros};
use regex::Captures;
use sha2::{Digest, Sha256};

use super::explain::{Explanation, Note, Why};
use super::header::LogLine;
use super::held::{Forgotten, Keep, Memory, Recalled, Values};
use super::raw::Emit;
use super::read::Fields;
use super::rules::{Condition, Origin, Rule, Rules, TimeForm};
use super::stamp;
use crate::files::{ABSENT, Field, Rule as Expr, Slots, TimeFormat};

/// So many hexadecimal digits of the hash are an event id: 128 bits, beyond any collision by chance.
const EVENT_ID_DIGITS: usize = 32;

/// What a line became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Observations, mostly one.
    Observations(Vec<Observation>),
    /// Remembered for a later line by this rule.
    Held {
        /// The rule, from 0.
        rule: usize,
    },
    /// No session.
    Ignored {
        /// The rule that says so, from 0; none where no rule fits.
        rule: Option<usize>,
    },
    /// A rule fits, but its fields can't be filled: worth a look.
    Refused {
        /// The rule, from 0.
        rule: usize,
        /// Which field, and what is wrong with it.
        reason: String,
    },
}

/// Reads the lines of one source by one file of rules.
///
/// Pure but for its bounded memory of held lines: the same lines at the same instants give the
/// same outcomes.
#[derive(Debug, Clone)]
pub struct LogReader {
    rules: Arc<Rules>,
    source: Name,
    zone: SiteZone,
    /// For each rule the formats of its local times, in the zone of the source.
    local: Vec<Vec<Option<TimeFormat>>>,
    memory: Memory,
}

/// A line with what is known of it, while a rule looks at it.
struct Sight<'l> {
    line: &'l LogLine<'l>,
    none: &'l [String],
    groups: Option<&'l Captures<'l>>,
    fields: Option<&'l Fields<'l>>,
    held: Option<&'l Values>,
}

impl<'l> Sight<'l> {
    /// A value, without the blanks around it; none where the line says nothing.
    fn value(&self, origin: &'l Origin) -> Option<Cow<'l, str>> {
        let value = match origin {
            Origin::Host => Cow::Borrowed(self.line.host()?),
            Origin::Process => Cow::Borrowed(self.line.process()?),
            Origin::Pid => Cow::Borrowed(self.line.pid()?),
            Origin::Text => Cow::Borrowed(self.line.text()),
            Origin::Group(group) => Cow::Borrowed(self.groups?.get(*group)?.as_str()),
            Origin::Named(name) => self.fields?.get(name)?,
            Origin::Held(at) => Cow::Borrowed(self.held?.get(*at)?.as_deref()?),
            Origin::Field(_) => return None,
        };
        let trimmed = value.trim();
        if trimmed.is_empty() || self.none.iter().any(|word| word == trimmed) {
            return None;
        }
        if trimmed.len() == value.len() { Some(value) } else { Some(Cow::Owned(trimmed.to_owned())) }
    }

    fn holds(&self, condition: &'l Condition) -> bool {
        condition.test.holds(self.value(&condition.origin).as_deref())
    }
}

/// The texts of a rule's slots, one behind the other.
#[derive(Default)]
struct Texts {
    text: String,
    ranges: Vec<(u32, u32)>,
}

impl Texts {
    fn of<'l>(origins: &'l [Origin], sight: &Sight<'l>) -> Self {
        let mut texts = Self::default();
        for origin in origins {
            texts.push(sight.value(origin).as_deref());
        }
        texts
    }

    fn push(&mut self, text: Option<&str>) {
        let from = self.text.len();
        let fits = text.filter(|text| u32::try_from(from + text.len()).is_ok_and(|end| end < ABSENT.0));
        self.text.push_str(fits.unwrap_or_default());
        self.ranges.push(fits.map_or(ABSENT, |_| (from as u32, self.text.len() as u32)));
    }

    fn slots(&self) -> Slots<'_> {
        Slots { text: &self.text, ranges: &self.ranges, plain: false }
    }
}

impl LogReader {
    /// A reader of the lines of `source`, whose times without an offset are in `zone`.
    #[must_use]
    pub fn new(rules: Arc<Rules>, source: Name, zone: SiteZone) -> Self {
        let local = rules.rules.iter().map(|rule| {
            let local = rule.times.iter().map(|time| match &time.form {
                TimeForm::Local(format) => TimeFormat::new(Some(format), Some(zone.name())).ok(),
                TimeForm::Syslog | TimeForm::Own(_) => None,
            });
            local.collect()
        });
        Self { local: local.collect(), rules, source, zone, memory: Memory::default() }
    }

    /// The rules that it reads by.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many lines are held; never more than [`super::HELD_MAX`].
    #[must_use]
    pub fn held(&self) -> usize {
        self.memory.len()
    }

    /// What dropped out of its memory unrecalled, since it began.
    #[must_use]
    pub fn forgotten(&self) -> Forgotten {
        self.memory.forgotten
    }

    /// What a line becomes. `received` is when it came, on our clock.
    pub fn take(&mut self, line: &LogLine<'_>, received: UtcMicros) -> Outcome {
        self.go(line, received, None)
    }

    /// As [`Self::take`], with the reasons: which rules were tried, and why they do not fit.
    pub fn explain(&mut self, line: &LogLine<'_>, received: UtcMicros) -> (Outcome, Explanation) {
        let mut explanation = Explanation::default();
        let outcome = self.go(line, received, Some(&mut explanation));
        (outcome, explanation)
    }

    fn go(&mut self, line: &LogLine<'_>, received: UtcMicros, mut told: Option<&mut Explanation>) -> Outcome {
        let rules = Arc::clone(&self.rules);
        let candidates = rules.search.candidates(line.text());
        let since = self.memory.serial();
        let outcome = if candidates == 0 && told.is_none() {
            Outcome::Ignored { rule: None }
        } else {
            self.try_rules(&rules, candidates, line, received, &mut told)
        };
        self.memory.next_line(line.host().unwrap_or(""), since);
        outcome
    }

    fn try_rules(
        &mut self,
        rules: &Rules,
        candidates: u128,
        line: &LogLine<'_>,
        received: UtcMicros,
        told: &mut Option<&mut Explanation>,
    ) -> Outcome {
        let mut read: Vec<Option<Result<Fields<'_>, String>>> = Vec::new();
        read.resize_with(rules.formats.len(), || None);
        let mut observations = Vec::new();
        let mut last = None;
        for (at, rule) in rules.rules.iter().enumerate() {
            let fitted = if candidates & (1 << at) == 0 {
                Err(Why::Lacks(rule.contains.clone()))
            } else {
                let fields = rule
                    .format
                    .map(|format| &*read[format].get_or_insert_with(|| rules.formats[format].read(line.text())));
                self.try_rule(rules, (at, rule, observations.len()), fields, line, received, told)
            };
            match fitted {
                Err(why) => tell(told, |told| told.steps.push((at, why))),
                Ok(outcome) => {
                    tell(told, |told| told.steps.push((at, Why::Fits)));
                    match outcome {
                        Outcome::Observations(more) => observations.extend(more),
                        other => last = Some(other),
                    }
                    if !rule.goes_on {
                        break;
                    }
                }
            }
        }
        match last {
            Some(refused @ Outcome::Refused { .. }) if observations.is_empty() => refused,
            Some(other) if observations.is_empty() => other,
            _ if observations.is_empty() => Outcome::Ignored { rule: None },
            _ => Outcome::Observations(observations),
        }
    }

    /// What the line becomes by this rule, or why the rule does not fit.
    fn try_rule(
        &mut self,
        rules: &Rules,
        (at, rule, nth): (usize, &Rule, usize),
        fields: Option<&Result<Fields<'_>, String>>,
        line: &LogLine<'_>,
        received: UtcMicros,
        told: &mut Option<&mut Explanation>,
    ) -> Result<Outcome, Why> {
        let captures = match &rule.regex {
            Some(regex) => Some(regex.captures(line.text()).ok_or(Why::RegexDoesNotFit)?),
            None => None,
        };
        let fields = match fields {
            Some(Err(reason)) => return Err(Why::NotOfFormat(reason.clone())),
            Some(Ok(fields)) => Some(fields),
            None => None,
        };
        let mut sight = Sight { line, none: &rules.none, groups: captures.as_ref(), fields, held: None };
        if let Some(condition) = rule.when.iter().find(|condition| !sight.holds(condition)) {
            let value = sight.value(&condition.origin).map(Cow::into_owned);
            return Err(Why::ConditionFails { field: condition.word.clone(), value });
        }
        if let Some(condition) = rule.unless.iter().find(|condition| sight.holds(condition)) {
            let value = sight.value(&condition.origin).map(Cow::into_owned);
            return Err(Why::ExceptionHolds { field: condition.word.clone(), value });
        }
        let held = self.recalled(rule, &sight, received, told)?;
        sight.held = held.as_ref();
        tell(told, |told| told.fields = shown(rule, &sight));
        if rule.emit == Emit::Ignore && rule.remember.is_empty() {
            return Ok(Outcome::Ignored { rule: Some(at) });
        }
        let texts = Texts::of(&rule.origins, &sight);
        let said = match field_texts(rule, &texts) {
            Ok(said) => said,
            Err(reason) => return Ok(Outcome::Refused { rule: at, reason }),
        };
        let outcome = match &rule.plan {
            None if rule.emit == Emit::Hold => Outcome::Held { rule: at },
            None => Outcome::Ignored { rule: Some(at) },
            Some(_) => match self.observe((at, rule, nth), &texts, &said, line, received, told) {
                Ok(observation) => Outcome::Observations(vec![observation]),
                Err(reason) => return Ok(Outcome::Refused { rule: at, reason }),
            },
        };
        if !rule.remember.is_empty() {
            let kept = keep(rule, &sight, &texts, &said);
            let kept: Vec<Keep<'_>> = kept.iter().map(Kept::borrowed).collect();
            self.memory.remember(line.host().unwrap_or(""), received, kept);
        }
        Ok(outcome)
    }

    /// What an earlier line left for this one; none where the rule can do without.
    fn recalled(
        &mut self,
        rule: &Rule,
        sight: &Sight<'_>,
        received: UtcMicros,
        told: &mut Option<&mut Explanation>,
    ) -> Result<Option<Values>, Why> {
        let Some(recall) = &rule.recall else {
            return Ok(None);
        };
        let key = recall.key.as_ref();
        let key = key.map(|key| filled(key, &Texts::of(&rule.origins, sight)).unwrap_or_default());
        let host = sight.line.host().unwrap_or("");
        match self.memory.recall(recall.name, host, key.as_deref(), received, recall.forget) {
            Recalled::Values(values) => return Ok(Some(values)),
            _ if recall.is_required => return Err(Why::NothingHeld),
            Recalled::Nothing => tell(told, |told| told.notes.push(Note::NothingHeld)),
            Recalled::Ambiguous(count) => tell(told, |told| told.notes.push(Note::Ambiguous(count))),
        }
        Ok(None)
    }

    /// The observation of a rule that fits; `nth` is how many the line has given already.
    fn observe(
        &self,
        (at, rule, nth): (usize, &Rule, usize),
        texts: &Texts,
        said: &[(Field, Option<String>)],
        line: &LogLine<'_>,
        received: UtcMicros,
        told: &mut Option<&mut Explanation>,
    ) -> Result<Observation, String> {
        let own = self.own_time((at, rule), texts, received, told);
        let time = own.or(line.time);
        if time.is_none() {
            tell(told, |told| told.notes.push(Note::NoTime));
        }
        let device_time = time.unwrap_or(received);
        let own_id = said.iter().find(|(field, _)| *field == Field::EventId).and_then(|(_, text)| text.clone());
        let id = own_id.unwrap_or_else(|| event_id(line, device_time, nth));
        let mut slots = Texts::default();
        slots.push(Some(self.source.as_str()));
        slots.push(Some(&id));
        for (_, text) in said.iter().filter(|(field, _)| *field != Field::EventId) {
            slots.push(text.as_deref());
        }
        let plan = rule.plan.as_ref().expect("a rule that emits has a plan");
        plan.observation(&slots.slots(), &mut String::new(), Some(device_time))
    }

    /// The time that the text itself names, by the first of the rule's ways that reads it.
    fn own_time(
        &self,
        (at, rule): (usize, &Rule),
        texts: &Texts,
        received: UtcMicros,
        told: &mut Option<&mut Explanation>,
    ) -> Option<UtcMicros> {
        for (time, local) in rule.times.iter().zip(&self.local[at]) {
            let Some(text) = filled(&time.text, texts) else {
                continue;
            };
            let read = match (&time.form, local) {
                (TimeForm::Syslog, _) => stamp::read(&text, received, &self.zone).map(|(at, _)| at),
                (TimeForm::Own(format), _) | (TimeForm::Local(_), Some(format)) => format.instant(&text).ok(),
                (TimeForm::Local(_), None) => None,
            };
            if read.is_some() {
                return read;
            }
            tell(told, |told| told.notes.push(Note::UnreadTime(text)));
        }
        None
    }
}

/// Only for the one who asked; the usual way costs nothing.
fn tell(told: &mut Option<&mut Explanation>, add: impl FnOnce(&mut Explanation)) {
    if let Some(told) = told {
        add(told);
    }
}

/// The text of an expression whose every part says something; none where one does not.
fn filled(expr: &Expr, texts: &Texts) -> Option<String> {
    expressed(expr, texts).ok().flatten()
}

/// As [`filled`].
///
/// # Errors
/// A value that is not in the map.
fn expressed(expr: &Expr, texts: &Texts) -> Result<Option<String>, String> {
    let slots = texts.slots();
    let mut scratch = String::new();
    // A rule with a default says something in any case.
    let is_whole = expr.is_whole(&slots);
    let piece =
        if is_whole { expr.text(&slots, &mut scratch)? } else { return Ok(expr.fallback().map(str::to_owned)) };
    let text = piece.get(&scratch).trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The text of each field: of the first of its rules that says something; of `factors` all.
fn field_texts(rule: &Rule, texts: &Texts) -> Result<Vec<(Field, Option<String>)>, String> {
    let mut said = Vec::with_capacity(rule.fields.len());
    for (field, exprs) in &rule.fields {
        let mut found: Option<String> = None;
        for expr in exprs {
            let text = expressed(expr, texts).map_err(|reason| format!("`{}`: {reason}", field.word()))?;
            match (text, &mut found) {
                (Some(text), Some(list)) if *field == Field::Factors => {
                    list.push(',');
                    list.push_str(&text);
                }
                (Some(text), None) => found = Some(text),
                _ => {}
            }
            if found.is_some() && *field != Field::Factors {
                break;
            }
        }
        said.push((*field, found));
    }
    Ok(said)
}

/// What a line leaves behind, with its key put together.
struct Kept<'r> {
    remember: &'r super::rules::Remember,
    key: String,
    values: Values,
}

impl Kept<'_> {
    fn borrowed(&self) -> Keep<'_> {
        Keep {
            name: self.remember.name,
            key: &self.key,
            within: self.remember.within,
            is_adjacent: self.remember.is_adjacent,
            values: self.values.clone(),
        }
    }
}

fn keep<'r>(rule: &'r Rule, sight: &Sight<'r>, texts: &Texts, said: &[(Field, Option<String>)]) -> Vec<Kept<'r>> {
    let value = |origin: &'r Origin| match origin {
        Origin::Field(field) => said.iter().find(|(known, _)| known == field).and_then(|(_, text)| text.clone()),
        other => sight.value(other).map(Cow::into_owned),
    };
    let kept = rule.remember.iter().filter_map(|remember| {
        let key = match &remember.key {
            None => String::new(),
            // Without its key it would never be found, or by the wrong line.
            Some(key) => filled(key, texts)?,
        };
        let values = remember.values.iter().map(|origin| value(origin.as_ref()?).map(String::into_boxed_str));
        Some(Kept { remember, key, values: values.collect() })
    });
    kept.collect()
}

/// The id of what a rule makes of a line: the same each time the same line is delivered.
///
/// A hash over host, process, its number, time, text, and which of the line's observations it is; the
/// PRI and a relay's header stay out, so a line that comes by two ways is one. Where the line has no time, the instant of
/// reception stands for it: the same words tomorrow are another event.
fn event_id(line: &LogLine<'_>, at: UtcMicros, nth: usize) -> String {
    let mut hash = Sha256::new();
    for part in [line.host(), line.process(), line.pid(), Some(line.text())] {
        let part = part.unwrap_or("");
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(at.0.to_le_bytes());
    hash.update((nth as u64).to_le_bytes());
    let mut digits = String::with_capacity(EVENT_ID_DIGITS);
    for byte in &hash.finalize()[..EVENT_ID_DIGITS / 2] {
        digits.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        digits.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    digits
}

/// The values that a rule found, for people.
fn shown(rule: &Rule, sight: &Sight<'_>) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    if let (Some(regex), Some(groups)) = (&rule.regex, sight.groups) {
        for name in regex.capture_names().flatten() {
            shown.extend(groups.name(name).map(|group| (name.to_owned(), group.as_str().to_owned())));
        }
    }
    shown.extend(sight.fields.map(Fields::shown).into_iter().flatten());
    shown
}
