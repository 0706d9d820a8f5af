//! Standing permissions that name somebody, some place and some time.

use std::collections::BTreeSet;

use super::RegisterError;
use super::place::{Place, Placed};
use super::refer::{Ids, check_ids, refer};
use crate::registers::{StandingPermission, Zone};

/// The table's name.
const TABLE: &str = "standing_permission";

/// Checks that every permission names known persons and zones, at least one of each.
pub(super) fn check(place: &Place<'_>, rows: &[Placed<StandingPermission>], ids: &Ids) -> Result<(), RegisterError> {
    check_ids(place, TABLE, rows, |row| row.id.clone())?;
    let people: BTreeSet<String> = ids.operator.union(&ids.person).cloned().collect();
    for placed in rows {
        let row = &placed.entry.row;
        for (key, values, other, known) in
            [("persons", &row.persons, "operator]] or [[person", &people), ("zones", &row.zones, "zone", &ids.zone)]
        {
            if values.is_empty() {
                let what = format!("[[{TABLE}]] {:?}: `{key}` is empty; expected at least one", row.id);
                return Err(place.error(place.line_of(&placed.span, key), what));
            }
            for value in values {
                refer(place, &placed.span, TABLE, key, value, other, known)?;
            }
        }
    }
    Ok(())
}

/// Checks that a zone that demands company demands more than one person.
pub(super) fn check_company(place: &Place<'_>, zones: &[Placed<Zone>]) -> Result<(), RegisterError> {
    for placed in zones {
        if let Some(number @ 0..2) = placed.entry.row.min_persons {
            let what = format!("[[zone]] {:?}: `min_persons` = {number}: expected at least 2", placed.entry.row.id);
            return Err(place.error(place.line_of(&placed.span, "min_persons"), what));
        }
    }
    Ok(())
}
