//! 現況: the state of the site at a glance, on a desk or on the wall.

mod parts;

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_core::OutageCause;
use kukaku_schema::{FindingKind, Lang, Severity, UtcMicros, Verdict};
use kukaku_store::StoreError;
use kukaku_store::query::{self, FindingFilter, FindingRow, Inside, Reader, SessionFilter};
use kukaku_store::users::Scope;

use super::desk;
use super::findings::about_text;
use super::gaps::gaps_now;
use super::layout::{Frame, page, rendered};
use super::{View, read_view};
use crate::error::WebError;
use crate::house::{App, Status};
use crate::http::cookie;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape};
use crate::text::clean;
pub(crate) use parts::{camera_chip, source_chip};
use parts::{doors_part, findings_part, sessions_part, sources_part, zones_part};

/// Open sessions shown at once: more than a screen holds.
const SESSIONS_SHOWN: u32 = 30;
/// Findings that are read to choose the gravest of.
const FINDINGS_READ: u32 = 500;

/// The board's parameters.
pub(crate) const PARAMS: &[Param] = &[Param::new(
    "part",
    Shape::Choice(&["state", "zones", "sessions", "findings", "doors", "sources"]),
    "one part alone",
)];

struct Banner {
    class: &'static str,
    icon: &'static str,
    text: String,
}

struct Tile {
    class: &'static str,
    icon: &'static str,
    label: &'static str,
    value: String,
    unit: &'static str,
    more: String,
}

#[derive(Template)]
#[template(path = "board_state.html")]
struct StatePart {
    banner: Banner,
    banner_more: String,
    /// The time, on a wall display.
    clock: String,
    /// Parts of this system that don't work.
    troubles: Vec<String>,
    tiles: Vec<Tile>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    f: Frame,
    path: &'static str,
    state: String,
    zones: String,
    sessions: String,
    findings: String,
    doors: String,
    sources: String,
}

/// What the board is made of, read at one state of the store.
struct Facts {
    inside: Vec<Inside>,
    outages: Vec<(String, UtcMicros, OutageCause)>,
    holding: Vec<FindingRow>,
    open: query::Listed<query::SessionRow>,
    /// How many are open, and how many of them need a look.
    open_counts: (i64, i64),
    gaps: Vec<String>,
}

impl Facts {
    fn read(reader: &Reader, view: &View) -> Result<Self, StoreError> {
        // What somebody has closed with a reason needs no look.
        let filter = FindingFilter {
            holding_only: true,
            desk: desk::states_of(Some(desk::OPEN)),
            now: Some(view.now),
            ..FindingFilter::default()
        };
        let mut holding = query::findings(reader, &filter, None, FINDINGS_READ)?.rows;
        let open = SessionFilter { open_only: true, ..SessionFilter::default() };
        let counted = query::sessions_counted(reader, &open)?;
        let sum = |want: &dyn Fn(Option<Verdict>) -> bool| -> i64 {
            counted.iter().filter(|(verdict, _)| want(*verdict)).map(|(_, count)| count).sum()
        };
        holding.sort_by_key(|finding| std::cmp::Reverse((finding.severity, finding.opened_at)));
        Ok(Self {
            inside: innermost(query::inside_now(reader)?, view),
            outages: query::door_outages_now(reader)?,
            holding,
            open: query::open_sessions(reader, SESSIONS_SHOWN)?,
            open_counts: (sum(&|_| true), sum(&|verdict| verdict.is_some_and(|v| !v.is_quiet()))),
            gaps: gaps_now(reader, view)?,
        })
    }

    fn silent(&self) -> impl Iterator<Item = &str> {
        self.holding.iter().filter(|f| f.kind == FindingKind::SourceSilent).filter_map(|f| f.subject("source"))
    }
}

/// Each person once, in the innermost zone he is in.
fn innermost(inside: Vec<Inside>, view: &View) -> Vec<Inside> {
    let all = inside.clone();
    let in_deeper =
        |row: &Inside| all.iter().any(|other| other.person == row.person && view.dir.lies_in(&other.zone, &row.zone));
    inside.into_iter().filter(|row| !in_deeper(row)).collect()
}

/// `GET /`.
pub(crate) async fn board(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    show(&app, &viewer, &params, false).await
}

/// `GET /wall`.
pub(crate) async fn wall(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    show(&app, &viewer, &params, true).await
}

/// `POST /wall/start`: ends the sign-in and opens one that can show the wall display alone.
pub(crate) async fn start_wall(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    let (Some(session), Some(old)) = (viewer.session.clone(), viewer.session_cookie.clone()) else {
        return Err(WebError::NotSignedIn);
    };
    let (now, address) = (app.now(), viewer.address.to_string());
    let fresh = app
        .with_users(move |users| {
            let fresh = users.open_session(&session.user, Scope::Wall, &address, now)?;
            users.close_session(&old)?;
            Ok(fresh)
        })
        .await?;
    Ok(([(header::SET_COOKIE, cookie::set(cookie::SESSION, &fresh))], Redirect::to("/wall")).into_response())
}

async fn show(app: &App, viewer: &Viewer, params: &Params, wall: bool) -> Result<Response, WebError> {
    let part = params.text("part");
    let troubles = troubles(&app.status().await?, viewer.lang);
    let wanted = part.clone();
    let links = !wall;
    let (view, parts) = read_view(app, viewer, move |reader, view| {
        let facts = Facts::read(reader, view)?;
        let want = |name: &str| wanted.is_none() || wanted.as_deref() == Some(name);
        let doors = if want("doors") { Some(doors_part(reader, view, &facts)?) } else { None };
        let sources = if want("sources") { Some(sources_part(reader, view, &facts)?) } else { None };
        Ok((
            want("state").then(|| state_part(view, &facts, wall, troubles)),
            want("zones").then(|| zones_part(view, &facts)),
            want("sessions").then(|| sessions_part(view, &facts, links)),
            want("findings").then(|| findings_part(view, &facts, links)),
            doors,
            sources,
        ))
    })
    .await?;
    let (state, zones, sessions, findings, doors, sources) = parts;
    let texts =
        [text_of(state)?, text_of(zones)?, text_of(sessions)?, text_of(findings)?, text_of(doors)?, text_of(sources)?];
    if part.is_some() {
        return Ok(axum::response::Html(texts.concat()).into_response());
    }
    let [state, zones, sessions, findings, doors, sources] = texts;
    let path = if wall { "/wall" } else { "/" };
    let mut f = view.frame(viewer, "board", "現況", "Status", path);
    f.live = true;
    f.wall = wall;
    page(&BoardPage { f, path, state, zones, sessions, findings, doors, sources })
}

fn text_of(part: Option<impl Template>) -> Result<String, WebError> {
    part.map_or(Ok(String::new()), |part| rendered(&part))
}

/// What of this system does not work, in a line each.
fn troubles(status: &Status, lang: Lang) -> Vec<String> {
    let bad = status.parts.iter().filter(|part| !part.working);
    bad.map(|part| clean(&format!("{}: {}", part.name, lang.pick(&part.note.0, &part.note.1)))).collect()
}

fn state_part(view: &View, facts: &Facts, wall: bool, troubles: Vec<String>) -> StatePart {
    let lang = view.lang;
    let of = |severity: Severity| facts.holding.iter().filter(|f| f.severity == severity).count();
    let (critical, high, medium) = (of(Severity::Critical), of(Severity::High), of(Severity::Medium));
    let banner = match (critical, high, facts.gaps.len() + troubles.len()) {
        (1.., _, _) => Banner {
            class: "bad",
            icon: "stop",
            text: match lang {
                Lang::Ja => format!("重大な検知 {critical}件 — すぐに確認してください"),
                Lang::En => format!("{critical} critical — look at it now"),
            },
        },
        (0, 1.., _) | (0, _, 1..) => Banner {
            class: "warn",
            icon: "alert",
            text: lang.pick("確認が必要なことがあります", "Something needs a look").to_owned(),
        },
        _ => Banner {
            class: "ok", icon: "check", text: lang.pick("異常はありません", "Nothing is wrong").to_owned()
        },
    };
    let banner_more = facts
        .holding
        .first()
        .map_or_else(String::new, |finding| format!("{} — {}", finding.kind.label(lang), about_text(finding, view)));
    let people: std::collections::BTreeSet<&str> = facts.inside.iter().map(|row| row.person.as_str()).collect();
    let (open, attention) = facts.open_counts;
    let doors_out: std::collections::BTreeSet<&str> = facts.outages.iter().map(|(door, _, _)| door.as_str()).collect();
    let silent = facts.silent().count();
    let level = |bad: bool| if bad { "warn" } else { "ok" };
    let icon = |bad: bool, good: &'static str| if bad { "alert" } else { good };
    let (ja_more, en_more) = (format!("うち要確認 {attention}件"), format!("{attention} need a look"));
    let sums = match lang {
        Lang::Ja => format!("重大 {critical}・警告 {high}・注意 {medium}"),
        Lang::En => format!("critical {critical}, high {high}, medium {medium}"),
    };
    let gaps_text = if facts.gaps.is_empty() {
        lang.pick("セッション記録の欠測なし", "no session records missing").to_owned()
    } else {
        match lang {
            Lang::Ja => format!("セッション記録の欠測 {}件", facts.gaps.len()),
            Lang::En => format!("session records missing: {}", facts.gaps.len()),
        }
    };
    StatePart {
        banner,
        banner_more: if critical + high > 0 { banner_more } else { String::new() },
        clock: if wall {
            view.dir.zone.shown(view.now).get(11..16).unwrap_or_default().to_owned()
        } else {
            String::new()
        },
        troubles,
        tiles: vec![
            tile("ok", "person", lang.pick("在室", "Inside"), people.len(), lang.pick("人", ""), String::new()),
            tile(
                if attention > 0 { "bad" } else { "ok" },
                icon(attention > 0, "line"),
                lang.pick("接続中", "Open sessions"),
                usize::try_from(open).unwrap_or_default(),
                lang.pick("件", ""),
                lang.pick(ja_more, en_more),
            ),
            tile(
                if critical > 0 { "bad" } else { level(high + medium > 0) },
                icon(critical + high + medium > 0, "check"),
                lang.pick("検知", "Findings"),
                critical + high + medium,
                lang.pick("件", ""),
                sums,
            ),
            tile(
                level(!doors_out.is_empty()),
                icon(!doors_out.is_empty(), "door"),
                lang.pick("欠測中の扉", "Doors not watched"),
                doors_out.len(),
                lang.pick("か所", ""),
                String::new(),
            ),
            tile(
                level(silent > 0 || !facts.gaps.is_empty()),
                icon(silent > 0 || !facts.gaps.is_empty(), "check"),
                lang.pick("応答のない機器", "Silent devices"),
                silent,
                lang.pick("台", ""),
                gaps_text,
            ),
        ],
    }
}

fn tile(
    class: &'static str,
    icon: &'static str,
    label: &'static str,
    value: usize,
    unit: &'static str,
    more: String,
) -> Tile {
    Tile { class, icon, label, value: value.to_string(), unit, more }
}

/// `GET /favicon.ico`, which browsers ask for by themselves.
pub(crate) async fn favicon(_: Uri) -> Redirect {
    Redirect::to("/static/icon.svg")
}
