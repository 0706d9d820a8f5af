//! Registers from and to TOML, with errors that name file, line, key and what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::rows::{
    Account, Camera, Client, Credential, Door, Operator, Person, PolicyRow, Reader, Site, Source,
    Terminal, Zone,
};
use super::{Entry, OUTSIDE, Registers};
use crate::instant::{SiteZone, Span, UtcMicros};

/// Why a registers file can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {message}")]
pub struct RegisterError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, what it holds and what was expected.
    pub message: String,
}

macro_rules! file_type {
    ($( $table:ident : $row:ty, )*) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            site: Spanned<Site>,
            #[serde(default)]
            policy: Option<PolicyRow>,
            $( #[serde(default)] $table: Vec<Spanned<toml::Table>>, )*
        }
    };
}
file_type! {
    client: Client, zone: Zone, door: Door, reader: Reader, camera: Camera, terminal: Terminal,
    operator: Operator, person: Person, credential: Credential, account: Account, source: Source,
}

/// What makes an error of a place in the file.
struct Place<'a> {
    file: &'a str,
    text: &'a str,
}

impl Place<'_> {
    fn line_at(&self, byte: usize) -> usize {
        self.text.as_bytes()[..byte.min(self.text.len())]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1
    }

    /// The line of `key` within the table that begins at `span`, or the table's first line.
    fn line_of(&self, span: &std::ops::Range<usize>, key: &str) -> usize {
        let end = span.end.max(span.start).min(self.text.len());
        let rest = &self.text[span.start.min(end)..];
        let mut at = span.start;
        for (index, line) in rest.split_inclusive('\n').enumerate() {
            let trimmed = line.trim_start();
            if index > 0 && trimmed.starts_with('[') {
                break;
            }
            if trimmed
                .strip_prefix(key)
                .is_some_and(|after| after.trim_start().starts_with('='))
            {
                return self.line_at(at);
            }
            at += line.len();
        }
        self.line_at(span.start)
    }

    fn error(&self, line: usize, message: impl Into<String>) -> RegisterError {
        RegisterError {
            file: self.file.to_owned(),
            line,
            message: message.into(),
        }
    }

    fn of_toml(&self, error: &toml::de::Error, base: usize) -> RegisterError {
        let byte = error.span().map_or(base, |span| span.start);
        self.error(self.line_at(byte), error.message().replace('\n', " "))
    }
}

/// A row with its validity and its place in the file.
struct Placed<T> {
    span: std::ops::Range<usize>,
    entry: Entry<T>,
}

/// Reads the two validity keys that any row may have, as RFC 3339 or a local date.
fn take_validity(
    place: &Place<'_>,
    zone: &SiteZone,
    span: &std::ops::Range<usize>,
    row: &mut toml::Table,
) -> Result<Span, RegisterError> {
    let mut take = |key: &str, default: UtcMicros| match row.remove(key) {
        None => Ok(default),
        Some(value) => {
            let text = match &value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let day = || {
                text.parse::<jiff::civil::Date>()
                    .ok()
                    .and_then(|d| zone.instant_of(d.into()))
            };
            UtcMicros::parse_rfc3339(&text).ok().or_else(day).ok_or_else(|| {
                let line = place.line_of(span, key);
                place.error(line, format!("`{key}` = {text:?}: expected a date like \"2026-04-01\" or an RFC 3339 time"))
            })
        }
    };
    let valid = Span::new(
        take("valid_from", UtcMicros::MIN)?,
        take("valid_to", UtcMicros::MAX)?,
    );
    if valid.is_empty() {
        return Err(place.error(
            place.line_of(span, "valid_to"),
            "`valid_to` must lie after `valid_from`",
        ));
    }
    Ok(valid)
}

fn read_rows<T: serde::de::DeserializeOwned>(
    place: &Place<'_>,
    zone: &SiteZone,
    table: &str,
    rows: Vec<Spanned<toml::Table>>,
) -> Result<Vec<Placed<T>>, RegisterError> {
    let mut placed = Vec::with_capacity(rows.len());
    for spanned in rows {
        let span = spanned.span();
        let mut row = spanned.into_inner();
        let valid = take_validity(place, zone, &span, &mut row)?;
        let keys: Vec<String> = row.keys().cloned().collect();
        let body: T = row.try_into().map_err(|error: toml::de::Error| {
            let message = error.message().replace('\n', " ");
            // The error names its key in backquotes where it knows it.
            let named = keys
                .iter()
                .find(|key| message.contains(&format!("`{key}`")));
            let in_key = error.to_string().lines().find_map(|l| {
                l.strip_prefix("in `")
                    .map(|r| r.trim_end_matches('`').to_owned())
            });
            let key = in_key.as_ref().or(named);
            let line = key.map_or_else(
                || place.line_at(span.start),
                |key| place.line_of(&span, key),
            );
            let of = in_key
                .as_ref()
                .map_or_else(String::new, |key| format!("`{key}`: "));
            place.error(line, format!("[[{table}]]: {of}{message}"))
        })?;
        placed.push(Placed {
            span,
            entry: Entry::opening(valid, body),
        });
    }
    Ok(placed)
}

/// Reads a registers file and checks every reference in it.
///
/// # Errors
/// The first `RegisterError`, with file, line, key and what was expected.
pub fn parse(text: &str, file: &str) -> Result<Registers, RegisterError> {
    let place = Place { file, text };
    let parsed: File = toml::from_str(text).map_err(|e| place.of_toml(&e, 0))?;
    let site_span = parsed.site.span();
    let site = parsed.site.into_inner();
    let zone = SiteZone::named(&site.time_zone).map_err(|e| {
        place.error(
            place.line_of(&site_span, "time_zone"),
            format!("`time_zone`: {e}"),
        )
    })?;

    let clients = read_rows::<Client>(&place, &zone, "client", parsed.client)?;
    let zones = read_rows::<Zone>(&place, &zone, "zone", parsed.zone)?;
    let doors = read_rows::<Door>(&place, &zone, "door", parsed.door)?;
    let readers = read_rows::<Reader>(&place, &zone, "reader", parsed.reader)?;
    let cameras = read_rows::<Camera>(&place, &zone, "camera", parsed.camera)?;
    let terminals = read_rows::<Terminal>(&place, &zone, "terminal", parsed.terminal)?;
    let operators = read_rows::<Operator>(&place, &zone, "operator", parsed.operator)?;
    let persons = read_rows::<Person>(&place, &zone, "person", parsed.person)?;
    let credentials = read_rows::<Credential>(&place, &zone, "credential", parsed.credential)?;
    let accounts = read_rows::<Account>(&place, &zone, "account", parsed.account)?;
    let sources = read_rows::<Source>(&place, &zone, "source", parsed.source)?;

    let ids = Ids {
        client: check_ids(&place, "client", &clients, |r| r.id.clone())?,
        zone: check_ids(&place, "zone", &zones, |r| r.id.clone())?,
        door: check_ids(&place, "door", &doors, |r| r.id.clone())?,
        operator: check_ids(&place, "operator", &operators, |r| r.id.clone())?,
        person: check_ids(&place, "person", &persons, |r| r.id.clone())?,
        source: check_ids(&place, "source", &sources, |r| r.id.clone())?,
    };
    check_ids(&place, "reader", &readers, |r| r.id.clone())?;
    check_ids(&place, "camera", &cameras, |r| r.id.clone())?;
    check_ids(&place, "terminal", &terminals, |r| r.id.clone())?;
    check_ids(&place, "credential", &credentials, |r| r.id.clone())?;
    // One account name may stand for several people on different sources or for different clients.
    check_ids(&place, "account", &accounts, |r| {
        format!(
            "{}\u{0}{}\u{0}{}",
            r.id,
            r.client,
            r.source.as_deref().unwrap_or("")
        )
    })?;
    if let Some(both) = operators
        .iter()
        .find(|o| ids.person.contains(&o.entry.row.id))
    {
        let line = place.line_of(&both.span, "id");
        return Err(place.error(
            line,
            format!(
                "`id` = {:?} stands for an operator and a person; ids of people are shared",
                both.entry.row.id
            ),
        ));
    }
    check_zones(&place, &zones, &ids)?;
    for door in &doors {
        let row = &door.entry.row;
        for (key, value) in [("outer", &row.outer), ("inner", &row.inner)] {
            if value != OUTSIDE || key == "inner" {
                refer(&place, &door.span, "door", key, value, "zone", &ids.zone)?;
            }
        }
        if row.outer == row.inner {
            return Err(place.error(
                place.line_of(&door.span, "inner"),
                format!(
                    "[[door]] {:?}: `inner` and `outer` are the same zone",
                    row.id
                ),
            ));
        }
    }
    for reader in &readers {
        refer(
            &place,
            &reader.span,
            "reader",
            "door",
            &reader.entry.row.door,
            "door",
            &ids.door,
        )?;
        refer_opt(
            &place,
            &reader.span,
            "reader",
            "source",
            reader.entry.row.source.as_ref(),
            "source",
            &ids.source,
        )?;
    }
    for camera in &cameras {
        refer(
            &place,
            &camera.span,
            "camera",
            "zone",
            &camera.entry.row.zone,
            "zone",
            &ids.zone,
        )?;
        refer_opt(
            &place,
            &camera.span,
            "camera",
            "source",
            camera.entry.row.source.as_ref(),
            "source",
            &ids.source,
        )?;
    }
    for terminal in &terminals {
        refer(
            &place,
            &terminal.span,
            "terminal",
            "zone",
            &terminal.entry.row.zone,
            "zone",
            &ids.zone,
        )?;
        refer_opt(
            &place,
            &terminal.span,
            "terminal",
            "client",
            terminal.entry.row.client.as_ref(),
            "client",
            &ids.client,
        )?;
    }
    for operator in &operators {
        for client in &operator.entry.row.clients {
            refer(
                &place,
                &operator.span,
                "operator",
                "clients",
                client,
                "client",
                &ids.client,
            )?;
        }
    }
    for credential in &credentials {
        let row = &credential.entry.row;
        match (&row.operator, &row.person) {
            (Some(operator), None) => refer(
                &place,
                &credential.span,
                "credential",
                "operator",
                operator,
                "operator",
                &ids.operator,
            )?,
            (None, Some(person)) => refer(
                &place,
                &credential.span,
                "credential",
                "person",
                person,
                "person",
                &ids.person,
            )?,
            _ => {
                return Err(place.error(
                    place.line_at(credential.span.start),
                    format!(
                        "[[credential]] {:?}: expected `operator` or `person`, exactly one of them",
                        row.id
                    ),
                ));
            }
        }
    }
    for account in &accounts {
        let row = &account.entry.row;
        refer(
            &place,
            &account.span,
            "account",
            "operator",
            &row.operator,
            "operator",
            &ids.operator,
        )?;
        refer(
            &place,
            &account.span,
            "account",
            "client",
            &row.client,
            "client",
            &ids.client,
        )?;
        refer_opt(
            &place,
            &account.span,
            "account",
            "source",
            row.source.as_ref(),
            "source",
            &ids.source,
        )?;
    }
    for source in &sources {
        refer_opt(
            &place,
            &source.span,
            "source",
            "client",
            source.entry.row.client.as_ref(),
            "client",
            &ids.client,
        )?;
    }
    let whole = Span::new(UtcMicros::MIN, UtcMicros::MAX);
    Ok(Registers {
        site,
        policies: parsed
            .policy
            .into_iter()
            .map(|row| Entry::opening(whole, row))
            .collect(),
        clients: entries(clients),
        zones: entries(zones),
        doors: entries(doors),
        readers: entries(readers),
        cameras: entries(cameras),
        terminals: entries(terminals),
        operators: entries(operators),
        persons: entries(persons),
        credentials: entries(credentials),
        accounts: entries(accounts),
        sources: entries(sources),
    })
}

fn entries<T>(placed: Vec<Placed<T>>) -> Vec<Entry<T>> {
    placed.into_iter().map(|p| p.entry).collect()
}

struct Ids {
    client: BTreeSet<String>,
    zone: BTreeSet<String>,
    door: BTreeSet<String>,
    operator: BTreeSet<String>,
    person: BTreeSet<String>,
    source: BTreeSet<String>,
}

/// Checks ids for shape and for overlapping validities; returns them.
fn check_ids<T>(
    place: &Place<'_>,
    table: &str,
    rows: &[Placed<T>],
    id_of: impl Fn(&T) -> String,
) -> Result<BTreeSet<String>, RegisterError> {
    let mut seen: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for row in rows {
        let id = id_of(&row.entry.row);
        let shown = id.split('\u{0}').next().unwrap_or_default().to_owned();
        let line = place.line_of(&row.span, "id");
        if let Err(why) = crate::observation::Name::new(shown.clone()) {
            return Err(place.error(line, format!("[[{table}]] `id` = {shown:?}: {why}")));
        }
        if table == "zone" && shown == OUTSIDE {
            return Err(place.error(
                line,
                "[[zone]] `id` = \"outside\" is the word for no zone at all",
            ));
        }
        let spans = seen.entry(id).or_default();
        if spans
            .iter()
            .any(|other| !other.intersect(row.entry.valid).is_empty())
        {
            return Err(place.error(line, format!("[[{table}]] `id` = {shown:?} stands twice for the same time; give each `valid_from` and `valid_to`")));
        }
        spans.push(row.entry.valid);
    }
    Ok(seen.into_keys().collect())
}

fn check_zones(place: &Place<'_>, zones: &[Placed<Zone>], ids: &Ids) -> Result<(), RegisterError> {
    let parents: BTreeMap<&str, &str> = zones
        .iter()
        .filter_map(|z| {
            z.entry
                .row
                .parent
                .as_deref()
                .map(|p| (z.entry.row.id.as_str(), p))
        })
        .collect();
    for zone in zones {
        let row = &zone.entry.row;
        refer_opt(
            place,
            &zone.span,
            "zone",
            "parent",
            row.parent.as_ref(),
            "zone",
            &ids.zone,
        )?;
        let mut at = row.id.as_str();
        for _ in 0..=zones.len() {
            match parents.get(at) {
                Some(parent) if *parent == row.id => {
                    let line = place.line_of(&zone.span, "parent");
                    return Err(place.error(
                        line,
                        format!("[[zone]] {:?}: `parent` leads back to itself", row.id),
                    ));
                }
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
    Ok(())
}

fn refer(
    place: &Place<'_>,
    span: &std::ops::Range<usize>,
    table: &str,
    key: &str,
    value: &str,
    other: &str,
    known: &BTreeSet<String>,
) -> Result<(), RegisterError> {
    if known.contains(value) {
        return Ok(());
    }
    let mut list = String::new();
    for id in known.iter().take(8) {
        let _ = write!(list, "{}{id:?}", if list.is_empty() { "" } else { ", " });
    }
    if known.len() > 8 {
        let _ = write!(list, " and {} more", known.len() - 8);
    }
    let expected = if list.is_empty() {
        format!("there is no [[{other}]] at all")
    } else {
        format!("expected one of {list}")
    };
    Err(place.error(
        place.line_of(span, key),
        format!("[[{table}]] `{key}` = {value:?} names no [[{other}]]; {expected}"),
    ))
}

fn refer_opt(
    place: &Place<'_>,
    span: &std::ops::Range<usize>,
    table: &str,
    key: &str,
    value: Option<&String>,
    other: &str,
    known: &BTreeSet<String>,
) -> Result<(), RegisterError> {
    value.map_or(Ok(()), |value| {
        refer(place, span, table, key, value, other, known)
    })
}

/// Writes registers as TOML that `parse` reads back to the same registers.
///
/// # Errors
/// Where a value can't be written as TOML.
pub fn to_toml(registers: &Registers) -> Result<String, toml::ser::Error> {
    let mut out = String::new();
    section(&mut out, "[site]", &toml::Table::try_from(&registers.site)?);
    if let Some(policy) = registers.policies.last() {
        let table = toml::Table::try_from(policy.row)?;
        if !table.is_empty() {
            section(&mut out, "[policy]", &table);
        }
    }
    write_rows(&mut out, "client", &registers.clients)?;
    write_rows(&mut out, "zone", &registers.zones)?;
    write_rows(&mut out, "door", &registers.doors)?;
    write_rows(&mut out, "reader", &registers.readers)?;
    write_rows(&mut out, "camera", &registers.cameras)?;
    write_rows(&mut out, "terminal", &registers.terminals)?;
    write_rows(&mut out, "operator", &registers.operators)?;
    write_rows(&mut out, "person", &registers.persons)?;
    write_rows(&mut out, "credential", &registers.credentials)?;
    write_rows(&mut out, "account", &registers.accounts)?;
    write_rows(&mut out, "source", &registers.sources)?;
    Ok(out)
}

fn section(out: &mut String, head: &str, table: &toml::Table) {
    let _ = write!(
        out,
        "{}{head}\n{table}",
        if out.is_empty() { "" } else { "\n" }
    );
}

fn write_rows<T: Serialize>(
    out: &mut String,
    name: &str,
    rows: &[Entry<T>],
) -> Result<(), toml::ser::Error> {
    for entry in rows {
        let mut table = toml::Table::try_from(&entry.row)?;
        for (key, at, open) in [
            ("valid_from", entry.valid.start, UtcMicros::MIN),
            ("valid_to", entry.valid.end, UtcMicros::MAX),
        ] {
            if at != open {
                table.insert(key.to_owned(), toml::Value::String(at.to_rfc3339_utc()));
            }
        }
        section(out, &format!("[[{name}]]"), &table);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
