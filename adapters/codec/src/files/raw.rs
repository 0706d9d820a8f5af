//! A rule as it is written in a mapping or in the configuration of a line.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A rule as it is written. Which keys fit together is checked when it is compiled.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// Files: the column by its header name (for JSON Lines the key), or by its number from 1.
    pub(crate) column: Option<ColumnRef>,
    /// Lines: the named group of the pattern.
    #[serde(alias = "field")]
    pub(crate) group: Option<String>,
    /// The same text for every row.
    pub(crate) constant: Option<Text>,
    /// A text with `{column}` in it; `{{` and `}}` are braces.
    pub(crate) template: Option<String>,
    /// What each value stands for; a value that is not here is an error of its line.
    pub(crate) map: Option<BTreeMap<String, Text>>,
    /// Taken where the text is empty or not in the map.
    pub(crate) default: Option<Text>,
    /// Makes full-width letters, digits and signs ASCII before the map. Times and numbers always are.
    #[serde(default)]
    pub(crate) narrow: bool,
    /// A regular expression; its first group, or the whole match, is what is taken of the text.
    /// Comes behind `narrow`. What it does not fit is empty.
    pub(crate) take: Option<String>,
    /// Makes letters small, behind `take` and before the map: `Tanaka` and `TANAKA` are one account then.
    #[serde(default)]
    pub(crate) lower: bool,
    /// Time fields: `rfc3339` (the default), `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, `unix_auto` (which
    /// of the four, the number of digits says), or a strftime pattern.
    pub(crate) format: Option<String>,
    /// Time fields with a strftime pattern: the IANA zone of its local times.
    pub(crate) zone: Option<String>,
    /// `factors`: what stands between two of them; a comma by default.
    pub(crate) separator: Option<String>,
}

impl RawRule {
    /// A rule that gives the same text for every row.
    pub(crate) fn of_constant(text: &str) -> Self {
        Self { constant: Some(Text(text.to_owned())), ..Self::default() }
    }

    /// A rule that gives a group as it is.
    pub(crate) fn of_group(name: &str) -> Self {
        Self { group: Some(name.to_owned()), ..Self::default() }
    }

    /// A rule that fills a template in.
    pub(crate) fn of_template(text: &str) -> Self {
        Self { template: Some(text.to_owned()), ..Self::default() }
    }
}

/// A column by name or by number from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnRef {
    Name(String),
    Number(u16),
}

impl std::fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl<'de> Deserialize<'de> for ColumnRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrNumber;
        impl serde::de::Visitor<'_> for NameOrNumber {
            type Value = ColumnRef;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a column, or its number from 1")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ColumnRef, E> {
                Ok(ColumnRef::Name(name.trim().to_owned()))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<ColumnRef, E> {
                match u16::try_from(number) {
                    Ok(number) if number > 0 => Ok(ColumnRef::Number(number)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Signed(number), &self)),
                }
            }
        }
        deserializer.deserialize_any(NameOrNumber)
    }
}

/// A text in a mapping; numbers and booleans may be written without quotes.
#[derive(Debug, Clone)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl serde::de::Visitor<'_> for Scalar {
            type Value = Text;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
            fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Text, E> {
                Ok(Text(flag.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}
