//! From a rule file as it is written to checked rules.

use std::collections::BTreeMap;
use std::ops::Range;

use kukaku_schema::{DurationUs, Kind};
use regex::Regex;
use toml::Spanned;

use super::raw::{Emit, RawCondition, RawFieldRule, RawFile, RawFormat, RawLogRule, RawRecall, text_rule};
use super::read::{Format, is_path};
use super::rules::{
    Condition, HeldName, Origin, RULES_MAX, Recall, Remember, Rule, Rules, Search, Test, Time, TimeForm,
};
use crate::files::{
    ColumnRef, Field, MappingError, Plan, Purpose, RawRule, Rule as Expr, SlotNames, Slotted, TimeFormat, key_at,
    line_at, listed, of_kind,
};

/// How long a line is remembered where its rule doesn't say: a sign-in takes less.
const WITHIN_DEFAULT: DurationUs = DurationUs::from_secs(30);

/// Longest time that a line is remembered: the longest session that is not a finding by itself.
const WITHIN_MAX: DurationUs = DurationUs::from_secs(31 * 86_400);

/// Where in the text something is wrong, and what.
type Fault = (Range<usize>, String);

/// The names that every line has.
const OF_EVERY_LINE: [&str; 4] = ["host", "process", "pid", "text"];

pub(super) fn rules(text: &str, file_name: &str) -> Result<Rules, MappingError> {
    let located = |(span, message): Fault| MappingError {
        file: file_name.to_owned(),
        line: line_at(text, span.start),
        key: key_at(text, span.start),
        message,
    };
    let raw: RawFile = toml::from_str(text).map_err(|e| located((e.span().unwrap_or(0..0), e.message().to_owned())))?;
    compile(raw).map_err(located)
}

fn compile(raw: RawFile) -> Result<Rules, Fault> {
    if raw.rule.is_empty() || raw.rule.len() > RULES_MAX {
        return Err((0..0, format!("expected 1 to {RULES_MAX} tables [[rule]], found {}", raw.rule.len())));
    }
    let mut draft = Draft { formats: Vec::new(), held: Vec::new() };
    for rule in &raw.rule {
        draft.name_held(rule.get_ref());
    }
    let mut rules = Vec::new();
    for (at, rule) in raw.rule.iter().enumerate() {
        rules.push(draft.rule(at, rule)?);
    }
    // Only now is it known which values later lines want.
    for (rule, raw) in rules.iter_mut().zip(&raw.rule) {
        draft.keep_wanted(rule, raw)?;
    }
    let search = Search::new(&rules).map_err(|reason| (0..0, reason))?;
    Ok(Rules {
        name: raw.log.name,
        description: (raw.log.description, raw.log.description_ja),
        none: raw.log.none.into_iter().map(|word| word.trim().to_owned()).collect(),
        rules,
        formats: draft.formats,
        search,
    })
}

struct Draft {
    formats: Vec<Format>,
    held: Vec<HeldName>,
}

impl Draft {
    fn name_held(&mut self, rule: &RawLogRule) {
        for remember in rule.remember.iter().flat_map(|list| &list.get_ref().0) {
            if !self.held.iter().any(|held| held.name == remember.name) {
                self.held.push(HeldName { name: remember.name.clone(), wanted: Vec::new() });
            }
        }
    }

    fn held(&self, name: &str, span: &Range<usize>) -> Result<usize, Fault> {
        self.held.iter().position(|held| held.name == name).ok_or_else(|| {
            let known = listed(self.held.iter().map(|held| held.name.as_str()));
            (span.clone(), format!("no rule remembers {name:?}; remembered are: {known}"))
        })
    }

    fn rule(&mut self, at: usize, raw: &Spanned<RawLogRule>) -> Result<Rule, Fault> {
        let (span, raw) = (raw.span(), raw.get_ref());
        if raw.emit == Emit::Hold && raw.remember.is_none() {
            return Err((span, "emit = \"hold\" needs `remember`".to_owned()));
        }
        let regex = raw.regex.as_ref().map(pattern).transpose()?;
        let format = self.format(raw, &span)?;
        let mut names = SlotNames::default();
        let recall = raw.recall.as_ref().map(|recall| self.recall(recall, &mut names)).transpose()?;
        let (fields, times) = fields(raw, &mut names)?;
        let remember = self.remember(raw, &mut names)?;
        let scope = Scope {
            regex: regex.as_ref(),
            format: format.map(|at| &self.formats[at]),
            recall: recall.as_ref().map(|recall| recall.name),
        };
        let origins = names.0.iter().map(|name| scope.origin(name, &mut self.held).map_err(|m| (span.clone(), m)));
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        let mut conditions = |list: &BTreeMap<Spanned<String>, Spanned<RawCondition>>| {
            list.iter().map(|(word, test)| condition(word, test, &scope, &mut self.held)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Rule {
            name: raw.name.clone().unwrap_or_else(|| (at + 1).to_string()),
            contains: contains(raw)?,
            when: conditions(&raw.when)?,
            unless: conditions(&raw.unless)?,
            plan: plan(raw.emit, &fields).map_err(|reason| (span, reason))?,
            regex,
            format,
            emit: raw.emit,
            goes_on: raw.goes_on,
            recall,
            remember,
            fields,
            times,
            origins,
        })
    }

    fn recall(&self, raw: &Spanned<RawRecall>, names: &mut SlotNames) -> Result<Recall, Fault> {
        let (span, raw) = (raw.span(), raw.get_ref());
        let name = self.held(raw.name.get_ref(), &raw.name.span())?;
        let key = raw.key.as_ref().map(|key| {
            let template = text_rule(key.get_ref());
            Expr::compile(Field::Session, &template, Slotted::Groups, names).map_err(|reason| (key.span(), reason))
        });
        let key = key.transpose()?;
        if names.0.iter().any(|name| name.to_string().starts_with("held.")) {
            return Err((span, "the key of `recall` can't use what is recalled by it".to_owned()));
        }
        Ok(Recall { name, key, forget: raw.forget, is_required: raw.required })
    }

    fn remember(&self, raw: &RawLogRule, names: &mut SlotNames) -> Result<Vec<Remember>, Fault> {
        let mut remember = Vec::new();
        let Some(list) = &raw.remember else {
            return Ok(remember);
        };
        let fault = |reason| (list.span(), reason);
        for kept in &list.get_ref().0 {
            let key = kept.key.as_ref();
            let key = key.map(|key| Expr::compile(Field::Session, &text_rule(key), Slotted::Groups, names));
            let within = kept.within.as_deref().map(DurationUs::parse).transpose().map_err(fault)?;
            let within = within.unwrap_or(WITHIN_DEFAULT);
            if within > WITHIN_MAX || within <= DurationUs::ZERO {
                return Err(fault("`within` is more than nothing and at most 31 days".to_owned()));
            }
            remember.push(Remember {
                name: self.held(&kept.name, &list.span())?,
                key: key.transpose().map_err(fault)?,
                within,
                is_adjacent: kept.adjacent,
                values: Vec::new(),
            });
        }
        Ok(remember)
    }

    fn format(&mut self, raw: &RawLogRule, span: &Range<usize>) -> Result<Option<usize>, Fault> {
        let separator = raw.separator.as_ref().map(|given| *given.get_ref());
        let format = match raw.read {
            Some(RawFormat::KeyValue) => Format::KeyValue { separator },
            Some(RawFormat::Cef) => Format::Cef,
            Some(RawFormat::Leef) => Format::Leef,
            Some(RawFormat::Json) => Format::Json,
            Some(RawFormat::Csv) => {
                let delimiter = u8::try_from(separator.unwrap_or(',')).ok().filter(|b| b.is_ascii() && *b != b'"');
                let columns = raw.columns.as_ref().map(|names| names.get_ref().clone()).unwrap_or_default();
                let delimiter =
                    delimiter.ok_or((span.clone(), "`separator`: expected one ASCII character".to_owned()))?;
                Format::Csv { delimiter, columns }
            }
            None => {
                return match (&raw.separator, &raw.columns) {
                    (None, None) => Ok(None),
                    _ => Err((span.clone(), "`separator` and `columns` need `read`".to_owned())),
                };
            }
        };
        if raw.columns.is_some() && raw.read != Some(RawFormat::Csv) {
            return Err((span.clone(), "`columns` belong to read = \"csv\"".to_owned()));
        }
        if separator.is_some() && !matches!(raw.read, Some(RawFormat::Csv | RawFormat::KeyValue)) {
            return Err((span.clone(), "`separator` belongs to read = \"csv\" and \"key_value\"".to_owned()));
        }
        let known = self.formats.iter().position(|known| *known == format);
        Ok(Some(known.unwrap_or_else(|| {
            self.formats.push(format);
            self.formats.len() - 1
        })))
    }

    /// Says of each value that is wanted of this line where it comes from.
    fn keep_wanted(&mut self, rule: &mut Rule, raw: &Spanned<RawLogRule>) -> Result<(), Fault> {
        let scope = Scope {
            regex: rule.regex.as_ref(),
            format: rule.format.map(|at| &self.formats[at]),
            recall: rule.recall.as_ref().map(|recall| recall.name),
        };
        for kept in &mut rule.remember {
            let wanted = self.held[kept.name].wanted.clone();
            let origins = wanted.iter().map(|name| {
                match Field::named(name).filter(|field| rule.fields.iter().any(|(known, _)| known == field)) {
                    Some(field) => Some(Origin::Field(field)),
                    None => scope.origin(&ColumnRef::Name(name.clone()), &mut self.held).ok(),
                }
            });
            kept.values = origins.collect();
            // Of two rules that remember the same, one may lack what the other has; both may not.
            if !wanted.is_empty() && kept.values.iter().all(Option::is_none) {
                let wanted = listed(wanted.iter().map(String::as_str));
                return Err((raw.span(), format!("remembers nothing of what is recalled of it: {wanted}")));
            }
        }
        Ok(())
    }
}

fn contains(raw: &RawLogRule) -> Result<Vec<String>, Fault> {
    match &raw.contains {
        Some(words) if words.get_ref().0.is_empty() || words.get_ref().0.iter().any(String::is_empty) => {
            Err((words.span(), "expected a text that stands in the line, or a list of them".to_owned()))
        }
        Some(words) => Ok(words.get_ref().0.clone()),
        None => Ok(Vec::new()),
    }
}

/// The rules for the fields of the session, and the ways to read the line's time.
#[expect(clippy::type_complexity, reason = "two lists that are taken apart at once")]
fn fields(raw: &RawLogRule, names: &mut SlotNames) -> Result<(Vec<(Field, Vec<Expr>)>, Vec<Time>), Fault> {
    let (mut fields, mut times) = (Vec::new(), Vec::new());
    for (word, rules) in &raw.fields {
        let field = field_of(raw.emit, word)?;
        let fault = |reason| (word.span(), reason);
        let rules = rules.get_ref().0.iter();
        if field == Field::DeviceTime {
            for rule in rules {
                times.push(time(&rule.0, names).map_err(fault)?);
            }
            continue;
        }
        let exprs = rules.map(|RawFieldRule(rule)| Expr::compile(field, rule, Slotted::Groups, names));
        fields.push((field, exprs.collect::<Result<Vec<_>, _>>().map_err(fault)?));
    }
    Ok((fields, times))
}

/// What the names in a rule can lead to.
struct Scope<'r> {
    regex: Option<&'r Regex>,
    format: Option<&'r Format>,
    recall: Option<usize>,
}

impl Scope<'_> {
    fn origin(&self, name: &ColumnRef, held: &mut [HeldName]) -> Result<Origin, String> {
        let name = name.to_string();
        if let Some(value) = name.strip_prefix("held.") {
            let Some(recall) = self.recall else {
                return Err(format!("{name:?} needs `recall` in the same rule"));
            };
            let wanted = &mut held[recall].wanted;
            return Ok(Origin::Held(wanted.iter().position(|known| known == value).unwrap_or_else(|| {
                wanted.push(value.to_owned());
                wanted.len() - 1
            })));
        }
        if let Some(group) = self.regex.and_then(|regex| regex.capture_names().position(|group| group == Some(&*name)))
        {
            return Ok(Origin::Group(group));
        }
        match name.as_str() {
            "host" => return Ok(Origin::Host),
            "process" => return Ok(Origin::Process),
            "pid" => return Ok(Origin::Pid),
            "text" => return Ok(Origin::Text),
            _ => {}
        }
        match self.format {
            Some(Format::Json) if is_path(&name) => Ok(Origin::Named(name)),
            Some(Format::Json) => Err(format!("{name:?} is no path, like $.user.name or $.list[0]")),
            Some(_) => Ok(Origin::Named(name)),
            None => {
                let groups = self.regex.into_iter().flat_map(|regex| regex.capture_names().flatten());
                let known = listed(groups.chain(OF_EVERY_LINE));
                Err(format!("nothing gives {name:?}; there are: {known}"))
            }
        }
    }
}

fn pattern(text: &Spanned<String>) -> Result<Regex, Fault> {
    regex(text.get_ref()).map_err(|reason| (text.span(), reason))
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|e| format!("{text:?} is no regular expression: {e}"))
}

fn condition(
    word: &Spanned<String>,
    test: &Spanned<RawCondition>,
    scope: &Scope<'_>,
    held: &mut [HeldName],
) -> Result<Condition, Fault> {
    if word.get_ref().starts_with("held.") {
        return Err((word.span(), "a condition comes before `recall`; write required = true there".to_owned()));
    }
    let origin = scope.origin(&ColumnRef::Name(word.get_ref().clone()), held).map_err(|m| (word.span(), m))?;
    let test = match test.get_ref() {
        RawCondition::OneOf(words) => Test::OneOf(words.clone()),
        RawCondition::Matches(text) => Test::Matches(regex(text).map_err(|reason| (test.span(), reason))?),
        RawCondition::Exists(wanted) => Test::Exists(*wanted),
    };
    Ok(Condition { word: word.get_ref().clone(), origin, test })
}

/// The kind that a rule emits.
fn kind(emit: Emit) -> Option<Kind> {
    match emit {
        Emit::Started => Some(Kind::SessionStarted),
        Emit::Alive => Some(Kind::SessionAlive),
        Emit::Ended => Some(Kind::SessionEnded),
        Emit::Power => Some(Kind::TerminalPower),
        Emit::Ignore | Emit::Hold => None,
    }
}

/// The field of that name, if a rule may fill it.
fn field_of(emit: Emit, word: &Spanned<String>) -> Result<Field, Fault> {
    // What is held may name whatever a session may have.
    let kinds = kind(emit).map_or(vec![Kind::SessionStarted, Kind::SessionEnded], |kind| vec![kind]);
    let of_reader = [Field::Source, Field::Epoch, Field::Seq];
    let mut known: Vec<Field> = kinds.into_iter().flat_map(of_kind).map(|(field, _)| field).collect();
    known.retain(|field| !of_reader.contains(field));
    if emit == Emit::Ignore {
        known.clear();
    }
    Field::named(word.get_ref()).filter(|field| known.contains(field)).ok_or_else(|| {
        let known = listed(known.iter().map(|field| field.word()));
        (word.span(), format!("unknown field `{}`, expected one of: {known}", word.get_ref()))
    })
}

/// The plan that makes an observation of the fields' texts.
fn plan(emit: Emit, fields: &[(Field, Vec<Expr>)]) -> Result<Option<Plan>, String> {
    let Some(kind) = kind(emit) else {
        return Ok(None);
    };
    let mut raw: Vec<(&str, RawRule)> = vec![
        ("kind", RawRule::of_constant(kind.word())),
        ("source", RawRule::of_group("source")),
        ("event_id", RawRule::of_group("event_id")),
    ];
    let fields = fields.iter().filter(|(field, _)| *field != Field::EventId);
    raw.extend(fields.clone().map(|(field, _)| (field.word(), RawRule::of_group(field.word()))));
    let mut names = SlotNames::default();
    let purpose = Purpose::Observations { may_lack_time: true };
    let plan = Plan::compile(purpose, raw.iter().map(|(word, rule)| (*word, rule)), Slotted::Groups, &mut names)
        .map_err(|(_, reason)| reason)?;
    // Slots in the order of the texts as the reader lays them out: source, event_id, the fields.
    let order: Vec<&str> = ["source", "event_id"].into_iter().chain(fields.map(|(field, _)| field.word())).collect();
    let to: Vec<usize> = names
        .0
        .iter()
        .map(|name| order.iter().position(|word| *word == name.to_string()).unwrap_or(usize::MAX))
        .collect();
    Ok(Some(plan.bound(&to)))
}

/// One way to read the time: the text by its template, the form by `format` and `zone`.
fn time(raw: &RawRule, names: &mut SlotNames) -> Result<Time, String> {
    let mut plain = raw.clone();
    let (format, zone) = (plain.format.take(), plain.zone.take());
    let text = Expr::compile(Field::DeviceTime, &plain, Slotted::Groups, names)?;
    let form = match (format.as_deref(), zone.as_deref()) {
        (Some("syslog"), None) => TimeForm::Syslog,
        (Some("syslog"), Some(_)) => return Err("format = \"syslog\" takes the zone of the source".to_owned()),
        (format, Some(zone)) => TimeForm::Own(TimeFormat::new(format, Some(zone))?),
        (format, None) => match TimeFormat::new(format, None) {
            Ok(own) => TimeForm::Own(own),
            // A pattern without an offset is fine where it reads with a zone: it gets the source's.
            Err(reason) => match TimeFormat::new(format, Some("UTC")) {
                Ok(_) => TimeForm::Local(format.unwrap_or_default().to_owned()),
                Err(_) => return Err(reason),
            },
        },
    };
    Ok(Time { text, form })
}
