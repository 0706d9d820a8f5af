//! セッション照合: the list.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_schema::{DurationUs, Grade, Span, UtcMicros, Verdict};
use kukaku_store::StoreError;
use kukaku_store::query::{self, Cursor, Reader, SessionFilter, SessionRow};

use super::gaps::{Gaps, gaps_in};
use super::layout::{Frame, page, rendered};
use super::{Choice, LIST_ROWS, View, choices, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{ATTENTION, PARTS, Param, Params, Shape, joined};
use crate::text::{self, Chip, clean};

/// Without a beginning the list speaks of the last day's coverage.
const COVERAGE_SHOWN: DurationUs = DurationUs::from_secs(24 * 3600);

/// What a list of them can be narrowed by.
pub(crate) const FILTER: &[Param] = &[
    Param::new("from", Shape::Instant, "sessions that last to this instant or longer"),
    Param::new("to", Shape::Instant, "sessions that start before this instant"),
    Param::new("verdict", Shape::Verdict, "one verdict, or `attention` for all but present and pending"),
    Param::new("operator", Shape::Text, "operator's id, or a part of the name"),
    Param::new("client", Shape::Text, "client's id"),
    Param::new("source", Shape::Text, "source's id"),
    Param::new("open", Shape::Flag, "only open ones"),
];

/// What the page can be asked for.
pub(crate) const PARAMS: &[Param] = &joined::<9>(FILTER, PARTS);

/// A session as lists show it.
#[derive(Debug, Clone)]
pub(crate) struct SessionLine {
    pub id: i64,
    /// Changes when something about it does.
    pub key: String,
    /// The class of a row that needs a look; empty for the others.
    pub attention: &'static str,
    pub verdict: Chip,
    pub grade: Option<Chip>,
    pub operator: String,
    pub account: String,
    pub client: String,
    pub terminal: String,
    pub target: String,
    pub source: String,
    pub session: String,
    pub start: String,
    pub start_full: String,
    pub start_unknown: bool,
    pub end: String,
    pub for_long: String,
}

impl SessionLine {
    pub fn new(row: &SessionRow, view: &View) -> Self {
        let (lang, zone) = (view.lang, &view.dir.zone);
        let unknown = || lang.pick("未登録", "unregistered").to_owned();
        let maybe = |text: &Option<String>| text.as_deref().map_or_else(String::new, clean);
        let verdict = row.verdict.map(|v| v.verdict);
        let attention = match verdict.map(text::verdict_class) {
            Some("bad") => "attention",
            Some("warn") => "attention mild",
            _ => "",
        };
        let grade = row.verdict.and_then(|v| v.grade).filter(|grade| *grade != Grade::Confirmed);
        Self {
            id: row.id,
            key: format!("{}-{}", row.id, row.verdict.map_or(0, |v| v.revision)),
            attention,
            verdict: text::newest_chip(row.verdict, lang),
            grade: grade.map(|grade| text::grade_chip(grade, lang)),
            operator: row.operator.as_deref().map_or_else(unknown, |id| clean(&view.dir.person(id))),
            account: maybe(&row.account),
            client: row.client.as_deref().map_or_else(unknown, |id| clean(&view.dir.client(id))),
            terminal: maybe(&row.terminal),
            target: maybe(&row.target),
            source: clean(&view.dir.source(&row.source)),
            session: clean(&row.session),
            start: text::when_short(zone, row.start, view.now, lang),
            start_full: text::when(zone, row.start, lang),
            start_unknown: row.start_unknown,
            end: text::end_text(row, zone, lang),
            for_long: text::length(row.span(view.now).length(), lang),
        }
    }
}

#[derive(Template)]
#[template(path = "sessions_list.html")]
struct ListPart {
    lang: kukaku_schema::Lang,
    summary: String,
    counts: Vec<(Chip, String)>,
    rows: Vec<SessionLine>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    f: Frame,
    from: String,
    to: String,
    verdicts: Vec<Choice>,
    operator: String,
    operators: Vec<Choice>,
    clients: Vec<Choice>,
    sources: Vec<Choice>,
    open: bool,
    gaps: Gaps,
    live: String,
    list: String,
}

/// The filter that parameters ask for.
pub(crate) fn filter_of(params: &Params, view: &View) -> SessionFilter {
    let verdict = params.text("verdict");
    SessionFilter {
        from: params.instant("from", &view.dir.zone),
        to: params.instant("to", &view.dir.zone),
        verdict: verdict.as_deref().and_then(Verdict::from_word),
        attention: verdict.as_deref() == Some(ATTENTION),
        operators: params.text("operator").map(|typed| view.dir.persons_meant(&typed)),
        client: params.text("client"),
        source: params.text("source"),
        open_only: params.flag("open"),
    }
}

/// The time whose coverage a list shows.
pub(crate) fn shown_span(filter: &SessionFilter, now: UtcMicros) -> Span {
    let end = filter.to.unwrap_or(now).min(now);
    Span::new(filter.from.unwrap_or_else(|| end.minus(COVERAGE_SHOWN)).min(end), end)
}

/// `GET /sessions`.
pub(crate) async fn sessions(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let asked = params.clone();
    let (view, (list, gaps)) = read_view(&app, &viewer, move |reader, view| {
        let filter = filter_of(&asked, view);
        let list = read_list(reader, view, &filter, &asked)?;
        let gaps = gaps_in(reader, view, shown_span(&filter, view.now), filter.source.as_deref().as_slice())?;
        Ok((list, gaps))
    })
    .await?;
    if params.text("part").is_some() {
        return page(&list);
    }
    let lang = view.lang;
    let query = params.query_with(&["part"], &[]);
    let all = lang.pick("すべて", "All");
    let mut f = view.frame(&viewer, "sessions", "セッション照合", "Sessions", format!("/sessions?{query}"));
    f.live = params.text("after").is_none();
    let verdict = params.shown("verdict");
    let mut verdicts = vec![
        Choice { value: String::new(), text: all.to_owned(), chosen: verdict.is_empty() },
        Choice {
            value: ATTENTION.to_owned(),
            text: lang.pick("要確認のみ", "Needs a look").to_owned(),
            chosen: verdict == ATTENTION,
        },
    ];
    verdicts.extend(Verdict::ALL.iter().map(|v| Choice {
        value: v.word().to_owned(),
        text: v.label(lang).to_owned(),
        chosen: v.word() == verdict,
    }));
    let body = SessionsPage {
        from: local(&params, "from", &view),
        to: local(&params, "to", &view),
        verdicts,
        operator: clean(params.shown("operator")),
        operators: choices(all, "", view.dir.operators()).split_off(1),
        clients: choices(all, params.shown("client"), view.dir.clients()),
        sources: choices(all, params.shown("source"), view.dir.sources()),
        open: params.flag("open"),
        gaps,
        live: format!("/sessions?{}", params.query_with(&["part"], &[("part", "list")])),
        list: rendered(&list)?,
        f,
    };
    page(&body)
}

fn read_list(reader: &Reader, view: &View, filter: &SessionFilter, params: &Params) -> Result<ListPart, StoreError> {
    let after = params.text("after").and_then(|text| Cursor::from_text(&text));
    let listed = query::sessions(reader, filter, after, LIST_ROWS)?;
    let counted = query::sessions_counted(reader, filter)?;
    let lang = view.lang;
    let total: i64 = counted.iter().map(|(_, count)| count).sum();
    let counts = Verdict::ALL
        .iter()
        .filter_map(|verdict| {
            let count: i64 = counted
                .iter()
                .filter(|(of, _)| of.unwrap_or(Verdict::Pending) == *verdict)
                .map(|(_, count)| count)
                .sum();
            (count > 0).then(|| (text::verdict_chip(*verdict, lang), text::counted(count)))
        })
        .collect();
    let summary = match lang {
        kukaku_schema::Lang::Ja => format!("該当 {}件", text::counted(total)),
        kukaku_schema::Lang::En => format!("{} sessions", text::counted(total)),
    };
    let next = listed
        .next
        .map(|next| format!("/sessions?{}", params.query_with(&["after", "part"], &[("after", &next.to_text())])));
    Ok(ListPart {
        lang,
        summary,
        counts,
        rows: listed.rows.iter().map(|row| SessionLine::new(row, view)).collect(),
        next,
    })
}

/// A time as a form's field takes it: local, to the second.
pub(crate) fn local(params: &Params, name: &str, view: &View) -> String {
    params.instant(name, &view.dir.zone).map_or_else(String::new, |at| view.dir.zone.shown(at).replace(' ', "T"))
}
