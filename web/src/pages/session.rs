//! One session: its timeline, its verdict and every revision of it, and what stands behind them.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_core::SessionEnd;
use kukaku_schema::{DurationUs, Lang, Span, UtcMicros, Verdict};
use kukaku_store::StoreError;
use kukaku_store::query::{self, EntryRow, FootageRow, OutageRow, PartRow, Reader, RevisionRow, SessionRow, StayRow};

use super::entries::way_chip;
use super::failures::OfWork;
use super::findings::{CauseLink, FindingLine};
use super::gaps::{Gaps, gaps_in};
use super::layout::{Frame, page};
use super::notices::NoticeLine;
use super::session_parts::{self, PartLine};
use super::sessions::SessionLine;
use super::svg::{Bar, Mark, Row, timeline};
use super::terminals::OfSession;
use super::{View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape};
use crate::routes::Number;
use crate::text::{self, Chip, clean};

/// The least that is shown before and after a session.
const MARGIN_LEAST: DurationUs = DurationUs::from_secs(10 * 60);
/// Spans of a revision that are written out.
const SPANS_SHOWN: usize = 6;
/// Doors and cameras that have a row of their own in the timeline; the tables hold them all.
pub(super) const DEVICE_ROWS_MAX: usize = 8;

/// `GET /sessions/find`: the session that a source called so at a time.
pub(crate) const FIND_PARAMS: &[Param] = &[
    Param::new("source", Shape::Text, "source's id"),
    Param::new("session", Shape::Text, "the source's id of the session"),
    Param::new("at", Shape::Instant, "an instant at or after its start"),
];

/// `GET /sessions/find`.
pub(crate) async fn find(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let (_, found) = read_view(&app, &viewer, move |reader, view| {
        let at = params.instant("at", &view.dir.zone).unwrap_or(view.now);
        // A finding may speak of an instant just before its session's start: grace reaches there.
        let at = at.plus(MARGIN_LEAST);
        query::session_at(reader, params.shown("source"), params.shown("session"), at)
    })
    .await?;
    let found = found.ok_or(WebError::NotFound)?;
    Ok(Redirect::to(&format!("/sessions/{}", found.id)).into_response())
}

/// All that the page is made of.
struct Facts {
    row: SessionRow,
    parts: Vec<PartRow>,
    joined_to: Option<i64>,
    revisions: Vec<RevisionRow>,
    stays: Vec<StayRow>,
    outages: Vec<OutageRow>,
    readings: Vec<EntryRow>,
    findings: Vec<query::FindingRow>,
    footage: Vec<FootageRow>,
    cameras: Vec<String>,
    doors: Vec<String>,
    notices: Vec<NoticeLine>,
    terminal: OfSession,
    failures: OfWork,
    gaps: Gaps,
    holes: Option<i64>,
    shown: Span,
}

impl Facts {
    fn read(reader: &Reader, view: &View, id: i64) -> Result<Option<Self>, StoreError> {
        let Some(row) = query::session(reader, id)? else { return Ok(None) };
        let span = row.span(view.now);
        let margin = DurationUs((span.length().0 / 8).max(MARGIN_LEAST.0));
        let shown = Span::new(span.start.minus(margin), span.end.plus(margin).min(view.now.max(span.end)));
        let (doors, cameras) = match &row.zone {
            Some(zone) => (view.dir.doors_of(zone, row.start), view.dir.cameras_of(zone, row.start)),
            None => (vec![], vec![]),
        };
        let person = row.operator.clone();
        let stays = match &person {
            Some(person) => query::stays_in(reader, person, shown)?,
            None => vec![],
        };
        let readings = match &person {
            Some(person) => query::readings_of(reader, person, shown)?,
            None => vec![],
        };
        let holes = match (row.proofs.first(), row.proofs.last()) {
            (Some(first), Some(last)) => query::numbering_holes(reader, &row.source, *first, *last)?,
            _ => None,
        };
        let joined_to = if row.gone { query::joined_to(reader, &row)? } else { None };
        let parts = query::session_parts(reader, id)?;
        let told_by: Vec<&str> = parts.iter().map(|part| part.source.as_str()).chain([row.source.as_str()]).collect();
        Ok(Some(Self {
            joined_to,
            revisions: query::revisions(reader, id)?,
            stays,
            outages: query::outages_of_zone(reader, &doors, shown)?,
            readings,
            findings: query::session_findings(reader, &row.source, &row.session, shown)?,
            footage: query::footage_in(reader, &cameras, span)?,
            gaps: gaps_in(reader, view, span, &told_by)?,
            failures: super::failures::of_session(reader, view, &row, &parts)?,
            parts,
            terminal: super::terminals::of_session(reader, view, &row, shown)?,
            notices: super::notices::lines_of(reader, view, id)?,
            row,
            cameras,
            doors,
            holes,
            shown,
        }))
    }
}

struct RevisionLine {
    number: i64,
    at: String,
    verdict: Chip,
    grade: Option<Chip>,
    absent: String,
    unknown: String,
    cause: CauseLink,
    entry: i64,
    newest: bool,
}

struct TrustLine {
    source: String,
    class: String,
    numbering: Chip,
}

struct SpanLine {
    what: String,
    mark: Chip,
    from: String,
    until: String,
}

struct ReadingLine {
    at: String,
    way: Chip,
    granted: Chip,
    door: String,
    entry: i64,
}

struct FootageLine {
    camera: String,
    span: String,
    path: String,
    size: String,
    state: Chip,
    entry: i64,
}

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    f: Frame,
    line: SessionLine,
    gone: bool,
    joined_to: Option<i64>,
    parts: Vec<PartLine>,
    via: String,
    address: String,
    zone: String,
    judged: String,
    last_sign: String,
    proofs: Vec<u64>,
    drawing: String,
    revisions: Vec<RevisionLine>,
    findings: Vec<FindingLine>,
    stays: Vec<SpanLine>,
    outages: Vec<SpanLine>,
    readings: Vec<ReadingLine>,
    footage: Vec<FootageLine>,
    no_cameras: bool,
    trust: Vec<TrustLine>,
    notices: Vec<NoticeLine>,
    ended: bool,
    terminal: OfSession,
    failures: OfWork,
    gaps: Gaps,
}

/// `GET /sessions/{id}`.
pub(crate) async fn session(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Number(id): Number,
) -> Result<Response, WebError> {
    let (view, facts) = read_view(&app, &viewer, move |reader, view| Facts::read(reader, view, id)).await?;
    let facts = facts.ok_or(WebError::NotFound)?;
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut f = view.frame(&viewer, "sessions", "セッション照合", "Session", format!("/sessions/{id}"));
    let line = SessionLine::new(&facts.row, &view);
    f.title = format!("{} {}", lang.pick("セッション", "Session"), line.session);
    let row = &facts.row;
    let body = SessionPage {
        gone: row.gone,
        joined_to: facts.joined_to,
        parts: facts.parts.iter().map(|part| PartLine::new(part, &view)).collect(),
        via: row.via.as_deref().map_or_else(String::new, clean),
        address: {
            let outer = row.address.as_deref().map(clean);
            let inner = row.inner_address.as_deref().map(clean);
            outer.into_iter().chain(inner).collect::<Vec<_>>().join(" → ")
        },
        zone: row
            .zone
            .as_deref()
            .map_or_else(|| lang.pick("未登録", "unregistered").to_owned(), |id| clean(&view.dir.zone_name(id, lang))),
        judged: row.verdict.map_or_else(String::new, |v| text::when(zone, v.judged_at, lang)),
        last_sign: text::when(zone, row.last_sign, lang),
        proofs: row.proofs.clone(),
        drawing: drawing(&facts, &view, &line),
        revisions: facts
            .revisions
            .iter()
            .enumerate()
            .map(|(index, revision)| revision_line(revision, index == 0, &view))
            .collect(),
        findings: facts.findings.iter().map(|finding| FindingLine::new(finding, None, &view)).collect(),
        stays: facts
            .stays
            .iter()
            .map(|stay| SpanLine {
                what: clean(&view.dir.zone_name(&stay.zone, lang)),
                mark: text::grade_chip(stay.grade, lang),
                from: text::when(zone, stay.span.start, lang),
                until: text::when(zone, stay.span.end, lang),
            })
            .collect(),
        outages: facts
            .outages
            .iter()
            .map(|outage| SpanLine {
                what: clean(&view.dir.door(&outage.door)),
                mark: Chip::warn(outage.cause.label(lang)),
                from: text::when(zone, outage.span.start, lang),
                until: text::when(zone, outage.span.end, lang),
            })
            .collect(),
        readings: facts.readings.iter().map(|reading| reading_line(reading, &view)).collect(),
        footage: facts.footage.iter().map(|segment| footage_line(segment, &view)).collect(),
        no_cameras: facts.cameras.is_empty(),
        trust: trust_lines(&facts, &view),
        notices: facts.notices.clone(),
        ended: row.end != SessionEnd::Open,
        terminal: facts.terminal.clone(),
        failures: facts.failures.clone(),
        gaps: facts.gaps.clone(),
        line,
        f,
    };
    page(&body)
}

fn revision_line(revision: &RevisionRow, newest: bool, view: &View) -> RevisionLine {
    let (lang, zone) = (view.lang, &view.dir.zone);
    RevisionLine {
        number: revision.number,
        at: text::when(zone, revision.at, lang),
        verdict: text::verdict_chip(revision.verdict, lang),
        grade: revision.grade.map(|grade| text::grade_chip(grade, lang)),
        absent: text::spans_text(zone, &revision.absent, SPANS_SHOWN, lang),
        unknown: text::spans_text(zone, &revision.unknown, SPANS_SHOWN, lang),
        cause: CauseLink::new(revision.cause, lang),
        entry: revision.journal_seq,
        newest,
    }
}

fn reading_line(reading: &EntryRow, view: &View) -> ReadingLine {
    let lang = view.lang;
    ReadingLine {
        at: text::when(&view.dir.zone, reading.occurred_at, lang),
        way: way_chip(reading.direction, lang),
        granted: if reading.granted {
            Chip::ok(lang.pick("許可", "granted"))
        } else {
            Chip::bad(lang.pick("拒否", "denied"))
        },
        door: reading.door.as_deref().map_or_else(|| clean(&reading.reader), |door| clean(&view.dir.door(door))),
        entry: reading.entry,
    }
}

fn footage_line(segment: &FootageRow, view: &View) -> FootageLine {
    let lang = view.lang;
    FootageLine {
        camera: clean(&view.dir.camera(&segment.camera)),
        span: text::from_to(&view.dir.zone, segment.span, lang),
        path: clean(&segment.path),
        size: text::counted(segment.bytes),
        state: match (&segment.sha256, segment.gone) {
            (_, true) => Chip::bad(lang.pick("消失", "gone")),
            (Some(_), _) => Chip::ok(lang.pick("保存・照合値あり", "kept, with its hash")),
            (None, _) => Chip::new("info", "note", lang.pick("保存", "kept")),
        },
        entry: segment.entry,
    }
}

/// How far the sources behind a verdict can be trusted.
fn trust_lines(facts: &Facts, view: &View) -> Vec<TrustLine> {
    let lang = view.lang;
    let mut ids = vec![facts.row.source.clone()];
    ids.extend(facts.parts.iter().map(|part| part.source.clone()));
    ids.extend(facts.readings.iter().map(|reading| reading.source.clone()));
    ids.sort();
    ids.dedup();
    let line = |id: &String| {
        let class = match view.dir.source_row(id, facts.row.start).map(|row| row.class.word()) {
            Some("A") => lang.pick("A（認証あり・番号あり）", "A (authenticated, numbered)"),
            Some("C") => lang.pick("C（なりすましの可能性あり）", "C (could be spoofed)"),
            Some(_) => lang.pick("B（認証あり・番号なし）", "B (authenticated, not numbered)"),
            None => lang.pick("未登録", "unregistered"),
        };
        let is_session_source = *id == facts.row.source;
        let torn = facts.outages.iter().any(|outage| outage.cause == kukaku_core::OutageCause::SequenceHole);
        let numbered = facts.readings.iter().any(|reading| reading.source == *id && reading.source_number.is_some());
        let numbering = match (is_session_source, facts.holes) {
            (true, Some(0)) => Chip::ok(lang.pick("番号に欠番なし", "numbering unbroken")),
            (true, Some(holes)) => Chip::warn(lang.pick(format!("欠番 {holes}件"), format!("{holes} numbers missing"))),
            (true, None) => Chip::dim(lang.pick("番号では確かめられません", "can't be told by numbers")),
            (false, _) if torn => Chip::warn(lang.pick("欠番あり", "numbers missing")),
            (false, _) if numbered => Chip::ok(lang.pick("番号に欠番なし", "numbering unbroken")),
            (false, _) => Chip::dim(lang.pick("番号では確かめられません", "can't be told by numbers")),
        };
        TrustLine { source: clean(&view.dir.source(id)), class: class.to_owned(), numbering }
    };
    ids.iter().map(line).collect()
}

fn drawing(facts: &Facts, view: &View, line: &SessionLine) -> String {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let row = &facts.row;
    let title_of = |what: &str, span: Span| format!("{what} {}", text::from_to(zone, span, lang));
    let mut rows = vec![session_row(facts, view, &title_of)];
    rows.extend(session_parts::rows(&facts.parts, row.span(view.now), view));
    let mut zones: Vec<&str> = facts.stays.iter().map(|stay| stay.zone.as_str()).collect();
    zones.extend(row.zone.as_deref());
    zones.sort_unstable_by_key(|zone| (Some(*zone) != row.zone.as_deref(), zone.to_owned()));
    zones.dedup();
    for id in zones.iter().take(DEVICE_ROWS_MAX) {
        let bars = facts.stays.iter().filter(|stay| stay.zone == *id).map(|stay| Bar {
            span: stay.span,
            class: stay.grade.word(),
            word: stay.grade.label(lang).to_owned(),
            title: title_of(stay.grade.label(lang), stay.span),
        });
        let name = clean(&view.dir.zone_name(id, lang));
        rows.push(Row {
            name: lang.pick(format!("在室 {name}"), format!("in {name}")),
            bars: bars.collect(),
            marks: vec![],
        });
    }
    let marks = facts.readings.iter().map(|reading| {
        let way = way_chip(reading.direction, lang).text;
        Mark {
            at: reading.occurred_at,
            class: if reading.granted { "read" } else { "denied" },
            title: format!("{way} {} {}", text::when(zone, reading.occurred_at, lang), clean(&reading.reader)),
        }
    });
    rows.push(Row { name: lang.pick("読み取り", "Readings").to_owned(), bars: vec![], marks: marks.collect() });
    for door in facts.doors.iter().take(DEVICE_ROWS_MAX) {
        let bars = facts.outages.iter().filter(|outage| outage.door == *door).map(|outage| Bar {
            span: outage.span,
            class: "outage",
            word: outage.cause.label(lang).to_owned(),
            title: title_of(outage.cause.label(lang), outage.span),
        });
        let name = clean(&view.dir.door(door));
        rows.push(Row {
            name: lang.pick(format!("扉の欠測 {name}"), format!("outage {name}")),
            bars: bars.collect(),
            marks: vec![],
        });
    }
    for camera in facts.cameras.iter().take(DEVICE_ROWS_MAX) {
        let bars = facts.footage.iter().filter(|segment| segment.camera == *camera).map(|segment| Bar {
            span: segment.span,
            class: if segment.gone { "lost" } else { "foot" },
            word: String::new(),
            title: title_of(&clean(&segment.path), segment.span),
        });
        let name = clean(&view.dir.camera(camera));
        rows.push(Row {
            name: lang.pick(format!("映像 {name}"), format!("video {name}")),
            bars: bars.collect(),
            marks: vec![],
        });
    }
    let title = match lang {
        Lang::Ja => format!("セッション {} の時系列。同じ内容を下の表に示します。", line.session),
        Lang::En => format!("Timeline of session {}. The tables below hold the same.", line.session),
    };
    timeline(&rows, facts.shown, view.now, zone, &title)
}

fn session_row(facts: &Facts, view: &View, title_of: &impl Fn(&str, Span) -> String) -> Row {
    let lang = view.lang;
    let span = facts.row.span(view.now);
    let word = match facts.row.end {
        SessionEnd::Open => lang.pick("接続中", "open"),
        SessionEnd::Ended(_) => lang.pick("接続", "session"),
        SessionEnd::Presumed(_) => lang.pick("接続（終了は推定）", "session (end presumed)"),
    };
    let mut bars = vec![Bar { span, class: "sess", word: word.to_owned(), title: title_of(word, span) }];
    if let Some(newest) = facts.revisions.first() {
        let absent = lang.pick("不在", "absent");
        let unknown = lang.pick("所在不明", "not known");
        let whole = newest.absent.is_empty() && newest.verdict == Verdict::Absent;
        let absent_spans = if whole { vec![span] } else { newest.absent.clone() };
        bars.extend(absent_spans.iter().map(|part| bar_of(*part, span, "absent", absent, title_of)));
        bars.extend(newest.unknown.iter().map(|part| bar_of(*part, span, "unknown", unknown, title_of)));
    }
    Row { name: lang.pick("セッション", "Session").to_owned(), bars, marks: vec![] }
}

/// A part of the session; one that grows with it ends where it ends.
fn bar_of(part: Span, session: Span, class: &'static str, word: &str, title_of: &impl Fn(&str, Span) -> String) -> Bar {
    let span = Span::new(part.start, if part.end >= UtcMicros::MAX { session.end } else { part.end });
    Bar { span, class, word: word.to_owned(), title: title_of(word, span) }
}
