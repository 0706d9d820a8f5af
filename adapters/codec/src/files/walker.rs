//! From records to rows: lines to skip, the header, and the columns of each row.

use encoding_rs::SHIFT_JIS;

use super::error::{LineError, ReadError};
use super::fields::listed;
use super::json;
use super::mapping::{Encoding, Shape, Table, is_number};
use super::plan::Plan;
use super::raw::ColumnRef;
use super::records::{Record, Taken};
use super::slots::{Range, Slots};
use super::split::{split_plain, split_quoted};

/// How many columns of a header an error names.
const COLUMNS_SHOWN: usize = 50;

/// A row whose fields are found but not read.
pub(super) struct FoundRow<'a> {
    pub(super) line_no: u64,
    /// The rules, with the numbers of this file's columns.
    pub(super) plan: &'a Plan,
    pub(super) slots: Slots<'a>,
    bytes: &'a [u8],
}

impl FoundRow<'_> {
    /// Why the row can't be used, with its bytes.
    pub(super) fn failed(&self, reason: String) -> LineError {
        LineError::new(self.line_no, self.bytes, reason)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Skipping(u64),
    Header,
    Rows,
}

/// Turns the records of one file into rows.
#[derive(Clone)]
pub(super) struct Walker<'t> {
    table: &'t Table,
    stage: Stage,
    columns: Columns,
    /// Where the fields of the row lie.
    ranges: Vec<Range>,
    decoded: String,
    fields: String,
}

/// The rules, with the numbers of this file's columns.
#[derive(Clone)]
struct Columns {
    plan: Plan,
    /// How many columns a row must have, because a rule uses the last of them.
    used: usize,
    /// How many the header has; none where there is no header.
    named: Option<usize>,
}

/// What became of a record: how much was taken, and its row unless it is none.
type Step<'a> = (Taken, Option<Result<FoundRow<'a>, LineError>>);

impl<'t> Walker<'t> {
    pub(super) fn new(table: &'t Table) -> Result<Self, ReadError> {
        let mut walker = Self {
            table,
            stage: Stage::Rows,
            columns: Columns { plan: table.plan.clone(), used: 0, named: None },
            ranges: Vec::new(),
            decoded: String::new(),
            fields: String::new(),
        };
        let has_header = matches!(table.form.shape, Shape::Delimited { columns: None, .. });
        if let Shape::Delimited { columns: Some(names), .. } = &table.form.shape {
            walker.columns.bind(table, 0, names, false)?;
        }
        walker.stage = match table.form.skip_lines {
            0 if has_header => Stage::Header,
            0 => Stage::Rows,
            lines => Stage::Skipping(lines),
        };
        Ok(walker)
    }

    /// Whether the lines before the rows are over.
    pub(super) fn is_in_rows(&self) -> bool {
        match self.stage {
            Stage::Rows => true,
            Stage::Header => false,
            Stage::Skipping(_) => !matches!(self.table.form.shape, Shape::Delimited { columns: None, .. }),
        }
    }

    /// Whether only rows can follow.
    pub(super) fn is_in_rows_for_good(&self) -> bool {
        self.stage == Stage::Rows
    }

    fn skip_one(&mut self, left: u64) {
        self.stage = match left - 1 {
            0 if self.is_in_rows() => Stage::Rows,
            0 => Stage::Header,
            left => Stage::Skipping(left),
        };
    }

    /// Turns a record into a row.
    pub(super) fn take<'a>(&'a mut self, record: Record<'a>) -> Result<Step<'a>, ReadError> {
        let (line_no, mut bytes, mut plain, mut first_line_len) = match record {
            Record::Whole { line_no, bytes, plain, first_line_len, .. } => (line_no, bytes, plain, first_line_len),
            Record::Unclosed { line_no, bytes, .. } => {
                let reason = "a quote that is never closed; write quoted = false if quotes mean nothing in this file";
                return self.unusable(LineError::new(line_no, bytes, reason.to_owned()), Taken::FirstLine);
            }
            Record::TooLong(error) => return self.unusable(error, Taken::Whole),
        };
        if line_no == 1 {
            let mark_len = mark_len(bytes, self.table.form.encoding)?;
            if mark_len > 0 {
                (bytes, plain, first_line_len) = (&bytes[mark_len..], None, first_line_len - mark_len);
            }
        }
        if let Stage::Skipping(left) = self.stage {
            self.skip_one(left);
            return Ok((Taken::FirstLine, None));
        }
        if is_blank(bytes, &self.table.form.shape) {
            return Ok((Taken::Whole, None));
        }
        let first_line = &bytes[..first_line_len];
        let is_one_line = first_line_len == bytes.len();
        let encoding = self.table.form.encoding;
        let text = match decode(encoding, bytes, plain, &mut self.decoded) {
            Ok(text) => text,
            Err(reason) => {
                let error = LineError::new(line_no, first_line, reason);
                return unusable(&self.stage, error, Taken::FirstLine);
            }
        };
        let split = split(self.table, text, plain.is_some(), &mut self.fields, &mut self.ranges);
        let in_fields = match split {
            Ok(in_fields) => in_fields,
            Err(reason) => {
                // A quote that is out of place may have swallowed good lines: they are read again.
                let taken = if is_one_line { Taken::Whole } else { Taken::FirstLine };
                return unusable(&self.stage, LineError::new(line_no, first_line, reason), taken);
            }
        };
        if self.stage == Stage::Header {
            let text = if in_fields { &self.fields } else { text };
            let names: Vec<String> =
                self.ranges.iter().map(|(from, to)| text[*from as usize..*to as usize].trim().to_owned()).collect();
            self.columns.bind(self.table, line_no, &names, true)?;
            self.stage = Stage::Rows;
            return Ok((Taken::Whole, None));
        }
        let text = if in_fields { &self.fields } else { text };
        let slots = Slots { text, ranges: &self.ranges, plain: plain.is_some() };
        let row = match self.columns.check(&slots) {
            Ok(()) => Ok(FoundRow { line_no, plan: &self.columns.plan, slots, bytes }),
            Err(reason) => Err(LineError::new(line_no, bytes, reason)),
        };
        Ok((Taken::Whole, Some(row)))
    }

    fn unusable<'a>(&mut self, error: LineError, taken: Taken) -> Result<Step<'a>, ReadError> {
        if let Stage::Skipping(left) = self.stage {
            self.skip_one(left);
            return Ok((taken, None));
        }
        unusable(&self.stage, error, taken)
    }
}

impl Columns {
    /// Gives every rule the number of its column; `is_header` says that the names come from the file.
    fn bind(&mut self, table: &Table, line_no: u64, names: &[String], is_header: bool) -> Result<(), ReadError> {
        let mut to = Vec::with_capacity(table.names.0.len());
        for wanted in &table.names.0 {
            let at = match wanted {
                ColumnRef::Number(number) => Some(usize::from(*number) - 1),
                ColumnRef::Name(name) => {
                    let mut found = names.iter().enumerate().filter(|(_, known)| *known == name);
                    let first = found.next();
                    if first.is_some() && found.next().is_some() {
                        let reason = format!("column {name:?} is there more than once; use its number from 1");
                        return Err(ReadError::Header { line_no, reason });
                    }
                    first.map(|(at, _)| at).or_else(|| is_number(name).map(|number| usize::from(number) - 1))
                }
            };
            match at.filter(|at| !is_header || *at < names.len()) {
                Some(at) => to.push(at),
                None => {
                    let found = listed(names.iter().take(COLUMNS_SHOWN).map(String::as_str));
                    return Err(ReadError::MissingColumn { line_no, column: wanted.to_string(), found });
                }
            }
        }
        self.plan = table.plan.bound(&to);
        self.used = to.iter().map(|at| at + 1).max().unwrap_or(0);
        self.named = is_header.then_some(names.len());
        Ok(())
    }

    /// A row with too few columns was cut, one with too many has a delimiter inside a field: its
    /// columns can't be trusted.
    #[inline]
    fn check(&self, slots: &Slots<'_>) -> Result<(), String> {
        let count = slots.ranges.len();
        if count < self.used {
            return Err(format!("{count} columns, but the mapping uses column {}", self.used));
        }
        match self.named {
            Some(named) if count > named && (named..count).any(|at| !slots.get(at).is_empty()) => {
                Err(format!("{count} columns, but the header has {named}"))
            }
            _ => Ok(()),
        }
    }
}

/// A line that can't be used: fatal where it should be the header.
fn unusable<'a>(stage: &Stage, error: LineError, taken: Taken) -> Result<Step<'a>, ReadError> {
    if *stage == Stage::Header {
        return Err(ReadError::Header { line_no: error.line_no, reason: error.reason });
    }
    Ok((taken, Some(Err(error))))
}

/// How many bytes at the start of a file only mark its encoding.
fn mark_len(bytes: &[u8], expected: Encoding) -> Result<usize, ReadError> {
    let wrong = |found| ReadError::Encoding { found, expected: expected.name() };
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] if expected == Encoding::Utf8 => Ok(3),
        [0xEF, 0xBB, 0xBF, ..] => Err(wrong("UTF-8")),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err(wrong("UTF-16")),
        _ => Ok(0),
    }
}

/// Whether a line holds nothing: blanks, columns that are all empty, the Ctrl-Z that old machines
/// end their files with.
#[inline]
fn is_blank(bytes: &[u8], shape: &Shape) -> bool {
    let between = match shape {
        Shape::Delimited { delimiter, .. } => *delimiter,
        Shape::JsonLines => b' ',
    };
    let is_quote_blank = matches!(shape, Shape::Delimited { quoted: true, .. });
    bytes.iter().all(|b| matches!(b, b' ' | b'\t' | 0x1A) || *b == between || (is_quote_blank && *b == b'"'))
}

/// The bytes as text.
#[inline]
pub(crate) fn decode<'a>(
    encoding: Encoding,
    bytes: &'a [u8],
    plain: Option<&'a str>,
    decoded: &'a mut String,
) -> Result<&'a str, String> {
    match (plain, encoding) {
        (Some(text), _) => Ok(text),
        (None, Encoding::Utf8) => {
            std::str::from_utf8(bytes).map_err(|e| format!("no UTF-8 from byte {} on", e.valid_up_to() + 1))
        }
        (None, Encoding::ShiftJis) => match SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(text) => {
                decoded.clear();
                decoded.push_str(&text);
                Ok(decoded)
            }
            None => Err("no Shift_JIS".to_owned()),
        },
    }
}

/// Finds the fields; true where they were written to `fields`, false where they lie in `text`.
#[inline]
fn split(
    table: &Table,
    text: &str,
    is_plain: bool,
    fields: &mut String,
    ranges: &mut Vec<Range>,
) -> Result<bool, String> {
    match &table.form.shape {
        Shape::Delimited { delimiter, quoted, .. } => {
            if !quoted || is_plain || !text.contains('"') {
                split_plain(text, *delimiter, ranges);
                return Ok(false);
            }
            split_quoted(text, *delimiter, fields, ranges).map(|()| true)
        }
        Shape::JsonLines => json::slots_of(text, &table.names, fields, ranges).map(|()| true),
    }
}
