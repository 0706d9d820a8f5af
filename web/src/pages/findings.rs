//! 検知: the list, and one finding with its proofs, history and alerts.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_core::desk::Desk;
use kukaku_schema::{FindingKind, Lang, Severity, Span, UtcMicros};
use kukaku_store::query::{self, CauseRow, Cursor, FindingFilter, FindingRow, MASKED};

use kukaku_store::users::Right;

use super::desk::{self, DeskPart};
use super::layout::{Frame, page, rendered};
use super::sessions::local;
use super::{Choice, LIST_ROWS, View, choices, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::http::params::{PARTS, Param, Params, Shape, escape, joined};
use crate::routes::Number;
use crate::text::{self, Chip, clean};

/// What a list of them can be narrowed by.
pub(crate) const FILTER: &[Param] = &[
    Param::new("from", Shape::Instant, "changed at this instant or later"),
    Param::new("to", Shape::Instant, "changed before this instant"),
    Param::new("kind", Shape::FindingKind, "one kind"),
    Param::new("severity", Shape::Severity, "one severity"),
    Param::new("client", Shape::Text, "client's id"),
    Param::new("all", Shape::Flag, "resolved ones too"),
    Param::new("desk", Shape::Text, "how people stand to it: open, new, changed, acknowledged, snoozed, closed"),
    Param::new("assignee", Shape::Text, "the user who is to see to it"),
];

/// What the page can be asked for.
pub(crate) const PARAMS: &[Param] = &joined::<10>(FILTER, PARTS);

/// What a finding is about, in one line: who, where, which session.
pub(crate) fn about_text(finding: &FindingRow, view: &View) -> String {
    let mut parts: Vec<String> = vec![];
    for sort in [
        "person",
        "zone",
        "door",
        "camera",
        "source",
        "client",
        "session",
        "order",
        "account",
        "terminal",
        "reader",
        "credential",
        "cause",
    ] {
        let named = finding.subjects.iter().filter(|subject| subject.sort == sort);
        let named: Vec<String> =
            named.map(|subject| clean(&view.dir.subject(sort, &subject.value, view.lang))).collect();
        // An account or reader adds nothing where person and zone stand already.
        if parts.len() >= 3 || named.is_empty() {
            continue;
        }
        parts.push(named.join(view.lang.pick("・", ", ")));
    }
    parts.join(" / ")
}

/// The word for a sort of subject.
pub(crate) fn sort_label(sort: &str, lang: Lang) -> String {
    match sort {
        "session" => lang.pick("セッション", "Session"),
        "person" => lang.pick("人物", "Person"),
        "account" => lang.pick("アカウント", "Account"),
        "terminal" => lang.pick("端末", "Terminal"),
        "client" => lang.pick("契約先", "Client"),
        "zone" => lang.pick("区画", "Zone"),
        "door" => lang.pick("扉", "Door"),
        "reader" => lang.pick("リーダー", "Reader"),
        "credential" => lang.pick("カードなどの証", "Credential"),
        "source" => lang.pick("記録元", "Source"),
        "order" => lang.pick("申請", "Work order"),
        "camera" => lang.pick("カメラ", "Camera"),
        "segment" => lang.pick("映像", "Footage"),
        "cause" => lang.pick("原因", "Cause"),
        other => other,
    }
    .to_owned()
}

/// What brought a change, with the entry to look at.
pub(crate) struct CauseLink {
    pub text: String,
    pub entry: Option<i64>,
}

impl CauseLink {
    pub fn new(cause: CauseRow, lang: Lang) -> Self {
        match cause {
            CauseRow::Observation(seq) => {
                Self { text: lang.pick("記録", "observation").to_owned(), entry: Some(seq) }
            }
            CauseRow::Registers(seq) => {
                Self { text: lang.pick("台帳の変更", "register change").to_owned(), entry: Some(seq) }
            }
            CauseRow::Time => Self { text: lang.pick("時間の経過", "passing of time").to_owned(), entry: None },
        }
    }
}

/// A finding as lists show it.
pub(crate) struct FindingLine {
    pub id: i64,
    pub key: String,
    pub attention: &'static str,
    pub severity: Chip,
    pub state: Chip,
    pub kind: &'static str,
    pub about: String,
    pub client: String,
    pub since: String,
    pub until: String,
    pub span: String,
    pub for_long: String,
    pub changed: String,
    /// How people stand to it.
    pub desk: Chip,
    /// Who is to see to it.
    pub assignee: String,
}

impl FindingLine {
    pub fn new(row: &FindingRow, desk: Option<&Desk>, view: &View) -> Self {
        let (lang, zone) = (view.lang, &view.dir.zone);
        let lasts = row.span.end >= UtcMicros::MAX;
        // One that was cleared speaks of nothing any more: it lasted until then.
        let span = Span::new(row.span.start, row.resolved_at.filter(|_| lasts).unwrap_or(row.span.end));
        let end = span.end.min(view.now.max(span.start));
        Self {
            id: row.id,
            key: format!("{}-{}", row.id, row.revision),
            attention: match (row.resolved_at, row.severity) {
                (None, Severity::Critical) => "attention",
                (None, Severity::High) => "attention mild",
                _ => "",
            },
            severity: text::severity_chip(row.severity, lang),
            state: state_chip(row.resolved_at, lang),
            kind: row.kind.label(lang),
            about: about_text(row, view),
            client: row.client.as_deref().map_or_else(String::new, |id| clean(&view.dir.client(id))),
            since: text::when(zone, row.span.start, lang),
            until: text::when(zone, span.end, lang),
            span: text::from_to(zone, span, lang),
            for_long: if end > row.span.start { text::length(end.since(row.span.start), lang) } else { String::new() },
            changed: text::when(zone, row.changed_at, lang),
            desk: desk::chip(desk.unwrap_or(&Desk::default()).state(row.revision, view.now), lang),
            assignee: desk.and_then(|desk| desk.assignee.as_deref()).map_or_else(String::new, clean),
        }
    }
}

fn state_chip(resolved_at: Option<UtcMicros>, lang: Lang) -> Chip {
    match resolved_at {
        None => Chip::warn(lang.pick("継続中", "holds")),
        Some(_) => Chip::new("dim", "check", lang.pick("解消", "resolved")),
    }
}

#[derive(Template)]
#[template(path = "findings_list.html")]
struct ListPart {
    lang: Lang,
    summary: String,
    rows: Vec<FindingLine>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    f: Frame,
    from: String,
    to: String,
    kinds: Vec<Choice>,
    severities: Vec<Choice>,
    clients: Vec<Choice>,
    desks: Vec<Choice>,
    all: bool,
    live: String,
    list: String,
}

/// The filter that parameters ask for.
pub(crate) fn filter_of(params: &Params, view: &View) -> FindingFilter {
    FindingFilter {
        from: params.instant("from", &view.dir.zone),
        to: params.instant("to", &view.dir.zone),
        holding_only: !params.flag("all"),
        kind: params.text("kind").as_deref().and_then(FindingKind::from_word),
        severity: params.text("severity").as_deref().and_then(Severity::from_word),
        client: params.text("client"),
        desk: desk::states_of(params.text("desk").as_deref()),
        assignee: params.text("assignee"),
        now: Some(view.now),
    }
}

/// `GET /findings`.
pub(crate) async fn findings(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let asked = params.clone();
    let (view, list) = read_view(&app, &viewer, move |reader, view| {
        let filter = filter_of(&asked, view);
        let after = asked.text("after").and_then(|text| Cursor::from_text(&text));
        let listed = query::findings(reader, &filter, after, LIST_ROWS)?;
        let total: i64 = query::findings_counted(reader, &filter)?.iter().map(|(_, count)| count).sum();
        let next = listed
            .next
            .map(|next| format!("/findings?{}", asked.query_with(&["after", "part"], &[("after", &next.to_text())])));
        let count = text::counted(total);
        let summary = view.lang.pick(format!("該当 {count}件"), format!("{count} findings"));
        let ids: Vec<i64> = listed.rows.iter().map(|row| row.id).collect();
        let desks = query::desks(reader, &ids)?;
        let rows = listed.rows.iter().map(|row| FindingLine::new(row, desks.get(&row.id), view)).collect();
        Ok(ListPart { lang: view.lang, summary, rows, next })
    })
    .await?;
    if params.text("part").is_some() {
        return page(&list);
    }
    let lang = view.lang;
    let all = lang.pick("すべて", "All");
    let mut f =
        view.frame(&viewer, "findings", "検知", "Findings", format!("/findings?{}", params.query_with(&["part"], &[])));
    f.live = params.text("after").is_none();
    let body = FindingsPage {
        from: local(&params, "from", &view),
        to: local(&params, "to", &view),
        kinds: choices(all, params.shown("kind"), FindingKind::ALL.iter().map(|kind| (kind.word(), kind.label(lang)))),
        severities: choices(
            all,
            params.shown("severity"),
            Severity::ALL.iter().rev().map(|severity| (severity.word(), severity.label(lang))),
        ),
        clients: choices(all, params.shown("client"), view.dir.clients()),
        desks: desk::choices_of(params.shown("desk"), lang),
        all: params.flag("all"),
        live: format!("/findings?{}", params.query_with(&["part"], &[("part", "list")])),
        list: rendered(&list)?,
        f,
    };
    page(&body)
}

struct SubjectLine {
    sort: String,
    name: String,
    id: String,
    href: Option<String>,
}

struct EventLine {
    at: String,
    change: Chip,
    severity: Chip,
    cause: CauseLink,
    entry: i64,
}

struct AlertLine {
    channel: String,
    revision: i64,
    state: Chip,
    note: String,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage {
    f: Frame,
    line: FindingLine,
    to_do: &'static str,
    subjects: Vec<SubjectLine>,
    proofs: Vec<u64>,
    events: Vec<EventLine>,
    alerts: Vec<AlertLine>,
    resolved: String,
    key: String,
    desk: String,
}

/// `GET /findings/{id}`.
pub(crate) async fn finding(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Number(id): Number,
) -> Result<Response, WebError> {
    show(&app, &viewer, id, &Fields::default(), None).await
}

/// The page of one finding; with what was typed about it and why that can't be, where it can't.
pub(super) async fn show(
    app: &App,
    viewer: &Viewer,
    id: i64,
    typed: &Fields,
    refused: Option<&'static str>,
) -> Result<Response, WebError> {
    let (view, found) = read_view(app, viewer, move |reader, _| {
        let Some((row, proofs)) = query::finding(reader, id)? else { return Ok(None) };
        let told = (query::finding_events(reader, id)?, query::finding_alerts(reader, id)?);
        let desk = query::desks(reader, &[id])?.remove(&id).unwrap_or_default();
        Ok(Some((row, proofs, told, desk, query::finding_acts(reader, id)?)))
    })
    .await?;
    let (row, proofs, (events, alerts), desk, acts) = found.ok_or(WebError::NotFound)?;
    let token = if viewer.may(Right::Findings) { viewer.token.as_str() } else { "" };
    let users = if viewer.may(Right::Findings) { app.with_users(|users| users.list()).await? } else { Vec::new() };
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut f = view.frame(viewer, "findings", "検知", "Finding", format!("/findings/{id}"));
    f.title = row.kind.label(lang).to_owned();
    let body = FindingPage {
        line: FindingLine::new(&row, Some(&desk), &view),
        desk: rendered(&DeskPart::new(&row, &desk, &acts, (&users, token), (typed, refused), &view))?,
        to_do: row.kind.what_to_do(lang),
        subjects: row
            .subjects
            .iter()
            .map(|subject| SubjectLine {
                sort: sort_label(&subject.sort, lang),
                name: clean(&view.dir.subject(&subject.sort, &subject.value, lang)),
                id: clean(&subject.value),
                href: subject_href(&subject.sort, &subject.value, row.at),
            })
            .collect(),
        proofs,
        events: events
            .into_iter()
            .map(|event| EventLine {
                at: text::when(zone, event.at, lang),
                change: match event.change.as_str() {
                    "opened" => Chip::warn(lang.pick("検知", "opened")),
                    "resolved" => Chip::ok(lang.pick("解消", "resolved")),
                    _ => Chip::new("info", "note", lang.pick("変化", "changed")),
                },
                severity: text::severity_chip(event.severity, lang),
                cause: CauseLink::new(event.cause, lang),
                entry: event.journal_seq,
            })
            .collect(),
        alerts: alerts
            .into_iter()
            .map(|alert| AlertLine {
                channel: clean(&alert.channel),
                revision: alert.revision,
                note: alert_note(&alert, &view),
                state: match alert.state.as_str() {
                    "delivered" => Chip::ok(lang.pick("送達", "delivered")),
                    "failed" => Chip::bad(lang.pick("不達", "given up")),
                    _ if alert.failures > 0 => Chip::warn(lang.pick("再送待ち", "waiting to be sent again")),
                    _ => Chip::new("info", "clock", lang.pick("送信待ち", "waiting")),
                },
            })
            .collect(),
        resolved: row.resolved_at.map_or_else(String::new, |at| text::when(zone, at, lang)),
        key: clean(&row.key),
        f,
    };
    page(&body)
}

fn alert_note(alert: &query::AlertRow, view: &View) -> String {
    let (lang, zone) = (view.lang, &view.dir.zone);
    if let Some(at) = alert.delivered_at {
        return text::when(zone, at, lang);
    }
    let error: String = alert.last_error.as_deref().map_or_else(String::new, clean).chars().take(300).collect();
    if alert.state == "waiting" && alert.failures > 0 {
        let next = text::when(zone, alert.next_at, lang);
        let failures = alert.failures;
        return lang.pick(
            format!("{failures}回失敗、次は {next}。{error}"),
            format!("{failures} attempts failed, next at {next}. {error}"),
        );
    }
    error
}

/// Where more about a subject is to be found.
fn subject_href(sort: &str, value: &str, at: UtcMicros) -> Option<String> {
    match sort {
        _ if value == MASKED => None,
        "session" => {
            let (source, session) = value.split_once('/')?;
            let at = at.to_rfc3339_utc();
            Some(format!("/sessions/find?source={}&session={}&at={}", escape(source), escape(session), escape(&at)))
        }
        "person" => Some(format!("/entries?person={}", escape(value))),
        "zone" => Some(format!("/entries?zone={}", escape(value))),
        "door" => Some(format!("/entries?door={}", escape(value))),
        "credential" => Some(format!("/entries?credential={}", escape(value))),
        "source" => Some("/sources".to_owned()),
        _ => None,
    }
}
