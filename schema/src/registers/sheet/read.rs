//! A table from CSV: the registers as they shall be with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::cells::{instant, unprotect, value_of};
use super::write::{no_such_table, row_of, usual_validity};
use super::{Column, SheetFile, VALID_FROM, VALID_TO, canonical, columns, heading, identity};
use crate::instant::{SiteZone, Span, UtcMicros};
use crate::lang::Lang;
use crate::registers::{Registers, StoredEntry, parse, to_stored};

/// Why a table can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}{}: {message}", line.map_or_else(String::new, |line| format!(", line {line}")),
    column.as_ref().map_or_else(String::new, |column| format!(", column {column:?}")))]
pub struct SheetError {
    /// The file's name.
    pub file: String,
    /// The line, from 1, where one is at fault.
    pub line: Option<u64>,
    /// The column as the file calls it, where one is at fault.
    pub column: Option<String>,
    /// What is wrong and what was expected.
    pub message: String,
}

/// A column of the file: how the file calls it, and which key it is.
struct Head {
    called: String,
    key: String,
    column: Option<Column>,
}

/// A line of the file.
struct Line {
    number: u64,
    says: Map<String, Value>,
    from: Option<UtcMicros>,
    to: Option<UtcMicros>,
}

/// The table as it is and as the file wants it.
struct Sheet<'a> {
    file: &'a str,
    table: &'a str,
    columns: Vec<Column>,
    heads: Vec<Head>,
    zone: SiteZone,
    now: UtcMicros,
}

/// Where a part of the registers as TOML came from.
enum Origin {
    Line(u64),
    Registered,
}

/// See `SheetFile::apply`.
pub(super) fn from_csv(registers: &Registers, wanted: &SheetFile, now: UtcMicros) -> Result<Registers, SheetError> {
    let SheetFile { table, text, file, end_missing } = wanted;
    let wrong = |message: String| SheetError { file: file.clone(), line: None, column: None, message };
    let columns = columns(table).ok_or_else(|| wrong(no_such_table(table)))?;
    let zone = SiteZone::named(&registers.site.time_zone).map_err(wrong)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes());
    let mut records = reader.records();
    let first = records.next().transpose().map_err(|e| wrong(e.to_string()))?.unwrap_or_default();
    let mut sheet = Sheet { file, table, columns, heads: Vec::new(), zone, now };
    sheet.heads = sheet.read_heads(&first)?;
    let mut lines = Vec::new();
    for record in records {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        if record.iter().any(|cell| unprotect(cell).is_some()) {
            lines.push(sheet.read_line(&record)?);
        }
    }
    let entries = to_stored(registers);
    sheet.put_together(entries, lines, *end_missing)
}

impl Sheet<'_> {
    fn error(&self, line: u64, column: Option<&str>, message: impl Into<String>) -> SheetError {
        SheetError {
            file: self.file.to_owned(),
            line: Some(line),
            column: column.map(str::to_owned),
            message: message.into(),
        }
    }

    /// The first line: keys, or their names in Japanese.
    fn read_heads(&self, first: &csv::StringRecord) -> Result<Vec<Head>, SheetError> {
        let known: Vec<&str> = self.columns.iter().map(|column| column.key).chain([VALID_FROM, VALID_TO]).collect();
        let mut heads: Vec<Head> = Vec::new();
        for called in first.iter().map(|cell| unprotect(cell).unwrap_or_default()) {
            let means = |key: &&&str| called == **key || called == heading(self.table, key, Lang::Ja);
            let Some(key) = known.iter().find(means) else {
                let names: Vec<String> = known.iter().map(|key| heading(self.table, key, Lang::Ja)).collect();
                let expected = format!("expected {}, or {}", known.join(", "), names.join(", "));
                return Err(self.error(1, Some(called), format!("no column of {:?}; {expected}", self.table)));
            };
            if heads.iter().any(|head| head.key == **key) {
                return Err(self.error(1, Some(called), format!("`{key}` stands twice")));
            }
            let column = self.columns.iter().copied().find(|column| column.key == *key);
            heads.push(Head { called: called.to_owned(), key: (*key).to_owned(), column });
        }
        if heads.iter().all(|head| head.key != "id") {
            return Err(self.error(1, None, "the first line names the columns, and `id` is not among them"));
        }
        Ok(heads)
    }

    fn read_line(&self, record: &csv::StringRecord) -> Result<Line, SheetError> {
        let number = record.position().map_or(0, csv::Position::line);
        if record.len() != self.heads.len() {
            let message = format!("{} cells, but the first line has {}", record.len(), self.heads.len());
            return Err(self.error(number, None, message));
        }
        let mut line = Line { number, says: Map::new(), from: None, to: None };
        for (head, cell) in self.heads.iter().zip(record) {
            let Some(text) = unprotect(cell) else { continue };
            let wrong = |why: String| self.error(number, Some(&head.called), why);
            match &head.column {
                Some(column) => {
                    line.says.insert(head.key.clone(), value_of(text, column.shape).map_err(wrong)?);
                }
                None => {
                    let at = instant(text, &self.zone).ok_or_else(|| {
                        wrong(format!("{text:?}: expected a time like \"2026-04-01\" or \"2026-04-01 09:00\""))
                    })?;
                    if head.key == VALID_FROM {
                        line.from = Some(at);
                    } else {
                        line.to = Some(at);
                    }
                }
            }
        }
        if !line.says.contains_key("id") {
            return Err(self.error(number, self.called("id"), "empty; expected an id"));
        }
        Ok(line)
    }

    fn called(&self, key: &str) -> Option<&str> {
        self.heads.iter().find(|head| head.key == key).map(|head| head.called.as_str())
    }

    fn has(&self, key: &str) -> bool {
        self.called(key).is_some()
    }

    /// The registers with the file's lines in place of what they speak of.
    fn put_together(
        &self,
        entries: Vec<StoredEntry>,
        lines: Vec<Line>,
        end_missing: bool,
    ) -> Result<Registers, SheetError> {
        let wrong = |message: String| SheetError { file: self.file.to_owned(), line: None, column: None, message };
        let (mine, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.table == self.table);
        let rows = mine.iter().map(row_of).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let places = self.places(&mine, &rows, &lines)?;
        let mut text = Toml::default();
        let last_policy = others.iter().rposition(|entry| entry.table == "policy");
        for (number, entry) in others.iter().enumerate() {
            if entry.table != "policy" || Some(number) == last_policy {
                text.push(&entry.table, row_of(entry).map_err(wrong)?, entry.valid, Origin::Registered)
                    .map_err(wrong)?;
            }
        }
        let ids: BTreeSet<&str> = mine.iter().map(|entry| entry.id.as_str()).collect();
        let mut here: Vec<Option<Line>> = mine.iter().map(|_| None).collect();
        let mut new = Vec::new();
        for (line, place) in lines.into_iter().zip(places) {
            match place {
                Some(place) => here[place] = Some(line),
                None => new.push(line),
            }
        }
        // Each in its place, so that what is only opened and saved is the same to the letter.
        for (line, (entry, row)) in here.into_iter().zip(mine.iter().zip(&rows)) {
            match line {
                Some(line) => self.push_line(&mut text, line, Some((entry, row)), true)?,
                None => {
                    let mut valid = entry.valid;
                    if end_missing && valid.end > self.now {
                        valid.end = self.now;
                    }
                    if !valid.is_empty() {
                        text.push(self.table, row.clone(), valid, Origin::Registered).map_err(wrong)?;
                    }
                }
            }
        }
        for line in new {
            let others = line.says.get("id").and_then(Value::as_str).is_some_and(|id| ids.contains(id));
            self.push_line(&mut text, line, None, others)?;
        }
        parse(&text.text, self.file).map_err(|error| self.placed(&text, error.line, error.message))
    }

    fn push_line(
        &self,
        text: &mut Toml,
        line: Line,
        known: Option<(&StoredEntry, &Map<String, Value>)>,
        others: bool,
    ) -> Result<(), SheetError> {
        let number = line.number;
        let (row, valid) = self.wanted(line, known, others);
        if valid.is_empty() {
            let message = format!("`{VALID_TO}` must lie after `{VALID_FROM}`");
            return Err(self.error(number, self.called(VALID_TO), message));
        }
        text.push(self.table, row, valid, Origin::Line(number)).map_err(|why| self.error(number, None, why))
    }

    /// For each line the registered entry that it speaks of: the one of its identity with its
    /// beginning, else the one in force.
    fn places(
        &self,
        mine: &[StoredEntry],
        rows: &[Map<String, Value>],
        lines: &[Line],
    ) -> Result<Vec<Option<usize>>, SheetError> {
        let mut places: Vec<Option<usize>> = vec![None; lines.len()];
        let mut taken = vec![false; mine.len()];
        let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, entry) in mine.iter().enumerate() {
            by_id.entry(&entry.id).or_default().push(place);
        }
        let same = |line: &Line, row: &Map<String, Value>| {
            identity(self.table).iter().filter(|key| self.has(key)).all(|key| line.says.get(*key) == row.get(*key))
        };
        // Those that stand in the file as they are come first: the order of lines makes no difference.
        for exactly in [true, false] {
            for (number, line) in lines.iter().enumerate() {
                if places[number].is_some() {
                    continue;
                }
                let usual = usual_validity(&self.columns, &line.says, &self.zone);
                let (from, to) = (line.from.unwrap_or(usual.start), line.to.unwrap_or(usual.end));
                let fits = |place: &usize| {
                    let valid = mine[*place].valid;
                    let in_force = valid.contains(self.now);
                    // Without a column for it, a line says nothing of the end.
                    let ends = valid.end == to || (!self.has(VALID_TO) && (in_force || line.from.is_some()));
                    let meant = match (exactly, line.from) {
                        (true, _) => valid.start == from && ends,
                        (false, Some(from)) => valid.start == from,
                        (false, None) => in_force,
                    };
                    meant && !taken[*place] && same(line, &rows[*place])
                };
                let of_id = line.says.get("id").and_then(Value::as_str).and_then(|id| by_id.get(id));
                let mut found = of_id.into_iter().flatten().copied().filter(fits);
                let first = found.next();
                if found.next().is_some() {
                    let keys = identity(self.table).join(", ");
                    let message = format!("several entries could be meant; give the columns {keys}");
                    return Err(self.error(line.number, self.called("id"), message));
                }
                if let Some(place) = first {
                    (places[number], taken[place]) = (first, true);
                }
            }
        }
        Ok(places)
    }

    /// What a line wants: its row, and when it holds. `known` is the entry that it speaks of,
    /// `others` says that there are more of its id.
    fn wanted(
        &self,
        line: Line,
        known: Option<(&StoredEntry, &Map<String, Value>)>,
        others: bool,
    ) -> (Map<String, Value>, Span) {
        let mut row = line.says;
        if let Some((_, before)) = known {
            for (key, value) in before.iter().filter(|(key, _)| !self.has(key)) {
                row.insert(key.clone(), value.clone());
            }
        }
        let is_dated = usual_validity(&self.columns, &row, &self.zone).start > UtcMicros::MIN;
        let same = |before: &Map<String, Value>| canonical(self.table, before) == canonical(self.table, &row);
        let from = match known {
            // As it is, or with another end.
            Some((entry, before)) if same(before) => entry.valid.start,
            // What is in force changes from now on, and the past stays as it was recorded. What
            // counts from a day does so whenever it is recorded.
            Some((entry, _)) if entry.valid.contains(self.now) => {
                if is_dated {
                    UtcMicros::MIN
                } else {
                    self.now
                }
            }
            Some((entry, _)) => entry.valid.start,
            None => line.from.unwrap_or(if others && !is_dated { self.now } else { UtcMicros::MIN }),
        };
        let to = match known {
            Some((entry, _)) if !self.has(VALID_TO) => entry.valid.end,
            _ => line.to.unwrap_or(UtcMicros::MAX),
        };
        (row, Span::new(from, to))
    }

    /// An error of the registers as a whole, at the line and column of the file that made it.
    fn placed(&self, text: &Toml, at: usize, message: String) -> SheetError {
        let part = text.parts.iter().rfind(|(first, _)| *first <= at);
        match part {
            Some((_, Origin::Line(line))) => {
                let key = text.text.lines().nth(at.saturating_sub(1)).and_then(|line| line.split_once('='));
                self.error(*line, key.and_then(|(key, _)| self.called(key.trim())), message)
            }
            _ => SheetError {
                file: self.file.to_owned(),
                line: None,
                column: None,
                message: format!("with it the registers no longer fit together: {message}"),
            },
        }
    }
}

/// Registers as TOML, with where each part came from.
#[derive(Default)]
struct Toml {
    text: String,
    lines: usize,
    parts: Vec<(usize, Origin)>,
}

impl Toml {
    fn push(&mut self, table: &str, row: Map<String, Value>, valid: Span, origin: Origin) -> Result<(), String> {
        let failed = |e: toml::ser::Error| format!("[[{table}]] can't be written: {e}");
        let mut row = toml::Table::try_from(row).map_err(failed)?;
        let is_one = matches!(table, "site" | "policy");
        for (key, at, open) in [(VALID_FROM, valid.start, UtcMicros::MIN), (VALID_TO, valid.end, UtcMicros::MAX)] {
            if at != open && !is_one {
                row.insert(key.to_owned(), toml::Value::String(at.to_rfc3339_utc()));
            }
        }
        let part = if is_one { format!("[{table}]\n{row}\n") } else { format!("[[{table}]]\n{row}\n") };
        self.parts.push((self.lines + 1, origin));
        self.lines += part.matches('\n').count();
        self.text.push_str(&part);
        Ok(())
    }
}
