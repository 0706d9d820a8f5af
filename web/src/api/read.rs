//! The reading routes.

use axum::Json;
use axum::extract::{Extension, State};
use kukaku_schema::{Lang, Severity};
use kukaku_store::query::{self, Cursor, EntryFilter, FindingFilter, SessionFilter, SourceGapCause};

use super::finding_shapes::{FindingDetail, FindingShape};
use super::shapes::{
    All, EntryShape, FindingCounts, GapShape, InsideShape, Page, RevisionShape, SessionDetail, SessionShape,
    SessionsPage, SourceShape, StatusShape, ZoneShape,
};
use crate::error::WebError;
use crate::house::{App, Status};
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape, joined};
use crate::pages::{entries as entry_pages, findings as finding_pages, gaps, read_view, sessions as session_pages};
use crate::routes::Number;

/// Rows of one page at most, and where nothing is said.
const ROWS_MAX: u32 = 500;
const ROWS_USUAL: u32 = 100;

/// How every list is taken in pages.
pub(super) const PAGE: &[Param] = &[
    Param::new("after", Shape::Text, "cursor: `next` of the page before"),
    Param::new("limit", Shape::Count { max: ROWS_MAX }, "rows at most; 100 where nothing is said"),
];

/// Parameters of `GET /api/v1/sessions`.
pub(crate) const SESSION_PARAMS: &[Param] = &joined::<9>(session_pages::FILTER, PAGE);

/// Parameters of `GET /api/v1/entries`.
pub(crate) const ENTRY_PARAMS: &[Param] = &joined::<10>(entry_pages::FILTER, PAGE);

/// Parameters of `GET /api/v1/findings`.
pub(crate) const FINDING_PARAMS: &[Param] = &joined::<10>(finding_pages::FILTER, PAGE);

pub(super) type Answer<T> = Result<Json<T>, WebError>;

pub(super) fn page_of(params: &Params) -> (Option<Cursor>, u32) {
    (params.text("after").and_then(|text| Cursor::from_text(&text)), params.count("limit", ROWS_USUAL))
}

/// `GET /api/v1/status`.
pub(crate) async fn status(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Answer<StatusShape> {
    let about: Status = app.status().await?;
    let (_, shape) = read_view(&app, &viewer, move |reader, view| {
        let mut people: Vec<String> = query::inside_now(reader)?.into_iter().map(|row| row.person).collect();
        people.sort();
        people.dedup();
        let mut doors: Vec<String> = query::door_outages_now(reader)?.into_iter().map(|(door, _, _)| door).collect();
        doors.sort();
        doors.dedup();
        let open = SessionFilter { open_only: true, ..SessionFilter::default() };
        let holding = FindingFilter { holding_only: true, ..FindingFilter::default() };
        let mut findings = FindingCounts::default();
        for (severity, count) in query::findings_counted(reader, &holding)? {
            match severity {
                Severity::Critical => findings.critical = count,
                Severity::High => findings.high = count,
                Severity::Medium => findings.medium = count,
            }
        }
        let (waiting, failed, _) = query::outbox_failing(reader)?;
        Ok(StatusShape {
            site: view.dir.registers.as_ref().map(|r| r.site.id.clone()),
            version: about.version,
            started_at: about.started_at,
            at: view.now,
            journal_size: query::head(reader)?.journal_size,
            signed_size: query::newest_checkpoint(reader)?.map(|checkpoint| checkpoint.size),
            inside: people.len(),
            open_sessions: query::sessions_counted(reader, &open)?.iter().map(|(_, count)| count).sum(),
            findings,
            doors_not_watched: doors.len(),
            alerts_failing: waiting + failed,
        })
    })
    .await?;
    Ok(Json(shape))
}

/// `GET /api/v1/zones`.
pub(crate) async fn zones(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Answer<All<ZoneShape>> {
    let (_, rows) = read_view(&app, &viewer, |reader, view| {
        let inside = query::inside_now(reader)?;
        let outages = query::door_outages_now(reader)?;
        let rows = view.dir.zones().map(|(id, name)| {
            let mut doors = view.dir.doors_of(id, view.now);
            doors.retain(|door| outages.iter().any(|(out, _, _)| out == door));
            let people = inside.iter().filter(|row| row.zone == id).map(|row| InsideShape {
                name: view.dir.person(&row.person),
                person: row.person.clone(),
                since: row.since,
                grade: row.grade.word().to_owned(),
            });
            ZoneShape {
                zone: id.to_owned(),
                name: name.to_owned(),
                parent: view.dir.parent(id).map(str::to_owned),
                inside: people.collect(),
                doors_not_watched: doors,
            }
        });
        Ok(rows.collect())
    })
    .await?;
    Ok(Json(All { rows }))
}

/// `GET /api/v1/sessions`.
pub(crate) async fn sessions(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Answer<SessionsPage> {
    let (_, page) = read_view(&app, &viewer, move |reader, view| {
        let filter = session_pages::filter_of(&params, view);
        let (after, limit) = page_of(&params);
        let page = Page::of(query::sessions(reader, &filter, after, limit)?, SessionShape::from);
        let sources = gaps::watched_sources(reader, view, filter.source.as_deref().as_slice())?;
        let missing = query::session_source_gaps(reader, &sources, session_pages::shown_span(&filter, view.now))?;
        let missing = missing.into_iter().map(|gap| GapShape {
            source: gap.source,
            span: gap.span.into(),
            cause: match gap.cause {
                SourceGapCause::NotYetHeard => "not_yet_heard",
                SourceGapCause::Silent => "silent",
                SourceGapCause::OwnDowntime => "own_downtime",
                SourceGapCause::Lost => "lost",
            }
            .to_owned(),
        });
        Ok(SessionsPage { rows: page.rows, next: page.next, missing: missing.collect() })
    })
    .await?;
    Ok(Json(page))
}

/// `GET /api/v1/sessions/{id}`.
pub(crate) async fn session(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Number(id): Number,
) -> Answer<SessionDetail> {
    let (_, found) = read_view(&app, &viewer, move |reader, view| {
        let Some(row) = query::session(reader, id)? else { return Ok(None) };
        let findings = query::session_findings(reader, &row.source, &row.session, row.span(view.now))?;
        Ok(Some(SessionDetail {
            records: query::session_parts(reader, id)?.into_iter().map(Into::into).collect(),
            revisions: query::revisions(reader, id)?.into_iter().map(RevisionShape::from).collect(),
            findings: findings.into_iter().map(FindingShape::from).collect(),
            session: row.into(),
        }))
    })
    .await?;
    found.map(Json).ok_or(WebError::NotFound)
}

/// `GET /api/v1/entries`.
pub(crate) async fn entries(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Answer<Page<EntryShape>> {
    let (_, page) = read_view(&app, &viewer, move |reader, view| {
        let filter: EntryFilter = crate::pages::entries::filter_of(&params, view);
        let (after, limit) = page_of(&params);
        Ok(Page::of(query::entries(reader, &filter, after, limit)?, |row| EntryShape::of(row, &view.dir)))
    })
    .await?;
    Ok(Json(page))
}

/// `GET /api/v1/findings`.
pub(crate) async fn findings(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Answer<Page<FindingShape>> {
    let (_, page) = read_view(&app, &viewer, move |reader, view| {
        let filter = finding_pages::filter_of(&params, view);
        let (after, limit) = page_of(&params);
        Ok(Page::of(query::findings(reader, &filter, after, limit)?, FindingShape::from))
    })
    .await?;
    Ok(Json(page))
}

/// `GET /api/v1/findings/{id}`.
pub(crate) async fn finding(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Number(id): Number,
) -> Answer<FindingDetail> {
    let (view, found) = read_view(&app, &viewer, move |reader, _| {
        let Some((row, proofs)) = query::finding(reader, id)? else { return Ok(None) };
        let desk = query::desks(reader, &[id])?.remove(&id).unwrap_or_default();
        Ok(Some((row, proofs, desk, query::finding_acts(reader, id)?)))
    })
    .await?;
    let (row, proofs, desk, acts) = found.ok_or(WebError::NotFound)?;
    Ok(Json(FindingDetail {
        desk: desk.state(row.revision, view.now).word().to_owned(),
        assignee: desk.assignee,
        acts: acts.into_iter().map(Into::into).collect(),
        what_to_do: row.kind.what_to_do(Lang::En).to_owned(),
        what_to_do_ja: row.kind.what_to_do(Lang::Ja).to_owned(),
        finding: row.into(),
        proofs,
    }))
}

/// `GET /api/v1/sources`.
pub(crate) async fn sources(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Answer<All<SourceShape>> {
    let (_, rows) = read_view(&app, &viewer, |reader, view| {
        let rows = query::sources(reader)?.into_iter().map(|row| {
            let registered = view.dir.source_row(&row.source, view.now);
            SourceShape {
                registered: registered.is_some(),
                class: registered.map(|r| r.class.word().to_owned()),
                source: row.source,
                observations: row.observations,
                duplicates: row.duplicates,
                unreadable: row.unreadable,
                device_time: row.device_time,
                first_at: row.first_at,
                last_at: row.last_at,
            }
        });
        Ok(rows.collect())
    })
    .await?;
    Ok(Json(All { rows }))
}
