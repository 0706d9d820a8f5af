//! One failure report on paper, with the checkpoint under which it stands.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_store::query::{self, FailureReportRow};
use kukaku_store::{aloud, newest_checkpoint};

use super::super::layout::{Frame, page};
use super::super::paper::code;
use super::super::read_view;
use super::{facts, href};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape, escape};
use crate::text::{self, clean};

/// What a sheet is asked for.
pub(crate) const SHEET_PARAMS: &[Param] = &[
    Param::new("id", Shape::Text, "the failure report's number"),
    Param::new("entry", Shape::Text, "the journal entry of the report; the newest where none is given"),
];

#[derive(Template)]
#[template(path = "failure_sheet.html")]
struct SheetPage {
    f: Frame,
    back: String,
    addressee: String,
    title: String,
    facts: Vec<(&'static str, String)>,
    made: String,
    paper: String,
    note: String,
    code: String,
}

/// `GET /failures/sheet`.
pub(crate) async fn sheet(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let id = params.text("id").ok_or(WebError::NotFound)?;
    let entry = params.text("entry");
    let (number, asked) = (id.clone(), entry.clone());
    let (view, found) = read_view(&app, &viewer, move |reader, _| {
        let mut rows = query::failure_reports(reader, &number)?;
        let meant = |row: &FailureReportRow| {
            row.report.is_some() && asked.as_ref().is_none_or(|asked| *asked == row.entry.to_string())
        };
        let Some(place) = rows.iter().rposition(meant) else { return Ok(None) };
        let row = rows.swap_remove(place);
        let signed = newest_checkpoint(reader)?.map_or(0, |newest| newest.head.size);
        let covered = signed > row.entry.unsigned_abs();
        Ok(Some((row, if covered { aloud::paper(reader)? } else { None })))
    })
    .await?;
    let (row, checkpoint) = found.ok_or(WebError::NotFound)?;
    let report = row.report.ok_or(WebError::NotFound)?;
    let (lang, zone) = (view.lang, &view.dir.zone);
    let entry = entry.map_or_else(String::new, |entry| format!("&entry={}", escape(&entry)));
    let here = format!("/failures/sheet?id={}{entry}", escape(&id));
    let f = view.frame(&viewer, "failures", "障害報告（印刷用）", "Failure report on paper", here);
    let mut listed = vec![(lang.pick("報告番号", "Number"), clean(&id))];
    listed.extend(facts(&report, &view));
    let links =
        [(lang.pick("申請番号", "Work order"), &report.order), (lang.pick("セッション", "Session"), &report.session)];
    listed.extend(links.into_iter().filter_map(|(label, name)| Some((label, clean(name.as_ref()?.as_str())))));
    listed.push((lang.pick("報告日時", "Handed in"), text::when(zone, report.device_time, lang)));
    listed.push((lang.pick("記録番号", "Journal no."), text::counted(row.entry)));
    let client = clean(&view.dir.client(report.client.as_str()));
    let stage = report.stage.label(lang);
    let (paper, note) = checkpoint.unwrap_or_default();
    page(&SheetPage {
        back: href(&id),
        addressee: lang.pick(format!("{client} 御中"), format!("To {client}")),
        title: lang.pick(format!("障害報告書（{stage}）"), format!("Failure report ({stage})")),
        facts: listed,
        made: text::when(zone, view.now, lang),
        code: if note.is_empty() { String::new() } else { code(&note)? },
        paper,
        note,
        f,
    })
}
