//! Ids that stand once, and references that lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::RegisterError;
use super::place::{Place, Placed};
use crate::instant::Span;
use crate::registers::{OUTSIDE, Zone};

pub(super) struct Ids {
    pub(super) client: BTreeSet<String>,
    pub(super) zone: BTreeSet<String>,
    pub(super) door: BTreeSet<String>,
    pub(super) operator: BTreeSet<String>,
    pub(super) person: BTreeSet<String>,
    pub(super) source: BTreeSet<String>,
    pub(super) company: BTreeSet<String>,
}

/// Checks ids for shape and for overlapping validities; returns them.
pub(super) fn check_ids<T>(
    place: &Place<'_>,
    table: &str,
    rows: &[Placed<T>],
    id_of: impl Fn(&T) -> String,
) -> Result<BTreeSet<String>, RegisterError> {
    let mut seen: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for row in rows {
        let id = id_of(&row.entry.row);
        let shown = id.split('\u{0}').next().unwrap_or_default().to_owned();
        // Looked for only when something is wrong: it reads the file from its beginning.
        let line = || place.line_of(&row.span, "id");
        if let Err(why) = crate::observation::Name::new(shown.clone()) {
            return Err(place.error(line(), format!("[[{table}]] `id` = {shown:?}: {why}")));
        }
        if table == "zone" && shown == OUTSIDE {
            return Err(place.error(line(), "[[zone]] `id` = \"outside\" is the word for no zone at all"));
        }
        let spans = seen.entry(id).or_default();
        if spans.iter().any(|other| !other.intersect(row.entry.valid).is_empty()) {
            return Err(place.error(
                line(),
                format!(
                    "[[{table}]] `id` = {shown:?} stands twice for the same time; give each `valid_from` and `valid_to`"
                ),
            ));
        }
        spans.push(row.entry.valid);
    }
    Ok(seen.into_keys().collect())
}

pub(super) fn check_zones(place: &Place<'_>, zones: &[Placed<Zone>], ids: &Ids) -> Result<(), RegisterError> {
    let parents: BTreeMap<&str, &str> =
        zones.iter().filter_map(|z| z.entry.row.parent.as_deref().map(|p| (z.entry.row.id.as_str(), p))).collect();
    for zone in zones {
        let row = &zone.entry.row;
        refer_opt(place, &zone.span, "zone", "parent", row.parent.as_ref(), "zone", &ids.zone)?;
        let mut at = row.id.as_str();
        for _ in 0..=zones.len() {
            match parents.get(at) {
                Some(parent) if *parent == row.id => {
                    let line = place.line_of(&zone.span, "parent");
                    return Err(place.error(line, format!("[[zone]] {:?}: `parent` leads back to itself", row.id)));
                }
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
    Ok(())
}

pub(super) fn refer(
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
    let expected =
        if list.is_empty() { format!("there is no [[{other}]] at all") } else { format!("expected one of {list}") };
    Err(place
        .error(place.line_of(span, key), format!("[[{table}]] `{key}` = {value:?} names no [[{other}]]; {expected}")))
}

pub(super) fn refer_opt(
    place: &Place<'_>,
    span: &std::ops::Range<usize>,
    table: &str,
    key: &str,
    value: Option<&String>,
    other: &str,
    known: &BTreeSet<String>,
) -> Result<(), RegisterError> {
    value.map_or(Ok(()), |value| refer(place, span, table, key, value, other, known))
}
