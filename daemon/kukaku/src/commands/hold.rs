//! `kukaku hold`: what is kept whatever was agreed.

use kukaku_schema::{SiteZone, UtcMicros};
use kukaku_store::{HoldRow, all_holds, read_only};
use serde::Serialize;

use super::muster::credentials;
use super::registers::act;
use crate::cli::{HoldAction, HoldArgs};
use crate::control::Request;
use crate::failure::Failure;
use crate::say::{say, shown};
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// `Written`: what is held is not registered. `Failed`: a user or password is wrong, or there is
/// no such hold.
pub fn run(args: &HoldArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    match &args.action {
        HoldAction::Add { client, from, to, person, camera, reason, by } => {
            let by = credentials("user who places it", by.as_ref())?;
            let (client, person, camera) = (client.clone(), person.clone(), camera.clone());
            let reason = reason.clone();
            act(&dir, &Request::PlaceHold { client, from: *from, to: *to, person, camera, reason, by })
        }
        HoldAction::List { all, json } => list(&dir, *all, *json),
        HoldAction::Release { id, reason, by, confirmed_by } => {
            let by = credentials("user who releases it", by.as_ref())?;
            let confirmed_by = credentials("user who confirms it", confirmed_by.as_ref())?;
            act(&dir, &Request::ReleaseHold { id: id.clone(), reason: reason.clone(), by, confirmed_by })
        }
    }
}

#[derive(Serialize)]
struct HoldJson<'a> {
    id: &'a str,
    client: Option<&'a str>,
    from: Option<UtcMicros>,
    to: Option<UtcMicros>,
    person: Option<&'a str>,
    camera: Option<&'a str>,
    reason: &'a str,
    placed_by: &'a str,
    placed_at: UtcMicros,
    placed_seq: u64,
    released: Option<ReleasedJson<'a>>,
}

#[derive(Serialize)]
struct ReleasedJson<'a> {
    at: UtcMicros,
    seq: u64,
    reason: &'a str,
    by: &'a str,
    confirmed_by: &'a str,
}

impl<'a> HoldJson<'a> {
    fn of(row: &'a HoldRow) -> Self {
        let hold = &row.hold;
        Self {
            id: &hold.id,
            client: hold.client.as_deref(),
            from: (hold.period.start > UtcMicros::MIN).then_some(hold.period.start),
            to: (hold.period.end < UtcMicros::MAX).then_some(hold.period.end),
            person: hold.person.as_deref(),
            camera: hold.camera.as_deref(),
            reason: &hold.reason,
            placed_by: &hold.placed_by,
            placed_at: hold.placed_at,
            placed_seq: row.placed_seq,
            released: row.released.as_ref().map(|released| ReleasedJson {
                at: released.at,
                seq: released.seq,
                reason: &released.reason,
                by: &released.by[0],
                confirmed_by: &released.by[1],
            }),
        }
    }
}

fn list(dir: &SiteDir, all: bool, json: bool) -> Result<(), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let registers = super::registers::present(dir)?;
    let zone = SiteZone::named(&registers.site.time_zone).map_err(Failure::Store)?;
    let conn = read_only(&dir.store()).map_err(failure)?;
    let mut rows = all_holds(&conn).map_err(failure)?;
    rows.retain(|row| all || row.released.is_none());
    if json {
        let rows: Vec<HoldJson<'_>> = rows.iter().map(HoldJson::of).collect();
        let text = serde_json::to_string_pretty(&rows).expect("texts, numbers and instants always serialise");
        say(text);
        return Ok(());
    }
    if rows.is_empty() {
        say("no holds");
    }
    rows.iter().for_each(|row| say(shown(&line(row, &zone))));
    Ok(())
}

/// A hold on one line.
fn line(row: &HoldRow, zone: &SiteZone) -> String {
    let hold = &row.hold;
    let mut parts = vec![hold.id.clone()];
    let named = [("client", &hold.client), ("person", &hold.person), ("camera", &hold.camera)];
    parts.extend(named.iter().filter_map(|(what, id)| id.as_ref().map(|id| format!("{what} {id}"))));
    if hold.period.start > UtcMicros::MIN {
        parts.push(format!("from {}", zone.shown(hold.period.start)));
    }
    if hold.period.end < UtcMicros::MAX {
        parts.push(format!("to {}", zone.shown(hold.period.end)));
    }
    parts.push(format!("placed {} by {}: {}", zone.shown(hold.placed_at), hold.placed_by, hold.reason));
    if let Some(released) = &row.released {
        let [by, confirmed_by] = &released.by;
        let at = zone.shown(released.at);
        parts.push(format!("released {at} by {by}, confirmed by {confirmed_by}: {}", released.reason));
    }
    parts.join("  ")
}
