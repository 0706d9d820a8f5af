//! One rule: where a field's text comes from and what is done to it.
//!
//! The same rules serve columns of a file, keys of a JSON line and groups of a pattern:
//! each reads a *slot*, and the caller says which slot holds which text.

use kukaku_schema::{Name, UtcMicros};
use regex::Regex;

use super::fields::{Field, Sort, listed, outside_kind};
use super::raw::{ColumnRef, RawRule};
use super::slots::{Piece, Slots};
use super::template;
use super::time::{TimeFormat, narrow_char};
use super::values::{boolean, granted, is_plain, kinds_expected, signed, split_names, unsigned};

/// How many words of a value map an error names.
const MAP_WORDS_SHOWN: usize = 20;

/// Up to so many entries a walk beats a search.
const MAP_WALKED_MAX: usize = 8;

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
    take: Option<Regex>,
    lower: bool,
    /// No map, no default, nothing to narrow, take or make small: the text is taken as it is.
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
    pub(crate) fn compile(
        field: Field,
        raw: &RawRule,
        slotted: Slotted,
        names: &mut SlotNames,
    ) -> Result<Self, String> {
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
        let is_changed = raw.narrow || raw.lower || raw.take.is_some();
        if is_constant && (raw.map.is_some() || raw.default.is_some() || is_changed) {
            return Err("a `constant` needs no `map`, `default`, `narrow`, `take` or `lower`".to_owned());
        }
        let take = raw
            .take
            .as_ref()
            .map(|text| Regex::new(text).map_err(|e| format!("`take`: {text:?} is no regular expression: {e}")));
        let map = raw
            .map
            .as_ref()
            .map(|map| map.iter().map(|(from, to)| (from.trim().into(), to.0.as_str().into())).collect::<Vec<_>>());
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
            is_bare: map.is_none() && raw.default.is_none() && !is_changed,
            has_plain_literals,
            map,
            default: raw.default.as_ref().map(|text| text.0.as_str().into()),
            narrow: raw.narrow,
            take: take.transpose()?,
            lower: raw.lower,
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
        self.is_closed().then(|| self.known_texts().collect())
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
    #[inline(always)]
    pub(crate) fn text<'x>(&'x self, slots: &Slots<'x>, scratch: &mut String) -> Result<Piece<'x>, String> {
        // Each arm makes its own result: a piece that is first put together and then wrapped
        // costs a stall in every field of every row.
        match &self.expr {
            Expr::Constant(text) => Ok(Piece::Text(text)),
            Expr::Slot(slot) if self.is_bare => Ok(Piece::Text(slots.get(*slot))),
            Expr::Template(parts) if self.is_bare => Ok(render(parts, slots, scratch)),
            Expr::Slot(_) | Expr::Template(_) => self.translated(slots, scratch),
        }
    }

    /// The text that stands in where the row says nothing.
    pub(crate) fn fallback(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Whether every slot that the rule uses says something in this row.
    pub(crate) fn is_whole(&self, slots: &Slots<'_>) -> bool {
        match &self.expr {
            Expr::Constant(_) => true,
            Expr::Slot(slot) => !slots.get(*slot).is_empty(),
            Expr::Template(parts) => parts.iter().all(|part| match part {
                Part::Literal(_) => true,
                Part::Slot(slot) => !slots.get(*slot).is_empty(),
            }),
        }
    }

    /// The text after `narrow`, `take`, `lower`, `map` and `default`.
    fn translated<'x>(&'x self, slots: &Slots<'x>, scratch: &mut String) -> Result<Piece<'x>, String> {
        let mut piece = match &self.expr {
            Expr::Constant(text) => Piece::Text(text),
            Expr::Slot(slot) => Piece::Text(slots.get(*slot)),
            Expr::Template(parts) => render(parts, slots, scratch),
        };
        if self.narrow && !piece.get(scratch).is_ascii() {
            let from = scratch.len();
            let wide = piece.get(scratch).to_owned();
            scratch.extend(wide.chars().map(narrow_char));
            piece = trimmed_tail(scratch, from);
        }
        if let Some(take) = &self.take {
            let found = take.captures(piece.get(scratch));
            let part = found.and_then(|found| found.get(1).or_else(|| found.get(0)));
            let part = part.map_or(String::new(), |part| part.as_str().to_owned());
            let from = scratch.len();
            scratch.push_str(&part);
            piece = trimmed_tail(scratch, from);
        }
        if self.lower && piece.get(scratch).chars().any(char::is_uppercase) {
            let from = scratch.len();
            let small = piece.get(scratch).to_lowercase();
            scratch.push_str(&small);
            piece = Piece::Scratch(from as u32, scratch.len() as u32);
        }
        if let Some(map) = &self.map {
            let text = piece.get(scratch);
            match find(map, text) {
                Some(to) => return Ok(Piece::Text(to)),
                None if self.default.is_none() && !text.is_empty() => {
                    return Err(not_in_map(map, text));
                }
                None => piece = Piece::EMPTY,
            }
        }
        match &self.default {
            Some(default) if piece.is_empty() => Ok(Piece::Text(default)),
            _ => Ok(piece),
        }
    }

    /// Whether every text that the rule gives was checked with it.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.map.is_some() || matches!(self.expr, Expr::Constant(_))
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
fn render<'x>(parts: &[Part], slots: &Slots<'_>, scratch: &mut String) -> Piece<'x> {
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
fn trimmed_tail<'x>(scratch: &str, from: usize) -> Piece<'x> {
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
    format!(
        "{text:?} is not in the map; it knows {}{more}",
        listed(map.iter().take(MAP_WORDS_SHOWN).map(|(from, _)| &**from))
    )
}
