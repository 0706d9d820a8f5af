//! One rule: where a field's text comes from and what is done to it.
//!
//! The same rules serve columns of a file, keys of a JSON line and groups of a pattern:
//! each reads a *slot*, and the caller says which slot holds which text.

use serde::Deserialize;
use std::collections::BTreeMap;

use kukaku_schema::{Name, UtcMicros};
use kukaku_schema::observation::NAME_MAX_BYTES;

use super::fields::{Field, Sort, listed, outside_kind};
use super::template;
use super::time::{TimeFormat, narrow_char, narrowed};

/// How many words of a value map an error names.
const MAP_WORDS_SHOWN: usize = 20;

/// Up to so many entries a walk beats a search.
const MAP_WALKED_MAX: usize = 8;

/// A rule as it is written. Which keys fit together is checked when it is compiled.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// Files: the column by its header name (for JSON Lines the key), or by its number from 1.
    column: Option<ColumnRef>,
    /// Lines: the named group of the pattern.
    group: Option<String>,
    /// The same text for every row.
    constant: Option<Text>,
    /// A text with `{column}` in it; `{{` and `}}` are braces.
    template: Option<String>,
    /// What each value stands for; a value that is not here is an error of its line.
    map: Option<BTreeMap<String, Text>>,
    /// Taken where the text is empty or not in the map.
    default: Option<Text>,
    /// Makes full-width letters, digits and signs ASCII before the map. Times and numbers always are.
    #[serde(default)]
    narrow: bool,
    /// Time fields: `rfc3339` (the default), `unix_s`, `unix_ms`, or a strftime pattern.
    format: Option<String>,
    /// Time fields with a strftime pattern: the IANA zone of its local times.
    zone: Option<String>,
    /// `factors`: what stands between two of them; a comma by default.
    separator: Option<String>,
}

impl RawRule {
    /// A rule that gives the same text for every row.
    pub(crate) fn of_constant(text: &str) -> Self {
        Self { constant: Some(Text(text.to_owned())), ..Self::default() }
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
struct Text(String);

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

/// Where the slots of a rule come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slotted {
    /// Columns of a file: rules say `column`.
    Columns,
    /// Groups of a pattern: rules say `group`.
    Groups,
}

/// The columns or groups that the rules of a table use, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlotNames(pub(crate) Vec<ColumnRef>);

impl SlotNames {
    fn slot(&mut self, column: ColumnRef) -> usize {
        self.0.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.0.push(column);
            self.0.len() - 1
        })
    }
}

/// A rule that was checked and can be used.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) field: Field,
    expr: Expr,
    map: Option<Vec<(Box<str>, Box<str>)>>,
    default: Option<Box<str>>,
    narrow: bool,
    /// No map, no default, nothing to narrow: the text is taken as it is.
    is_bare: bool,
    /// Every literal of its template is printable ASCII.
    has_plain_literals: bool,
    /// Of a time field; RFC 3339 elsewhere.
    time: TimeFormat,
    /// Of a list field.
    pub(crate) separator: Box<str>,
}

#[derive(Debug, Clone)]
enum Expr {
    Constant(Box<str>),
    Slot(usize),
    Template(Vec<Part>),
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(Box<str>),
    Slot(usize),
}

impl Rule {
    /// Checks a written rule for `field`.
    pub(crate) fn compile(field: Field, raw: &RawRule, slotted: Slotted, names: &mut SlotNames) -> Result<Self, String> {
        let is_time = field.sort() == Sort::Time;
        if !is_time && (raw.format.is_some() || raw.zone.is_some()) {
            return Err("`format` and `zone` belong to time fields".to_owned());
        }
        if raw.separator.is_some() && field.sort() != Sort::Names {
            return Err("`separator` belongs to `factors`".to_owned());
        }
        if raw.separator.as_deref() == Some("") {
            return Err("`separator` can't be empty".to_owned());
        }
        let expr = compile_expr(raw, slotted, names)?;
        let is_constant = matches!(expr, Expr::Constant(_));
        if is_constant && (raw.map.is_some() || raw.default.is_some() || raw.narrow) {
            return Err("a `constant` needs no `map`, `default` or `narrow`".to_owned());
        }
        let map = raw.map.as_ref().map(|map| {
            map.iter().map(|(from, to)| (from.trim().into(), to.0.as_str().into())).collect::<Vec<_>>()
        });
        if map.as_ref().is_some_and(Vec::is_empty) {
            return Err("`map` has no entry".to_owned());
        }
        let has_plain_literals = match &expr {
            Expr::Template(parts) => parts.iter().all(|part| match part {
                Part::Literal(text) => is_plain(text),
                Part::Slot(_) => true,
            }),
            Expr::Constant(_) | Expr::Slot(_) => true,
        };
        let rule = Self {
            field,
            expr,
            is_bare: map.is_none() && raw.default.is_none() && !raw.narrow,
            has_plain_literals,
            map,
            default: raw.default.as_ref().map(|text| text.0.as_str().into()),
            narrow: raw.narrow,
            time: if is_time {
                TimeFormat::new(raw.format.as_deref(), raw.zone.as_deref())?
            } else {
                TimeFormat::Rfc3339
            },
            separator: raw.separator.as_deref().unwrap_or(",").into(),
        };
        for text in rule.known_texts() {
            rule.check(text).map_err(|reason| format!("{text:?}: {reason}"))?;
        }
        Ok(rule)
    }

    /// The rule with its slots renumbered: `to[slot]` is the column that holds it.
    pub(crate) fn bound(mut self, to: &[usize]) -> Self {
        match &mut self.expr {
            Expr::Constant(_) => {}
            Expr::Slot(slot) => *slot = to[*slot],
            Expr::Template(parts) => {
                for part in parts {
                    if let Part::Slot(slot) = part {
                        *slot = to[*slot];
                    }
                }
            }
        }
        self
    }

    /// The text of every row, where it is the same.
    pub(crate) fn constant(&self) -> Option<&str> {
        match &self.expr {
            Expr::Constant(text) => Some(text),
            _ => None,
        }
    }

    /// Every text that the rule can give, where they are known beforehand.
    pub(crate) fn closed_texts(&self) -> Option<Vec<&str>> {
        (self.constant().is_some() || self.map.is_some()).then(|| self.known_texts().collect())
    }

    fn known_texts(&self) -> impl Iterator<Item = &str> {
        let mapped = self.map.iter().flatten().map(|(_, to)| &**to);
        self.constant().into_iter().chain(mapped).chain(self.default.as_deref())
    }

    /// Whether `text` can be a value of the field.
    fn check(&self, text: &str) -> Result<(), String> {
        match self.field.sort() {
            Sort::Time => self.time.instant(text).map(|_| ()),
            Sort::Name => Name::new(text).map(|_| ()),
            Sort::Unsigned => unsigned(text).map(|_| ()),
            Sort::Signed => signed(text).map(|_| ()),
            Sort::Bool => boolean(text).map(|_| ()),
            Sort::Names => split_names(text, &self.separator).try_for_each(|name| Name::new(name).map(|_| ())),
            Sort::Word => match self.field {
                Field::Kind => outside_kind(text).map(|_| ()).ok_or_else(kinds_expected),
                Field::Result => granted(text).map(|_| ()),
                // The wire format says which words there are, when the row is read.
                _ => Ok(()),
            },
            Sort::Path => Ok(()),
        }
    }

    /// The field's text in this row; empty where the row says nothing.
    ///
    /// Rendered texts are appended to `scratch`, so that the pieces of many fields can live side by side.
    #[inline]
    pub(crate) fn text<'t>(&'t self, slots: &Slots<'_>, scratch: &mut String) -> Result<Piece<'t>, String> {
        let piece = match &self.expr {
            Expr::Constant(text) => return Ok(Piece::Fixed(text)),
            Expr::Slot(slot) => slots.piece(*slot),
            Expr::Template(parts) => render(parts, slots, scratch),
        };
        if self.is_bare { Ok(piece) } else { self.translated(piece, slots, scratch) }
    }

    /// What `narrow`, `map` and `default` make of a text.
    fn translated<'t>(
        &'t self,
        mut piece: Piece<'t>,
        slots: &Slots<'_>,
        scratch: &mut String,
    ) -> Result<Piece<'t>, String> {
        if self.narrow && !piece.get(slots, scratch).is_ascii() {
            let from = scratch.len();
            let wide = piece.get(slots, scratch).to_owned();
            scratch.extend(wide.chars().map(narrow_char));
            piece = trimmed_tail(scratch, from);
        }
        if let Some(map) = &self.map {
            let text = piece.get(slots, scratch);
            match find(map, text) {
                Some(to) => return Ok(Piece::Fixed(to)),
                None if self.default.is_none() && !text.is_empty() => return Err(not_in_map(map, text)),
                None => piece = Piece::EMPTY,
            }
        }
        match &self.default {
            Some(default) if piece.is_empty() => Ok(Piece::Fixed(default)),
            _ => Ok(piece),
        }
    }

    /// Whether a text that the rule gives is printable ASCII throughout, if the row is.
    #[inline]
    pub(crate) fn keeps_plain(&self) -> bool {
        self.is_bare && self.has_plain_literals
    }

    /// The instant that `text` names for this rule.
    #[inline]
    pub(crate) fn instant(&self, text: &str) -> Result<UtcMicros, String> {
        self.time.instant(text)
    }
}

fn compile_expr(raw: &RawRule, slotted: Slotted, names: &mut SlotNames) -> Result<Expr, String> {
    let word = match slotted {
        Slotted::Columns => "column",
        Slotted::Groups => "group",
    };
    let group = raw.group.clone().map(ColumnRef::Name);
    let (column, stray) = match slotted {
        Slotted::Columns => (raw.column.clone(), group),
        Slotted::Groups => (group, raw.column.clone()),
    };
    if stray.is_some() {
        return Err(format!("expected `{word}` here"));
    }
    match (column, &raw.constant, &raw.template) {
        (Some(column), None, None) => Ok(Expr::Slot(names.slot(column))),
        (None, Some(text), None) => Ok(Expr::Constant(text.0.as_str().into())),
        (None, None, Some(template)) => {
            let parts = template::parse(template, |name| names.slot(ColumnRef::Name(name.to_owned())))?;
            Ok(Expr::Template(parts))
        }
        _ => Err(format!("expected exactly one of `{word}`, `constant`, `template`")),
    }
}

/// Puts a template together; one whose slots are all empty says nothing.
fn render<'t>(parts: &[Part], slots: &Slots<'_>, scratch: &mut String) -> Piece<'t> {
    let from = scratch.len();
    let mut says_something = false;
    for part in parts {
        match part {
            Part::Literal(text) => scratch.push_str(text),
            Part::Slot(slot) => {
                let text = slots.get(*slot);
                says_something |= !text.is_empty();
                scratch.push_str(text);
            }
        }
    }
    if says_something { Piece::Scratch(from as u32, scratch.len() as u32) } else { Piece::EMPTY }
}

/// The scratch from `from` on, without the blanks around it.
fn trimmed_tail<'t>(scratch: &mut String, from: usize) -> Piece<'t> {
    let tail = &scratch[from..];
    let start = from + tail.len() - tail.trim_start().len();
    let end = from + tail.trim_end().len();
    Piece::Scratch(start.min(end) as u32, end as u32)
}

fn find<'t>(map: &'t [(Box<str>, Box<str>)], text: &str) -> Option<&'t str> {
    let entry = if map.len() <= MAP_WALKED_MAX {
        map.iter().find(|(from, _)| **from == *text)
    } else {
        map.binary_search_by(|(from, _)| (**from).cmp(text)).ok().map(|at| &map[at])
    };
    entry.map(|(_, to)| &**to)
}

fn not_in_map(map: &[(Box<str>, Box<str>)], text: &str) -> String {
    let more = if map.len() > MAP_WORDS_SHOWN { ", …" } else { "" };
    format!("{text:?} is not in the map; it knows {}{more}", listed(map.iter().take(MAP_WORDS_SHOWN).map(|(from, _)| &**from)))
}

/// A stretch of a row's text, or none.
pub(crate) type Range = (u32, u32);

/// The range of a slot that the row does not have.
pub(crate) const ABSENT: Range = (u32::MAX, u32::MAX);

/// The texts of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots<'a> {
    /// What the ranges lie in.
    pub(crate) text: &'a str,
    /// Where each slot's text is.
    pub(crate) ranges: &'a [Range],
    /// Every byte of the text is printable ASCII.
    pub(crate) plain: bool,
}

impl<'a> Slots<'a> {
    #[inline]
    fn piece<'t>(&self, slot: usize) -> Piece<'t> {
        let Some(&(start, end)) = self.ranges.get(slot).filter(|range| **range != ABSENT) else {
            return Piece::EMPTY;
        };
        let text = &self.text[start as usize..end as usize];
        let trimmed = trim(text);
        if trimmed.is_empty() {
            return Piece::EMPTY;
        }
        let leading = if trimmed.len() == text.len() { 0 } else { text.len() - text.trim_start().len() };
        let start = start + leading as u32;
        Piece::Slot(start, start + trimmed.len() as u32)
    }

    /// A slot's text without the blanks around it; empty where the row does not have it.
    #[inline]
    pub(crate) fn get(&self, slot: usize) -> &'a str {
        match self.ranges.get(slot) {
            Some(&(start, end)) if (start, end) != ABSENT => trim(&self.text[start as usize..end as usize]),
            _ => "",
        }
    }
}

/// Without the blanks around it, full-width ones too.
#[inline]
fn trim(text: &str) -> &str {
    let visible = |b: &u8| (0x21..0x80).contains(b);
    match text.as_bytes() {
        [] => text,
        [first, .., last] if visible(first) && visible(last) => text,
        _ => text.trim(),
    }
}

/// Where a field's text is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'t> {
    /// In the row.
    Slot(u32, u32),
    /// In the mapping.
    Fixed(&'t str),
    /// In the scratch text.
    Scratch(u32, u32),
}

impl<'t> Piece<'t> {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self::Fixed("");

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Slot(start, end) | Self::Scratch(start, end) => start == end,
            Self::Fixed(text) => text.is_empty(),
        }
    }

    #[inline]
    pub(crate) fn get<'x>(&self, slots: &Slots<'x>, scratch: &'x str) -> &'x str
    where
        't: 'x,
    {
        match *self {
            Self::Slot(start, end) => &slots.text[start as usize..end as usize],
            Self::Fixed(text) => text,
            Self::Scratch(start, end) => &scratch[start as usize..end as usize],
        }
    }
}

/// Whether `text` is a name; `plain` says that it is printable ASCII throughout.
#[inline]
pub(crate) fn check_name(text: &str, plain: bool) -> Result<(), String> {
    let fits = (1..=NAME_MAX_BYTES).contains(&text.len());
    if fits && (plain || is_plain(text)) {
        return Ok(());
    }
    Name::new(text).map(|_| ())
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7F).contains(&b))
}

/// The names of a list, without empty ones.
pub(crate) fn split_names<'x>(text: &'x str, separator: &'x str) -> impl Iterator<Item = &'x str> {
    text.split(separator).map(str::trim).filter(|name| !name.is_empty())
}

pub(crate) fn unsigned(text: &str) -> Result<u64, String> {
    // `parse` alone would take a plus sign.
    let narrow = narrowed(text);
    match narrow.parse() {
        Ok(number) if narrow.as_bytes()[0].is_ascii_digit() => Ok(number),
        _ => Err(format!("{text:?} is no whole number from 0 to {}", u64::MAX)),
    }
}

pub(crate) fn signed(text: &str) -> Result<i64, String> {
    narrowed(text).parse().map_err(|_| format!("{text:?} is no whole number"))
}

pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match &*narrowed(text) {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{text:?} is none of true, false, 1, 0; a `map` can turn it into one")),
    }
}

pub(crate) fn granted(text: &str) -> Result<bool, String> {
    match text {
        "granted" => Ok(true),
        "denied" => Ok(false),
        _ => Err(format!("{text:?} is none of granted, denied; a `map` can turn it into one")),
    }
}

fn kinds_expected() -> String {
    let words = kukaku_schema::observation::kind_words();
    format!("expected a kind: {}", listed(words))
}
