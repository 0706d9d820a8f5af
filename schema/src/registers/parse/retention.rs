//! Agreements on retention that contradict themselves or each other.

use std::collections::BTreeSet;

use super::RegisterError;
use super::place::{Place, Placed};
use super::refer::{check_ids, refer_opt};
use crate::record_class::RecordClass;
use crate::registers::Retention;

/// Checks the agreements: known clients, one for each client and class at a time, and no
/// `at_most` that can end before its `at_least`.
pub(super) fn check(
    place: &Place<'_>,
    rows: &[Placed<Retention>],
    clients: &BTreeSet<String>,
) -> Result<(), RegisterError> {
    check_ids(place, "retention", rows, |row| row.id.clone())?;
    for (number, placed) in rows.iter().enumerate() {
        let row = &placed.entry.row;
        refer_opt(place, &placed.span, "retention", "client", row.client.as_ref(), "client", clients)?;
        if row.class == RecordClass::Proof {
            let what =
                format!("[[retention]] {:?}: `class` = \"proof\": what proves an erasure is never erased", row.id);
            return Err(place.error(place.line_of(&placed.span, "class"), what));
        }
        if row.at_most.is_some_and(|at_most| at_most.can_be_shorter_than(row.at_least)) {
            let what = format!("[[retention]] {:?}: `at_most` can end before `at_least` does", row.id);
            return Err(place.error(place.line_of(&placed.span, "at_most"), what));
        }
        let same = |other: &&Placed<Retention>| {
            let (entry, other) = (&placed.entry, &other.entry);
            other.row.client == entry.row.client
                && other.row.class == entry.row.class
                && !other.valid.intersect(entry.valid).is_empty()
        };
        if let Some(other) = rows[..number].iter().find(same) {
            let what = format!(
                "[[retention]] {:?} speaks of the same client and class as {:?} for the same time",
                row.id, other.entry.row.id
            );
            return Err(place.error(place.line_of(&placed.span, "class"), what));
        }
    }
    Ok(())
}
