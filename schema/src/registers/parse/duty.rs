//! Companies that entrust work to each other, and papers that count from a day.

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::RegisterError;
use super::place::{Place, Placed, read_rows};
use super::refer::{Ids, check_ids, refer, refer_opt};
use crate::instant::{SiteZone, Span};
use crate::registers::duty::Dated;
use crate::registers::{Company, Operator, Permit, Pledge, Training};

/// Reads rows that count from the 00:00 of a day to the end of another one: within that, the
/// validity of the row holds.
pub(super) fn read_dated<T: DeserializeOwned + Dated>(
    place: &Place<'_>,
    zone: &SiteZone,
    table: &str,
    rows: Vec<Spanned<toml::Table>>,
) -> Result<Vec<Placed<T>>, RegisterError> {
    let mut placed = read_rows::<T>(place, zone, table, rows)?;
    for row in &mut placed {
        let (date, until) = row.entry.row.days();
        let wrong = |key: &str, what: &str| place.error(place.line_of(&row.span, key), format!("[[{table}]] {what}"));
        if until.is_some_and(|until| until < date) {
            return Err(wrong("until", "`until` lies before `date`"));
        }
        let counts = Span::new(date.start(zone), until.map_or(crate::instant::UtcMicros::MAX, |until| until.end(zone)));
        let valid = row.entry.valid.intersect(counts);
        if valid.is_empty() {
            return Err(wrong("date", "`date` and `until` leave nothing of `valid_from` and `valid_to`"));
        }
        row.entry.valid = valid;
    }
    Ok(placed)
}

/// Checks companies and the operators they employ: known clients and companies, and no company
/// that works under itself.
pub(super) fn check_companies(
    place: &Place<'_>,
    companies: &[Placed<Company>],
    operators: &[Placed<Operator>],
    ids: &Ids,
) -> Result<(), RegisterError> {
    for company in companies {
        let row = &company.entry.row;
        for client in &row.clients {
            refer(place, &company.span, "company", "clients", client, "client", &ids.client)?;
        }
        let parent = row.subcontracted_by.as_ref();
        refer_opt(place, &company.span, "company", "subcontracted_by", parent, "company", &ids.company)?;
    }
    for company in companies {
        if works_under_itself(company, companies) {
            let line = place.line_of(&company.span, "subcontracted_by");
            let what = format!("[[company]] {:?}: `subcontracted_by` leads back to itself", company.entry.row.id);
            return Err(place.error(line, what));
        }
    }
    for operator in operators {
        let company = operator.entry.row.company.as_ref();
        refer_opt(place, &operator.span, "operator", "company", company, "company", &ids.company)?;
    }
    Ok(())
}

/// Whether at some time a company works under one that works under it. What held at another time
/// is no circle: relations turn round, and slips are corrected.
fn works_under_itself(company: &Placed<Company>, companies: &[Placed<Company>]) -> bool {
    let first = &company.entry;
    let mut above: Vec<(&str, Span)> = Vec::new();
    above.extend(first.row.subcontracted_by.as_deref().map(|id| (id, first.valid)));
    let mut at = 0;
    while let Some((id, span)) = above.get(at).copied() {
        if id == first.row.id {
            return true;
        }
        at += 1;
        for entry in companies.iter().map(|placed| &placed.entry).filter(|entry| entry.row.id == id) {
            let shared = span.intersect(entry.valid);
            let next = entry.row.subcontracted_by.as_deref().map(|id| (id, shared));
            above.extend(next.filter(|next| !shared.is_empty() && !above.contains(next)));
        }
    }
    false
}

/// Checks pledges: their operators and clients are known.
pub(super) fn check_pledges(place: &Place<'_>, rows: &[Placed<Pledge>], ids: &Ids) -> Result<(), RegisterError> {
    check_ids(place, "pledge", rows, |row| row.id.clone())?;
    for pledge in rows {
        let row = &pledge.entry.row;
        refer(place, &pledge.span, "pledge", "operator", &row.operator, "operator", &ids.operator)?;
        refer_opt(place, &pledge.span, "pledge", "client", row.client.as_ref(), "client", &ids.client)?;
    }
    Ok(())
}

/// Checks trainings: their operators are known.
pub(super) fn check_trainings(place: &Place<'_>, rows: &[Placed<Training>], ids: &Ids) -> Result<(), RegisterError> {
    check_ids(place, "training", rows, |row| row.id.clone())?;
    for training in rows {
        refer(place, &training.span, "training", "operator", &training.entry.row.operator, "operator", &ids.operator)?;
    }
    Ok(())
}

/// Checks permits: each is of one known zone, operator or company.
pub(super) fn check_permits(place: &Place<'_>, rows: &[Placed<Permit>], ids: &Ids) -> Result<(), RegisterError> {
    check_ids(place, "permit", rows, |row| row.id.clone())?;
    for permit in rows {
        let row = &permit.entry.row;
        let (span, of) = (&permit.span, [&row.zone, &row.operator, &row.company]);
        if of.iter().filter(|of| of.is_some()).count() != 1 {
            let what =
                format!("[[permit]] {:?}: expected `zone`, `operator` or `company`, exactly one of them", row.id);
            return Err(place.error(place.line_at(span.start), what));
        }
        for (key, value, known) in [
            ("zone", &row.zone, &ids.zone),
            ("operator", &row.operator, &ids.operator),
            ("company", &row.company, &ids.company),
            ("client", &row.client, &ids.client),
        ] {
            refer_opt(place, span, "permit", key, value.as_ref(), key, known)?;
        }
    }
    Ok(())
}
