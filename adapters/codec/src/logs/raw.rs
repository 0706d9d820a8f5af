//! A rule file as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use crate::files::RawRule;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) log: RawLog,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RawLogRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) description_ja: Option<String>,
    #[serde(default)]
    pub(super) none: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLogRule {
    pub(super) name: Option<String>,
    pub(super) contains: Option<Spanned<Words>>,
    pub(super) regex: Option<Spanned<String>>,
    pub(super) read: Option<RawFormat>,
    pub(super) separator: Option<Spanned<char>>,
    pub(super) columns: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) when: BTreeMap<Spanned<String>, Spanned<RawCondition>>,
    #[serde(default)]
    pub(super) unless: BTreeMap<Spanned<String>, Spanned<RawCondition>>,
    pub(super) emit: Emit,
    #[serde(default, rename = "continue")]
    pub(super) goes_on: bool,
    pub(super) recall: Option<Spanned<RawRecall>>,
    pub(super) remember: Option<Spanned<OneOrMore<RawRemember>>>,
    #[serde(default)]
    pub(super) fields: BTreeMap<Spanned<String>, Spanned<OneOrMore<RawFieldRule>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawFormat {
    KeyValue,
    Cef,
    Leef,
    Csv,
    Json,
}

/// What a line becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emit {
    /// `session.started`.
    Started,
    /// `session.alive`.
    Alive,
    /// `session.ended`.
    Ended,
    /// `terminal.power`.
    Power,
    /// Nothing: what a line is not, said outright.
    Ignore,
    /// Nothing yet: a later line recalls it.
    Hold,
}

/// What must hold of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RawCondition {
    OneOf(Vec<String>),
    Matches(String),
    Exists(bool),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecall {
    pub(super) name: Spanned<String>,
    pub(super) key: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) forget: bool,
    #[serde(default)]
    pub(super) required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRemember {
    pub(super) name: String,
    pub(super) key: Option<String>,
    pub(super) within: Option<String>,
    #[serde(default)]
    pub(super) adjacent: bool,
}

/// One text, or a list of them.
pub(super) struct Words(pub(super) Vec<String>);

/// One thing, or a list of them.
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

/// A template in quotes, or a table as in a mapping of files.
#[derive(Clone)]
pub(super) struct RawFieldRule(pub(super) RawRule);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Words;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, or a list of texts")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Words, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Words)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Shape<T> {
            type Value = OneOrMore<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a table, or a list of them")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneOrMore<T>, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|one| OneOrMore(vec![one]))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMore(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMore<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMore)
            }
        }
        deserializer.deserialize_any(Shape(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for RawFieldRule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = RawFieldRule;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a template like \"{user}\", or a table with `template` and what is done to it")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawFieldRule, E> {
                Ok(RawFieldRule(text_rule(text)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawFieldRule, A::Error> {
                RawRule::deserialize(MapAccessDeserializer::new(map)).map(RawFieldRule)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

/// A text with braces is a template, one without a constant.
pub(super) fn text_rule(text: &str) -> RawRule {
    if text.contains(['{', '}']) { RawRule::of_template(text) } else { RawRule::of_constant(text) }
}

impl<'de> Deserialize<'de> for RawCondition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Test {
            matches: Option<String>,
            exists: Option<bool>,
        }
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = RawCondition;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, a list of texts, { matches = 'regular expression' } or { exists = true }")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawCondition, E> {
                Ok(RawCondition::OneOf(vec![text.to_owned()]))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<RawCondition, E> {
                Ok(RawCondition::OneOf(vec![number.to_string()]))
            }
            fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<RawCondition, E> {
                Ok(RawCondition::OneOf(vec![flag.to_string()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<RawCondition, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(RawCondition::OneOf)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawCondition, A::Error> {
                let test = Test::deserialize(MapAccessDeserializer::new(map))?;
                match (test.matches, test.exists) {
                    (Some(pattern), None) => Ok(RawCondition::Matches(pattern)),
                    (None, Some(exists)) => Ok(RawCondition::Exists(exists)),
                    _ => Err(serde::de::Error::custom("expected exactly one of `matches`, `exists`")),
                }
            }
        }
        deserializer.deserialize_any(Shape)
    }
}
