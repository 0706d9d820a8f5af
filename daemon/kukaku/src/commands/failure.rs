//! `kukaku failure`: failure reports (障害報告).

use kukaku_schema::failure::FailureForm;
use kukaku_schema::observation::{FailureReported, Name};
use kukaku_schema::{Lang, SiteZone, UtcMicros};
use kukaku_store::query::{FailureReportRow, FailureRow, failure_reports, failures};
use kukaku_store::read_only;
use serde::Serialize;

use super::muster::credentials;
use super::order::read;
use super::registers::{act, present};
use crate::cli::{FailureAction, FailureArgs};
use crate::control::Request;
use crate::failure::Failure;
use crate::say::{say, shown};
use crate::site_dir::SiteDir;

/// Failures on one page of a list.
const PAGE: u32 = 500;

const FORM: &str = include_str!("../../../../schema/examples/failure.toml");

/// Runs the command.
///
/// # Errors
/// `Written`: the form can't be taken. `Failed`: a user or password is wrong.
pub fn run(args: &FailureArgs) -> Result<(), Failure> {
    if matches!(args.action, FailureAction::Form) {
        say(FORM.trim_end());
        return Ok(());
    }
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    match &args.action {
        FailureAction::Form => Ok(()),
        FailureAction::Report { file, by } => {
            let form: FailureForm = read(file)?;
            let by = credentials("user who hands it in", by.as_ref())?;
            act(&dir, &Request::ReportFailure { form: Box::new(form), by })
        }
        FailureAction::List { json } => list(&dir, *json),
        FailureAction::Show { id, json } => show(&dir, id, *json),
    }
}

#[derive(Serialize)]
struct FailureJson<'a> {
    id: &'a str,
    client: &'a str,
    stage: &'a str,
    at: String,
    detected_at: String,
    order: Option<&'a str>,
    session: Option<&'a str>,
    entry: i64,
}

fn list(dir: &SiteDir, json: bool) -> Result<(), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let zone = SiteZone::named(&present(dir)?.site.time_zone).map_err(Failure::Store)?;
    let conn = read_only(&dir.store()).map_err(failure)?;
    let mut rows: Vec<FailureRow> = Vec::new();
    let mut after = None;
    loop {
        let page = failures(&conn, after, PAGE).map_err(failure)?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if json {
        let rows: Vec<FailureJson<'_>> = rows
            .iter()
            .map(|row| FailureJson {
                id: &row.failure,
                client: &row.client,
                stage: row.stage.word(),
                at: row.at.to_rfc3339_utc(),
                detected_at: row.detected_at.to_rfc3339_utc(),
                order: row.order.as_deref(),
                session: row.session.as_deref(),
                entry: row.entry,
            })
            .collect();
        say(serde_json::to_string_pretty(&rows).expect("texts and numbers always serialise"));
        return Ok(());
    }
    if rows.is_empty() {
        say("no failure reports");
    }
    for row in rows {
        let stage = format!("{} ({})", row.stage.label(Lang::Ja), row.stage.label(Lang::En));
        say(shown(&format!("{}  {}  {}  {stage}", row.failure, row.client, zone.shown(row.detected_at))));
    }
    Ok(())
}

fn show(dir: &SiteDir, id: &str, json: bool) -> Result<(), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let zone = SiteZone::named(&present(dir)?.site.time_zone).map_err(Failure::Store)?;
    let conn = read_only(&dir.store()).map_err(failure)?;
    let reports = failure_reports(&conn, id).map_err(failure)?;
    if reports.is_empty() {
        return Err(Failure::Written(format!("there is no failure report {id:?}")));
    }
    if json {
        let bodies: Vec<_> = reports.iter().filter_map(|row| row.report.as_ref()).collect();
        say(serde_json::to_string_pretty(&bodies).expect("texts and numbers always serialise"));
        return Ok(());
    }
    reports.iter().for_each(|row| say(shown(&report_line(row, &zone))));
    if let Some(report) = reports.iter().rev().find_map(|row| row.report.as_ref()) {
        facts(report, &zone).iter().for_each(|line| say(shown(line)));
    }
    Ok(())
}

fn report_line(row: &FailureReportRow, zone: &SiteZone) -> String {
    let entry = row.entry;
    let Some(report) = &row.report else { return format!("記録 {entry}: 抹消済 erased") };
    format!(
        "記録 {entry}  {}  {} ({})  {}",
        zone.shown(report.device_time),
        report.stage.label(Lang::Ja),
        report.stage.word(),
        report.by
    )
}

fn facts(report: &FailureReported, zone: &SiteZone) -> Vec<String> {
    let list = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    let at = |at: Option<UtcMicros>| at.map(|at| zone.shown(at));
    let text = |text: &Option<kukaku_schema::observation::Remark>| text.as_ref().map(|text| text.as_str().to_owned());
    let name = |name: &Option<Name>| name.as_ref().map(ToString::to_string);
    let sort = format!("{} ({})", report.sort.label(Lang::Ja), report.sort.word());
    let facts = [
        ("契約先 client", Some(report.client.to_string())),
        ("種別 sort", Some(sort)),
        ("発生 occurred", at(report.occurred_at)),
        ("検知 detected", at(Some(report.detected_at))),
        ("復旧 recovered", at(report.recovered_at)),
        ("対象システム systems", Some(list(&report.systems))),
        ("症状 symptom", Some(report.symptom.as_str().to_owned())),
        ("影響 impact", text(&report.impact)),
        ("原因 cause", text(&report.cause)),
        ("処置 measures", text(&report.measures)),
        ("再発防止策 prevention", text(&report.prevention)),
        ("作業者 operators", Some(list(&report.operators)).filter(|names| !names.is_empty())),
        ("申請 order", name(&report.order)),
        ("セッション session", name(&report.session)),
        ("報告者 reported by", Some(report.reported_by.to_string())),
    ];
    facts.into_iter().filter_map(|(label, value)| Some(format!("{label}: {}", value?))).collect()
}
