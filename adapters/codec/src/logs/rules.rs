//! The checked rules of one file, and the search that tells which of them a line concerns.

use aho_corasick::AhoCorasick;
use kukaku_schema::{DurationUs, Lang};
use regex::Regex;

use super::compile;
use super::raw::Emit;
use super::read::Format;
use crate::files::{Field, MappingError, Plan, Rule as Expr, TimeFormat};

/// So many rules can stand in a file: each has a bit in the set of those that a line concerns.
pub const RULES_MAX: usize = 128;

/// The rules of one file, ready to read lines.
#[derive(Debug, Clone)]
pub struct Rules {
    pub(super) name: String,
    /// In English, or in any language where there is no Japanese.
    pub(super) description: (String, Option<String>),
    /// Values that say nothing, `N/A`.
    pub(super) none: Vec<String>,
    pub(super) rules: Vec<Rule>,
    /// The ways in which the rules read fields, each once.
    pub(super) formats: Vec<Format>,
    pub(super) search: Search,
}

/// A name under which lines are remembered, with the values that are recalled of it.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldName {
    pub(super) name: String,
    pub(super) wanted: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) contains: Vec<String>,
    pub(super) regex: Option<Regex>,
    /// The number of its format in [`Rules::formats`].
    pub(super) format: Option<usize>,
    pub(super) when: Vec<Condition>,
    pub(super) unless: Vec<Condition>,
    pub(super) emit: Emit,
    pub(super) goes_on: bool,
    pub(super) recall: Option<Recall>,
    pub(super) remember: Vec<Remember>,
    /// For each field the rules for it; the first that says something is taken.
    pub(super) fields: Vec<(Field, Vec<Expr>)>,
    pub(super) times: Vec<Time>,
    /// Where the text of each slot of `fields`, `times` and keys comes from.
    pub(super) origins: Vec<Origin>,
    /// From the fields' texts to an observation; none where the rule emits none.
    pub(super) plan: Option<Plan>,
}

/// Where a name in a template leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Host,
    Process,
    Pid,
    Text,
    Group(usize),
    Named(String),
    /// The number of the value among those that are wanted of the recalled name.
    Held(usize),
    /// A field of the rule itself, for what it leaves behind.
    Field(Field),
}

/// What must hold of a value.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) word: String,
    pub(super) origin: Origin,
    pub(super) test: Test,
}

#[derive(Debug, Clone)]
pub(super) enum Test {
    OneOf(Vec<String>),
    Matches(Regex),
    Exists(bool),
}

impl Test {
    pub(super) fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::OneOf(words) => value.is_some_and(|value| words.iter().any(|word| word == value)),
            Self::Matches(pattern) => value.is_some_and(|value| pattern.is_match(value)),
            Self::Exists(wanted) => value.is_some() == *wanted,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Recall {
    /// The number of its name in [`Rules::held`].
    pub(super) name: usize,
    pub(super) key: Option<Expr>,
    pub(super) forget: bool,
    pub(super) is_required: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Remember {
    pub(super) name: usize,
    pub(super) key: Option<Expr>,
    pub(super) within: DurationUs,
    pub(super) is_adjacent: bool,
    /// Where each value that is wanted of the name comes from; none where this line has none.
    pub(super) values: Vec<Option<Origin>>,
}

/// One way to read the line's own time.
#[derive(Debug, Clone)]
pub(super) struct Time {
    pub(super) text: Expr,
    pub(super) form: TimeForm,
}

#[derive(Debug, Clone)]
pub(super) enum TimeForm {
    /// As in a syslog header, without a year if need be.
    Syslog,
    /// A format that needs no zone, or names its own.
    Own(TimeFormat),
    /// A strftime pattern of local times in the zone of the source.
    Local(String),
}

impl Rules {
    /// Reads a rule file; `file_name` is for the errors.
    ///
    /// # Errors
    /// A [`MappingError`] with the line, the key, and what was expected there.
    pub fn parse(toml_text: &str, file_name: &str) -> Result<Self, MappingError> {
        compile::rules(toml_text, file_name)
    }

    /// Its name, as its file says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for, as its file says; empty where it says nothing.
    #[must_use]
    pub fn description(&self, lang: Lang) -> &str {
        let (english, japanese) = &self.description;
        lang.pick(japanese.as_ref().unwrap_or(english), english)
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none; a file without rules is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The name of rule `at`, from 0; its number from 1 where its file gives none.
    #[must_use]
    pub fn rule_name(&self, at: usize) -> &str {
        self.rules.get(at).map_or("", |rule| &rule.name)
    }
}

/// Finds the words of all rules' `contains` in one pass over a line.
#[derive(Debug, Clone)]
pub(super) struct Search {
    words: Option<AhoCorasick>,
    /// For each word the rules that name it.
    rules: Vec<u128>,
    /// Rules without `contains`.
    always: u128,
}

impl Search {
    pub(super) fn new(rules: &[Rule]) -> Result<Self, String> {
        let mut words: Vec<&str> = Vec::new();
        let mut sets = Vec::new();
        let mut always = 0;
        for (at, rule) in rules.iter().enumerate() {
            let bit = 1_u128 << at;
            if rule.contains.is_empty() {
                always |= bit;
            }
            for word in &rule.contains {
                let known = words.iter().position(|known| known == word).unwrap_or_else(|| {
                    words.push(word);
                    sets.push(0);
                    words.len() - 1
                });
                sets[known] |= bit;
            }
        }
        let built = (!words.is_empty()).then(|| AhoCorasick::new(&words)).transpose().map_err(|e| e.to_string())?;
        Ok(Self { words: built, rules: sets, always })
    }

    /// The rules that may concern a line of this text.
    pub(super) fn candidates(&self, text: &str) -> u128 {
        let Some(words) = &self.words else {
            return self.always;
        };
        words.find_overlapping_iter(text).fold(self.always, |set, found| set | self.rules[found.pattern().as_usize()])
    }
}
