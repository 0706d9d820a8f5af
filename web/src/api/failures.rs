//! 障害報告: failures with their newest report, and every report on one.

use axum::Json;
use axum::extract::{Extension, State};
use kukaku_schema::UtcMicros;
use kukaku_schema::observation::FailureReported;
use kukaku_store::query::{self, FailureReportRow, FailureRow};
use schemars::JsonSchema;
use serde::Serialize;

use super::read::{Answer, PAGE, page_of};
use super::shapes::Page;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params};
use crate::pages::read_view;
use crate::routes::Text;

/// Parameters of `GET /api/v1/failures`.
pub(crate) const PARAMS: &[Param] = PAGE;

/// A failure, as its newest report tells it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FailureShape {
    /// Its number.
    pub failure: String,
    /// The client to whom it is reported.
    pub client: String,
    /// Which of the reports the newest is: `first`, `interim`, `final`.
    pub stage: String,
    /// When that was handed in.
    pub reported_at: UtcMicros,
    /// When the failure was noticed.
    pub detected_at: UtcMicros,
    /// The work order that it names.
    pub order: Option<String>,
    /// The session that it names, by its source's id.
    pub session: Option<String>,
    /// The journal entry of the newest report.
    pub journal_seq: i64,
}

impl From<FailureRow> for FailureShape {
    fn from(row: FailureRow) -> Self {
        Self {
            failure: row.failure,
            client: row.client,
            stage: row.stage.word().to_owned(),
            reported_at: row.at,
            detected_at: row.detected_at,
            order: row.order,
            session: row.session,
            journal_seq: row.entry,
        }
    }
}

/// One report on a failure.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReportShape {
    /// Its journal entry.
    pub journal_seq: i64,
    /// Our clock when it was recorded.
    pub recorded_at: UtcMicros,
    /// What it says; none once it is erased.
    pub report: Option<FailureReported>,
}

impl From<FailureReportRow> for ReportShape {
    fn from(row: FailureReportRow) -> Self {
        Self { journal_seq: row.entry, recorded_at: row.recorded_at, report: row.report }
    }
}

/// A failure with every report on it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FailureDetail {
    /// Its number.
    pub failure: String,
    /// Every report, oldest first; the last one counts.
    pub reports: Vec<ReportShape>,
}

/// `GET /api/v1/failures`.
pub(crate) async fn failures(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Answer<Page<FailureShape>> {
    let (after, limit) = page_of(&params);
    let (_, listed) = read_view(&app, &viewer, move |reader, _| query::failures(reader, after, limit)).await?;
    Ok(Json(Page::of(listed, FailureShape::from)))
}

/// `GET /api/v1/failures/{id}`.
pub(crate) async fn failure(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Text(id): Text,
) -> Answer<FailureDetail> {
    let number = id.clone();
    let (_, rows) = read_view(&app, &viewer, move |reader, _| query::failure_reports(reader, &number)).await?;
    if rows.is_empty() {
        return Err(WebError::NotFound);
    }
    Ok(Json(FailureDetail { failure: id, reports: rows.into_iter().map(ReportShape::from).collect() }))
}
