//! The mapping file: which column of a file is which field of an observation.

use std::collections::BTreeMap;
use std::ops::Range as ByteRange;

use kukaku_schema::Kind;
use serde::Deserialize;
use toml::Spanned;

use super::error::MappingError;
use super::fields::Field;
use super::plan::{Plan, Purpose};
use super::raw::{ColumnRef, RawRule};
use super::records::Style;
use super::rule::{SlotNames, Slotted};

/// A mapping file: how the rows of door logs, of session logs and of a city's record of its line
/// are to be read.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The table `[doors]`.
    pub doors: Option<Table>,
    /// The table `[sessions]`.
    pub sessions: Option<Table>,
    /// The table `[lines]`: one unlock of a client's line a row.
    pub lines: Option<Table>,
}

/// How the rows of one sort of file are to be read.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) form: Form,
    pub(crate) purpose: Purpose,
    pub(crate) plan: Plan,
    pub(crate) names: SlotNames,
}

/// How a file is built.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) encoding: Encoding,
    pub(crate) skip_lines: u64,
    pub(crate) shape: Shape,
}

impl Form {
    /// How its records are told apart.
    pub(crate) fn style(&self) -> Style {
        match self.shape {
            Shape::Delimited { delimiter, quoted, .. } => Style { quoted, delimiter },
            Shape::JsonLines => Style { quoted: false, delimiter: b'\n' },
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Fields with a delimiter between them.
    Delimited {
        delimiter: u8,
        quoted: bool,
        /// The names of the columns; none where the first line has them.
        columns: Option<Vec<String>>,
    },
    /// A JSON object a line.
    JsonLines,
}

/// The encoding of a file or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without its mark.
    #[default]
    #[serde(rename = "utf-8", alias = "utf8")]
    Utf8,
    /// Shift_JIS as Windows writes it (code page 932).
    #[serde(rename = "shift_jis", alias = "cp932")]
    ShiftJis,
}

impl Encoding {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::ShiftJis => "Shift_JIS",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    doors: Option<Spanned<RawTable>>,
    sessions: Option<Spanned<RawTable>>,
    lines: Option<Spanned<RawTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    skip_lines: u32,
    #[serde(default)]
    format: RawFormat,
    quoted: Option<Spanned<bool>>,
    delimiter: Option<Spanned<String>>,
    header: Option<Spanned<bool>>,
    columns: Option<Spanned<Vec<String>>>,
    fields: Spanned<BTreeMap<Spanned<String>, Spanned<RawRule>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawFormat {
    #[default]
    Csv,
    Tsv,
    Jsonl,
}

/// Where in the text something is wrong, and what.
type Fault = (ByteRange<usize>, String);

impl Mapping {
    /// Reads a mapping; `file_name` is for the errors.
    ///
    /// # Errors
    /// A [`MappingError`] with the line, the key, and what was expected there.
    pub fn parse(toml_text: &str, file_name: &str) -> Result<Self, MappingError> {
        let located = |(span, message): Fault| MappingError {
            file: file_name.to_owned(),
            line: line_at(toml_text, span.start),
            key: key_at(toml_text, span.start),
            message,
        };
        let raw: RawMapping =
            toml::from_str(toml_text).map_err(|e| located((e.span().unwrap_or(0..0), e.message().to_owned())))?;
        if raw.doors.is_none() && raw.sessions.is_none() && raw.lines.is_none() {
            return Err(located((0..0, "expected a table [doors], [sessions] or [lines]".to_owned())));
        }
        let table = |raw: Option<Spanned<RawTable>>, purpose| {
            raw.map(|raw| Table::compile(raw.into_inner(), purpose)).transpose().map_err(located)
        };
        Ok(Self {
            doors: table(raw.doors, Purpose::Observations { may_lack_time: false })?,
            sessions: table(raw.sessions, Purpose::Sessions)?,
            lines: raw.lines.map(|raw| Table::of_lines(raw.into_inner())).transpose().map_err(located)?,
        })
    }
}

impl Table {
    /// A table of unlocks: every row is one.
    fn of_lines(mut raw: RawTable) -> Result<Self, Fault> {
        let fields = raw.fields.span();
        let kind = Spanned::new(fields.clone(), Field::Kind.word().to_owned());
        let rule = Spanned::new(fields, RawRule::of_constant(Kind::LineUnlocked.word()));
        if let Some((key, _)) = raw.fields.get_ref().get_key_value(Field::Kind.word()) {
            return Err((key.span(), "field `kind` has no place here: every row is an unlock".to_owned()));
        }
        raw.fields.get_mut().insert(kind, rule);
        Self::compile(raw, Purpose::Observations { may_lack_time: false })
    }

    fn compile(raw: RawTable, purpose: Purpose) -> Result<Self, Fault> {
        let shape = compile_shape(&raw)?;
        let has_names = !matches!(&shape, Shape::Delimited { columns: Some(names), .. } if names.is_empty());
        let mut names = SlotNames::default();
        let rules = raw.fields.get_ref();
        let spans = |word: &str| rules.iter().find(|(key, _)| key.get_ref() == word).map(|(key, _)| key.span());
        let plan = Plan::compile(
            purpose,
            rules.iter().map(|(key, rule)| (key.get_ref().as_str(), rule.get_ref())),
            Slotted::Columns,
            &mut names,
        )
        .map_err(|(word, message)| (word.and_then(|word| spans(&word)).unwrap_or(raw.fields.span()), message))?;
        for name in &names.0 {
            check_name(name, &shape, has_names).map_err(|message| (raw.fields.span(), message))?;
        }
        let form = Form { encoding: raw.encoding, skip_lines: u64::from(raw.skip_lines), shape };
        Ok(Self { form, purpose, plan, names })
    }

    /// Whether every row is a door reading: no rule for `kind`.
    #[must_use]
    pub fn readings_only(&self) -> bool {
        self.purpose != Purpose::Sessions && self.plan.is_fixed
    }
}

/// Whether a column that a rule names can be there at all.
fn check_name(name: &ColumnRef, shape: &Shape, has_names: bool) -> Result<(), String> {
    match (name, shape) {
        (ColumnRef::Number(number), Shape::JsonLines) => {
            Err(format!("column {number}: JSON Lines have keys, no numbered columns"))
        }
        (ColumnRef::Name(name), Shape::Delimited { columns: Some(known), .. }) => {
            if known.contains(name) || is_number(name).is_some() {
                Ok(())
            } else if has_names {
                Err(format!(
                    "column {name:?} is not among `columns`: {}",
                    super::fields::listed(known.iter().map(String::as_str))
                ))
            } else {
                Err(format!("column {name:?}: without a header, give the names in `columns`, or use numbers from 1"))
            }
        }
        _ => Ok(()),
    }
}

/// The number from 1 in a template's `{3}`.
pub(crate) fn is_number(name: &str) -> Option<u16> {
    name.parse().ok().filter(|number| *number > 0)
}

fn compile_shape(raw: &RawTable) -> Result<Shape, Fault> {
    if raw.format == RawFormat::Jsonl {
        let stray = [
            raw.quoted.as_ref().map(Spanned::span),
            raw.delimiter.as_ref().map(Spanned::span),
            raw.header.as_ref().map(Spanned::span),
            raw.columns.as_ref().map(Spanned::span),
        ];
        return match stray.into_iter().flatten().next() {
            Some(span) => Err((span, "JSON Lines have no quotes, delimiter, header or columns to set".to_owned())),
            None => Ok(Shape::JsonLines),
        };
    }
    let quoted = raw.quoted.as_ref().is_none_or(|quoted| *quoted.get_ref());
    let delimiter = match (&raw.delimiter, raw.format) {
        (Some(given), _) => match given.get_ref().as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => *byte,
            _ => {
                return Err((given.span(), "expected one ASCII character that is no quote and no line end".to_owned()));
            }
        },
        (None, RawFormat::Tsv) => b'\t',
        (None, _) => b',',
    };
    let has_header = raw.header.as_ref().is_none_or(|header| *header.get_ref());
    let columns = match (&raw.columns, has_header) {
        (Some(given), true) => {
            return Err((
                given.span(),
                "`columns` name the columns of a file without a header; write header = false".to_owned(),
            ));
        }
        (Some(given), false) => {
            let names: Vec<String> = given.get_ref().iter().map(|name| name.trim().to_owned()).collect();
            if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
                return Err((given.span(), format!("column {:?} is named twice", twice.1)));
            }
            Some(names)
        }
        (None, false) => Some(Vec::new()),
        (None, true) => None,
    };
    Ok(Shape::Delimited { delimiter, quoted, columns })
}

/// The line of `offset`, from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

/// The key at `offset` with its tables, for people: `doors.fields.reader`.
pub(crate) fn key_at(text: &str, offset: usize) -> String {
    let mut table = "";
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let until = from + line.len();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            table = name.trim_start_matches('[').trim();
            if offset < until {
                return table.to_owned();
            }
        } else if offset < until {
            let key = trimmed.split('=').next().unwrap_or_default().trim();
            return if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        }
        from = until;
    }
    table.to_owned()
}
