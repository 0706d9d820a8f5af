//! 検知への対応: how findings stand on people's desks, and what was done about each.

use std::collections::BTreeMap;

use kukaku_core::desk::{Desk, DeskAct, DeskState};
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension, Row};

use super::cells::{instant_at, maybe_instant_at};
use crate::error::{StoreError, in_act};

/// Acts that are read of one finding at most.
const ACTS_MAX: i64 = 500;

/// What somebody did about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingActRow {
    /// The journal entry.
    pub entry: i64,
    /// The revision that he had before him.
    pub revision: i64,
    /// What he did.
    pub act: DeskAct,
    /// Our clock.
    pub at: UtcMicros,
    /// Who.
    pub by: String,
    /// Who is to see to it, or whom of the city he told.
    pub to: Option<String>,
    /// Until when it is put off.
    pub until: Option<UtcMicros>,
    /// In his own words.
    pub note: Option<String>,
}

/// What was done about a finding, the newest first.
///
/// # Errors
/// The store.
pub fn finding_acts(conn: &Connection, finding: i64) -> Result<Vec<FindingActRow>, StoreError> {
    const ACT: &str = "read what was done about a finding";
    let sql = "SELECT entry, revision, act, at_us, by_user, to_whom, until_us, note FROM finding_act
               WHERE finding = ?1 ORDER BY entry DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([finding, ACTS_MAX], |row| {
            let word: String = row.get(2)?;
            let row = FindingActRow {
                entry: row.get(0)?,
                revision: row.get(1)?,
                act: DeskAct::Comment,
                at: instant_at(row, 3)?,
                by: row.get(4)?,
                to: row.get(5)?,
                until: maybe_instant_at(row, 6)?,
                note: row.get(7)?,
            };
            Ok((word, row))
        })
        .map_err(in_act(ACT))?;
    rows.map(|row| {
        let (word, row) = row.map_err(in_act(ACT))?;
        let act = DeskAct::from_word(&word)
            .ok_or_else(|| StoreError::corrupt(ACT, format!("{word:?} is nothing that is done about a finding")))?;
        Ok(FindingActRow { act, ..row })
    })
    .collect()
}

fn read_desk(row: &Row<'_>) -> rusqlite::Result<Desk> {
    Ok(Desk {
        acknowledged: row.get(0)?,
        closed: row.get(1)?,
        snoozed_until: maybe_instant_at(row, 2)?,
        assignee: row.get(3)?,
    })
}

/// How findings stand on people's desks; those that nobody touched are not among them.
///
/// # Errors
/// The store.
pub fn desks(conn: &Connection, findings: &[i64]) -> Result<BTreeMap<i64, Desk>, StoreError> {
    const ACT: &str = "read how findings stand";
    let sql = "SELECT acknowledged, closed, snoozed_until_us, assignee FROM finding_desk WHERE finding = ?1";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let mut out = BTreeMap::new();
    for finding in findings {
        if let Some(desk) = statement.query_row([finding], read_desk).optional().map_err(in_act(ACT))? {
            out.insert(*finding, desk);
        }
    }
    Ok(out)
}

/// The condition under which a finding `f` with its desk `d` stands so at `now_us`.
pub(super) fn stands_so(state: DeskState, now_us: i64) -> String {
    let closed = "coalesce(d.closed, 0) >= f.revision";
    let acknowledged = "coalesce(d.acknowledged, 0) >= f.revision";
    let snoozed = format!("coalesce(d.snoozed_until_us, 0) > {now_us}");
    match state {
        DeskState::Closed => closed.to_owned(),
        DeskState::New => format!("NOT ({closed}) AND coalesce(d.acknowledged, 0) = 0"),
        DeskState::Changed => format!("NOT ({closed}) AND NOT ({acknowledged}) AND d.acknowledged > 0"),
        DeskState::Snoozed => format!("NOT ({closed}) AND {acknowledged} AND {snoozed}"),
        DeskState::Acknowledged => format!("NOT ({closed}) AND {acknowledged} AND NOT ({snoozed})"),
    }
}
