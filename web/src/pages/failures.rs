//! 障害報告: failure reports: the list, the form, and each failure with every report on it.

mod form;
mod sheet;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_schema::observation::FailureReported;
use kukaku_schema::{FailureStage, Lang};
use kukaku_store::StoreError;
use kukaku_store::query::{self, Cursor, FailureReportRow, FailureRow, Reader, SessionRow};

use super::layout::{Frame, page};
use super::orders::{people, refused};
use super::{LIST_ROWS, View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::http::params::{Param, Params, Shape, escape};
use crate::text::{self, Chip, clean};
use form::Form;

pub(crate) use sheet::{SHEET_PARAMS, sheet};

/// What the list can be asked for.
pub(crate) const PARAMS: &[Param] = &[
    Param::new("after", Shape::Text, "cursor: the `next` of the page before"),
    Param::new("client", Shape::Text, "the form's client"),
    Param::new("order", Shape::Text, "the form's work order"),
    Param::new("session", Shape::Text, "the form's session"),
];

/// What one failure's page is asked for.
pub(crate) const SHOW_PARAMS: &[Param] = &[Param::new("id", Shape::Text, "the failure report's number")];

/// A failure as lists show it.
#[derive(Debug, Clone)]
pub(crate) struct FailureLine {
    pub href: String,
    pub failure: String,
    pub client: String,
    pub detected: String,
    pub stage: Chip,
    pub at: String,
}

impl FailureLine {
    fn new(row: &FailureRow, view: &View) -> Self {
        let (lang, zone) = (view.lang, &view.dir.zone);
        Self {
            href: href(&row.failure),
            failure: clean(&row.failure),
            client: clean(&view.dir.client(&row.client)),
            detected: text::when(zone, row.detected_at, lang),
            stage: stage_chip(row.stage, lang),
            at: text::when(zone, row.at, lang),
        }
    }
}

/// What an order's or a session's page shows of failures.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfWork {
    pub lines: Vec<FailureLine>,
    /// Where one is written; none where no client is known.
    pub write: Option<String>,
    /// The report on the work speaks of a failure, and none is reported.
    pub owed: bool,
}

/// The failures that name an order; `speaks_of_one`: its report on the work says that something failed.
pub(super) fn of_order(
    reader: &Reader,
    view: &View,
    client: &str,
    order: &str,
    speaks_of_one: bool,
) -> Result<OfWork, StoreError> {
    let rows = query::failures_of(reader, client, &[order], &[])?;
    Ok(OfWork {
        owed: speaks_of_one && rows.is_empty(),
        lines: rows.iter().map(|row| FailureLine::new(row, view)).collect(),
        write: Some(format!("/failures?client={}&order={}#write", escape(client), escape(order))),
    })
}

/// The failures that name a session, as any of its sources calls it, or an order of its operator and
/// time.
pub(super) fn of_session(
    reader: &Reader,
    view: &View,
    row: &SessionRow,
    parts: &[query::PartRow],
) -> Result<OfWork, StoreError> {
    let Some(client) = &row.client else { return Ok(OfWork::default()) };
    let orders = query::orders_between(reader, client, row.span(view.now))?;
    let works = |order: &&query::OrderAt| row.operator.as_ref().is_some_and(|one| order.operators.contains(one));
    let orders: Vec<&str> = orders.iter().filter(works).map(|order| order.order.as_str()).collect();
    let sessions: Vec<&str> = parts.iter().map(|part| part.session.as_str()).chain([row.session.as_str()]).collect();
    let rows = query::failures_of(reader, client, &orders, &sessions)?;
    let order = orders.first().map_or_else(String::new, |order| format!("&order={}", escape(order)));
    Ok(OfWork {
        lines: rows.iter().map(|row| FailureLine::new(row, view)).collect(),
        write: Some(format!("/failures?client={}&session={}{order}#write", escape(client), escape(&row.session))),
        owed: false,
    })
}

fn stage_chip(stage: FailureStage, lang: Lang) -> Chip {
    let label = stage.label(lang);
    match stage {
        FailureStage::First => Chip::warn(label),
        FailureStage::Interim => Chip::new("info", "clock", label),
        FailureStage::Final => Chip::ok(label),
    }
}

fn href(failure: &str) -> String {
    format!("/failures/show?id={}", escape(failure))
}

#[derive(Template)]
#[template(path = "failures.html")]
struct FailuresPage {
    f: Frame,
    rows: Vec<FailureLine>,
    next: Option<String>,
    form: Form,
    errors: Vec<String>,
}

/// `GET /failures`.
pub(crate) async fn failures(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let after = params.text("after").and_then(|text| Cursor::from_text(&text));
    let asked: Vec<_> = ["client", "order", "session"].map(|name| (name, params.shown(name))).into();
    let is_asked = asked.iter().any(|(_, value)| !value.is_empty());
    list(&app, &viewer, after, |view| Form { open: is_asked, ..Form::asked(&asked, view) }, Vec::new()).await
}

async fn list(
    app: &App,
    viewer: &Viewer,
    after: Option<Cursor>,
    form: impl FnOnce(&View) -> Form,
    errors: Vec<String>,
) -> Result<Response, WebError> {
    let (view, listed) = read_view(app, viewer, move |reader, _| query::failures(reader, after, LIST_ROWS)).await?;
    let f = view.frame(viewer, "failures", "障害報告", "Failure reports", "/failures");
    let form = form(&view);
    page(&FailuresPage {
        rows: listed.rows.iter().map(|row| FailureLine::new(row, &view)).collect(),
        next: listed.next.map(|next| format!("/failures?after={}", next.to_text())),
        form: Form { open: form.open || listed.rows.is_empty() || !errors.is_empty(), ..form },
        errors: errors.iter().map(|error| clean(error)).collect(),
        f,
    })
}

struct ReportLine {
    at: String,
    /// How long after the failure was noticed.
    after: String,
    recorded: String,
    stage: Option<Chip>,
    by: String,
    sheet: String,
    entry: i64,
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    f: Frame,
    id: String,
    stage: Chip,
    facts: Vec<(&'static str, String)>,
    order: Option<(String, String)>,
    session: Option<(String, Option<i64>)>,
    reports: Vec<ReportLine>,
    form: Form,
    errors: Vec<String>,
}

/// `GET /failures/show`.
pub(crate) async fn failure(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let id = params.text("id").ok_or(WebError::NotFound)?;
    show(&app, &viewer, id, None, Vec::new()).await
}

/// `POST /failures`: hands a report in, the first or a later one.
pub(crate) async fn report(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let errors = match form::read(&fields, &view) {
        Ok(read) => {
            let (id, who) = (read.id.as_str().to_owned(), viewer.name().to_owned());
            match app.with_commands(move |commands| commands.report_failure(read, &who)).await? {
                Ok(()) => return Ok(Redirect::to(&href(&id)).into_response()),
                Err(why) => vec![why.text(viewer.lang).to_owned()],
            }
        }
        Err(errors) => errors,
    };
    // Back to where it was written, with what was typed.
    if fields.get("again") == "1" {
        return refused(show(&app, &viewer, fields.get("id").to_owned(), Some(&fields), errors).await?);
    }
    refused(list(&app, &viewer, None, |view| Form::typed(&fields, view), errors).await?)
}

async fn show(
    app: &App,
    viewer: &Viewer,
    id: String,
    typed: Option<&Fields>,
    errors: Vec<String>,
) -> Result<Response, WebError> {
    let number = id.clone();
    let (view, (reports, session)) = read_view(app, viewer, move |reader, _| {
        let reports = query::failure_reports(reader, &number)?;
        let session = match newest_of(&reports).and_then(|newest| Some((newest, newest.session.as_ref()?))) {
            Some((newest, session)) => {
                query::sessions_called(reader, newest.client.as_str(), session.as_str())?.first().copied()
            }
            None => None,
        };
        Ok((reports, session))
    })
    .await?;
    let newest = newest_of(&reports).ok_or(WebError::NotFound)?;
    let f = view.frame(viewer, "failures", "障害報告", "Failure report", href(&id));
    let form = typed.map_or_else(|| Form::after(newest, &view), |fields| Form::typed(fields, &view));
    page(&FailurePage {
        id: clean(&id),
        stage: stage_chip(newest.stage, view.lang),
        facts: facts(newest, &view),
        order: newest.order.as_ref().map(|order| (super::orders::href(order.as_str()), clean(order.as_str()))),
        session: newest.session.as_ref().map(|name| (clean(name.as_str()), session)),
        reports: reports.iter().map(|row| report_line(row, &id, &view)).collect(),
        form: Form { again: true, open: !errors.is_empty(), ..form.not_before(newest.stage) },
        errors: errors.iter().map(|error| clean(error)).collect(),
        f,
    })
}

fn newest_of(reports: &[FailureReportRow]) -> Option<&FailureReported> {
    reports.iter().rev().find_map(|row| row.report.as_ref())
}

fn report_line(row: &FailureReportRow, id: &str, view: &View) -> ReportLine {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let report = row.report.as_ref();
    ReportLine {
        at: report.map_or_else(
            || lang.pick("抹消済", "erased").to_owned(),
            |report| text::when(zone, report.device_time, lang),
        ),
        after: report.map_or_else(String::new, |report| {
            let after = text::length(report.device_time.since(report.detected_at), lang);
            lang.pick(format!("検知の{after}後"), format!("{after} after it was noticed"))
        }),
        recorded: text::when(zone, row.recorded_at, lang),
        stage: report.map(|report| stage_chip(report.stage, lang)),
        by: report.map_or_else(String::new, |report| clean(report.by.as_str())),
        sheet: format!("/failures/sheet?id={}&entry={}", escape(id), row.entry),
        entry: row.entry,
    }
}

/// What a report says, without what it belongs to.
fn facts(report: &FailureReported, view: &View) -> Vec<(&'static str, String)> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let unknown = || lang.pick("未確認", "not known yet").to_owned();
    let when = |at: Option<kukaku_schema::UtcMicros>, none: &dyn Fn() -> String| {
        at.map_or_else(none, |at| text::when(zone, at, lang))
    };
    let told = |text: &Option<kukaku_schema::observation::Remark>| {
        text.as_ref().map_or_else(unknown, |text| text.as_str().to_owned())
    };
    let systems: Vec<String> = report.systems.iter().map(|system| clean(system.as_str())).collect();
    let nobody = || lang.pick("なし", "nobody").to_owned();
    vec![
        (lang.pick("契約先", "Client"), clean(&view.dir.client(report.client.as_str()))),
        (lang.pick("種別", "Sort"), report.sort.label(lang).to_owned()),
        (lang.pick("発生日時", "Occurred"), when(report.occurred_at, &unknown)),
        (lang.pick("検知日時", "Noticed"), when(Some(report.detected_at), &unknown)),
        (lang.pick("復旧日時", "Recovered"), when(report.recovered_at, &|| lang.pick("未復旧", "not yet").to_owned())),
        (lang.pick("対象システム", "Systems"), systems.join(", ")),
        (lang.pick("症状", "Symptom"), report.symptom.as_str().to_owned()),
        (lang.pick("影響", "Impact"), told(&report.impact)),
        (lang.pick("原因", "Cause"), told(&report.cause)),
        (lang.pick("処置", "Measures"), told(&report.measures)),
        (lang.pick("再発防止策", "Prevention"), told(&report.prevention)),
        (
            lang.pick("作業者", "Operators"),
            Some(people(&report.operators, view)).filter(|names| !names.is_empty()).unwrap_or_else(nobody),
        ),
        (lang.pick("報告者", "Reported by"), clean(report.reported_by.as_str())),
    ]
}
